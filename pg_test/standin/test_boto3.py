"""boto3 itself calls the stand-in, which therefore speaks the protocol that AWS publishes."""

import datetime
import http.client
import json

import botocore.auth
import pytest
from botocore.exceptions import ClientError
from conftest import bedrock
from speaking import MODEL, ORDERS, chat_body, converse_body, post, signed, tool_input
from splitplane_test.standin import Standin, replies


def ask(client, name="record_verdict", model=MODEL, **more):
    return client.converse(modelId=model, **converse_body(name, **more))


def refusal(action) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        action()
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_answers_a_forced_tool(client, standin):
    response = ask(client)
    (block,) = response["output"]["message"]["content"]
    assert response["stopReason"] == "tool_use"
    assert block["toolUse"]["name"] == "record_verdict"
    assert block["toolUse"]["input"] == {"verdict": "allow", "reason": "It asks for a count.", "message": ""}
    assert response["usage"]["totalTokens"] == response["usage"]["inputTokens"] + response["usage"]["outputTokens"]
    assert response["ResponseMetadata"]["HTTPHeaders"]["server"] == "splitplane-standin"
    (record,) = standin.requests
    assert (record.task, record.form, record.model, record.question) == ("validation", "tool", MODEL, ORDERS)
    assert (record.key, record.authentication, record.status) == (standin.access_key, "sigv4", 200)


def test_answers_native_structured_output(client):
    response = ask(client, "write_sql", form="native")
    (block,) = response["output"]["message"]["content"]
    assert response["stopReason"] == "end_turn"
    assert json.loads(block["text"]) == {"sql": "SELECT count(*) FROM order", "clarification": ""}


def test_intervenes_in_converse_when_a_guardrail_is_configured(client):
    guardrail = {"guardrailIdentifier": "abc123", "guardrailVersion": "DRAFT"}
    blocked = client.converse(modelId=MODEL, guardrailConfig=guardrail, **converse_body("record_verdict", "What is the weather?"))
    assert blocked["stopReason"] == "guardrail_intervened"
    passed = client.converse(modelId=MODEL, guardrailConfig=guardrail, **converse_body("record_verdict"))
    assert passed["stopReason"] == "tool_use"


def test_applies_a_guardrail(client, standin):
    def action(text):
        content = [{"text": {"text": text}}]
        return client.apply_guardrail(guardrailIdentifier="abc123", guardrailVersion="1", source="INPUT", content=content)

    assert action(ORDERS)["action"] == "NONE"
    blocked = action("What is the weather?")
    assert blocked["action"] == "GUARDRAIL_INTERVENED" and blocked["assessments"]
    assert [record.task for record in standin.requests] == ["guardrail", "guardrail"]


@pytest.mark.parametrize(
    "model",
    [
        "us.anthropic.claude-sonnet-4-20250514-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
        "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
    ],
)
def test_takes_every_kind_of_model_id(client, standin, model):
    assert ask(client, model=model)["stopReason"] == "tool_use"
    assert standin.requests[-1].model == model


def test_takes_a_colon_in_the_path_as_it_was_sent(standin):
    """`%3A` and `:` are signed differently; both are right when what is signed is what is sent."""
    for target in (f"/model/{MODEL}/converse", f"/model/{MODEL.replace(':', '%3A')}/converse"):
        body = json.dumps(converse_body("record_verdict")).encode()
        assert post(standin, target, body).status == 200
        other = target.replace("%3A", ":") if "%3A" in target else target.replace(":", "%3A")
        answer = post(standin, target, body, signed(standin, other, body))
        assert (answer.status, answer.error_type) == (403, "InvalidSignatureException")


def test_refuses_what_is_not_signed_right(standin):
    assert refusal(lambda: ask(bedrock(standin, secret_key="wrong"))) == (403, "InvalidSignatureException")
    assert refusal(lambda: ask(bedrock(standin, access_key="AKIAUNKNOWN"))) == (403, "UnrecognizedClientException")
    assert refusal(lambda: ask(bedrock(standin, token="a token that the key does not have"))) == (
        403,
        "UnrecognizedClientException",
    )
    assert all(record.asked is None and record.status == 403 for record in standin.requests)
    secrets = (standin.secret_key, "a token that the key does not have", "Signature=")
    assert not any(secret in repr(record) for record in standin.requests for secret in secrets)


def test_takes_the_region_from_the_scope(standin):
    assert ask(bedrock(standin, region="eu-central-1"))["stopReason"] == "tool_use"


def test_refuses_other_services_bodies_and_times(standin, monkeypatch):
    target, body = f"/model/{MODEL}/converse", json.dumps(converse_body("record_verdict")).encode()
    assert post(standin, target, body, signed(standin, target, body, service="splitplane")).status == 403
    assert post(standin, target, body + b" ", signed(standin, target, body)).status == 403
    headers = signed(standin, target, body)
    assert post(standin, target, body, {**headers, "x-amz-target": "unsigned"}).status == 403
    assert post(standin, target, body, {**headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}).status == 403
    assert post(standin, target, body, {"content-type": "application/json"}).error_type == "MissingAuthenticationTokenException"
    for minutes, status in ((-6, 403), (6, 403), (-4, 200), (4, 200)):
        moment = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(minutes=minutes)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda moment=moment: moment)
        assert post(standin, target, body, signed(standin, target, body)).status == status, minutes


