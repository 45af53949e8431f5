"""Every behaviour once, seen by a client that reads bytes."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time

import pytest
from speaking import MODEL, ORDERS, Answer, chat, chat_body, converse, converse_body, post, raw_converse, read_all, tool_input
from splitplane_test.standin import FAULTS, PlayError, Standin

PLAYED: set[str] = set()


@pytest.fixture
def play(standin):
    def played(fault=None, **options):
        PLAYED.add(fault)
        standin.play(fault, **options)

    return played


def message(answer: Answer):
    return answer.json()["output"]["message"]


def test_latency_counts_from_arrival_and_by_task(standin, play):
    play(latency_ms={"validation": 150, "generation": 300})
    for name, least in (("record_verdict", 0.15), ("write_sql", 0.3), ("tell_answer", 0.0)):
        begun = time.monotonic()
        assert converse(standin, name).status == 200
        lasted = time.monotonic() - begun
        assert least <= lasted < least + 0.14, (name, lasted)


def test_counts_validations_beside_generations(standin, play):
    play(latency_ms={"validation": 100, "generation": 200})
    threads = [threading.Thread(target=converse, args=(standin, name)) for name in ("record_verdict", "write_sql")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    standin.settle()
    assert standin.overlaps == 1 and standin.most_at_once == 2 and standin.in_flight == 0
    converse(standin, "record_verdict")
    converse(standin, "write_sql")
    assert standin.overlaps == 1


def test_hang_ends_when_the_client_leaves(standin, play):
    play("hang", task="validation")
    connection = raw_converse(standin)
    connection.settimeout(0.3)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    assert standin.in_flight == 1
    connection.close()
    (record,) = standin.settle()
    assert record.abandoned and record.status is None and record.sent == 0
    assert 0.25 < record.finished - record.arrived < 1
    assert converse(standin, "write_sql").status == 200


def test_hang_and_latency_end_when_the_stand_in_stops():
    with Standin() as standin:
        standin.play("hang")
        waiting = raw_converse(standin)
        idle = socket.create_connection(("127.0.0.1", standin.port), timeout=5)
        while not (standin.in_flight and standin.connections == 2):
            time.sleep(0.01)
    assert read_all(waiting) == b"" and read_all(idle) == b""


def test_close_and_reset_before_any_byte(standin, play):
    play("close")
    assert read_all(raw_converse(standin)) == b""
    play("reset")
    with pytest.raises(ConnectionResetError):
        read_all(raw_converse(standin))


def test_half_body(standin, play):
    play("half_body")
    head, _, body = read_all(raw_converse(standin)).partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert len(body) == length // 2
    with pytest.raises(http.client.IncompleteRead):
        converse(standin)


@pytest.mark.parametrize("chunked", [False, True])
def test_huge(standin, play, chunked):
    play("huge", bytes=50_000_000, chunked=chunked)
    answer = converse(standin)
    assert len(answer.body) == 50_000_000 and ("content-length" in answer.headers) != chunked
    assert tool_input(answer)["verdict"] == "allow"


def test_huge_stops_when_the_client_has_enough(standin, play):
    play("huge")
    connection = raw_converse(standin)
    connection.recv(100_000)
    connection.close()
    (record,) = standin.settle()
    assert record.abandoned and record.sent < 40_000_000


def test_drip(standin, play):
    play("drip", interval_ms=100)
    connection = raw_converse(standin)
    begun, got = time.monotonic(), b""
    while len(got.partition(b"\r\n\r\n")[2]) < 5:
        got += connection.recv(1)
    assert 0.35 < time.monotonic() - begun < 1
    connection.close()
    play("drip", interval_ms=0, head=True)
    assert tool_input(converse(standin))["verdict"] == "allow"


def test_chunked(standin, play):
    play("chunked", size=5)
    answer = converse(standin)
    assert answer.headers["transfer-encoding"] == "chunked" and tool_input(answer)["verdict"] == "allow"


@pytest.mark.parametrize("retry_after", [None, 2])
def test_throttles_so_often_and_then_answers(standin, play, retry_after):
    play("throttle", times=2, task="validation", retry_after=retry_after)
    assert converse(standin, "write_sql").status == 200
    for _ in range(2):
        answer = converse(standin)
        assert (answer.status, answer.error_type) == (429, "ThrottlingException") and answer.json()["message"]
        assert answer.headers.get("retry-after") == (None if retry_after is None else str(retry_after))
    assert converse(standin).status == 200
    play("throttle", times=1)
    assert chat(standin).json()["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
        (404, "ResourceNotFoundException"),
        (424, "ModelErrorException"),
        (408, "ModelTimeoutException"),
        (403, "AccessDeniedException"),
    ],
)
def test_refuses_with_any_status(standin, play, status, code):
    play("refuse", status=status, times=1)
    answer = converse(standin)
    assert (answer.status, answer.error_type) == (status, code)
    assert converse(standin).status == 200
    play("refuse", status=status, code="ModelNotReadyException", times=1)
    assert converse(standin).error_type == "ModelNotReadyException"


def test_rejects_one_form_and_takes_the_other(standin, play):
    for form, other, words in (("tool", "native", "toolConfig.toolChoice.tool"), ("native", "tool", "output_config.format")):
        play(None)
        play("reject_form", form=form)
        answer = converse(standin, form=form)
        assert (answer.status, answer.error_type) == (400, "ValidationException") and words in answer.json()["message"]
        assert converse(standin, form=other).status == 200
        assert chat(standin, form=form).json()["error"]["param"] == {"tool": "tool_choice", "native": "response_format"}[form]
        assert chat(standin, form=other).status == 200
    play(None)
    play("reject_form", form="native", takes="json_object")
    assert "'text' or 'json_object'" in chat(standin, form="native").json()["error"]["message"]
    assert chat(standin, form="json_object").status == 200


def test_redirect_and_content_type(standin, play):
    play("redirect", location=f"{standin.url}/elsewhere")
    answer = converse(standin)
    assert (answer.status, answer.headers["location"]) == (307, f"{standin.url}/elsewhere")
    play("content_type", value="text/html")
    answer = converse(standin)
    assert answer.headers["content-type"] == "text/html" and tool_input(answer)["verdict"] == "allow"


def test_broken_bodies(standin, play):
    play("malformed")
    answer = converse(standin)
    assert answer.status == 200 and int(answer.headers["content-length"]) == len(answer.body)
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    play("non_utf8")
    with pytest.raises(UnicodeDecodeError):
        converse(standin).body.decode()
    play("empty_body")
    assert (converse(standin).status, converse(standin).body) == (200, b"")


def test_duplicate_keys(standin, play):
    play("duplicate_keys")
    assert b'"verdict": "reject", "verdict": "allow"' in converse(standin).body
    assert json.loads(converse(standin, form="native").body)["output"]["message"]["content"][0]["text"].count('"verdict"') == 2
    assert chat(standin).json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].count('"verdict"') == 2
    play("duplicate_keys", top=True)
    assert converse(standin).body.count(b'"stopReason"') == 2


def test_depth_bomb(standin, play):
    play("depth_bomb")
    body = converse(standin).body
    assert b"[" * 130 in body and b"]" * 130 in body
    play("depth_bomb", depth=3)
    assert tool_input(converse(standin)) == [[[]]]


def test_tools_and_texts_out_of_order(standin, play):
    def kinds(**more):
        return [next(iter(block)) for block in message(converse(standin, **more))["content"]]

    play("wrong_tool")
    assert message(converse(standin))["content"][0]["toolUse"]["name"] == "other_tool"
    play("two_tools")
    assert kinds() == ["toolUse", "toolUse"]
    assert len(chat(standin).json()["choices"][0]["message"]["tool_calls"]) == 2
    play("text_beside")
    assert kinds() == ["text", "toolUse"] and kinds(form="native") == ["text", "text"]
    play("text_instead")
    answer = converse(standin)
    assert "toolUse" not in message(answer)["content"][0] and answer.json()["stopReason"] == "end_turn"
    play("reasoning_beside")
    assert kinds() == ["reasoningContent", "toolUse"]
    play("empty_reply")
    assert kinds() == []
    play("wrong_role")
    assert message(converse(standin))["role"] == "user"


@pytest.mark.parametrize(
    "reason",
    "end_turn tool_use max_tokens stop_sequence guardrail_intervened content_filtered malformed_model_output malformed_tool_use"
    " model_context_window_exceeded never_heard_of".split(),
)
def test_every_stop_reason(standin, play, reason):
    play("stop_reason", reason=reason)
    answer = converse(standin)
    assert answer.json()["stopReason"] == reason and tool_input(answer)["verdict"] == "allow"
    assert chat(standin).json()["choices"][0]["finish_reason"] == reason


def test_the_verdict_in_the_wrong_place(standin, play):
    play("wrong_place")
    (block,) = message(converse(standin))["content"]
    assert json.loads(block["text"])["verdict"] == "allow"
    assert message(converse(standin, form="native"))["content"][0]["toolUse"]["input"]["verdict"] == "allow"
    play("wrong_place", where="wrapper")
    assert tool_input(converse(standin))["result"]["verdict"] == "allow"
    play("wrong_place", where="fields")
    answer = converse(standin)
    assert answer.json()["additionalModelResponseFields"]["verdict"] == "allow" and tool_input(answer) == {}
    with pytest.raises(PlayError):
        play("wrong_place", where="nowhere")


def test_spoilt_fields(standin, play):
    play("extra_field")
    assert set(tool_input(converse(standin))) == {"verdict", "reason", "message", "confidence"}
    play("missing_field")
    assert set(tool_input(converse(standin))) == {"reason", "message"}
    play("missing_field", name="message")
    assert set(tool_input(converse(standin))) == {"verdict", "reason"}
    play("mistyped_field")
    assert tool_input(converse(standin))["verdict"] is True
    play("set_field", name="reason", value="x" * 5000)
    assert len(tool_input(converse(standin))["reason"]) == 5000
    play("unknown_verdict")
    assert tool_input(converse(standin))["verdict"] == "maybe"
    play(None)
    play("unknown_verdict")
    assert tool_input(converse(standin, "write_sql"))["sql"]


def test_a_guardrail_misbehaves_too(standin, play):
    def applied():
        return post(standin, "/guardrail/abc/version/1/apply", {"source": "INPUT", "content": [{"text": {"text": ORDERS}}]})

    play("unknown_action")
    assert applied().json()["action"] == "PERHAPS"
    play("throttle", task="guardrail", times=1)
    assert converse(standin).status == 200 and applied().status == 429


def test_behaviours_of_one_rule(standin):
    standin.script.add([{"question": "Slow?", "verdict": "allow", "play": {"fault": "throttle", "times": 1}}])
    assert converse(standin).status == 200
    assert [converse(standin, question="Slow?").status for _ in range(2)] == [429, 200]


def test_refuses_behaviours_that_do_not_exist(standin):
    for wrong in (
        {"fault": "unheard"},
        {"fault": "throttle", "task": "cooking"},
        {"fault": "hang", "bytes": 1},
        {"fault": "reject_form"},
    ):
        with pytest.raises(PlayError):
            standin.play(**wrong)
    with pytest.raises(PlayError):
        standin.play(latency_ms={"cooking": 1})


def test_every_behaviour_has_been_played():
    """Last in this file: a behaviour that nobody tries may not exist."""
    assert PLAYED >= set(FAULTS), set(FAULTS) - PLAYED


def test_another_process_starts_and_switches_it(tmp_path):
    script, variables = tmp_path / "script.json", tmp_path / "environment"
    script.write_text(json.dumps({"rules": [{"question": ORDERS, "verdict": "allow", "sql": "SELECT 1"}]}))
    command = [sys.executable, "-m", "splitplane_test.standin", "--script", script, "--port", "0", "--unsigned", "--environment", variables]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        greeting = running.stdout.readline()
        assert "stand-in, not a model" in greeting
        port = int(greeting.strip().rpartition(":")[2])
        assert variables.stat().st_mode & 0o777 == 0o600

        def call(method, path, body=None):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(method, path, json.dumps(body) if body is not None else None, {"content-type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

        assert call("POST", "/chat/completions", chat_body("record_verdict"))[0] == 200
        assert call("POST", "/standin/play", {"fault": "refuse", "status": 503, "times": 1})[0] == 200
        assert call("POST", "/chat/completions", chat_body("record_verdict"))[0] == 503
        assert call("POST", "/standin/play", {"fault": "unheard of"})[0] == 400
        assert call("POST", "/standin/play", [{"rules": [{"question": "New?", "verdict": "reject"}]}, {"obedient": True}])[0] == 200
        seen = call("GET", "/standin/requests")[1]
        assert [entry["status"] for entry in seen] == [200, 503] and seen[0]["question"] == ORDERS
        assert ORDERS in call("GET", "/standin/texts")[1]
        assert call("POST", "/standin/clear")[0] == 200 and call("GET", "/standin/requests")[1] == []
        assert call("GET", "/standin/state")[1]["errors"] == []
    finally:
        running.terminate()
        _, lines = running.communicate(timeout=10)
    assert running.returncode == 0 and "splitplane-standin: POST /chat/completions validation 200" in lines


def test_answers_fast_enough_for_a_bench(standin):
    """The bench measures single milliseconds around it; its own share must be small."""
    target = f"/model/{MODEL}/converse"
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=10)
    for _ in range(50):
        post(standin, target, converse_body("record_verdict", plane="x" * 20_000), connection=connection)
    connection.close()
    spent = sorted(record.finished - record.arrived for record in standin.settle())
    assert spent[len(spent) // 2] < 0.02, spent
