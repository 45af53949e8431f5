"""The audit log as its users meet it: one entry a call whatever becomes of it, and who may read what."""

import contextlib
import hmac
import json
import threading
import time

import psycopg
import pytest

from pg_test.wire.audited import ask_once, audited, checkpoint, folder, last, lines, newest, problems, reconfigure
from pg_test.wire.harness import COUNT_SALES, SALES, Wire


@pytest.fixture(scope="module")
def cluster():
    with audited() as running:
        yield running


@pytest.fixture(scope="module")
def plane(cluster):
    return Wire.build(cluster, "audited")


def test_an_entry_for_each_outcome(plane):
    with plane.session() as session:
        document = session.call(plane.sign(COUNT_SALES), COUNT_SALES)
        entry = last(plane)[0]
        assert (entry["event"], entry["outcome"], entry["tenant"], entry["rows"]) == ("call", "answered", "brand-a", 1)
        assert (entry["sql"], entry["relations"], str(entry["query_id"])) == (COUNT_SALES, ["sales"], document["query_id"])
        assert document["audit"]["sequence"] == entry["sequence"] and document["audit"]["log"] == folder(plane.cluster).name
        assert len(entry["answer"]) == 32
        for state, sql, reason in [
            ("42P01", "SELECT * FROM vault", "unknown_relation"),
            ("22012", "SELECT 1 / (amount - amount) FROM sales", "server"),
            ("42601", "SELECT FROM WHERE", "syntax"),
            ("0A000", "DELETE FROM sales", "not_admitted"),
        ]:
            session.ask_refused(state, sql)
            entry = last(plane)[0]
            assert (entry["outcome"], entry["sqlstate"], entry["sql"]) == ("error", state, sql)
            assert entry["reason"].startswith(f"{reason}: ") and entry["answer"] is None, entry
        session.call(plane.sign(COUNT_SALES), COUNT_SALES, function="ask_dry_run")
        assert last(plane)[0]["outcome"] == "dry_run"
        rows = session.execute("SELECT * FROM ask_rows(%s, sql => %s) AS t(n bigint)", (json.dumps(plane.sign(COUNT_SALES)), COUNT_SALES)).fetchall()
        assert rows == [(SALES["brand-a"],)]
        assert (last(plane)[0]["outcome"], last(plane)[0]["rows"]) == ("answered", 1)
    assert problems(plane, checkpoint(plane)) == []

ROWS = {
    "several": "SELECT sale_id, amount, amount / 3.0 AS third, 'a \"b\" \u00e4' AS words, NULL::text AS nothing, date '2026-11-30' AS day FROM sales ORDER BY sale_id",
    "none": "SELECT sale_id, amount, amount / 3.0 AS third, '' AS words, NULL::text AS nothing, date '2026-11-30' AS day FROM sales WHERE sale_id < 0",
}


@pytest.mark.parametrize("sql", ROWS.values(), ids=ROWS.keys())
def test_rows_have_the_hash_of_the_document_with_them(plane, sql):
    """Made here from what `ask` gives, by what the document says."""
    form = "SELECT document -> 'columns', document -> 'rows' FROM (SELECT ask(%s, sql => %s) AS document) AS asked"
    definition = "(sale_id int, amount int, third numeric, words text, nothing text, day date)"
    hashes = []
    with plane.session() as session:
        rows = session.execute(f"SELECT * FROM ask_rows(%s, sql => %s) AS t{definition}", (json.dumps(plane.sign(sql)), sql)).fetchall()
        hashes.append((lines(plane.cluster)[-1]["random"], last(plane)[0]["answer"]))
        asked = session.execute(
            f"SELECT columns::text, rows::text, jsonb_array_length(rows) FROM ({form}) AS parts(columns, rows)", (json.dumps(plane.sign(sql)), sql)
        ).fetchone()
        hashes.append((lines(plane.cluster)[-1]["random"], last(plane)[0]["answer"]))
    columns, shown, count = asked
    assert len(rows) == count and (count > 1) == ("WHERE" not in sql)
    for key, answer in hashes:
        assert answer == hmac.digest(bytes.fromhex(key), f"{columns}\n{shown}".encode(), "sha256")
    other = hmac.digest(bytes.fromhex(hashes[0][0]), f"{columns}\n{shown[:-1]}, []]".encode(), "sha256")
    assert hashes[0][1] != other, "the control: one row more has another"


