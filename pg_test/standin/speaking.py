"""How the tests speak to the stand-in: prompts as splitplane writes them, in each wire format, and a raw client.

The raw client signs with botocore and reads bytes itself, so that broken responses are seen as they are.
"""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
ORDERS = "How many orders were there?"
RULES = [
    {
        "question": ORDERS,
        "verdict": "allow",
        "reason": "It asks for a count.",
        "sql": ["SELECT count(*) FROM order", "SELECT count(*) FROM orders", "SELECT 1"],
        "answer": "You can see {0.0} orders in {rows} row.",
    },
    {"contains": "weather", "verdict": "reject", "reason": "Not about the data.", "message": "Ask about sales.", "blocked": True},
    {"pattern": "^Sales", "verdict": "clarify", "message": "Which week?", "clarification": "Which week is meant?"},
]
FIELDS = {
    "record_verdict": ("verdict", "reason", "message"),
    "name_tables": ("tables",),
    "write_sql": ("sql", "clarification"),
    "tell_answer": ("answer",),
}


def schema(name: str) -> dict[str, Any]:
    properties = {field: {"type": "string"} for field in FIELDS[name]}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def user_text(question: str, nonce: str = "3f9c", **more: Any) -> str:
    """A prompt: the pieces given, each a JSON literal between tags, the question last."""
    pieces = {**more, "question": question}
    return "\n\n".join(f"<{name}-{nonce}>{json.dumps(value)}</{name}-{nonce}>" for name, value in pieces.items())


def converse_body(name: str, question: str = ORDERS, form: str = "tool", **more: Any) -> dict[str, Any]:
    """A Converse body, without the model id."""
    body: dict[str, Any] = {
        "system": [{"text": "Judge the question."}],
        "messages": [{"role": "user", "content": [{"text": user_text(question, **more)}]}],
        "inferenceConfig": {"maxTokens": 500, "temperature": 0},
    }
    if form == "tool":
        spec = {"name": name, "description": "Records it.", "inputSchema": {"json": schema(name)}}
        body["toolConfig"] = {"tools": [{"toolSpec": spec}], "toolChoice": {"tool": {"name": name}}}
    else:
        definition = {"name": name, "schema": json.dumps(schema(name))}
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}
    return body


def chat_body(name: str, question: str = ORDERS, form: str = "tool", **more: Any) -> dict[str, Any]:
    """A body in the OpenAI form."""
    body: dict[str, Any] = {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "Judge the question."},
            {"role": "user", "content": user_text(question, **more)},
        ],
        "max_completion_tokens": 500,
    }
    if form == "tool":
        function = {"name": name, "description": "Records it.", "parameters": schema(name), "strict": True}
        body["tools"] = [{"type": "function", "function": function}]
        body["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif form == "json_object":
        body["response_format"] = {"type": "json_object", "schema": schema(name)}
    else:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": name, "schema": schema(name), "strict": True}}
    return body


@dataclass
class Answer:
    """A response as http.client read it."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error_type(self) -> str:
        return self.headers.get("x-amzn-errortype", "").partition(":")[0]


def signed(standin, target: str, body: bytes, **credentials: str) -> dict[str, str]:
    """The headers of a signed POST."""
    request = AWSRequest("POST", standin.url + target, {"content-type": "application/json"}, body)
    key = Credentials(credentials.get("access_key", standin.access_key), credentials.get("secret_key", standin.secret_key))
    SigV4Auth(key, credentials.get("service", "bedrock"), standin.region).add_auth(request)
    return dict(request.headers)


def post(standin, target: str, body: Any, headers: dict[str, str] | None = None, connection=None, timeout: float = 10) -> Answer:
    """A POST with http.client: signed when no headers are given."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    own = connection or http.client.HTTPConnection("127.0.0.1", standin.port, timeout=timeout)
    try:
        own.request("POST", target, raw, signed(standin, target, raw) if headers is None else headers)
        response = own.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        if connection is None:
            own.close()


def converse(standin, name: str = "record_verdict", timeout: float = 10, **more: Any) -> Answer:
    """A signed Converse call."""
    return post(standin, f"/model/{MODEL.replace(':', '%3A')}/converse", converse_body(name, **more), timeout=timeout)


def chat(standin, name: str = "record_verdict", **more: Any) -> Answer:
    """A call in the OpenAI form with the bearer key."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {standin.bearer}"}
    return post(standin, "/v1/chat/completions", chat_body(name, **more), headers)


def raw_converse(standin, name: str = "record_verdict", **more: Any) -> socket.socket:
    """A socket on which a signed Converse call was sent."""
    target = f"/model/{MODEL.replace(':', '%3A')}/converse"
    body = json.dumps(converse_body(name, **more)).encode()
    headers = {**signed(standin, target, body), "host": f"127.0.0.1:{standin.port}", "content-length": str(len(body))}
    lines = "".join(f"{field}: {value}\r\n" for field, value in headers.items())
    connection = socket.create_connection(("127.0.0.1", standin.port), timeout=10)
    connection.sendall(f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def tool_input(answer: Answer) -> Any:
    """The input of the one tool call of a Converse response."""
    (block,) = answer.json()["output"]["message"]["content"]
    return block["toolUse"]["input"]
