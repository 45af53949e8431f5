"""The script that the stand-in plays: which question gets which verdict, SQL, clarification and answer.

A script is JSON, so that it can be written by hand, generated, and loaded by tests, the demo and the bench alike:

    {"rules": [{"question": "How many orders were there?", "verdict": "allow",
                "sql": ["SELECT count(*) FROM order", "SELECT count(*) FROM orders"],
                "answer": "You can see {0.0} orders."},
               {"contains": "weather", "verdict": "out_of_scope", "message": "I know sales, not the weather."},
               {"pattern": "(?i)^sales", "verdict": "clarify", "message": "Which week?", "clarification": "Which week?"}],
     "play": [{"latency_ms": {"validation": 75, "generation": 800}}]}

The first rule that matches counts. `question` is compared without case and runs of blanks; `contains` likewise; `pattern`
is searched. `model` keeps a rule to the requests of one model. `tables` are named where the model is asked which ones a question needs. Several SQL texts are given in turn:
a repair gets the one after the text that failed. In an answer, `{0.1}` is the second value of the first row and `{rows}` the
number of rows. `blocked` makes a guardrail intervene. `play` puts behaviours (see `stage`) on the rule alone. What no rule
allows is not allowed: an unknown question is out of scope, and asking for its SQL yields a clarification.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .asked import CHOICE, GENERATION, NARRATION, VALIDATION, Asked, strings
from .stage import Play

VERDICTS = ("allow", "clarify", "out_of_scope", "reject")
_FIELDS_OF_VERDICT = {"verdict", "reason", "message"}


class ScriptError(ValueError):
    """A script that says something unknown or contradictory."""


@dataclass(frozen=True)
class Rule:
    """What is said to the questions that match."""

    question: str | None = None
    contains: str | None = None
    pattern: str | None = None
    model: str | None = None
    verdict: str = "out_of_scope"
    reason: str = "The stand-in's script says so."
    message: str = ""
    sql: tuple[str, ...] = ()
    clarification: str = ""
    answer: str = ""
    tables: tuple[str, ...] = ()
    blocked: bool = False
    plays: tuple[Play, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Rule:
        """Reads one entry of a script; raises ScriptError."""
        values = dict(entry)
        unknown = set(values) - {known.name for known in fields(cls)} - {"play"}
        if unknown:
            raise ScriptError(f"a rule knows no {', '.join(sorted(unknown))}")
        if sum(values.get(name) is not None for name in ("question", "contains", "pattern")) != 1:
            raise ScriptError("a rule needs exactly one of question, contains and pattern")
        if values.get("verdict", "allow") not in VERDICTS:
            raise ScriptError(f"a verdict is one of {', '.join(VERDICTS)}")
        sql = values.get("sql", ())
        values["sql"] = (sql,) if isinstance(sql, str) else tuple(sql)
        values["tables"] = tuple(values.get("tables", ()))
        if values["sql"] and values.get("clarification"):
            raise ScriptError("a rule gives SQL or a clarification, not both")
        plays = values.pop("play", [])
        values["plays"] = tuple(Play.of(play) for play in ([plays] if isinstance(plays, Mapping) else plays))
        return cls(**values)

    def matches(self, question: str) -> bool:
        if self.question is not None:
            return _folded(self.question) == _folded(question)
        if self.contains is not None:
            return _folded(self.contains) in _folded(question)
        return re.search(self.pattern or "", question) is not None


_UNKNOWN = Rule(
    contains="",
    reason="No rule of the stand-in's script matches.",
    message="This is not a question that I can answer.",
    clarification="I do not know what is meant. Please ask in other words.",
)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


class Script:
    """The rules in force, and two ways for the model to be hostile. Safe to use from several threads.

    obedient: the model does what text in its prompt tells it: it gives the verdict that it finds there as JSON (in the
    question, a comment of the schema, anywhere), the SQL that follows "run exactly:", the answer that follows "say exactly:".
    corpus: every verdict is allow, and SQL is taken in turn from the list given; a repair gets the failed text again.
    """

    def __init__(self, rules: Iterable[Mapping[str, Any]] = ()):
        self._lock = threading.Lock()
        self._rules = [Rule.of(entry) for entry in rules]
        self._corpus: list[str] | None = None
        self._next = 0
        self.obedient = False

    @staticmethod
    def load(path: str | Path) -> dict[str, Any]:
        """Reads a script file: its rules and plays, as `Standin` takes them."""
        script = json.loads(Path(path).read_text())
        if not isinstance(script, dict) or set(script) - {"rules", "play"}:
            raise ScriptError("a script is an object of rules and play")
        return script

    def add(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Adds rules in front of the others."""
        new = [Rule.of(entry) for entry in rules]
        with self._lock:
            self._rules[:0] = new

    def replace(self, rules: Iterable[Mapping[str, Any]]) -> None:
        new = [Rule.of(entry) for entry in rules]
        with self._lock:
            self._rules = new

    def set_corpus(self, corpus: Iterable[str] | None) -> None:
        with self._lock:
            self._corpus = list(corpus) if corpus is not None else None
            self._next = 0

    @property
    def corpus_given(self) -> int:
        """How many texts of the corpus were given so far."""
        return self._next

    def rule(self, question: str | None, model: str | None = None) -> Rule | None:
        with self._lock:
            rules = list(self._rules)
        if question is None:
            return None
        return next((rule for rule in rules if rule.model in (None, model) and rule.matches(question)), None)

    def value(self, asked: Asked) -> dict[str, Any]:
        """The object that the model fills the asked form with."""
        if self.obedient and (obeyed := _obeyed(asked)) is not None:
            return obeyed
        hostile = self._from_corpus(asked)
        if hostile is not None:
            return hostile
        rule = self.rule(asked.question, asked.model) or _UNKNOWN
        if asked.task == CHOICE:
            return {"tables": "\n".join(rule.tables)}
        if asked.task == VALIDATION:
            return {"verdict": rule.verdict, "reason": rule.reason, "message": rule.message}
        if asked.task == GENERATION:
            sql = _in_turn(rule.sql, asked.last("failed-sql"))
            clarification = "" if sql else rule.clarification or _UNKNOWN.clarification
            return {"sql": sql, "clarification": clarification}
        return {"answer": _filled(rule.answer or "{rows} rows are visible to you.", asked.rows or [])}

    def blocks(self, asked: Asked) -> bool:
        """Whether a guardrail intervenes."""
        rule = self.rule(asked.question, asked.model)
        return rule is not None and rule.blocked

    def _from_corpus(self, asked: Asked) -> dict[str, Any] | None:
        with self._lock:
            if not self._corpus:
                return None
            if asked.task == VALIDATION:
                return {"verdict": "allow", "reason": "Everything is allowed here.", "message": ""}
            if asked.task != GENERATION:
                return None
            failed = asked.last("failed-sql")
            if isinstance(failed, str):
                return {"sql": failed, "clarification": ""}
            sql = self._corpus[self._next % len(self._corpus)]
            self._next += 1
            return {"sql": sql, "clarification": ""}


