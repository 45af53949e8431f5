"""How a response goes onto the wire, and every way of sending it wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .asked import OBJECT, TOOL, Asked
from .stage import Play
from .wire import Exchange, Response

_CODES = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_CHUNK = 64 * 1024


def spoilt(asked: Asked, response: Response, play: Play) -> Response:
    """The response that is sent in place of the right one; the same one when the fault lies in the sending."""
    options = play.options
    match play.fault:
        case "throttle":
            made = error(asked, 429, None, "Too many requests, please wait before trying again.")
        case "refuse":
            made = error(asked, options["status"], options["code"], options["message"] or "The stand-in was told to refuse.")
        case "reject_form":
            return _form_rejected(asked, options["takes"])
        case "redirect":
            return Response(options["status"], b"", {"location": options["location"]})
        case "content_type":
            return Response(200, response.body, {**response.headers, "content-type": options["value"]})
        case "malformed":
            return Response(200, response.body[: len(response.body) * 2 // 3], response.headers)
        case "non_utf8":
            # The first string value's first character becomes a byte that starts no UTF-8 sequence.
            place = response.body.index(b': "') + 3
            return Response(200, response.body[:place] + b"\xff" + response.body[place + 1 :], response.headers)
        case "empty_body":
            return Response(200, b"", response.headers)
        case _:
            return response
    if options["retry_after"] is not None:
        made.headers["retry-after"] = str(options["retry_after"])
    return made


def error(asked: Asked, status: int, code: str | None, message: str) -> Response:
    """An error in the manner of the service that was asked."""
    if asked.operation == "chat":
        kind = {429: "rate_limit_exceeded", 401: "invalid_request_error", 400: "invalid_request_error"}.get(status, "server_error")
        return Response.openai_error(status, kind, message, code=code or (kind if status == 429 else None))
    return Response.error(status, code or _CODES.get(status, "InternalServerException"), message)


def _form_rejected(asked: Asked, takes: str | None) -> Response:
    """The refusals of Bedrock and of OpenAI to a model that does not know the form, in their own words."""
    if asked.operation == "chat":
        if asked.form == TOOL:
            text = "tool_choice is not supported with this model."
            return Response.openai_error(400, "invalid_request_error", text, "tool_choice")
        kind = "json_object" if asked.form == OBJECT else "json_schema"
        text = f"Invalid parameter: 'response_format' of type '{kind}' is not supported with this model."
        if takes is not None:
            text = f"response_format.type: Input should be 'text' or '{takes}'"
        return Response.openai_error(400, "invalid_request_error", text, "response_format")
    if asked.form == TOOL:
        text = "This model doesn't support the toolConfig.toolChoice.tool field. Remove toolConfig.toolChoice.tool and try again."
    else:
        text = "The model returned the following errors: output_config.format: Extra inputs are not permitted"
    return Response.error(400, "ValidationException", text)


def send(exchange: Exchange, response: Response, play: Play | None) -> None:
    """Sends the response in the manner of the fault, if it has one; raises Gone when the client leaves meanwhile."""
    way = _WAYS.get(play.fault) if play is not None else None
    if way is None:
        exchange.send(response)
    else:
        way(exchange, response, **play.options)


def _hang(exchange: Exchange, response: Response) -> None:
    exchange.wait(None)


def _close(exchange: Exchange, response: Response) -> None:
    exchange.close()


def _reset(exchange: Exchange, response: Response) -> None:
    exchange.close(reset=True)


def _half_body(exchange: Exchange, response: Response) -> None:
    exchange.write(response.head(len(response.body)) + response.body[: len(response.body) // 2])
    exchange.close()


def _huge(exchange: Exchange, response: Response, bytes: int, chunked: bool) -> None:  # noqa: A002  (an option's name)
    blanks = max(0, bytes - len(response.body))

    def pieces() -> Iterator[bytes]:
        for start in range(0, blanks, _CHUNK):
            yield b" " * min(_CHUNK, blanks - start)
        yield response.body

    if chunked:
        _in_chunks(exchange, response, pieces())
    else:
        exchange.write(response.head(blanks + len(response.body)))
        exchange.write_all(pieces())


def _drip(exchange: Exchange, response: Response, interval_ms: float, head: bool) -> None:
    start = response.head(len(response.body))
    if not head:
        exchange.write(start)
    for byte in (start if head else b"") + response.body:
        exchange.write(b"%c" % byte)
        exchange.wait(interval_ms / 1000)


def _chunked(exchange: Exchange, response: Response, size: int) -> None:
    body = response.body
    _in_chunks(exchange, response, (body[start : start + size] for start in range(0, len(body), size)))


def _in_chunks(exchange: Exchange, response: Response, pieces: Iterator[bytes]) -> None:
    response.headers["transfer-encoding"] = "chunked"
    exchange.write(response.head(None))
    for piece in pieces:
        exchange.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    exchange.write(b"0\r\n\r\n")


_WAYS: dict[str, Callable[..., None]] = {
    "hang": _hang,
    "close": _close,
    "reset": _reset,
    "half_body": _half_body,
    "huge": _huge,
    "drip": _drip,
    "chunked": _chunked,
}
