"""The OpenAI form, spoken with http.client."""

import json

import pytest
from speaking import ORDERS, chat, chat_body, post
from splitplane_test.standin import Standin


def spoken(answer):
    (choice,) = answer.json()["choices"]
    return choice["message"], choice["finish_reason"]


def test_answers_a_forced_function(standin):
    message, finish = spoken(chat(standin))
    (call,) = message["tool_calls"]
    assert call["function"]["name"] == "record_verdict" and message["content"] is None
    assert json.loads(call["function"]["arguments"]) == {"verdict": "allow", "reason": "It asks for a count.", "message": ""}
    # As OpenAI does when the function is forced by name.
    assert finish == "stop"
    (record,) = standin.requests
    assert (record.operation, record.task, record.form, record.model, record.question) == (
        "chat",
        "validation",
        "tool",
        "gpt-4o",
        ORDERS,
    )


def test_says_tool_calls_when_the_function_is_not_named(standin):
    headers = {"content-type": "application/json", "authorization": f"Bearer {standin.bearer}"}
    for choice in ("required", "auto"):
        answer = post(standin, "/chat/completions", {**chat_body("record_verdict"), "tool_choice": choice}, headers)
        assert spoken(answer)[1] == "tool_calls"


def test_answers_structured_output(standin):
    message, finish = spoken(chat(standin, "write_sql", form="native"))
    assert json.loads(message["content"])["sql"] == "SELECT count(*) FROM order" and finish == "stop"
    assert "tool_calls" not in message


def test_answers_an_object_with_its_schema_beside_the_type(standin):
    message, finish = spoken(chat(standin, "write_sql", form="json_object"))
    assert json.loads(message["content"])["sql"] == "SELECT count(*) FROM order" and finish == "stop"
    assert (standin.requests[-1].form, standin.requests[-1].task) == ("json_object", "generation")


def test_wants_the_bearer_key_unless_told_otherwise(standin):
    body, headers = chat_body("record_verdict"), {"content-type": "application/json"}
    for wrong in ({}, {"authorization": "Bearer wrong"}, {"api-key": standin.bearer}):
        answer = post(standin, "/v1/chat/completions", body, {**headers, **wrong})
        assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    with Standin(allow_unsigned=True) as open_one:
        assert post(open_one, "/chat/completions", body, headers).status == 200
        assert post(open_one, "/model/m/converse", body, headers).status == 403
        assert open_one.requests[0].authentication == "none"


def _changed(change):
    body = chat_body("record_verdict")
    change(body)
    return body


@pytest.mark.parametrize(
    "body",
    [
        _changed(lambda body: body.update(logit_bias={})),
        _changed(lambda body: body.update(max_tokens=5)),
        _changed(lambda body: body.update(stream=True)),
        _changed(lambda body: body.update(temperature=True)),
        _changed(lambda body: body.pop("model")),
        _changed(lambda body: body["messages"][0].update(role="tool")),
        _changed(lambda body: body["messages"][0].update(text="x")),
        _changed(lambda body: body["messages"][0].update(content=None)),
        _changed(lambda body: body["tools"][0]["function"].update(schema={})),
        _changed(lambda body: body["tools"][0]["function"]["parameters"].pop("additionalProperties")),
        _changed(lambda body: body["tools"][0]["function"]["parameters"]["required"].pop()),
        _changed(lambda body: body["tool_choice"]["function"].update(name="another")),
        _changed(lambda body: body.pop("tools")),
        _changed(lambda body: body.update(response_format={"type": "json_schema"})),
        _changed(lambda body: body.update(response_format={"type": "text", "schema": {"type": "object"}})),
        _changed(lambda body: body.update(response_format={"type": "json_object", "schema": {"type": "array"}})),
        [],
        b"{",
        b'{"model": "a", "model": "b"}',
    ],
)
def test_refuses_bodies_that_it_does_not_know(standin, body):
    headers = {"content-type": "application/json", "authorization": f"Bearer {standin.bearer}"}
    answer = post(standin, "/v1/chat/completions", body, headers)
    assert answer.status == 400 and answer.json()["error"]["message"], answer.body


def test_refuses_another_content_type(standin):
    headers = {"content-type": "text/plain", "authorization": f"Bearer {standin.bearer}"}
    assert post(standin, "/v1/chat/completions", chat_body("record_verdict"), headers).status == 400