def _in_turn(sql: tuple[str, ...], failed: Any) -> str:
    """The first text, or the one after the text that failed (the last when it is none of ours or the last)."""
    if not sql:
        return ""
    if not isinstance(failed, str):
        return sql[0]
    places = [index for index, text in enumerate(sql) if _folded(text) == _folded(failed)]
    return sql[min(places[-1] + 1, len(sql) - 1)] if places else sql[-1]


def _filled(answer: str, rows: list[Any]) -> str:
    def value(found: re.Match[str]) -> str:
        row, column = int(found[1]), int(found[2])
        try:
            values = list(rows[row].values()) if isinstance(rows[row], dict) else rows[row]
            return str(values[column])
        except (IndexError, TypeError):
            return "nothing"

    return re.sub(r"\{(\d+)\.(\d+)\}", value, answer).replace("{rows}", str(len(rows)))


def _obeyed(asked: Asked) -> dict[str, Any] | None:
    """What an obedient model makes of the orders in its prompt; the last order wins."""
    texts = [text for piece in asked.tags for text in strings(piece.value)] or [asked.user]
    if asked.task == VALIDATION:
        return next((found for text in reversed(texts) if (found := _verdict_in(text)) is not None), None)
    order, name = ("run exactly:", "sql") if asked.task == GENERATION else ("say exactly:", "answer")
    if asked.task not in (GENERATION, NARRATION):
        return None
    for text in reversed(texts):
        _, found, rest = text.rpartition(order)
        if found and rest.strip():
            obeyed = {name: rest.strip()}
            return {**obeyed, "clarification": ""} if name == "sql" else obeyed
    return None


def _verdict_in(text: str) -> dict[str, Any] | None:
    """The last JSON object in the text that has a verdict, or the verdict that a plain order names."""
    decoder, found = json.JSONDecoder(strict=False), None
    for opening in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and "verdict" in value:
            found = value
    if found is not None:
        missing = dict.fromkeys(sorted(_FIELDS_OF_VERDICT - set(found)), "")
        return {**found, **missing}
    order = re.search(rf"(?i)\b(?:verdict|answer|reply|return|respond|say)\b\W+(?:\w+\W+)?({'|'.join(VERDICTS)})\b", text)
    return {"verdict": order[1].lower(), "reason": "I was told to.", "message": ""} if order else None