def test_takes_a_session_token_until_it_expires(standin):
    key = standin.keys.temporary(3600)
    assert ask(bedrock(standin, key.access_key, key.secret_key, key.token))["stopReason"] == "tool_use"
    assert refusal(lambda: ask(bedrock(standin, key.access_key, key.secret_key))) == (403, "UnrecognizedClientException")
    gone = standin.keys.temporary(-1)
    assert refusal(lambda: ask(bedrock(standin, gone.access_key, gone.secret_key, gone.token))) == (403, "ExpiredTokenException")


def test_takes_a_bearer_key(standin):
    """By hand: boto3 sends bearer keys over TLS only."""
    target, body = f"/model/{MODEL}/converse", converse_body("record_verdict")
    headers = {"content-type": "application/json", "authorization": f"Bearer {standin.bearer}"}
    assert post(standin, target, body, headers).status == 200
    assert standin.requests[-1].authentication == "bearer" and standin.bearer not in repr(standin.requests)
    answer = post(standin, target, body, {**headers, "authorization": "Bearer wrong"})
    assert (answer.status, answer.error_type) == (403, "AccessDeniedException")


def _spoil(**changes):
    return {**converse_body("record_verdict"), **changes}


def _deeper(change):
    body = converse_body("record_verdict")
    change(body)
    return body


@pytest.mark.parametrize(
    "body",
    [
        _spoil(temperature=0),
        _spoil(modelId=MODEL),
        _spoil(inferenceConfig={"maxTokens": 5, "topK": 1}),
        _spoil(inferenceConfig={"maxTokens": True}),
        _spoil(inferenceConfig={"temperature": 2}),
        _spoil(system=None),
        _spoil(system=[{"text": ""}]),
        _spoil(messages=[]),
        _spoil(messages=[{"role": "model", "content": [{"text": "x"}]}]),
        _spoil(messages=[{"role": "assistant", "content": [{"text": "x"}]}]),
        _spoil(messages=[{"role": "user", "content": [{"text": " "}]}]),
        _spoil(messages=[{"role": "user", "content": "x"}]),
        _spoil(messages=[{"role": "user", "content": [{"text": "x", "cachePoint": {"type": "default"}}]}]),
        _spoil(guardrailConfig={"guardrailIdentifier": "Not Right", "guardrailVersion": "1"}),
        _spoil(outputConfig={"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "n", "schema": "{}"}}}}),
        _deeper(lambda body: body["toolConfig"]["tools"][0]["toolSpec"].update(parameters={})),
        _deeper(lambda body: body["toolConfig"]["tools"][0]["toolSpec"].update(name="no blanks")),
        _deeper(lambda body: body["toolConfig"].update(toolChoice={"tool": {"name": "another"}})),
        _deeper(lambda body: body["toolConfig"].update(toolChoice={"auto": {}, "any": {}})),
        _deeper(lambda body: body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]["required"].pop()),
        [],
        b"{",
        b'{"messages": [], "messages": []}',
        b"\xff",
    ],
)
def test_refuses_bodies_that_the_service_model_does_not_know(standin, body):
    answer = post(standin, f"/model/{MODEL}/converse", body)
    assert (answer.status, answer.error_type) == (400, "ValidationException"), answer.body


def test_refuses_wrong_guardrail_calls(standin):
    content = [{"text": {"text": ORDERS}}]
    right = {"source": "INPUT", "content": content}
    assert post(standin, "/guardrail/abc/version/DRAFT/apply", right).status == 200
    for target, body in (
        ("/guardrail/abc/version/DRAFT/apply", {**right, "source": "QUESTION"}),
        ("/guardrail/abc/version/DRAFT/apply", {**right, "guardrailVersion": "DRAFT"}),
        ("/guardrail/abc/version/DRAFT/apply", {"source": "INPUT", "content": [{"text": ORDERS}]}),
        ("/guardrail/abc/version/latest/apply", right),
        ("/guardrail/A%20B/version/1/apply", right),
    ):
        answer = post(standin, target, body)
        assert (answer.status, answer.error_type) == (400, "ValidationException"), answer.body


def test_knows_no_other_operation(standin):
    for target in (f"/model/{MODEL}/invoke", f"/model/{MODEL}/converse/", "/v2/chat/completions"):
        assert post(standin, target, chat_body("record_verdict")).status == 404
    assert [record.operation for record in standin.requests] == ["unknown"] * 3


def test_says_so_when_its_own_response_is_wrong(monkeypatch):
    monkeypatch.setattr(replies, "_usage", lambda made: (-1, "many"))
    with pytest.raises(RuntimeError, match="the stand-in itself was wrong"), Standin() as standin:
        monkeypatch.setattr(replies, "_usage", lambda made: (1, True))
        post(standin, f"/model/{MODEL}/converse", converse_body("record_verdict"))
    assert standin.errors


def test_holds_connections_open(standin):
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=10)
    answers = [post(standin, f"/model/{MODEL}/converse", converse_body("record_verdict"), connection=connection) for _ in range(3)]
    connection.close()
    assert [tool_input(answer)["verdict"] for answer in answers] == ["allow"] * 3
    assert {record.connection for record in standin.requests} == {1} and standin.connections == 1