def test_layer_one_is_recorded_as_claimed_and_in_no_chain(plane):
    with plane.session() as session:
        session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x"))
        context = plane.sign(COUNT_SALES)
        session.call(context, COUNT_SALES)
        session.refused("28000", context, COUNT_SALES)
    replayed, answered, unknown = lines(plane.cluster)[:-4:-1]
    assert unknown["verified"] is False and unknown["reason"].startswith("unknown_key: ") and "tenant_previous" not in unknown
    assert answered["verified"] is True and "tenant_previous" in answered
    assert replayed["reason"].startswith("replayed: ") and "tenant_previous" not in replayed


def test_what_is_rolled_back_or_read_only_is_recorded(plane):
    before = last(plane)[0]["sequence"]
    with plane.session(autocommit=False) as session:
        session.execute("SET TRANSACTION READ ONLY")
        session.call(plane.sign(COUNT_SALES), COUNT_SALES)
        session.execute("SAVEPOINT s")
        with pytest.raises(psycopg.errors.UndefinedTable):
            session.call(plane.sign("SELECT * FROM vault"), "SELECT * FROM vault")
        session.execute("ROLLBACK")
    assert [(entry["outcome"], entry["sqlstate"]) for entry in last(plane, 2)] == [("answered", None), ("error", "42P01")]
    assert last(plane)[0]["sequence"] == before + 2


def test_a_session_that_is_ended_in_its_call(plane):
    slow = "SELECT count(*) FROM sales a, sales b, sales c, sales d, sales e, sales f, sales g"
    with plane.session() as session, plane.admin() as admin:
        pid = session.pid
        ending = threading.Timer(0.7, lambda: admin.execute("SELECT pg_terminate_backend(%s)", (pid,)))
        ending.start()
        with contextlib.suppress(psycopg.OperationalError, psycopg.errors.AdminShutdown):
            session.call(plane.sign(slow), slow)
        ending.join()
    deadline = time.monotonic() + 10
    while last(plane)[0]["sqlstate"] != "57P01":
        assert time.monotonic() < deadline, last(plane)
        time.sleep(0.05)
    assert last(plane)[0]["sql"] == slow


def test_administration_and_how_its_transaction_ended(plane):
    with plane.connect(autocommit=False, user="postgres") as admin:
        admin.execute("SELECT splitplane.admit('brand-z')")
        admin.commit()
        admin.execute("SELECT splitplane.expel('brand-z')")
        admin.rollback()
        admin.execute("SELECT splitplane.admit('brand-y')")
        admin.execute("SAVEPOINT s")
        admin.execute("SELECT splitplane.admit('brand-x')")
        admin.execute("ROLLBACK TO s")
        admin.commit()
    found = [entry for entry in lines(plane.cluster) if entry["event"].startswith("administration")][-8:]
    told = [(entry["details"].get("function"), entry["details"].get("transaction")) for entry in found]
    assert told == [
        ("admit", None), (None, "committed"), ("expel", None), (None, "rolled back"),
        ("admit", None), ("admit", None), (None, "rolled back"), (None, "committed"),
    ]  # fmt: skip
    assert found[1]["details"]["entries"] == [found[0]["sequence"]] and found[6]["details"]["entries"] == [found[5]["sequence"]]
    assert found[0]["details"]["arguments"]["tenant"] == "brand-z" and found[0]["details"]["role"] == "postgres"


