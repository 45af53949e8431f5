"""What an outcome is judged by: the SQLSTATEs that may be seen, and what may never be seen."""

from __future__ import annotations

import base64
import re

# design: what errors look like. A refusal has one of these, and no other.
REFUSALS = frozenset(
    "28000 42501 42P01 42703 0A000 42601 54001 54000 53400 57014 22023 55000 08006 38000".split()
)
# PostgreSQL's own limits, which a text built to exhaust the server may meet before ours: too many columns, out of memory.
LIMITS = frozenset({"54011", "53200"})

# A caller must never see these words in an error: they come from below the plane, or from a bug.
_INNER_WORDS = re.compile(r"panick|\.rs:\d|backtrace|splitplane_reader|row-level security|policy", re.IGNORECASE)


def _forms(word: str) -> list[str]:
    """A canary as it is, and as an attacker would disguise it on the way out."""
    raw = word.encode()
    found = [word, word[::-1], raw.hex(), raw.hex().upper()]
    # Base64 has three alignments; the characters at the edges depend on the neighbours, so they are cut.
    for pad in range(3):
        coded = base64.b64encode(b"\0" * pad + raw).decode()
        found.append(coded[4 if pad else 0 : -4])
    return found


_CANARY = re.compile(
    "|".join(re.escape(form) for word in ("CANARY-B", "SECRET-CANARY") for form in _forms(word))
    # Amounts of the other tenant: 7700001 to 7700050, not as a part of a longer number.
    + r"|(?<![\d.])77000(?:0[1-9]|[1-4]\d|50)(?!\d)",
    # Own attacks also fold case on the way out; CANARY-bit in the catalogue is an attacker's own literal.
)
_FOLDED = re.compile(r"secret-canary|canary-b(?!it)", re.IGNORECASE)


def canary_in(text: str | None) -> str | None:
    """The canary that a text carries, if it carries one."""
    if not text:
        return None
    found = _CANARY.search(text) or _FOLDED.search(text)
    if found and text[found.start() : found.start() + 10] != "CANARY-bit":
        return found.group(0)
    return None


def is_data_error(sqlstate: str) -> bool:
    """Errors that own rows may cause: class 22, and more than one row from a scalar subquery."""
    return sqlstate.startswith("22") or sqlstate == "21000"


def judge_error(entry: dict, error, sql: str) -> list[str]:
    """What is wrong with this error as the answer to this entry."""
    wrong = []
    expect = entry["expect"]
    state = error.sqlstate or "none"
    diag = error.diag
    allowed = state in REFUSALS or state in entry.get("states", ())
    if expect == "own_rows_only":
        allowed = allowed or is_data_error(state)
    elif expect == "bounded":
        allowed = allowed or is_data_error(state) or state in LIMITS
    message = diag.message_primary or str(error)
    if not allowed:
        wrong.append(f"SQLSTATE {state} is not one of the plane's: {message[:200]}")
    for name, value in (
        ("DETAIL", diag.message_detail),
        ("HINT", diag.message_hint),
        ("CONTEXT", diag.context),
        ("internal query", diag.internal_query),
    ):
        if value:
            wrong.append(f"error has {name}: {value[:200]}")
    for name in ("schema_name", "table_name", "column_name", "datatype_name", "constraint_name"):
        if getattr(diag, name):
            wrong.append(f"error names {name} {getattr(diag, name)}")
    parts = [message, diag.message_detail, diag.message_hint, diag.context, diag.internal_query]
    for part in parts:
        if canary_in(part):
            wrong.append(f"CANARY {canary_in(part)} in the error: {part[:200]}")
    inner = _INNER_WORDS.search(message)
    if inner and inner.group(0).lower() not in sql.lower():
        wrong.append(f"error speaks of what is below the plane: {message[:200]}")
    if len(message) > 2000:
        wrong.append(f"error message of {len(message)} characters")
    return wrong
