"""What a caller gets who may ask: rows of the token's tenant, every digit, questions back, descriptions, and our own sentences."""

import asyncio
import json
import uuid

import pytest
from splitplane_test.session import canaries

from pg_test.mcp.world import CLAIMS, TENANTS
from pg_test.wire.harness import SALES

COUNT = "SELECT count(*) FROM sales"


def sentence(result) -> str:
    """The one text of a refusal, which its structure has as well."""
    assert result.is_error and len(result.content) == 1, result
    assert result.structured_content["outcome"] == "error" and result.structured_content["message"] == result.content[0].text
    return result.content[0].text


@pytest.mark.parametrize("org", CLAIMS)
def test_rows_of_the_tokens_tenant(server, issuer, version, org):
    """Two tokens, two tenants: what is not shown to one is there, and shown to the other."""
    tenant = CLAIMS[org]
    result = server.call(issuer.token(org), version, sql="SELECT count(*), min(note), max(note) FROM sales")
    assert not result.is_error
    assert result.structured_content["rows"] == [
        [str(SALES[tenant]), f"CANARY-{tenant} sale 1", max(f"CANARY-{tenant} sale {n}" for n in range(1, SALES[tenant] + 1))]
    ]
    assert not canaries(result.content[0].text, tenant)
    assert json.loads(result.content[0].text) == result.structured_content, "models and programs read the same"


def test_a_tenant_that_the_key_may_not_speak_for(server, issuer, version, setup):
    """The mapping names it, and the principal is there: the key's own list is what refuses."""
    assert TENANTS["org-c"] == "brand-c" and "brand-c" not in CLAIMS.values()
    assert setup.plane.run("SELECT count(*) FROM splitplane.principals WHERE tenant = 'brand-c'") == (1,), "the control"
    assert sentence(server.call(issuer.token("org-c"), version, sql=COUNT)).startswith("The database does not admit this account.")
    assert sentence(server.call(issuer.token("org-c"), version, "describe")).startswith("The database does not admit this account.")
    assert sentence(server.call(issuer.token("org-c"), version, "verified_queries")).startswith("The database does not admit this account.")


def test_every_digit(server, issuer, version):
    sql = """SELECT 9007199254740993::bigint, 12345678901234567890.123456789::numeric, '[9007199254740993, 0.1, 1234567890123456789012345678901234567890, 0.12345678901234567890123, 7]'::jsonb, 0.5::float8, 7"""
    result = server.call(issuer.token(), version, sql=sql)
    assert not result.is_error, result
    rows = result.structured_content["rows"]
    (big, wide, (inner, tenth, huge, fine, seven), half, small) = rows[0]
    assert (big, wide, half, small) == ("9007199254740993", "12345678901234567890.123456789", 0.5, 7)
    assert (inner, tenth, seven) == ("9007199254740993", 0.1, 7) and huge == "1234567890123456789012345678901234567890"
    assert fine == "0.12345678901234567890123"


def test_clarify_is_an_ordinary_result(server, issuer, version, model):
    model.play()
    model.script.replace([{"question": "How did it go?", "verdict": "clarify", "message": "Which week do you mean?"}])
    result = server.call(issuer.token(), version, question="How did it go?")
    assert not result.is_error and result.structured_content["outcome"] == "clarify", result
    assert result.structured_content["message"] == "Which week do you mean?"


def test_describe_and_verified_queries(server, issuer, version):
    plane = server.call(issuer.token(), version, "describe").structured_content["plane"]
    assert "table sales" in plane and "table shops" in plane and "vault" not in plane and "CANARY" not in plane
    listed = server.call(issuer.token(), version, "verified_queries").structured_content
    assert listed == {
        "questions": [{"question": "Which units are there?", "synonyms": []}],
        "metrics": [{"name": "takings", "description": "All that was sold", "synonyms": []}],
    }
    asked = server.call(issuer.token(), version, question=listed["questions"][0]["question"]).structured_content
    assert (asked["source"], asked["rows"]) == ("verified_query", [["dozen"], ["piece"]])


@pytest.mark.parametrize(
    "tool, arguments",
    [
        ("ask", {"sql": COUNT, "tenant": "brand-b"}),
        ("ask", {"sql": COUNT, "context": {}}),
        ("ask", {"sql": COUNT, "subject": "u-2"}),
        ("describe", {"tenant": "brand-b"}),
        ("verified_queries", {"tenant_id": "brand-b"}),
    ],
)
def test_a_call_that_names_a_tenant(server, issuer, version, tool, arguments):
    """The SDK drops an argument that is not declared; here it is refused, and nothing of it is said again."""
    told = sentence(server.call(issuer.token(), version, tool, **arguments))
    assert "Who asks is read from the access token." in told and "brand" not in told


