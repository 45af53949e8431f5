"""What is wrong with what came back for a statement. Canaries, allowed SQLSTATEs and the rest are the hostile suite's own."""

from __future__ import annotations

import json
import re

import vocabulary as words
from asking import Reply

from pg_test.attacks.verdict import LIMITS, REFUSALS, canary_in, is_data_error, judge_error

# Class 42 in PostgreSQL's own words on honest mistakes, beside those that the plane has words of its own for. Each speaks of
# the caller's text alone.
MISTAKES = {
    "42702": "ambiguous column", "42725": "ambiguous function", "42803": "grouping", "42804": "types do not match", "42846": "no such cast",
    "42P10": "ORDER BY or GROUP BY position", "42P18": "type of a literal unknown", "42P19": "recursion", "42P20": "windowing",
    "42P21": "collations do not match", "42P22": "collation unknown", "42701": "column twice", "42712": "alias twice", "42809": "wrong kind of object",
    "42P09": "ambiguous alias", "42704": "no such collation or the like", "42611": "column definition", "42P11": "cursor", "54023": "too many arguments",
}  # fmt: skip
_ENTRY = {"expect": "bounded", "states": [*MISTAKES, *LIMITS]}
# What stands in columns of acme's own rows that the plane leaves out (schema.sql): no canary, and just as hidden.
_HIDDEN_OWN = re.compile(r"111-11-(?:1111|2222)|\+44 [12]\b|acme-key-hash")
_TWINS = re.compile(rf"\b({'|'.join(sorted(words.TWINS, key=len, reverse=True))})\b", re.IGNORECASE | re.ASCII)
# Errors that hold a place in the caller's text: the twins' texts have the same length.
_SAME_FIELDS = ("sqlstate", "statement_position", "source_file", "source_line", "source_function", "severity")


def secret_in(text: str) -> str | None:
    """A canary of the other tenant, or a value of a hidden column."""
    found = canary_in(text)
    if not found and (own := _HIDDEN_OWN.search(text)):
        return own.group(0)
    return found


def is_documented(state: str) -> bool:
    return state in REFUSALS or state in MISTAKES or state in LIMITS or is_data_error(state)


def is_over_rows(state: str) -> bool:
    """Errors that own rows may cause: over data, over collations that conflict, or over an anonymous row of another type."""
    return is_data_error(state) or state in ("42P22", "42804")


def judge(text: str, reply: Reply, carries) -> list[str]:
    """carries(text, found): whether the statement makes that string of nothing, without the other tenant's rows."""
    if reply.error is not None:
        wrong = judge_error(_ENTRY, reply.error, text)
        message = str(reply.error)
        found = secret_in(message)
        if found:
            wrong = [reason for reason in wrong if not reason.startswith("CANARY")]
            if found not in text and not carries(text, found):
                wrong.append(f"CANARY {found} in the error: {message[:300]}")
        return wrong
    found = secret_in(reply.document)
    if not found:
        return [] if '"outcome": "answered"' in reply.document else [f"neither answered nor refused: {reply.document[:200]}"]
    try:
        document = json.loads(reply.document)
    except RecursionError:
        return [f"CANARY {found} in an answer too deep to decode"]
    # The caller's own text comes back in the answer.
    document.pop("sql", None)
    found = secret_in(json.dumps(document, ensure_ascii=False))
    if found and not carries(text, found):
        return [f"CANARY {found} in the answer: {json.dumps(document.get('rows'), ensure_ascii=False)[:300]}"]
    return []


def twin(text: str) -> str | None:
    """The text with every hidden name replaced by one that nobody has; None when there is none in it."""
    changed, count = _TWINS.subn(_replacement, text)
    return changed if count else None


def _replacement(match: re.Match) -> str:
    return words.TWINS[match.group(0).lower()]


def judge_twins(first: Reply, second: Reply) -> list[str]:
    """A hidden name and an unknown one must give the same bytes, names aside."""
    if is_data_error(first.state) or is_data_error(second.state) or "57014" in (first.state, second.state):
        # Names in literals change values; those errors are judged elsewhere.
        return []
    if first.state != second.state:
        return [f"a hidden name gives {first.state}, an unknown one {second.state}: {first.error or ''} / {second.error or ''}"[:600]]
    if first.error is None:
        return []
    mine, theirs = (_TWINS.sub(_replacement, _message(reply)) for reply in (first, second))
    if mine.lower() != theirs.lower():
        return [f"a hidden name is told apart from an unknown one: {mine!r} / {theirs!r}"[:600]]
    return []


def same_outcome(first: Reply, second: Reply) -> str:
    """Whether two calls came to the same, whatever time they took; `skipped` when one met a limit on time or memory."""
    if not {first.state, second.state}.isdisjoint(("57014", "53400", "53200")):
        return "skipped"
    if first.state != second.state:
        return "differs"
    try:
        same = _message(first) == _message(second) if first.error is not None else _outcome(first.document) == _outcome(second.document)
    except RecursionError:
        return "skipped"
    return "equal" if same else "differs"


def _outcome(document: str) -> dict:
    parsed = json.loads(document, parse_float=str, parse_int=str)
    for name in ("timings_ms", "query_id"):
        parsed.pop(name)
    return parsed


def _message(reply: Reply) -> str:
    diag = reply.error.diag
    # A long message is cut, maybe in the middle of a name.
    return " ".join([re.sub(r"\w*\.\.\.$", "...", diag.message_primary or ""), *(str(getattr(diag, name)) for name in _SAME_FIELDS)])


def judge_dry_run(ran: Reply, dry: Reply) -> list[str]:
    """The dry run refuses what is refused; it may let pass only what fails over rows, time or size."""
    if ran.error is None and dry.error is not None and dry.state != "57014":
        return [f"the dry run refuses what is answered: {dry.state} {dry.error}"]
    if ran.error is not None and dry.error is None and not (is_over_rows(ran.state) or ran.state in ("57014", "53400", "0A000")):
        return [f"the dry run passes what is refused with {ran.state}: {ran.error}"]
    return []
