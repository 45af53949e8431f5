"""Node's client against the server, in both versions: what a program in JavaScript gets. Needs `tools/mcp-setup.sh --node`."""

import json
import subprocess
from pathlib import Path

import pytest
from splitplane_test.session import wait_until

from pg_test.mcp.world import CLAIMS, SLOW
from pg_test.wire.harness import SALES

HERE = Path(__file__).resolve().parent
MODULES = HERE.parents[1] / ".tools/mcp-node"
COUNT = {"tool": "ask", "arguments": {"sql": "SELECT count(*), min(note) FROM sales"}}


def start(server, token: str, version: str, *steps: dict) -> subprocess.Popen:
    """Node with these steps."""
    given = {"modules": str(MODULES), "url": server.url, "token": token, "version": version, "steps": steps}
    process = subprocess.Popen(["node", HERE / "client.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    return process


def answer(process: subprocess.Popen) -> dict:
    process.wait(60)
    return json.loads(process.stdout.read())


def run(server, token: str, version: str, *steps: dict) -> dict:
    return answer(start(server, token, version, *steps))


@pytest.mark.parametrize("org", CLAIMS)
def test_rows_of_the_tokens_tenant(server, issuer, version, org):
    got = run(server, issuer.token(org), version, COUNT, {"tool": "describe", "arguments": {}}, {"tool": "verified_queries", "arguments": {}})
    assert got["version"] == version and got["tools"] == ["ask", "describe", "verified_queries"], got
    asked, described, verified = (step["result"] for step in got["steps"])
    tenant = CLAIMS[org]
    assert asked["structuredContent"]["rows"] == [[str(SALES[tenant]), f"CANARY-{tenant} sale 1"]]
    assert "table sales" in described["structuredContent"]["plane"]
    assert verified["structuredContent"]["questions"] == [{"question": "Which units are there?", "synonyms": []}]


def test_every_digit(server, issuer, version):
    """Printed by JavaScript itself: a number above 2^53 would be another one."""
    sql = "SELECT 9007199254740993::bigint, 12345678901234567890.123456789::numeric, '[9007199254740993, 0.5]'::jsonb, 7"
    got = run(server, issuer.token(), version, {"tool": "ask", "arguments": {"sql": sql}})
    assert got["steps"][0]["result"]["structuredContent"]["rows"] == [
        ["9007199254740993", "12345678901234567890.123456789", ["9007199254740993", 0.5], 7]
    ]


def test_refusals_and_clarify(server, issuer, version, model):
    model.play()
    model.script.replace([{"question": "How did it go?", "verdict": "clarify", "message": "Which week do you mean?"}])
    named, unknown, clarify, good = run(
        server,
        issuer.token(),
        version,
        {"tool": "ask", "arguments": {"sql": "SELECT 1", "tenant": "brand-b"}},
        {"tool": "ask", "arguments": {"sql": "SELECT id FROM vault"}},
        {"tool": "ask", "arguments": {"question": "How did it go?"}},
        COUNT | {"progress": True},
    )["steps"]
    assert named["result"]["isError"] and "Who asks is read from the access token." in named["result"]["content"][0]["text"]
    assert unknown["result"]["isError"] and unknown["result"]["content"][0]["text"] == 'relation "vault" is not in the plane'
    assert not clarify["result"].get("isError") and clarify["result"]["structuredContent"]["outcome"] == "clarify"
    assert good["notes"][0]["message"] == "The database is working on it." and good["result"]["structuredContent"]["row_count"] == 1


def test_a_bad_token(server, issuer, version):
    for token in (issuer.token(exp=1), issuer.token(aud="https://other.test/"), issuer.token("org-d")):
        got = run(server, token, version, COUNT)
        assert "steps" not in got and "brand" not in json.dumps(got), got
    assert "steps" in run(server, issuer.token(), version, COUNT), "the control"


def test_a_client_that_gives_up(server, setup, issuer, version):
    process = start(server, issuer.token(), version, {"tool": "ask", "arguments": {"sql": SLOW}, "abortAfter": 1500}, COUNT)
    wait_until(lambda: setup.running() == 1, 15, "the statement runs")
    gave_up, after = answer(process)["steps"]
    assert "error" in gave_up and after["result"]["structuredContent"]["row_count"] == 1
    wait_until(lambda: setup.running() == 0, 5, "the statement has ended in the server")
