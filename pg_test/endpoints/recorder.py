"""What goes between splitplane and an endpoint, written down: a forwarder on a port of its own that changes nothing."""

from __future__ import annotations

import http.client
import json
import select
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from splitplane_test.standin import asked

# Of one connection, from one end to the next.
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
SECONDS = 600


@dataclass
class Exchange:
    """One request and its answer."""

    began: float
    request: dict[str, Any]
    ended: float = 0.0
    status: int | None = None
    reply: dict[str, Any] | None = None
    text: str = ""

    @property
    def task(self) -> str:
        """Of splitplane_test.standin.asked: validation, generation, .."""
        return self._asked.task

    @property
    def form(self) -> str:
        return self._asked.form

    @property
    def _asked(self) -> asked.Asked:
        return asked.chat(self.request)

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.began

    def _usage(self, name: str) -> int:
        return ((self.reply or {}).get("usage") or {}).get(name) or 0

    @property
    def prompt_tokens(self) -> int:
        return self._usage("prompt_tokens")

    @property
    def output_tokens(self) -> int:
        return self._usage("completion_tokens")

    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompt that were there from an earlier one, by the server's own count: llama.cpp's `timings.cache_n`, else the usage."""
        timings = (self.reply or {}).get("timings") or {}
        if "cache_n" in timings:
            return timings["cache_n"]
        details = ((self.reply or {}).get("usage") or {}).get("prompt_tokens_details") or {}
        return details.get("cached_tokens") or 0

    @property
    def message(self) -> dict[str, Any]:
        choices = (self.reply or {}).get("choices") or [{}]
        return choices[0].get("message") or {}

    @property
    def finish_reason(self) -> str | None:
        return ((self.reply or {}).get("choices") or [{}])[0].get("finish_reason")

    @property
    def said(self) -> dict[str, Any] | None:
        """The object that the model filled in, in whichever form; None where there is none."""
        calls = self.message.get("tool_calls") or []
        text = calls[0]["function"]["arguments"] if len(calls) == 1 else self.message.get("content")
        try:
            value = json.loads(text or "")
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


class Recorder:
    """A forwarder to one endpoint, such as `http://127.0.0.1:8080/v1`."""

    def __init__(self, endpoint: str):
        parts = urlsplit(endpoint)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self.exchanges: list[Exchange] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                recorder._forward(self)

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}{parts.path}"

    def __enter__(self) -> Recorder:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def taken(self) -> list[Exchange]:
        """What came since the last call of this, by the time at which it began."""
        taken, self.exchanges = self.exchanges, []
        return sorted(taken, key=lambda exchange: exchange.began)

    @staticmethod
    def _waits(handler: BaseHTTPRequestHandler, connection: http.client.HTTPConnection) -> bool:
        """Whether the caller is still there when the endpoint begins to answer. An endpoint stops its work when a caller leaves."""
        while True:
            ready, _, _ = select.select([handler.connection, connection.sock], [], [], SECONDS)
            if handler.connection in ready and not handler.connection.recv(1, socket.MSG_PEEK):
                return False
            if connection.sock in ready or not ready:
                return True

    def _forward(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        exchange = Exchange(time.monotonic(), json.loads(body))
        self.exchanges.append(exchange)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP_BY_HOP}
        connection = http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        try:
            connection.request("POST", handler.path, body, headers)
            if not self._waits(handler, connection):
                exchange.ended, exchange.text = time.monotonic(), "the caller left"
                handler.close_connection = True
                return
            response = connection.getresponse()
            told = response.read()
            exchange.ended, exchange.status, exchange.text = time.monotonic(), response.status, told.decode(errors="replace")
            try:
                exchange.reply = json.loads(told)
            except ValueError:
                exchange.reply = None
            handler.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    handler.send_header(name, value)
            handler.send_header("content-length", str(len(told)))
            handler.end_headers()
            handler.wfile.write(told)
        except OSError as error:
            # The caller gave up, or the endpoint did. Both are splitplane's to tell.
            exchange.ended = exchange.ended or time.monotonic()
            exchange.text = exchange.text or f"{type(error).__name__}: {error}"
            handler.close_connection = True
        finally:
            connection.close()
