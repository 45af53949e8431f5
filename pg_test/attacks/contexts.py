"""Asking with a context that must be refused, and the control beside it that must be answered."""

from __future__ import annotations

import json

import psycopg

from pg_test.attacks import forging
from pg_test.attacks.forging import SQL
from pg_test.attacks.verdict import canary_in
from pg_test.attacks.world import DATABASE, ask

OWN = [[50]]


def twists_of(entry: dict) -> list[dict] | None:
    """The twists an own entry gives in its `context`."""
    context = entry.get("context")
    return context.get("twists") if isinstance(context, dict) else None


def refuse_contexts(suite, entry: dict, twists: list[dict]) -> list[str]:
    """Each twist by itself: refused as every failure of identity is, in the same words, whatever was wrong."""
    wrong = []
    for twist in twists:
        sql = twist.get("sql", entry.get("sql", forging.SQL))
        if entry["id"] == "CF-100":
            sql = entry["context"]["body"]
        context = twist["raw"] if "raw" in twist else forging.forge(suite.world.keys, DATABASE, sql, twist)
        if isinstance(context, str):
            context = _fill(context, suite, sql)
        found = refused(suite, context, sql, states=twist.get("states", ("28000", "22023")))
        wrong += [f"{json.dumps(twist, ensure_ascii=True)[:150]}: {reason}" for reason in found]
    return wrong


def _fill(text: str, suite, sql: str) -> str:
    """Raw JSON of an entry: `<header>` stands for that header of a context that would be accepted."""
    for name, value in forging.forge(suite.world.keys, DATABASE, sql, {}).items():
        text = text.replace(f"<{name}>", value)
    return text


def refused(suite, context, sql: str | None, states=("28000",), connection=None, function: str = "ask") -> list[str]:
    """Nothing but a refusal by identity will do: its SQLSTATE, one message, and no word on what was wrong."""
    own = connection is None
    connection = connection or suite.world.caller()
    try:
        with connection.transaction():
            document = ask(connection, context, sql, function)
    except psycopg.Error as error:
        suite.states[error.sqlstate or "no SQLSTATE"] += 1
        wrong = [] if error.sqlstate in states else [f"SQLSTATE {error.sqlstate}, not {'/'.join(states)}: {str(error)[:200]}"]
        diag = error.diag
        for name, value in (("DETAIL", diag.message_detail), ("HINT", diag.message_hint), ("CONTEXT", diag.context)):
            if value:
                wrong.append(f"error has {name}: {value[:200]}")
        if canary_in(str(error)):
            wrong.append(f"CANARY in the error: {str(error)[:200]}")
        if error.sqlstate == "28000":
            expected = identity_message(suite)
            if diag.message_primary != expected:
                wrong.append(f"says {diag.message_primary!r} where an unknown key is told {expected!r}")
        return wrong
    finally:
        if own:
            connection.close()
    suite.states["rows"] += 1
    return [f"was accepted: {json.dumps(document)[:200]}"]


def identity_message(suite) -> str:
    """The one message of layer 1, learnt from an unknown key."""
    if not hasattr(suite, "identity_text"):
        context = forging.forge(suite.world.keys, DATABASE, SQL, {"key": "unknown"})
        with suite.world.caller() as connection:
            try:
                ask(connection, context, SQL)
                suite.identity_text = "(accepted)"
            except psycopg.Error as error:
                suite.identity_text = error.diag.message_primary
    return suite.identity_text


def answered(suite, context, sql: str = SQL, rows=OWN, connection=None) -> list[str]:
    """The control beside each refusal: the same call without its defect gives own rows."""
    own = connection is None
    connection = connection or suite.world.caller()
    try:
        document = ask(connection, context, sql)
    except psycopg.Error as error:
        return [f"control was refused: {error.sqlstate} {error}"]
    finally:
        if own:
            connection.close()
    return [] if document.get("rows") == rows else [f"control answered {document.get('rows')}"]
