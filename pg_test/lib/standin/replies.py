"""What a model says, in the wire format and form asked for, and every way of saying it wrong.

A reply is drafted once, without regard to the wire format: blocks, stop reason, role. A fault changes the draft; then it
is written as a Converse response or in the OpenAI form. Objects are kept as JSON text, since some faults are about text.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .asked import TOOL, Asked
from .stage import Play
from .wire import Response

_FINISH = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


@dataclass
class Block:
    """A piece of a message: `tool` (text is the input as JSON), `text` or `reasoning`."""

    kind: str
    text: str
    name: str = ""


@dataclass
class Draft:
    """A reply before it has a wire format."""

    asked: Asked
    value: dict[str, Any]
    blocks: list[Block] = field(default_factory=list)
    stop: str = "end_turn"
    role: str = "assistant"
    wire_stop: str | None = None
    """A stop reason exactly as it goes onto the wire."""
    fields: dict[str, Any] = field(default_factory=dict)
    """More members of a Converse response or of an OpenAI message."""
    top_twice: bool = False
    checked: bool = True
    """Whether the response must satisfy the service model."""

    def refill(self) -> None:
        """Makes the one block of the asked form from the value."""
        text = json.dumps(self.value, ensure_ascii=False)
        if self.asked.form == TOOL:
            self.blocks, self.stop = [Block("tool", text, self.asked.name)], "tool_use"
        else:
            self.blocks, self.stop = [Block("text", text)], "end_turn"

    def first(self, name: str | None) -> str:
        return name or next(iter(self.value))


def draft(asked: Asked, value: dict[str, Any], play: Play | None) -> Draft:
    """The reply with this value, spoilt by the fault if there is one for what is said."""
    made = Draft(asked, dict(value))
    made.refill()
    if play is not None and play.fault in _SPOILERS:
        _SPOILERS[play.fault](made, **play.options)
    return made


def free_text(asked: Asked, text: str, stop: str = "end_turn") -> Draft:
    """A reply of plain text: to a request without a form, or in place of what a guardrail held back."""
    return Draft(asked, {}, [Block("text", text)], stop)


# Each fault of `stage.SAYING`, as a change to a draft.


def _duplicate_keys(made: Draft, top: bool) -> None:
    if top:
        made.top_twice = True
    else:
        name = next(iter(made.value))
        other = json.dumps({name: "allow" if made.value[name] != "allow" else "reject"})
        made.blocks[0].text = other[:-1] + ", " + made.blocks[0].text[1:]
    made.checked = False


def _depth_bomb(made: Draft, depth: int) -> None:
    made.blocks[0].text = "[" * depth + "]" * depth
    made.checked = False


def _wrong_tool(made: Draft, name: str) -> None:
    made.blocks = [Block("tool", made.blocks[0].text, name)]
    made.stop = "tool_use"


def _two_tools(made: Draft) -> None:
    block = made.blocks[0]
    made.blocks = [Block("tool", block.text, made.asked.name) for _ in range(2)]
    made.stop = "tool_use"


def _text_beside(made: Draft) -> None:
    made.blocks.insert(0, Block("text", "Let me look at that."))


def _text_instead(made: Draft, text: str) -> None:
    made.blocks, made.stop = [Block("text", text)], "end_turn"


def _reasoning_beside(made: Draft) -> None:
    made.blocks.insert(0, Block("reasoning", "The question is about the data, so I call the tool."))


def _stop_reason(made: Draft, reason: str) -> None:
    made.wire_stop, made.checked = reason, False


def _wrong_place(made: Draft, where: str | None) -> None:
    text = made.blocks[0].text
    match where or ("text" if made.asked.form == TOOL else "tool"):
        case "text":
            made.blocks, made.stop = [Block("text", text)], "end_turn"
        case "tool":
            made.blocks, made.stop = [Block("tool", text, made.asked.name)], "tool_use"
        case "wrapper":
            made.value = {"result": made.value}
            made.refill()
        case _:
            made.fields = made.value
            made.value = {}
            made.refill()


def _set(made: Draft, name: str, value: Any) -> None:
    made.value[name] = value
    made.refill()


def _missing_field(made: Draft, name: str | None) -> None:
    del made.value[made.first(name)]
    made.refill()


def _empty_reply(made: Draft) -> None:
    made.blocks = []


def _wrong_role(made: Draft, role: str) -> None:
    made.role, made.checked = role, False


_SPOILERS: dict[str, Callable[..., None]] = {
    "duplicate_keys": _duplicate_keys,
    "depth_bomb": _depth_bomb,
    "wrong_tool": _wrong_tool,
    "two_tools": _two_tools,
    "text_beside": _text_beside,
    "text_instead": _text_instead,
    "reasoning_beside": _reasoning_beside,
    "stop_reason": _stop_reason,
    "wrong_place": _wrong_place,
    "extra_field": lambda made, name, value: _set(made, name, value),
    "missing_field": _missing_field,
    "mistyped_field": lambda made, name, value: _set(made, made.first(name), value),
    "set_field": lambda made, name, value: _set(made, made.first(name), value),
    "unknown_verdict": lambda made, word: _set(made, "verdict", word),
    "empty_reply": _empty_reply,
    "wrong_role": _wrong_role,
}


class _Raw:
    """JSON text that goes into a response unread, so that it may say what no parser would give."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def put(self, text: str) -> dict[str, str]:
        mark = secrets.token_hex(16)
        self._texts[json.dumps({mark: ""})] = text
        return {mark: ""}

    def fill(self, rendered: str) -> str:
        for mark, text in self._texts.items():
            rendered = rendered.replace(mark, text)
        return rendered


