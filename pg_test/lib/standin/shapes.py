"""Bedrock's own idea of its requests and responses: botocore's `bedrock-runtime` service model, applied both ways.

botocore's ParamValidator checks types, required and unknown members, unions and lower bounds. Enumerations, patterns,
upper bounds, base64 in blobs and booleans posing as integers it leaves to the service, so they are checked here.
Documents (tool schemas and inputs) are free. On top come rules that the service states in words only.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from typing import Any

import botocore.session
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

# A union in the service's own model that botocore's generator leaves as a plain structure does not matter here.
_INTEGERS = ("integer", "long", "float", "double")


@functools.cache
def operation(name: str) -> OperationModel:
    """An operation of bedrock-runtime, such as `Converse`."""
    return botocore.session.get_session().get_service_model("bedrock-runtime").operation_model(name)


def request_faults(name: str, uri: dict[str, str], body: Any) -> list[str]:
    """What is wrong with a request: its URI members (decoded) and its JSON body; empty when it is right."""
    if not isinstance(body, dict):
        return ["the body is not a JSON object"]
    twice = sorted(set(uri) & set(body))
    if twice:
        return [f"{', '.join(twice)} belongs in the path, not in the body"]
    faults = _faults(operation(name).input_shape, {**uri, **body})
    if not faults and name == "Converse":
        faults = _converse_faults(body)
    return faults


def response_faults(name: str, body: Any) -> list[str]:
    """What is wrong with a response; empty when it is right."""
    return _faults(operation(name).output_shape, body)


def _faults(shape: Shape, value: Any) -> list[str]:
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        return report.generate_report().splitlines()
    faults: list[str] = []
    _walk(shape, value, "", faults)
    return faults


def _walk(shape: Shape, value: Any, name: str, faults: list[str]) -> None:
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return
        for member, inner in value.items():
            if member in shape.members:
                _walk(shape.members[member], inner, f"{name}.{member}", faults)
            else:
                faults.append(f"{name}.{member} is not a member")
    elif kind == "list":
        _at_most(shape, len(value), name, faults)
        for index, inner in enumerate(value):
            _walk(shape.member, inner, f"{name}[{index}]", faults)
    elif kind == "map":
        _at_most(shape, len(value), name, faults)
        for key, inner in value.items():
            _walk(shape.key, key, f"{name} key", faults)
            _walk(shape.value, inner, f"{name}.{key}", faults)
    elif kind == "string":
        _at_most(shape, len(value), name, faults)
        if shape.enum and value not in shape.enum:
            faults.append(f"{name} must be one of {', '.join(shape.enum)}")
        pattern = shape.metadata.get("pattern")
        if pattern and not _compiled(pattern).fullmatch(value):
            faults.append(f"{name} does not match {pattern}")
    elif kind in _INTEGERS:
        if isinstance(value, bool):
            faults.append(f"{name} is a boolean, not a number")
        else:
            _at_most(shape, value, name, faults)
    elif kind == "blob":
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError, TypeError):
            faults.append(f"{name} is not base64")


def _at_most(shape: Shape, size: float, name: str, faults: list[str]) -> None:
    most = shape.metadata.get("max")
    if most is not None and size > most:
        faults.append(f"{name} must not exceed {most}")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _converse_faults(body: dict[str, Any]) -> list[str]:
    """Rules of Converse that its service model does not hold but the service enforces."""
    faults: list[str] = []
    messages = body.get("messages") or []
    if not messages:
        faults.append("messages: at least one message is needed")
    for index, message in enumerate(messages):
        if message["role"] != ("user", "assistant")[index % 2]:
            faults.append("messages: roles must alternate and begin with the user's")
            break
    for message in messages:
        if not message["content"]:
            faults.append("The content field in the Message object is empty")
        for block in message["content"]:
            if len(block) != 1:
                faults.append("The ContentBlock object must set exactly one of its keys")
            if "text" in block and not block["text"].strip():
                faults.append("The text field in the ContentBlock object is blank")
    tools = body.get("toolConfig", {})
    names = [tool["toolSpec"]["name"] for tool in tools.get("tools", []) if "toolSpec" in tool]
    if len(names) != len(set(names)):
        faults.append("toolConfig.tools: two tools of one name")
    forced = tools.get("toolChoice", {}).get("tool", {}).get("name")
    if forced is not None and forced not in names:
        faults.append("toolConfig.toolChoice.tool.name is none of toolConfig.tools")
    for tool in tools.get("tools", []):
        if "toolSpec" in tool and not _is_object_schema(tool["toolSpec"]["inputSchema"].get("json")):
            faults.append("toolSpec.inputSchema.json must be a JSON Schema of type object")
    text_format = body.get("outputConfig", {}).get("textFormat")
    if text_format is not None:
        try:
            schema = json.loads(text_format["structure"]["jsonSchema"]["schema"])
        except (KeyError, ValueError):
            schema = None
        if not _is_object_schema(schema) or schema.get("additionalProperties") is not False:
            faults.append("outputConfig: the schema must be JSON text of an object with additionalProperties false")
    return faults


def _is_object_schema(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "object"
