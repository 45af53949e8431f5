"""What the stand-in remembers: every request, without its secrets, and how calls overlapped in time."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .asked import GENERATION, VALIDATION, Asked
from .wire import Request

_SECRET_HEADERS = ("authorization", "x-amz-security-token", "api-key", "x-api-key", "cookie", "x-amz-sso_bearer_token")
WITHHELD = "(withheld)"


@dataclass
class Record:
    """One request to a model, a guardrail, or a path that does not exist."""

    number: int
    operation: str
    """`Converse`, `ApplyGuardrail`, `chat`, or `unknown`."""
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case; secrets withheld."""
    body: bytes = field(repr=False)
    connection: int
    """Number of the connection, counted from 1."""
    arrived: float
    """time.monotonic() when the request was complete."""
    wall: float
    """The same moment as Unix time."""
    authentication: str
    """How the caller proved itself: `sigv4`, `bearer` or `none`."""
    asked: Asked | None = field(default=None, repr=False)
    key: str | None = None
    """The access key that signed, or `bearer`."""
    fault: str | None = None
    """The behaviour that was played."""
    status: int | None = None
    """The response's status; None while there is none, or when none was sent."""
    sent: int = 0
    """Bytes of the response that were handed to the kernel."""
    finished: float | None = None
    """time.monotonic() when the response was sent or the client had left."""
    abandoned: bool = False
    """Whether the client left before the response was complete."""

    @property
    def task(self) -> str | None:
        return self.asked.task if self.asked else None

    @property
    def model(self) -> str | None:
        return self.asked.model if self.asked else None

    @property
    def form(self) -> str | None:
        return self.asked.form if self.asked else None

    @property
    def question(self) -> str | None:
        return self.asked.question if self.asked else None

    def header(self, name: str) -> str | None:
        return next((value for given, value in self.headers if given == name), None)

    def texts(self) -> list[str]:
        """Everything textual in the request, decoded; the raw body where it was not understood."""
        return self.asked.texts() if self.asked else [self.body.decode(errors="replace")]

    def summary(self) -> dict[str, Any]:
        """The record as JSON, for other processes."""
        plain = (
            "number",
            "operation",
            "method",
            "target",
            "connection",
            "wall",
            "authentication",
            "key",
            "fault",
            "status",
            "sent",
        )
        more = {"task": self.task, "model": self.model, "form": self.form, "question": self.question, "abandoned": self.abandoned}
        lasted = None if self.finished is None else self.finished - self.arrived
        body = self.body.decode(errors="replace")
        return {name: getattr(self, name) for name in plain} | more | {"seconds": lasted, "headers": self.headers, "body": body}


class Recorder:
    """All records, in order of arrival. Safe to use from several threads."""

    def __init__(self, keep: int | None):
        self._lock = threading.Lock()
        self._records: deque[Record] = deque(maxlen=keep)
        self._count = 0
        self._flying: Counter[str] = Counter()
        self._overlaps = 0
        self._most = 0

    def begin(self, request: Request, operation: str) -> Record:
        authorization = request.header("authorization") or ""
        authentication = "bearer" if authorization.startswith("Bearer ") else "sigv4" if authorization else "none"
        headers = tuple((name, WITHHELD if name in _SECRET_HEADERS else value) for name, value in request.headers)
        wall = time.time() - (time.monotonic() - request.arrived)
        with self._lock:
            self._count += 1
            record = Record(
                self._count,
                operation,
                request.method,
                request.target,
                headers,
                request.body,
                request.connection,
                request.arrived,
                wall,
                authentication,
            )
            self._records.append(record)
        return record

    @contextmanager
    def flight(self, task: str) -> Iterator[None]:
        """Around the answering of a call: counts calls at a time, and validations that met a generation."""
        other = {VALIDATION: GENERATION, GENERATION: VALIDATION}.get(task)
        with self._lock:
            if other is not None and self._flying[other]:
                self._overlaps += 1
            self._flying[task] += 1
            self._most = max(self._most, self._flying.total())
        try:
            yield
        finally:
            with self._lock:
                self._flying[task] -= 1

    @property
    def records(self) -> list[Record]:
        with self._lock:
            return list(self._records)

    @property
    def overlaps(self) -> int:
        with self._lock:
            return self._overlaps

    @property
    def most_at_once(self) -> int:
        with self._lock:
            return self._most

    @property
    def in_flight(self) -> int:
        with self._lock:
            return self._flying.total()

    def clear(self) -> None:
        with self._lock:
            self._records.clear()
            self._overlaps = 0
            self._most = self._flying.total()
