"""How the stand-in misbehaves: latency and faults, for all calls, one task, one form or one rule, for ever or n times.

    standin.play("throttle", times=2, retry_after=1, task="generation")
    standin.play(latency_ms={"validation": 75, "generation": 800})
    standin.play("wrong_place", task="validation", form="native", where="tool")
    standin.play(None)                                   # back to good behaviour, latency included

`FAULTS` below is the whole list; `python -m splitplane_test.standin --faults` prints it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .asked import FREE, GUARDRAIL, NATIVE, OBJECT, TASKS, TOOL, VALIDATION, Asked


@dataclass(frozen=True)
class Fault:
    """A kind of misbehaviour: what it is, and its options with their defaults."""

    what: str
    options: Mapping[str, Any] = field(default_factory=dict)


# How a response is sent, whatever it says: see `sending`.
SENDING: dict[str, Fault] = {
    "hang": Fault("no byte ever comes"),
    "close": Fault("the connection is closed before any byte"),
    "reset": Fault("the connection is reset before any byte"),
    "half_body": Fault("half of the body, then the connection is closed"),
    "huge": Fault("a valid reply behind that many bytes of blanks", {"bytes": 50_000_000, "chunked": False}),
    "drip": Fault("one byte at a time", {"interval_ms": 100, "head": False}),
    "chunked": Fault("a valid reply in chunks, as some servers send it", {"size": 7}),
    "throttle": Fault("429, with or without Retry-After", {"retry_after": None}),
    "refuse": Fault("any other error", {"status": 500, "code": None, "message": None, "retry_after": None}),
    "reject_form": Fault(
        "400: the model knows no forced tool, or no structured output; only in the form given as `form`; `takes` is named as what it knows",
        {"takes": None},
    ),
    "redirect": Fault("a redirect", {"status": 307, "location": "/elsewhere"}),
    "content_type": Fault("a valid reply of another content type", {"value": "text/html"}),
    "malformed": Fault("JSON that ends too early, in a response that is complete"),
    "non_utf8": Fault("a byte that is not UTF-8 inside a string"),
    "empty_body": Fault("200 without a body"),
}
# What a reply says: see `replies`.
SAYING: dict[str, Fault] = {
    "duplicate_keys": Fault("the object names its first field twice; `top`: the response does", {"top": False}),
    "depth_bomb": Fault("nested arrays where the object should be, a little deeper than the extension reads", {"depth": 130}),
    "wrong_tool": Fault("a tool, or nothing but text, of another name", {"name": "other_tool"}),
    "two_tools": Fault("two tool calls"),
    "text_beside": Fault("a text beside the object"),
    "text_instead": Fault("prose and nothing else", {"text": "I would rather talk about it."}),
    "reasoning_beside": Fault("the model's reasoning before the object, as thinking models send it"),
    "stop_reason": Fault("another stop reason over the same content", {"reason": "max_tokens"}),
    "wrong_place": Fault("the object as text, as a tool call, in a wrapper or in the response's own fields", {"where": None}),
    "extra_field": Fault("a field that nobody asked for", {"name": "confidence", "value": 0.99}),
    "missing_field": Fault("the first field, or the one named, is missing", {"name": None}),
    "mistyped_field": Fault("the first field, or the one named, is of another type", {"name": None, "value": True}),
    "set_field": Fault("the first field, or the one named, has this value", {"name": None, "value": ""}),
    "unknown_verdict": Fault("a verdict that does not exist", {"word": "maybe"}),
    "empty_reply": Fault("a message without content"),
    "wrong_role": Fault("the message is the user's own", {"role": "user"}),
    "unknown_action": Fault("a guardrail action that does not exist", {"action": "PERHAPS"}),
}
FAULTS = {**SENDING, **SAYING}
# Where `wrong_place` puts the object; without one, a tool call becomes text and text a tool call.
PLACES = ("text", "tool", "wrapper", "fields")
# Faults that mean something to one task only.
_TASK_OF_FAULT = {"unknown_verdict": VALIDATION, "unknown_action": GUARDRAIL}


class PlayError(ValueError):
    """A behaviour that does not exist or is not so called."""


class Play:
    """One behaviour, with how often and for what it is played."""

    def __init__(self, fault: str, task: str | None = None, form: str | None = None, times: int | None = None, **options: Any):
        known = FAULTS.get(fault)
        if known is None:
            raise PlayError(f"no such behaviour: {fault}")
        if unknown := set(options) - set(known.options):
            raise PlayError(f"{fault} knows no {', '.join(sorted(unknown))}")
        if task not in (None, *TASKS):
            raise PlayError(f"no such task: {task}")
        if form not in (None, TOOL, NATIVE, OBJECT, FREE):
            raise PlayError(f"no such form: {form}")
        if fault == "reject_form" and form is None:
            raise PlayError("reject_form needs the form that is rejected")
        self.fault, self.task, self.form, self.times = fault, task or _TASK_OF_FAULT.get(fault), form, times
        self.options = {**known.options, **options}
        if fault == "wrong_place" and self.options["where"] not in (None, *PLACES):
            raise PlayError(f"a place is one of {', '.join(PLACES)}")
        self._lock = threading.Lock()

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Play:
        """Reads a behaviour from JSON."""
        try:
            return cls(**entry)
        except TypeError as error:
            raise PlayError(f"not a behaviour: {sorted(entry)}") from error

    def take(self, asked: Asked) -> bool:
        """Whether it is played for this call; counts it."""
        if self.task not in (None, asked.task) or self.form not in (None, asked.form):
            return False
        if asked.task == GUARDRAIL and self.fault in SAYING and self.fault != "unknown_action":
            return False
        with self._lock:
            if self.times is None:
                return True
            self.times -= 1
            return self.times >= 0


class Stage:
    """The behaviours in force. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plays: list[Play] = []
        self._latency: dict[str, float] = {}

    def add(self, play: Play) -> None:
        """Puts a behaviour in front of the others; one for the same task and form goes."""
        with self._lock:
            self._plays = [play] + [old for old in self._plays if (old.task, old.form) != (play.task, play.form)]

    def set_latency(self, latency_ms: Mapping[str, float]) -> None:
        """Sets the least time between a request and its response, for the tasks named."""
        if unknown := set(latency_ms) - set(TASKS):
            raise PlayError(f"no such task: {', '.join(sorted(unknown))}")
        with self._lock:
            self._latency.update(latency_ms)

    def clear(self) -> None:
        with self._lock:
            self._plays, self._latency = [], {}

    def latency_seconds(self, task: str) -> float:
        with self._lock:
            return self._latency.get(task, 0) / 1000

    def take(self, asked: Asked, of_rule: Iterable[Play] = ()) -> Play | None:
        """The behaviour for this call, the rule's own first."""
        with self._lock:
            plays = [*of_rule, *self._plays]
        return next((play for play in plays if play.take(asked)), None)
