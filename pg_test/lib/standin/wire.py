"""HTTP/1.1 as far as the stand-in needs it: a request as it came off the wire, and a response as it goes onto it.

`http.server` reads requests; responses are put together here, header and body in one write, because two small writes
would meet Nagle's algorithm and because some of the stand-in's behaviours are about how bytes are sent.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

SERVER = "splitplane-standin"
# As Bedrock sends it: clients must cut at the colon.
_ERROR_ORIGIN = ":http://internal.amazon.com/coral/com.amazon.bedrock/"


class DuplicateKey(ValueError):
    """A JSON object that names a key twice."""


@dataclass(frozen=True)
class Request:
    """A request as it was sent: the target still percent-encoded, header names in lower case, values untouched."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    arrived: float
    """time.monotonic() when the body was complete."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The header's value; two of the same name are joined by a comma, as HTTP reads them."""
        values = [value for given, value in self.headers if given == name]
        return ",".join(values) if values else None

    def json(self) -> Any:
        """The body as strict JSON: UTF-8, no key twice, no NaN. Raises ValueError."""
        return json.loads(self.body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DuplicateKey("the same key twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


@dataclass
class Response:
    """What is answered when nothing gets in between."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: Any, status: int = 200, **headers: str) -> Response:
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json", **headers})

    @classmethod
    def error(cls, status: int, code: str, message: str) -> Response:
        """An error as the AWS JSON services send it."""
        return cls.of_json({"message": message}, status, **{"x-amzn-errortype": code + _ERROR_ORIGIN})

    @classmethod
    def openai_error(cls, status: int, kind: str, message: str, param: str | None = None, code: str | None = None) -> Response:
        """An error in the OpenAI form."""
        return cls.of_json({"error": {"message": message, "type": kind, "param": param, "code": code}}, status)

    @classmethod
    def text(cls, value: str, content_type: str = "text/plain", status: int = 200) -> Response:
        return cls(status, value.encode(), {"content-type": content_type})

    def head(self, length: int | None, close: bool = False) -> bytes:
        """Status line and headers; without a length the body must end with the connection."""
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Unknown"
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        headers = {"date": formatdate(usegmt=True), "server": SERVER, "x-amzn-requestid": str(uuid.uuid4()), **self.headers}
        if length is not None:
            headers["content-length"] = str(length)
        if close:
            headers["connection"] = "close"
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Gone(Exception):
    """The client closed the connection, or the stand-in is stopping."""


class Exchange:
    """The answering side of one request: sends bytes, waits, and notices when the client leaves."""

    def __init__(
        self,
        connection: socket.socket,
        stopping: Callable[[], bool],
        stop_signal: socket.socket,
        reset: Callable[[socket.socket], None],
    ):
        self._connection, self._stopping, self._stop_signal, self._reset = connection, stopping, stop_signal, reset
        self.keep_alive = True
        self.sent = 0
        """Bytes handed to the kernel so far, headers included."""

    def send(self, response: Response) -> None:
        """Sends the whole response in one write."""
        self.write(response.head(len(response.body), close=not self.keep_alive) + response.body)

    def write(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError:
            raise Gone from None
        self.sent += len(data)

    def write_all(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self.write(chunk)

    def wait(self, seconds: float | None) -> None:
        """Sleeps that long (None: for ever); raises Gone as soon as the client or the stand-in goes away."""
        poll = select.poll()
        poll.register(self._connection.fileno(), select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        poll.register(self._stop_signal.fileno(), select.POLLIN | select.POLLHUP)
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if end is None else (end - time.monotonic()) * 1000
            if left is not None and left <= 0:
                return
            if poll.poll(left):
                raise Gone
            if self._stopping():
                raise Gone

    def wait_until(self, moment: float) -> None:
        """Sleeps until `time.monotonic()` is `moment`."""
        self.wait(max(0.0, moment - time.monotonic()))

    def close(self, reset: bool = False) -> None:
        """Ends the connection: in order, or with a reset."""
        self.keep_alive = False
        if reset:
            # Closing the last handle under SO_LINGER 0 sends the RST; shutdown() would send a FIN first.
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._reset(self._connection)
            return
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