@pytest.mark.parametrize(
    "arguments, told",
    [
        ({}, "ask needs a question or sql."),
        ({"sql": " "}, "The argument sql is not a text, or empty."),
        ({"sql": "SELECT '\0'"}, "The argument sql holds a character that no text in the database can hold."),
        ({"sql": 7}, "The argument sql is not a text, or empty."),
        ({"sql": COUNT, "conversation": str(uuid.uuid4())}, "A conversation goes with a question."),
        ({"question": "Which units are there?", "conversation": "7"}, "The conversation is not a UUID."),
        ({"sql": "SELECT id FROM vault"}, 'relation "vault" is not in the plane'),
        ({"sql": "SELECT no_such FROM sales"}, 'column "no_such" does not exist'),
        ({"sql": "DELETE FROM sales"}, None),
    ],
)
def test_refusals_are_one_sentence(server, issuer, version, arguments, told):
    got = sentence(server.call(issuer.token(), version, **arguments))
    assert (got == told) if told else got, got
    assert not any(word in got for word in ("Error executing", "Traceback", "psycopg", "LINE 1", "CONTEXT"))


def test_a_broken_text(server, issuer):
    """Half of a pair of surrogates, which JSON can spell and Python's client cannot."""
    reply = server.ask_plainly(issuer.token(), sql="SELECT '\ud800'")
    assert reply.result()["isError"] and "holds a character" in reply.result()["content"][0]["text"]


def test_a_question_with_sql(server, issuer, version):
    """The question is what is signed; the SQL is somebody's."""
    got = server.call(issuer.token(), version, question="Which units are there?", sql="SELECT count(*) FROM units").structured_content
    assert (got["source"], got["rows"]) == ("caller", [["2"]])


def test_the_business_of_the_token(setup, issuer, version):
    """A franchisee sees two of the brand's four stores; a token without the claim is none."""
    count = "SELECT count(*) FROM visits"
    with setup.server(identity__business="store") as mapped:
        assert mapped.call(issuer.token(store="franchise-7"), version, sql=count).structured_content["rows"] == [["50"]]
        assert mapped.call(issuer.token(store="shop-9"), version, sql=count).structured_content["rows"] == [["100"]], "the control"
        assert mapped.ask_plainly(issuer.token()).status == 401


def test_conversation_of_another_principal(server, issuer, version):
    """Each part of the principal counts."""
    conversation, question = str(uuid.uuid4()), "Which units are there?"
    first = server.call(issuer.token("org-a", "ann"), version, question=question, conversation=conversation)
    assert first.structured_content["conversation"] == conversation
    for other in (issuer.token("org-a", "ben"), issuer.token("org-b", "ann")):
        told = sentence(server.call(other, version, question=question, conversation=conversation))
        assert told == "the conversation belongs to another principal"
        assert not server.call(other, version, question=question, conversation=str(uuid.uuid4())).is_error, "the control"
    again = server.call(issuer.token("org-a", "ann"), version, question=question, conversation=conversation)
    assert not again.is_error, "another token of the same principal"


def test_progress_where_the_client_asked(server, issuer, version):
    async def run():
        notes = []

        async def note(progress, total, message):
            notes.append((progress, message))

        async with server.client(issuer.token(), version) as client:
            await client.call_tool("ask", {"sql": COUNT}, progress_callback=note)
        return notes

    assert asyncio.run(run())[0] == (0, "The database is working on it.")
    reply = server.ask_plainly(issuer.token())
    assert reply.rows() == [["50"]] and "notifications/progress" not in reply.body, "the control: who does not ask gets none"


def test_the_tools_are_as_declared(server, issuer, version):
    async def run():
        async with server.client(issuer.token(), version) as client:
            assert client.protocol_version == version
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(run())}
    assert set(tools) == {"ask", "describe", "verified_queries"}
    assert set(tools["ask"].input_schema["properties"]) == {"question", "sql", "conversation"}
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools.values())


def test_the_sentence_of_a_document_that_nests_too_deep():
    """It passes through the context managers of a call, which set the traceback of what they hand on."""
    from contextlib import asynccontextmanager

    from splitplane_mcp.database import _document
    from splitplane_mcp.refusals import TOO_DEEP, Refused

    @asynccontextmanager
    async def pooled():
        yield

    async def called():
        async with pooled():
            _document("[" * 100_000)

    with pytest.raises(Refused) as refused:
        asyncio.run(called())
    assert refused.value.sentence == TOO_DEEP