def test_reasons_hold_nothing_that_was_quoted_or_read(plane):
    """Neither a literal of the SQL nor what a function of a DBA's has read of another tenant, as the caller and the log say it."""
    plane.run(
        "CREATE FUNCTION public.told() RETURNS int LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS "
        "$$BEGIN RETURN (SELECT max(note) FROM public.sales WHERE tenant_id = 'brand-b')::int; END$$"
    )
    plane.run("SELECT splitplane.allow_function('public.told()')")
    written = len(newest(plane.cluster).read_bytes())
    with plane.session() as session:
        assert "jane@example.com" in str(session.ask_refused("22P02", "SELECT 'jane@example.com'::int")), "the caller is told"
        assert "CANARY" not in str(session.ask_refused("22P02", "SELECT told()"))
        assert "CANARY-brand-b" in plane.cluster.log_text(), "the server log has it"
        session.ask_refused("42P01", 'SELECT * FROM "jane@example.com"')
        session.ask_refused("42601", "jane of example.com")
    reasons = [entry["reason"] for entry in last(plane, 4)]
    assert reasons[0] == 'server: invalid input syntax for type integer: "…"' and reasons[2].startswith("unknown_relation: "), reasons
    added = newest(plane.cluster).read_bytes()[written:]
    assert added.count(b"\n") >= 4 and b"jane" not in added.lower() and b"CANARY" not in added
    assert "CANARY-brand-b" not in "".join(row[0] for row in plane.admin_rows("SELECT splitplane.audit_export('brand-a')"))


def test_what_is_administered_while_the_log_is_off_is_announced(cluster, plane):
    reconfigure(cluster, plane, audit="off")
    plane.admin_rows("SELECT splitplane.admit('brand-unseen')")
    reconfigure(cluster, plane, audit="on")
    ask_once(plane)
    told = [entry["details"]["audit"] for entry in lines(cluster) if entry["event"] == "setting"]
    assert told[-2:] == ["off", "on"]
    assert not any(entry["details"].get("arguments", {}).get("tenant") == "brand-unseen" for entry in lines(cluster) if entry["event"] == "administration")


def test_no_secret_is_recorded(plane):
    secret = "never-to-be-seen-0123456789"
    made = plane.admin_rows("SELECT splitplane.create_key('AKRECORDED')")[0][0]
    plane.import_key("AKIMPORTED", secret)
    everything = b"".join(path.read_bytes() for path in folder(plane.cluster).iterdir())
    assert b"AKIMPORTED" in everything, "the control"
    assert secret.encode() not in everything and made.encode() not in everything


def test_only_administrators_read_it(plane):
    for statement in ("audit()", "verify_audit()", "audit_export('brand-a')"):
        with plane.session() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT * FROM splitplane.{statement}")
    for statement in ("audit_checkpoint()", "erase_audit_texts('brand-a')"):
        with plane.session() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT splitplane.{statement}")


def test_another_database_does_not_see_the_entries(cluster, plane):
    other = Wire.build(cluster, "neighbour")
    with other.session() as session:
        session.call(other.sign(COUNT_SALES, "brand-b"), COUNT_SALES)
    tenants = {row[0] for row in other.admin_rows("SELECT tenant FROM splitplane.audit() WHERE event = 'call'")}
    assert tenants == {"brand-b"} and "brand-a" in {entry.get("tenant") for entry in lines(cluster)}
    exported = [json.loads(row[0]) for row in other.admin_rows("SELECT splitplane.audit_export('brand-b')")]
    assert exported[0]["entries"] == len(exported) - 1 == 1
    assert "brand-a" not in json.dumps(exported)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        other.admin_rows("SELECT splitplane.audit_checkpoint('brand-a')")


