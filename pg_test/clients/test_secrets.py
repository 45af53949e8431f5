"""Neither the secret nor a signed context is in what an error, a traceback with its local variables or a repr shows."""

import asyncio
import copy
import json
import pickle
import threading
import traceback

import psycopg
import pytest
from splitplane_test.session import wait_until

from pg_test.clients.harness import BRAND_A, ENDLESS, OneContext, OtherText, Recording
from pg_test.wire.harness import COUNT_SALES
from splitplane import Signer, SplitplaneError


def shown(error: BaseException) -> str:
    """All that a report of errors could show: the whole chain, with the local variables of each frame and the fields of each exception."""
    parts = traceback.TracebackException.from_exception(error, capture_locals=True, compact=False).format()
    chain, found = [error], []
    while chain:
        one = chain.pop()
        found += [repr(one), str(one), repr(one.args), repr(vars(one))]
        chain += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
    return "".join([*parts, *found])


def signatures(signer: Recording) -> list[str]:
    contexts = [json.loads(context.reveal()) for context in signer.made]
    return [context["Authorization"].rpartition("Signature=")[2] for context in contexts]


def assert_silent(error: BaseException, signer: Recording) -> None:
    text = shown(error)
    assert signer.made, "the control: something was signed"
    for secret in (signer._credentials.secret_key, *signatures(signer), "AWS4-HMAC"):
        assert secret not in text
    assert error.__cause__ is None and error.__context__ is None


def failing(asker, signer, sql=COUNT_SALES, **options) -> SplitplaneError:
    # Not within pytest.raises, whose frame holds much of the test itself.
    try:
        asker.run(asker.make(signer).ask(BRAND_A, sql=sql, **options))
    except SplitplaneError as error:
        return error
    raise AssertionError("answered")


def test_errors_of_the_server_and_timeouts(driver, wire, patient):
    assert_silent(failing(driver, signer := OtherText(wire)), signer)
    for sql in ("SELECT * FROM vault", "SELECT FROM WHERE", "SELECT 1/0", "SELECT '\0'"):
        assert_silent(failing(driver, signer := Recording(wire), sql), signer)
    once = OneContext(wire)
    driver.run(driver.make(once).ask(BRAND_A, sql=COUNT_SALES))
    assert_silent(failing(driver, once), once)
    with driver.another(Recording(wire), patient) as slow:
        assert_silent(failing(slow, signer := Recording(wire), ENDLESS, timeout=0.3), signer)


def test_parameters_that_the_server_would_tell(driver, wire):
    """With this setting PostgreSQL itself adds what was bound to an error's CONTEXT, which drivers show."""
    with driver.another(Recording(wire), wire.role(log_parameter_max_length_on_error="-1")) as told:
        assert_silent(failing(told, signer := Recording(wire), "SELECT 1/0"), signer)


def test_a_lost_connection(driver, wire, patient):
    signer = Recording(wire)
    with driver.another(signer, patient) as fresh:
        pid = fresh.pid

        def end():
            wait_until(fresh.is_running, 5, "the statement runs")
            wire.run("SELECT pg_terminate_backend(%s)", pid)

        thread = threading.Thread(target=end)
        thread.start()
        assert_silent(failing(fresh, signer, ENDLESS), signer)
        thread.join()


def test_a_cancelled_task(async_driver, wire, patient):
    signer = Recording(wire)
    with async_driver.another(signer, patient) as asker:

        async def given_up():
            task = asyncio.create_task(asker.client.ask(BRAND_A, sql=ENDLESS))
            await asyncio.to_thread(wait_until, asker.is_running, 5, "the statement runs")
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as stop:
                return stop

        text = shown(asker.run(given_up()))
        assert signatures(signer) and not [one for one in signatures(signer) if one in text]


def test_the_control_a_drivers_own_error_leads_to_the_context(wire):
    signer = Recording(wire)
    context = signer.sign(BRAND_A, COUNT_SALES).reveal()
    with wire.session() as session:
        try:
            session.execute("SELECT ask(%s::text::jsonb, sql => 'SELECT 1')", (context,))
        except psycopg.Error as error:
            text = shown(error)
    assert signatures(signer)[0] in text


def test_nothing_shows_itself(wire):
    signer = Signer("AKWIRE", "the-secret-of-it", "wire")
    context = signer.sign(BRAND_A, COUNT_SALES)
    for one in (signer, context):
        for text in (repr(one), str(one), f"{one}", f"{one!r}", repr([one]), repr({"a": one})):
            assert "the-secret-of-it" not in text and "Signature" not in text
        assert not hasattr(one, "__dict__")
    for away in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            away(signer)
    assert "the-secret-of-it" not in context.reveal()
