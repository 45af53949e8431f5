"""The sockets: one thread per connection, keep-alive, requests read as they are, everything on 127.0.0.1."""

from __future__ import annotations

import http.server
import itertools
import logging
import socket
import socketserver
import threading
import time
from typing import Protocol

from .wire import Exchange, Gone, Request, Response

log = logging.getLogger("splitplane-standin")
MOST_BODY = 10 * 1024 * 1024


class Service(Protocol):
    def handle(self, request: Request, exchange: Exchange) -> None: ...


class Server(socketserver.ThreadingTCPServer):
    """Listens from construction on; answers between `start` and `stop`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, service: Service, port: int):
        self.service = service
        self._numbers = itertools.count(1)
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._reset: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._stopping = threading.Event()
        # A byte on this pair wakes every thread that waits on behalf of a client.
        self.stop_signal, self._stop_end = socket.socketpair()
        self._thread: threading.Thread | None = None
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def port(self) -> int:
        return self.server_address[1]

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="splitplane-standin", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops listening and ends every connection, whatever it waits for."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._stop_end.send(b"x")
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stopping(self) -> bool:
        return self._stopping.is_set()

    def process_request(self, request, client_address) -> None:  # noqa: ANN001  (socketserver's signature)
        with self._open_lock:
            self._open.add(request)
            self.connections += 1
        super().process_request(request, client_address)

    def next_connection(self) -> int:
        return next(self._numbers)

    def reset(self, connection: socket.socket) -> None:
        """Remembers that the connection is to be closed at once, without the orderly end that would come first."""
        with self._open_lock:
            self._reset.add(connection)

    def shutdown_request(self, request) -> None:  # noqa: ANN001  (socketserver's signature)
        with self._open_lock:
            self._open.discard(request)
            reset = request in self._reset
            self._reset.discard(request)
        if reset:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:  # noqa: ANN001  (socketserver's signature)
        log.exception("splitplane-standin: a connection failed")


class _Handler(http.server.BaseHTTPRequestHandler):
    """Reads requests; `http.server` parses the request line and the headers."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 64 * 1024

    def setup(self) -> None:
        super().setup()
        self.number = self.server.next_connection()

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, Gone):
            pass

    def _any_method(self) -> None:
        exchange = Exchange(self.connection, self.server.stopping, self.server.stop_signal, self.server.reset)
        exchange.keep_alive = not self.close_connection
        try:
            body = self._body()
            if isinstance(body, Response):
                exchange.keep_alive = False
                exchange.send(body)
            else:
                self.server.service.handle(self._request(body), exchange)
        except Gone:
            exchange.keep_alive = False
        self.close_connection = not exchange.keep_alive

    def _body(self) -> bytes | Response:
        """The request's body, or why it cannot be read."""
        if self.headers.get("transfer-encoding"):
            return Response.error(411, "MissingContentLengthException", "A content-length is needed.")
        lengths = self.headers.get_all("content-length", ["0"])
        if len(lengths) != 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            return Response.error(400, "ValidationException", "The content-length is not a number.")
        if int(lengths[0]) > MOST_BODY:
            return Response.error(413, "ValidationException", "The body is too large.")
        body = self.rfile.read(int(lengths[0]))
        if len(body) != int(lengths[0]):
            raise Gone
        return body

    def _request(self, body: bytes) -> Request:
        # The request line's own target: `self.path` has runs of leading slashes folded.
        target = self.requestline.split()[1]
        headers = tuple((name.lower(), value) for name, value in self.headers.items())
        return Request(self.command, target, headers, body, self.number, time.monotonic())

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _any_method  # noqa: N815  (http.server's names)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (http.server's signature)
        log.debug("splitplane-standin: " + format, *arguments)
