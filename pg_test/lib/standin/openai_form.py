"""What a request in the OpenAI form may hold. There is no published service model on PyPI to check against, so this is
an allowlist of the members that OpenAI documents and that a client of ours may have a use for; all else is refused."""

from __future__ import annotations

import re
from typing import Any

_MEMBERS: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "messages": (list,),
    "max_tokens": (int,),
    "max_completion_tokens": (int,),
    "temperature": (int, float),
    "top_p": (int, float),
    "seed": (int,),
    "stop": (str, list),
    "stream": (bool,),
    "n": (int,),
    "tools": (list,),
    "tool_choice": (str, dict),
    "parallel_tool_calls": (bool,),
    "response_format": (dict,),
    "reasoning_effort": (str,),
    "service_tier": (str,),
    "store": (bool,),
    "user": (str,),
}
_ROLES = ("system", "developer", "user", "assistant")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _Wrong(Exception):
    def __init__(self, param: str, message: str):
        super().__init__(message)
        self.param, self.message = param, message


def request_fault(body: Any) -> tuple[str, str] | None:
    """The first fault of a body as (param, message), or None."""
    try:
        _check(body)
    except _Wrong as wrong:
        return wrong.param, wrong.message
    return None


def _need(condition: bool, param: str, message: str) -> None:
    if not condition:
        raise _Wrong(param, message)


def _object(value: Any, param: str, required: set[str], optional: set[str] = frozenset()) -> dict[str, Any]:
    _need(isinstance(value, dict), param, f"Invalid type for '{param}': expected an object.")
    for unknown in sorted(set(value) - required - optional):
        raise _Wrong(f"{param}.{unknown}", f"Unknown parameter: '{param}.{unknown}'.")
    for missing in sorted(required - set(value)):
        raise _Wrong(f"{param}.{missing}", f"Missing required parameter: '{param}.{missing}'.")
    return value


def _check(body: Any) -> None:
    _need(isinstance(body, dict), "", "The body is not a JSON object.")
    for name, value in body.items():
        _need(name in _MEMBERS, name, f"Unknown parameter: '{name}'.")
        types = _MEMBERS[name]
        right = isinstance(value, types) and not (isinstance(value, bool) and bool not in types)
        _need(right, name, f"Invalid type for '{name}'.")
    for name in ("model", "messages"):
        _need(bool(body.get(name)), name, f"Missing required parameter: '{name}'.")
    _need(not body.get("stream"), "stream", "This stand-in does not stream.")
    _need(body.get("n", 1) == 1, "n", "This stand-in gives one choice.")
    _need(not {"max_tokens", "max_completion_tokens"} <= set(body), "max_tokens", "Set only one of the two token limits.")
    for index, message in enumerate(body["messages"]):
        _message(message, f"messages[{index}]")
    names = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(body.get("tools", []))]
    if "tool_choice" in body:
        _choice(body["tool_choice"], names)
    if "response_format" in body:
        _response_format(body["response_format"])


def _message(message: Any, param: str) -> None:
    _object(message, param, {"role", "content"}, {"name"})
    _need(message["role"] in _ROLES, f"{param}.role", "Invalid role.")
    content = message["content"]
    if isinstance(content, list):
        for index, part in enumerate(content):
            _object(part, f"{param}.content[{index}]", {"type", "text"})
            _need(part["type"] == "text" and isinstance(part["text"], str), f"{param}.content", "Only text parts are known here.")
    else:
        _need(isinstance(content, str), f"{param}.content", "Invalid type for content.")


def _tool(tool: Any, param: str) -> str:
    _object(tool, param, {"type", "function"})
    _need(tool["type"] == "function", f"{param}.type", "Only functions are known here.")
    function = _object(tool["function"], f"{param}.function", {"name"}, {"description", "parameters", "strict"})
    _schema(function.get("parameters", {"type": "object"}), f"{param}.function.parameters", bool(function.get("strict")))
    _named(function["name"], f"{param}.function.name")
    return function["name"]


def _choice(choice: Any, names: list[str]) -> None:
    _need(bool(names), "tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
    if isinstance(choice, str):
        _need(choice in ("none", "auto", "required"), "tool_choice", "Invalid value for 'tool_choice'.")
        return
    _object(choice, "tool_choice", {"type", "function"})
    _object(choice["function"], "tool_choice.function", {"name"})
    _need(choice["function"]["name"] in names, "tool_choice", "Tool choice not found in 'tools'.")


def _response_format(value: dict[str, Any]) -> None:
    _object(value, "response_format", {"type"}, {"json_schema", "schema"})
    kind = value["type"]
    _need(kind in ("text", "json_object", "json_schema"), "response_format.type", "Invalid value for 'response_format.type'.")
    _need((kind == "json_schema") == ("json_schema" in value), "response_format", "'json_schema' belongs to that type alone.")
    # Not of OpenAI: how llama-cpp-python, llama.cpp and others take one beside the type.
    if "schema" in value:
        _need(kind == "json_object", "response_format", "'schema' belongs to 'json_object' alone.")
        _schema(value["schema"], "response_format.schema", False)
    if kind == "json_schema":
        definition = _object(value["json_schema"], "response_format.json_schema", {"name"}, {"schema", "strict", "description"})
        _named(definition["name"], "response_format.json_schema.name")
        _schema(definition.get("schema"), "response_format.json_schema.schema", bool(definition.get("strict")))


def _named(name: Any, param: str) -> None:
    _need(isinstance(name, str) and bool(_NAME.fullmatch(name)), param, "Names are of 1 to 64 letters, digits, _ and -.")


def _schema(schema: Any, param: str, strict: bool) -> None:
    _need(isinstance(schema, dict) and schema.get("type") == "object", param, "Schema must be of type object.")
    if strict:
        _need(
            schema.get("additionalProperties") is False, param, "'additionalProperties' is required to be supplied and to be false."
        )
        every = sorted(schema.get("properties", {})) == sorted(schema.get("required", []))
        _need(every, param, "'required' is required to be supplied and to be an array including every key in properties.")