def converse_response(made: Draft) -> tuple[Response, dict[str, Any]]:
    """The Converse response, and the object that it must be by the service model."""
    raw = _Raw()
    content: list[dict[str, Any]] = []
    for block in made.blocks:
        match block.kind:
            case "tool":
                use = {"toolUseId": "tooluse_" + secrets.token_urlsafe(12), "name": block.name, "input": raw.put(block.text)}
                content.append({"toolUse": use})
            case "reasoning":
                content.append({"reasoningContent": {"reasoningText": {"text": block.text}}})
            case _:
                content.append({"text": block.text})
    usage = _usage(made)
    response = {
        "output": {"message": {"role": made.role, "content": content}},
        "stopReason": made.wire_stop or made.stop,
        "usage": {"inputTokens": usage[0], "outputTokens": usage[1], "totalTokens": sum(usage)},
        "metrics": {"latencyMs": 1},
    }
    if made.fields:
        response["additionalModelResponseFields"] = made.fields
    text = raw.fill(json.dumps(response))
    if made.top_twice:
        text = '{"stopReason": "max_tokens", ' + text[1:]
    return Response(200, text.encode(), {"content-type": "application/json"}), response


def chat_response(made: Draft) -> Response:
    """The response in the OpenAI form."""
    message: dict[str, Any] = {"role": made.role, "content": None, "refusal": None, **made.fields}
    texts = [block.text for block in made.blocks if block.kind == "text"]
    if texts:
        message["content"] = "\n".join(texts)
    calls = [block for block in made.blocks if block.kind == "tool"]
    if calls:
        message["tool_calls"] = [
            {"id": "call_" + secrets.token_hex(12), "type": "function", "function": {"name": block.name, "arguments": block.text}}
            for block in calls
        ]
    for block in made.blocks:
        if block.kind == "reasoning":
            message["reasoning_content"] = block.text
    finish = _FINISH.get(made.stop, made.stop)
    if finish == "tool_calls" and isinstance(made.asked.body.get("tool_choice"), dict):
        # OpenAI says `stop` when the call was forced by name, and `tool_calls` otherwise.
        finish = "stop"
    usage = _usage(made)
    response = {
        "id": "chatcmpl-" + secrets.token_hex(12),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": made.asked.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": made.wire_stop or finish}],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)},
    }
    text = json.dumps(response)
    if made.top_twice:
        text = '{"choices": [], ' + text[1:]
    return Response(200, text.encode(), {"content-type": "application/json"})


def _usage(made: Draft) -> tuple[int, int]:
    """Tokens read and written, at four bytes each."""
    read = len(made.asked.system) + len(made.asked.user)
    written = sum(len(block.text) for block in made.blocks)
    return read // 4 + 1, written // 4 + 1


def guardrail_response(blocked: bool, play: Play | None) -> tuple[Response, dict[str, Any], bool]:
    """The ApplyGuardrail response, its object, and whether that must satisfy the service model."""
    units = ("topicPolicyUnits", "contentPolicyUnits", "wordPolicyUnits", "sensitiveInformationPolicyUnits")
    free = ("sensitiveInformationPolicyFreeUnits", "contextualGroundingPolicyUnits")
    response: dict[str, Any] = {
        "usage": {**dict.fromkeys(units, 1), **dict.fromkeys(free, 0)},
        "action": "NONE",
        "outputs": [],
        "assessments": [],
    }
    if blocked:
        attack = {"type": "PROMPT_ATTACK", "confidence": "HIGH", "action": "BLOCKED", "detected": True}
        response["action"] = "GUARDRAIL_INTERVENED"
        response["outputs"] = [{"text": "Sorry, that cannot be answered."}]
        response["assessments"] = [{"contentPolicy": {"filters": [attack]}}]
    checked = True
    if play is not None and play.fault == "unknown_action":
        response["action"], checked = play.options["action"], False
    return Response.of_json(response), response, checked
