"""What a request asks of the model: the task, the form of the reply, and the texts that the model is shown.

Prompts carry untrusted text as JSON string literals between tags with a nonce: `<question-3f9c>"How many?"</question-3f9c>`.
The reader skips over a literal as a whole, so tags that stand inside one are text, as they are for a careful model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

VALIDATION, GENERATION, NARRATION, GUARDRAIL, OTHER = "validation", "generation", "narration", "guardrail", "other"
CHOICE = "choice"
TASKS = (CHOICE, VALIDATION, GENERATION, NARRATION, GUARDRAIL)
TASK_OF_TOOL = {"name_tables": CHOICE, "record_verdict": VALIDATION, "write_sql": GENERATION, "tell_answer": NARRATION}
TOOL, NATIVE, OBJECT, FREE = "tool", "native", "json_object", "text"
# A member that no other reply has: an object with its schema beside the type has no name.
_TOOL_OF_MEMBER = {"tables": "name_tables", "verdict": "record_verdict", "sql": "write_sql", "answer": "tell_answer"}

_OPENING = re.compile(r"<([a-z][a-z0-9_-]*)-([0-9A-Za-z]+)>")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class Tagged:
    """One tagged piece of a prompt: its name without the nonce, the nonce, and its value (a string, as a rule)."""

    name: str
    nonce: str
    value: Any


def tagged(text: str) -> list[Tagged]:
    """The tagged pieces of a text, in order. A piece whose content is not JSON is taken as it stands."""
    found: list[Tagged] = []
    position = 0
    while opening := _OPENING.search(text, position):
        name, nonce = opening.groups()
        closing = f"</{name}-{nonce}>"
        start = opening.end() + _blanks(text, opening.end())
        try:
            value, end = _DECODER.raw_decode(text, start)
            end += _blanks(text, end)
            if not text.startswith(closing, end):
                raise ValueError
        except (ValueError, RecursionError):
            end = text.find(closing, opening.end())
            if end < 0:
                position = opening.end()
                continue
            value = text[opening.end() : end].strip()
        found.append(Tagged(name, nonce, value))
        position = end + len(closing)
    return found


def _blanks(text: str, position: int) -> int:
    return len(text) - position - len(text[position:].lstrip()) if text[position : position + 1].isspace() else 0


@dataclass(frozen=True)
class Asked:
    """One call to a model or to a guardrail, understood."""

    operation: str
    """`Converse`, `ApplyGuardrail` or `chat`."""
    model: str
    """Model id, or guardrail id and version."""
    task: str = OTHER
    form: str = FREE
    name: str = ""
    """Name of the tool or of the JSON schema."""
    schema: dict[str, Any] | None = field(default=None, repr=False)
    system: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    body: Any = field(default=None, repr=False)

    @cached_property
    def tags(self) -> list[Tagged]:
        return tagged(self.user)

    def last(self, name: str) -> Any:
        """The value of the last piece with this tag, or None."""
        return next((piece.value for piece in reversed(self.tags) if piece.name == name), None)

    @cached_property
    def question(self) -> str | None:
        """The question: of the last question tag, or what a guardrail was given."""
        if self.operation == "ApplyGuardrail":
            return self.user
        value = self.last("question")
        return value if isinstance(value, str) else None

    @cached_property
    def rows(self) -> list[Any] | None:
        """The rows that a narrator was given, also when they are JSON inside a JSON string."""
        value = self.last("result-rows")
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                return None
        return value if isinstance(value, list) else None

    def texts(self) -> list[str]:
        """Everything textual that was sent, decoded: each string of the body, each tagged piece, keys included."""
        return [*strings(self.body), *(text for piece in self.tags for text in strings(piece.value))]


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys too; strings that are JSON themselves are opened as well."""
    if isinstance(value, str):
        yield value
        if value[:1] in '[{"':
            try:
                inner = json.loads(value)
            except (ValueError, RecursionError):
                return
            yield from strings(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def converse(model: str, body: dict[str, Any]) -> Asked:
    """Reads a valid Converse body."""
    tools = [tool["toolSpec"] for tool in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in tool]
    text_format = body.get("outputConfig", {}).get("textFormat")
    form, name, schema = FREE, "", None
    if tools:
        forced = body["toolConfig"].get("toolChoice", {}).get("tool", {}).get("name")
        chosen = next((tool for tool in tools if tool["name"] == forced), tools[0])
        form, name, schema = TOOL, chosen["name"], chosen["inputSchema"].get("json")
    elif text_format:
        definition = text_format["structure"]["jsonSchema"]
        form, name, schema = NATIVE, definition.get("name", ""), json.loads(definition["schema"])
    system = "\n".join(block["text"] for block in body.get("system", []) if "text" in block)
    user = "\n".join(_converse_text(block) for message in body["messages"] for block in message["content"])
    return Asked("Converse", model, TASK_OF_TOOL.get(name, OTHER), form, name, schema, system, user, body)


def _converse_text(block: dict[str, Any]) -> str:
    guarded = block.get("guardContent", {}).get("text", {}).get("text")
    return block.get("text", guarded) or ""


def guardrail(identifier: str, version: str, body: dict[str, Any]) -> Asked:
    """Reads a valid ApplyGuardrail body."""
    text = "\n".join(block["text"]["text"] for block in body["content"] if "text" in block)
    return Asked("ApplyGuardrail", f"{identifier}:{version}", GUARDRAIL, user=text, body=body)


def chat(body: dict[str, Any]) -> Asked:
    """Reads a valid body of the OpenAI form."""
    tools = [tool["function"] for tool in body.get("tools", [])]
    choice = body.get("tool_choice")
    response_format = body.get("response_format", {})
    form, name, schema = FREE, "", None
    if tools and choice != "none":
        forced = choice["function"]["name"] if isinstance(choice, dict) else None
        chosen = next((tool for tool in tools if tool["name"] == forced), tools[0])
        form, name, schema = TOOL, chosen["name"], chosen.get("parameters")
    elif response_format.get("type") == "json_schema":
        definition = response_format["json_schema"]
        form, name, schema = NATIVE, definition["name"], definition.get("schema")
    elif "schema" in response_format:
        form, schema = OBJECT, response_format["schema"]
        name = next((_TOOL_OF_MEMBER[member] for member in schema.get("properties", {}) if member in _TOOL_OF_MEMBER), "")
    spoken = [(message["role"], _chat_text(message["content"])) for message in body["messages"]]
    system = "\n".join(text for role, text in spoken if role in ("system", "developer"))
    user = "\n".join(text for role, text in spoken if role not in ("system", "developer"))
    return Asked("chat", body["model"], TASK_OF_TOOL.get(name, OTHER), form, name, schema, system, user, body)


def _chat_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content)
