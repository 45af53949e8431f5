"""The stand-in itself: what is asked of it, in which order it is checked, and who answers.

A request is recorded, its caller is made to prove who it is, its body is checked against the service model, and only then
does the script decide what is said and the stage how it is sent. Responses are checked like requests.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import threading
import time
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

from . import asked as asking
from . import openai_form, replies, sending, shapes
from .asked import Asked
from .credentials import Issuers
from .keys import Denied, Keys
from .record import Record, Recorder
from .script import Script
from .server import Server
from .stage import Play, Stage
from .wire import Exchange, Gone, Request, Response

log = logging.getLogger("splitplane-standin")

_CONVERSE = re.compile(r"/model/([^/]+)/converse")
_GUARDRAIL = re.compile(r"/guardrail/([^/]+)/version/([^/]+)/apply")
_CHAT = ("/chat/completions", "/v1/chat/completions")
_FIELDS = {
    asking.CHOICE: {"tables"},
    asking.VALIDATION: {"verdict", "reason", "message"},
    asking.GENERATION: {"sql", "clarification"},
    asking.NARRATION: {"answer"},
}


class _Refused(Exception):
    """The request is answered with this response and nothing else."""

    def __init__(self, response: Response):
        super().__init__(response.status)
        self.response = response


class Standin:
    """A stand-in for Amazon Bedrock and for OpenAI-compatible endpoints, on 127.0.0.1, as a context manager.

    rules, play: as in a script (see `script`). port: 0 chooses a free one. allow_unsigned: the OpenAI form needs no bearer
    key. keep: how many requests are remembered, None for all. A response of its own that breaks the service model makes
    leaving the `with` block fail.
    """

    def __init__(
        self,
        rules: Iterable[Mapping[str, Any]] = (),
        play: Iterable[Mapping[str, Any]] = (),
        *,
        port: int = 0,
        region: str = "us-east-1",
        allow_unsigned: bool = False,
        keep: int | None = None,
    ):
        self.script = Script(rules)
        self.stage = Stage()
        self.keys = Keys()
        self.issuers = Issuers(self.keys, region)
        self.region, self.allow_unsigned = region, allow_unsigned
        self.errors: list[str] = []
        """Responses of the stand-in's own that were wrong: bugs in the stand-in."""
        self.access_key, self.secret_key = "AKIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30)
        self.keys.add(self.access_key, self.secret_key)
        self.bearer = self.keys.add_bearer("standin-" + secrets.token_urlsafe(24))
        self._recorder = Recorder(keep)
        self._lock = threading.Lock()
        self._server = Server(self, port)
        for entry in play:
            self.play(**entry)

    # Life.

    def start(self) -> Standin:
        # Reading botocore's service model takes a while; the first caller should not wait for it.
        for operation in ("Converse", "ApplyGuardrail"):
            shapes.request_faults(operation, {}, {})
            shapes.response_faults(operation, {})
        self._server.start()
        log.info("splitplane-standin: listening on %s", self.url)
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> Standin:
        return self.start()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()
        if kind is None and self.errors:
            raise RuntimeError(f"the stand-in itself was wrong: {self.errors}")

    # What a client needs.

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        """Base URL of the Bedrock operations and of the credential endpoints."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """Base URL of the OpenAI form."""
        return f"{self.url}/v1"

    def environment(self) -> dict[str, str]:
        """Variables with which an AWS SDK, or splitplane, calls the stand-in in place of Bedrock."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    # What tests do to it and see of it.

    def play(
        self,
        fault: str | None = None,
        *,
        latency_ms: Mapping[str, float] | None = None,
        obedient: bool | None = None,
        corpus: Iterable[str] | None = None,
        **options: Any,
    ) -> None:
        """Switches behaviours at run time; see `stage` and `script`. Without any argument all behaviours end."""
        if fault is None and options:
            raise TypeError("options without a behaviour")
        if fault is None and latency_ms is None and obedient is None and corpus is None:
            self.stage.clear()
            self.script.set_corpus(None)
            self.script.obedient = False
        if fault is not None:
            self.stage.add(Play(fault, **options))
        if latency_ms is not None:
            self.stage.set_latency(latency_ms)
        if obedient is not None:
            self.script.obedient = obedient
        if corpus is not None:
            self.script.set_corpus(corpus)

    @property
    def requests(self) -> list[Record]:
        """Every request so far, but those for credentials and to the stand-in's own pages."""
        return self._recorder.records

    def texts(self) -> list[str]:
        """Everything textual that any model or guardrail was ever shown, decoded."""
        return [text for record in self.requests for text in record.texts()]

    def settle(self, seconds: float = 5.0) -> list[Record]:
        """Waits until every request so far is finished, which is a moment after its client has the response."""
        end = time.monotonic() + seconds
        while any(record.finished is None for record in self.requests):
            if time.monotonic() > end:
                raise TimeoutError(
                    f"requests unfinished after {seconds} s: {[r.number for r in self.requests if r.finished is None]}"
                )
            time.sleep(0.002)
        return self.requests

    def clear(self) -> None:
        """Forgets the requests and the counts, not the behaviours."""
        self._recorder.clear()

    @property
    def overlaps(self) -> int:
        """How often a validation arrived while a generation was being answered, or the other way round."""
        return self._recorder.overlaps

    @property
    def most_at_once(self) -> int:
        """The most calls that were being answered at a time."""
        return self._recorder.most_at_once

    @property
    def in_flight(self) -> int:
        """Calls being answered now."""
        return self._recorder.in_flight

    @property
    def connections(self) -> int:
        """Connections accepted so far."""
        return self._server.connections

    # Answering.

    def handle(self, request: Request, exchange: Exchange) -> None:
        """Answers one request; raises Gone when the client leaves before it is answered."""
        own = self._own_page(request) or self.issuers.answer(request)
        if own is not None:
            log.info("splitplane-standin: %s %s %d", request.method, request.path, own.status)
            exchange.send(own)
            return
        operation, match = _operation(request)
        record = self._recorder.begin(request, operation)
        try:
            self._answer(request, exchange, record, operation, match)
        except Gone:
            record.abandoned = True
            raise
        except Exception as error:
            with self._lock:
                self.errors.append(repr(error))
            raise
        finally:
            record.sent = exchange.sent
            record.finished = time.monotonic()
            lasted = (record.finished - record.arrived) * 1000
            log.info(
                "splitplane-standin: %s %s %s %s %.0f ms",
                request.method,
                request.path,
                record.task or "-",
                record.status or "-",
                lasted,
            )

    def _answer(self, request: Request, exchange: Exchange, record: Record, operation: str, match: re.Match[str] | None) -> None:
        try:
            asked = self._understood(request, record, operation, match)
        except _Refused as refused:
            record.status = refused.response.status
            exchange.send(refused.response)
            return
        record.asked = asked
        rule = self.script.rule(asked.question, asked.model)
        play = self.stage.take(asked, rule.plays if rule else ())
        record.fault = play.fault if play else None
        with self._recorder.flight(asked.task):
            response = self._said(asked, play)
            if play is not None:
                response = sending.spoilt(asked, response, play)
            exchange.wait_until(request.arrived + self.stage.latency_seconds(asked.task))
            if play is None or play.fault not in ("hang", "close", "reset"):
                record.status = response.status
            sending.send(exchange, response, play)

    def _understood(self, request: Request, record: Record, operation: str, match: re.Match[str] | None) -> Asked:
        """The request, authenticated and found valid."""
        if operation == "unknown":
            raise _Refused(Response.error(404, "UnknownOperationException", "The stand-in knows no such operation."))
        is_chat = operation == "chat"
        if not (is_chat and self.allow_unsigned):
            try:
                record.key = self.keys.check(request, "bedrock")
            except Denied as denied:
                if is_chat:
                    text = "Incorrect API key provided."
                    response = Response.openai_error(401, "invalid_request_error", text, code="invalid_api_key")
                else:
                    response = Response.error(denied.status, denied.code, denied.message)
                raise _Refused(response) from None
        content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
        try:
            if content_type != "application/json":
                raise ValueError("the content type is not application/json")
            body = request.json()
        except (ValueError, RecursionError) as error:
            raise _Refused(_invalid(is_chat, f"The body cannot be read: {error}")) from None
        asked = self._checked(operation, match, body)
        if asked.form != asking.FREE:
            wanted = _FIELDS.get(asked.task)
            if wanted is None:
                raise _Refused(_invalid(is_chat, f"The stand-in does not know how to fill {asked.name!r}."))
            if set((asked.schema or {}).get("required", ())) != wanted:
                raise _Refused(_invalid(is_chat, f"The stand-in fills {asked.name!r} with {sorted(wanted)} and nothing else."))
        return asked

    @staticmethod
    def _checked(operation: str, match: re.Match[str] | None, body: Any) -> Asked:
        if operation == "chat":
            fault = openai_form.request_fault(body)
            if fault is not None:
                raise _Refused(Response.openai_error(400, "invalid_request_error", fault[1], fault[0]))
            return asking.chat(body)
        groups = [urllib.parse.unquote(group) for group in match.groups()] if match else []
        names = ("modelId",) if operation == "Converse" else ("guardrailIdentifier", "guardrailVersion")
        faults = shapes.request_faults(operation, dict(zip(names, groups, strict=True)), body)
        if faults:
            raise _Refused(Response.error(400, "ValidationException", "; ".join(faults)))
        return asking.converse(*groups, body) if operation == "Converse" else asking.guardrail(*groups, body)

    def _said(self, asked: Asked, play: Play | None) -> Response:
        """What the model or the guardrail says, checked against the service model unless it is to be wrong."""
        if asked.operation == "ApplyGuardrail":
            response, value, checked = replies.guardrail_response(self.script.blocks(asked), play)
            return self._valid(asked, response, value) if checked else response
        guarded = asked.operation == "Converse" and "guardrailConfig" in asked.body and self.script.blocks(asked)
        if guarded:
            made = replies.free_text(asked, "Sorry, that cannot be answered.", "guardrail_intervened")
        elif asked.form == asking.FREE:
            made = replies.free_text(asked, "This is the splitplane stand-in, not a model.")
        else:
            made = replies.draft(asked, self.script.value(asked), play)
        if asked.operation == "chat":
            return replies.chat_response(made)
        response, value = replies.converse_response(made)
        return self._valid(asked, response, value) if made.checked else response

    def _valid(self, asked: Asked, response: Response, value: Any) -> Response:
        faults = shapes.response_faults(asked.operation, value)
        if not faults:
            return response
        with self._lock:
            self.errors.extend(faults)
        return Response.error(500, "InternalServerException", "The stand-in's own response is not valid: " + "; ".join(faults))

    # The stand-in's own pages, for other processes.

    def _own_page(self, request: Request) -> Response | None:
        match request.method, request.path:
            case "POST", "/standin/play":
                return self._switched(request)
            case "POST", "/standin/clear":
                self.clear()
                return Response.of_json({})
            case "GET", "/standin/requests":
                return Response.of_json([record.summary() for record in self.requests])
            case "GET", "/standin/texts":
                return Response.of_json(self.texts())
            case "GET", "/standin/state":
                state = {"overlaps": self.overlaps, "most_at_once": self.most_at_once, "in_flight": self.in_flight}
                more = {"connections": self.connections, "corpus_given": self.script.corpus_given, "errors": self.errors}
                return Response.of_json(state | more)
        return None

    def _switched(self, request: Request) -> Response:
        """A behaviour as `play` takes it, or {"rules": [..]} to add rules, or a list of these; {} ends all behaviours."""
        try:
            given = json.loads(request.body or b"{}")
            for entry in given if isinstance(given, list) else [given]:
                if set(entry) == {"rules"}:
                    self.script.add(entry["rules"])
                else:
                    self.play(**entry)
        except (ValueError, TypeError) as error:
            return Response.of_json({"error": str(error)}, 400)
        return Response.of_json({})


def _operation(request: Request) -> tuple[str, re.Match[str] | None]:
    if request.method == "POST":
        if match := _CONVERSE.fullmatch(request.path):
            return "Converse", match
        if match := _GUARDRAIL.fullmatch(request.path):
            return "ApplyGuardrail", match
        if request.path in _CHAT:
            return "chat", None
    return "unknown", None


def _invalid(is_chat: bool, message: str) -> Response:
    if is_chat:
        return Response.openai_error(400, "invalid_request_error", message)
    return Response.error(400, "ValidationException", message)