def test_a_flood_of_refused_calls_is_counted(plane):
    with plane.session() as session:
        for _ in range(60):
            session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x"))
        time.sleep(1.1)
        session.call(plane.sign(COUNT_SALES), COUNT_SALES)
    entries = lines(plane.cluster)[-80:]
    many = [entry for entry in entries if entry["event"] == "refused_many"]
    single = [entry for entry in entries if entry.get("reason", "").startswith("unknown_key") and entry["event"] == "call"]
    counted = sum(group["calls"] for entry in many for group in entry["details"]["calls"] if group["key_id"] == "AKNOBODY")
    assert many and counted + len(single) >= 60 and len(single) <= 50


def test_texts_are_erased_and_the_log_still_verifies(plane):
    marker = "SELECT count(*) AS erase_this FROM sales"
    with plane.session() as session:
        session.call(plane.sign(marker, "brand-c"), marker)
        session.call(plane.sign(marker, "brand-b"), marker)
    texts = newest(plane.cluster, "texts").read_bytes
    assert texts().count(marker.encode()) == 2
    kept = checkpoint(plane)
    assert plane.admin_rows("SELECT splitplane.erase_audit_texts('brand-c')")[0][0] >= 1
    assert texts().count(marker.encode()) == 1, "the other tenant's is still there"
    assert problems(plane, kept) == []
    erased = plane.admin_rows("SELECT sql FROM splitplane.audit(tenant => 'brand-c') WHERE event = 'call'")
    assert all(row[0].startswith("hmac-sha256:") for row in erased)


@pytest.mark.parametrize("text, found", [("none", None), ("hash", "hmac-sha256:")])
def test_what_is_kept_of_texts(cluster, plane, text, found):
    reconfigure(cluster, plane, audit_text=text)
    marker = f"SELECT count(*) AS kept_{text} FROM sales"
    try:
        with plane.session() as session:
            session.call(plane.sign(marker), marker)
        entry = last(plane)[0]
        assert entry["sql"] is None if found is None else entry["sql"].startswith(found)
        assert not any(marker.encode() in path.read_bytes() for path in folder(cluster).iterdir())
        setting = [entry for entry in lines(cluster) if entry["event"] == "setting"][-1]
        assert setting["details"]["audit_text"] == text
    finally:
        reconfigure(cluster, plane, audit_text="full")


def test_switching_off_is_recorded_once(cluster, plane):
    with plane.session() as session:
        session.call(plane.sign(COUNT_SALES), COUNT_SALES)
        reconfigure(cluster, plane, audit="off")
        before = len(lines(cluster))
        for _ in range(3):
            document = session.call(plane.sign(COUNT_SALES), COUNT_SALES)
            assert "audit" not in document
        try:
            found = lines(cluster)[before - 1 :]
            assert [entry["details"]["audit"] for entry in found if entry["event"] == "setting"] == ["off"]
            assert "call" not in [entry["event"] for entry in found[1:]]
        finally:
            reconfigure(cluster, plane, audit="on")
        session.call(plane.sign(COUNT_SALES), COUNT_SALES)
    assert [entry["details"]["audit"] for entry in lines(cluster) if entry["event"] == "setting"][-1] == "on"


def test_an_anomaly_has_an_entry_and_is_counted(plane):
    """Fifty calls that read one row, then one that reads many."""
    wide = "SELECT s.amount FROM sales s, sales t LIMIT 900"
    with plane.session() as session:
        for _ in range(51):
            session.ask(COUNT_SALES, subject="u-quiet")
        before = plane.admin_rows("SELECT anomalies FROM splitplane.stat_plane")[0][0]
        session.ask(wide, subject="u-quiet")
    assert plane.admin_rows("SELECT anomalies FROM splitplane.stat_plane")[0][0] == before + 1
    found = [entry for entry in lines(plane.cluster) if entry["event"] == "anomaly"][-1]
    assert found["subject"] == "u-quiet" and found["reason"].startswith("read ")
    assert not {"outcome", "rows", "sql"} & set(found), "how the call ended says its own entry"
