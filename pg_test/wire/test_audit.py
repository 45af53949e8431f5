"""The audit log as its users meet it: one entry a call whatever becomes of it, gaps that show, tampering that is found."""

import contextlib
import hmac
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from splitplane_test.cluster import Cluster

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

ENTRIES = "SELECT sequence, event, tenant, outcome, sqlstate, reason, question, sql, relations, rows, bytes, answer, query_id FROM splitplane.audit() ORDER BY sequence"


def audited(mode="on", **more):
    settings = {"splitplane.audit": mode, "splitplane.audit_text": "full", "max_connections": "90"}
    return Cluster(settings={**settings, **{f"splitplane.{name}": value for name, value in more.items()}})


@pytest.fixture(scope="module")
def cluster():
    with audited() as running:
        yield running


@pytest.fixture(scope="module")
def plane(cluster):
    return Wire.build(cluster, "audited")


def folder(cluster):
    """The folder of the log that the server writes to."""
    top = cluster.data_dir / "splitplane_audit"
    return top / (top / "current").read_text().strip()


def newest(cluster, kind="entries"):
    return max(folder(cluster).glob(f"{kind}-*.jsonl"))


def lines(cluster):
    """The entries as they lie in the files, by sequence."""
    text = b"".join(path.read_bytes() for path in sorted(folder(cluster).glob("entries-*.jsonl")))
    return [json.loads(line) for line in text.splitlines()]


def last(plane, count=1):
    rows = plane.admin_rows(ENTRIES)[-count:]
    names = "sequence event tenant outcome sqlstate reason question sql relations rows bytes answer query_id".split()
    return [dict(zip(names, row, strict=True)) for row in rows]


def problems(plane, checkpoint=None):
    found = plane.admin_rows("SELECT severity, finding FROM splitplane.verify_audit(%s)", checkpoint)
    return [row for row in found if row[0] != "info"]


def checkpoint(plane):
    return plane.admin_rows("SELECT splitplane.audit_checkpoint()")[0][0]


def reconfigure(cluster, plane, **settings):
    """Changes settings as a DBA does, and waits until sessions have them."""
    with cluster.connect() as admin:
        for name, value in settings.items():
            admin.execute(f"ALTER SYSTEM SET splitplane.{name} = '{value}'")
        admin.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 10
    for name, value in settings.items():
        while plane.admin_rows(f"SELECT current_setting('splitplane.{name}')") != [(value,)]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


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


def test_arguments_that_cannot_be_read_back_do_not_spoil_the_log(own):
    """Deep JSON and many digits, in calls that are refused too: the log stays one that verifies, and goes on after a restart."""
    deep = "jsonb_build_object('a', (repeat('[', 124) || repeat(']', 124))::jsonb)"
    with own.admin() as admin:
        with contextlib.suppress(psycopg.Error):
            admin.execute(f"SELECT splitplane.admit('brand-deep', claims => {deep})")
        with contextlib.suppress(psycopg.Error):
            admin.execute("SELECT splitplane.set_price('m', 0.100000000000000047, 1e300)")
    told = [entry["details"] for entry in lines(own.cluster) if entry["event"] == "administration"]
    assert {"admit", "set_price"} <= {details["function"] for details in told}, "the control: both are there"
    assert problems(own, checkpoint(own)) == []
    log = folder(own.cluster)
    own.cluster.restart()
    ask_once(own)
    assert folder(own.cluster) == log and problems(own) == []


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
    reasons = [entry["reason"] for entry in last(plane, 3)]
    assert reasons[0] == 'server: invalid input syntax for type integer: "…"' and reasons[2].startswith("unknown_relation: "), reasons
    added = newest(plane.cluster).read_bytes()[written:]
    assert added.count(b"\n") >= 3 and b"jane" not in added and b"CANARY" not in added
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


@pytest.fixture
def own(request):
    """A server of the test's own with a plane."""
    with audited(**getattr(request, "param", {})) as running:
        yield Wire.build(running, "own")


def ask_once(plane, tenant="brand-a"):
    with plane.session() as session:
        return session.call(plane.sign(COUNT_SALES, tenant), COUNT_SALES)


@pytest.mark.parametrize("own", [{"mode": "required"}, {"mode": "on"}], indirect=True)
def test_an_entry_that_cannot_be_written(own):
    """Files of the log that the server's user cannot write: required withholds the answer, on records the gap."""
    required = own.admin_rows("SHOW splitplane.audit") == [("required",)]
    ask_once(own)
    entries = newest(own.cluster)
    os.chmod(entries, 0o400)
    entries.rename(entries.with_suffix(".away"))
    entries.mkdir()
    with own.session() as session:
        if required:
            session.ask_refused("55000", COUNT_SALES)
            session.ask_refused("42P01", "SELECT * FROM vault")
        else:
            assert session.value(COUNT_SALES) == SALES["brand-a"]
            assert session.value(COUNT_SALES) == SALES["brand-a"]
    assert "GAP in the audit log" in own.cluster.log_text()
    assert any("could not be written" in row[2] for row in own.admin_rows("SELECT * FROM splitplane.doctor() WHERE object = 'audit log'"))
    entries.rmdir()
    entries.with_suffix(".away").rename(entries)
    os.chmod(entries, 0o600)
    ask_once(own)
    gap, call = [entry for entry in lines(own.cluster) if entry["event"] in ("gap", "call")][-2:]
    assert (gap["event"], gap["details"]["entries"], call["outcome"]) == ("gap", 2, "answered")
    assert problems(own) == []


@pytest.mark.parametrize("own", [{"mode": "required", "audit_max_size": "1MB"}], indirect=True)
def test_the_largest_size_withholds_and_deletes_nothing(own):
    wide = "SELECT '" + "x" * 40_000 + "' AS wide FROM sales LIMIT 1"
    with own.session() as session:
        for _ in range(60):
            try:
                session.call(own.sign(wide), wide)
            except psycopg.errors.ConfigurationLimitExceeded:
                break
        else:
            pytest.fail("the log never became full")
    assert sum(path.stat().st_size for path in folder(own.cluster).iterdir()) <= 1_048_576
    assert lines(own.cluster)[0]["event"] == "started"
    doctor = own.admin_rows("SELECT finding FROM splitplane.doctor() WHERE object = 'audit log'")
    assert any("splitplane.audit_max_size" in row[0] for row in doctor)
    reconfigure(own.cluster, own, audit_max_size="2MB")
    assert ask_once(own)["outcome"] == "answered"


def test_every_changed_byte_is_found(own):
    for tenant in SALES:
        ask_once(own, tenant)
    kept = checkpoint(own)
    assert problems(own, kept) == [], "the control"
    entries = newest(own.cluster)
    whole = entries.read_bytes()
    for place in random.Random(1).sample(range(len(whole) - 400), 12):
        changed = bytearray(whole)
        changed[place] ^= 1
        entries.write_bytes(changed)
        assert any(severity == "critical" for severity, _ in problems(own, kept)), f"byte {place}"
    entries.write_bytes(whole)
    assert problems(own, kept) == []


def test_entries_behind_damaged_lines_are_shown_with_a_warning(own):
    for tenant in ("brand-a", "brand-b", "brand-a"):
        ask_once(own, tenant)
    whole = [row[0] for row in own.admin_rows(ENTRIES)]
    entries = newest(own.cluster)
    kept = entries.read_bytes().splitlines(keepends=True)
    damaged = [b"?" + line[1:] if b'"tenant":"brand-b"' in line and b'"event":"call"' in line else line for line in kept]
    entries.write_bytes(b"".join(damaged))
    said = []
    with own.admin() as admin:
        admin.add_notice_handler(lambda notice: said.append((notice.severity, notice.message_primary)))
        shown = [row[0] for row in admin.execute(ENTRIES).fetchall()]
    gone = set(whole) - set(shown)
    assert len(gone) == 1 and max(gone) < max(shown), "what follows is there"
    (severity, message), = said
    assert severity == "WARNING" and message.startswith(f"lines of the audit log that are no entries: 1, the first in {entries.name};")
    assert any(severity == "critical" for severity, _ in problems(own))


def test_a_server_that_finds_its_file_changed_begins_another_log(own):
    ask_once(own)
    first = folder(own.cluster)
    with open(newest(own.cluster), "ab") as entries:
        entries.write(b"{}\n")
    ask_once(own)
    assert folder(own.cluster) != first
    started = lines(own.cluster)[0]
    assert started["event"] == "started" and started["details"]["found"]["log"] == first.name
    assert "somebody else has changed" in started["details"]["found"]["why"]


def test_stop_and_start_go_on_with_the_log(own):
    ask_once(own)
    log = folder(own.cluster)
    own.cluster.restart()
    assert folder(own.cluster) == log
    ask_once(own)
    events = [entry["event"] for entry in lines(own.cluster)]
    assert events[-4:] == ["stopped", "started", "setting", "call"] or events[-3:] == ["stopped", "started", "call"]
    assert f"splitplane-audit/{log.name}\n" in (log / "notes").read_text(), "signed at the stop"
    chain = [entry for entry in lines(own.cluster) if entry.get("tenant") == "brand-a"]
    assert chain[-1]["tenant_previous"]["sequence"] == chain[-2]["sequence"]
    assert problems(own) == []


def test_half_an_entry_is_cut_off_at_the_next_start(own):
    ask_once(own)
    log = folder(own.cluster)
    size = len(lines(own.cluster))
    own.cluster._halt("immediate")
    with open(newest(own.cluster), "ab") as entries:
        entries.write(b'{"sequence":99,"at":"2026-')
    own.cluster._launch()
    ask_once(own)
    assert folder(own.cluster) == log
    cut = [entry for entry in lines(own.cluster)[size:] if entry["event"] == "cut"]
    assert [entry["details"]["bytes"] for entry in cut] == [26]
    assert problems(own) == []


def verified_elsewhere(log, key, *note):
    """Exit status of the verifier that was written from docs/audit.md, and the last line of what it says."""
    verifier = Path(__file__).resolve().parents[1] / "audit/verifier.py"
    with tempfile.TemporaryDirectory() as kept:
        files = [Path(kept, str(number)) for number in range(1 + len(note))]
        for file, content in zip(files, (key, *note), strict=True):
            file.write_bytes(content.encode())
        done = subprocess.run([sys.executable, verifier, log, *files], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, (done.stderr.splitlines() or [""])[-1]


def test_a_log_that_was_cut_behind_a_note_goes_on_under_another_id(own):
    for _ in range(3):
        ask_once(own)
    kept = checkpoint(own)
    log = folder(own.cluster)
    key = own.admin_rows("SELECT vkey FROM splitplane._audit_health()")[0][0]
    assert verified_elsewhere(log, key, kept) == (0, ""), "the control"
    own.cluster._halt("immediate")
    entries, hashes = newest(own.cluster), log / "hashes"
    whole = entries.read_bytes().splitlines(keepends=True)
    entries.write_bytes(b"".join(whole[:-3]))
    hashes.write_bytes(hashes.read_bytes()[: 32 * (len(whole) - 3)])
    own.cluster._launch()
    ask_once(own)
    assert folder(own.cluster) != log
    assert "a note of" in lines(own.cluster)[0]["details"]["found"]["why"]
    # The log's own notes tell as well, and are therefore taken out: what was kept elsewhere tells alone.
    status, said = verified_elsewhere(log, key, kept)
    assert status == 1 and said.startswith("AssertionError"), said
    (log / "notes").write_bytes(b"")
    status, said = verified_elsewhere(log, key, kept)
    assert status == 1 and said.startswith("AssertionError"), said
    assert verified_elsewhere(log, key) == (0, ""), "the control: without it nothing is seen"


def test_a_copy_of_the_cluster_begins_a_log_of_its_own(own):
    """A standby by base backup: its own calls are in a log of its own, which names the primary's."""
    ask_once(own)
    with own.cluster.standby() as standby:
        replica = Wire(standby, own.database, own.secret, own.key_id)
        ask_once(replica)
        own_log, found = lines(own.cluster), lines(standby)
        started = found[0]["details"]["found"]
        assert started["log"] == folder(own.cluster).name and started["size"] <= len(own_log) and len(started["root"]) == 64
        assert found[-1]["event"] == "call" and problems(replica) == []
        ask_once(own)
        assert folder(own.cluster).name == started["log"], "the primary goes on with its own"


# 64 writers for so long, instead of 32 with twelve calls each.
AUDIT_SECONDS = float(os.environ.get("AUDIT_SECONDS", "0"))


# What the clients may sign within the ledger's memory.
MANY = {"ledger_size": "1000000"} if AUDIT_SECONDS else {}


@pytest.mark.parametrize("own", [{"mode": "required", **MANY}, {"mode": "on", **MANY}], ids=["required", "on"], indirect=True)
def test_many_writers(own):
    """What the clients know to have got is in the log, once each, in the order of each client's own calls."""
    known, lock, end = {}, threading.Lock(), time.monotonic() + AUDIT_SECONDS
    writers, least = (64, 1) if AUDIT_SECONDS else (32, 12)

    def work(number):
        mine = []
        with own.session() as session:
            while len(mine) < least or time.monotonic() < end:
                tenant = random.choice(list(SALES))
                document = session.call(own.sign(COUNT_SALES, tenant), COUNT_SALES)
                mine.append((document["query_id"], document["audit"]["sequence"], document["audit"]["hash"]))
        with lock:
            known[number] = mine

    threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(known) == writers
    recorded = {row[0]: (str(row[1]), bytes(row[2]).hex()) for row in own.admin_rows("SELECT sequence, query_id, hash FROM splitplane.audit() WHERE event = 'call'")}
    for mine in known.values():
        sequences = [sequence for _, sequence, _ in mine]
        assert sequences == sorted(sequences)
        assert all(recorded[sequence] == (query_id, digest) for query_id, sequence, digest in mine)
    assert len(recorded) == sum(map(len, known.values())) == len({query_id for query_id, _ in recorded.values()})
    assert problems(own, checkpoint(own)) == []


def test_crashes_at_random_moments(own):
    """A backend is killed in the middle of its calls: the server starts again, and what was acknowledged is there."""
    acknowledged, stop = [], threading.Event()

    def work():
        while not stop.is_set():
            with contextlib.suppress(psycopg.Error, AssertionError), own.session() as session:
                while not stop.is_set():
                    document = session.call(own.sign(COUNT_SALES, random.choice(list(SALES))), COUNT_SALES)
                    acknowledged.append((document["audit"]["log"], document["audit"]["sequence"], document["audit"]["hash"]))
            time.sleep(0.05)

    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    kills = 0
    for _ in range(4):
        time.sleep(random.uniform(0.8, 1.6))
        with contextlib.suppress(psycopg.Error, ProcessLookupError), own.cluster.connect() as admin:
            pids = admin.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'").fetchall()
            for (pid,) in pids[:1]:
                os.kill(pid, signal.SIGKILL)
                kills += 1
    time.sleep(1.5)
    stop.set()
    [thread.join() for thread in threads]
    assert kills, "the control"
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(psycopg.Error):
            assert problems(own) == []
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    log = folder(own.cluster).name
    recorded = {row[0]: bytes(row[1]).hex() for row in own.admin_rows("SELECT sequence, hash FROM splitplane.audit()")}
    mine = [(sequence, digest) for name, sequence, digest in acknowledged if name == log]
    assert mine and all(recorded.get(sequence) == digest for sequence, digest in mine)
    assert {name for name, _, _ in acknowledged} == {log}, "a crash of processes begins no other log"


def days_later(cluster, days):
    """Starts the server anew with its clock so many days ahead; what the file system says of times stays."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    cluster._halt("fast")
    clock = {"LD_PRELOAD": library, "FAKETIME": f"+{days}d", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    cluster.launcher = ["env", *(f"{name}={value}" for name, value in clock.items())]
    cluster._launch()
    cluster.launcher = ()


@pytest.mark.parametrize("own, goes", [({"audit_retention": "2"}, True), ({"audit_retention": "30"}, False)], indirect=["own"])
def test_old_files_go_by_age_and_the_log_still_verifies(own, goes):
    def ask_after(days):
        days_later(own.cluster, days)
        with own.session() as session:
            session.call(own.sign(COUNT_SALES, when=datetime.now(UTC) + timedelta(days=days)), COUNT_SALES)
        return newest(own.cluster)

    ask_once(own)
    kept = checkpoint(own)
    first, log = newest(own.cluster), folder(own.cluster)
    texts = first.with_name(first.name.replace("entries", "texts"))
    second = ask_after(1)
    assert second != first and first.exists() and texts.exists(), "a file for each day"
    assert ask_after(4) not in (first, second) and folder(own.cluster) == log
    assert (first.exists(), texts.exists()) == (not goes, not goes)
    said = [finding for _, finding in own.admin_rows("SELECT severity, finding FROM splitplane.verify_audit(%s)", kept)]
    assert problems(own, kept) == [] and any("removed" in finding for finding in said) == goes, said
    chain = [entry for entry in lines(own.cluster) if entry.get("tenant") == "brand-a"]
    assert len(chain) == (1 if goes else 3) and chain[-1]["tenant_previous"] is not None


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


def noticed(connection):
    """What the connection is told from now on."""
    said = []
    connection.add_notice_handler(lambda notice: said.append(notice.message_primary))
    return said


def test_texts_of_any_length_are_erased(own):
    """Control characters take six bytes each in the file of texts, so that a line is longer than any entry."""
    reconfigure(own.cluster, own, max_sql_bytes="1MB")
    long = COUNT_SALES + " -- " + "\x01" * 1_000_000
    with own.session() as session, contextlib.suppress(psycopg.Error):
        session.call(own.sign(long), long)
    marker = "SELECT count(*) AS behind_the_long_one FROM sales"
    with own.session() as session:
        session.call(own.sign(marker), marker)
    texts = newest(own.cluster, "texts")
    assert max(map(len, texts.read_bytes().splitlines())) > 5_000_000 and marker.encode() in texts.read_bytes(), "the control"
    assert last(own)[0]["sql"] == marker
    with own.admin() as admin:
        said = noticed(admin)
        assert admin.execute("SELECT splitplane.erase_audit_texts('brand-a')").fetchone() == (2,)
    assert said == [] and texts.read_bytes().strip() == b""
    assert problems(own) == []


def test_texts_that_cannot_be_read_are_said_and_stay_at_a_start(own):
    for tenant in ("brand-a", "brand-b", "brand-c"):
        ask_once(own, tenant)
    texts, entries = newest(own.cluster, "texts"), len(lines(own.cluster))
    whole = texts.read_bytes().splitlines(keepends=True)
    assert len(whole) == 3, "the control"
    own.cluster._halt("immediate")
    of_no_entry = whole[2].replace(f'"sequence":{json.loads(whole[2])["sequence"]}'.encode(), f'"sequence":{entries + 50}'.encode())
    assert of_no_entry != whole[2]
    damaged = b"".join([whole[0], b"?" + whole[1][1:], whole[2]])
    texts.write_bytes(damaged + of_no_entry + whole[0][:40])
    own.cluster._launch()
    ask_once(own, "brand-b")
    after = newest(own.cluster, "texts").read_bytes()
    assert after.startswith(damaged) and json.loads(after[len(damaged) :])["sql"] == COUNT_SALES
    assert f"{len(of_no_entry) + 40} bytes of it were cut off" in own.cluster.log_text()
    with own.admin() as admin:
        said = noticed(admin)
        assert [row[7] for row in admin.execute(ENTRIES.replace("audit()", "audit(tenant => 'brand-c')")).fetchall()] == [COUNT_SALES]
        assert len(said) == 1 and f"texts that cannot be read: 1, the first in {texts.name};" in said[0], said
        said.clear()
        assert admin.execute("SELECT splitplane.erase_audit_texts('brand-c')").fetchone() == (1,)
        assert len(said) == 1 and f"texts that cannot be read: 1, the first in {texts.name};" in said[0], said


def test_texts_of_earlier_logs_are_erased(own):
    marker = "SELECT count(*) AS of_the_first_log FROM sales"
    with own.session() as session:
        session.call(own.sign(marker), marker)
        session.call(own.sign(marker, "brand-b"), marker)
    first, texts = folder(own.cluster), newest(own.cluster, "texts")
    hashes = (first / "hashes").read_bytes()
    (first / "hashes").write_bytes(hashes + bytes(32))
    ask_once(own)
    assert folder(own.cluster) != first, "the control"
    (first / "hashes").write_bytes(hashes)
    with own.admin() as admin:
        said = noticed(admin)
        assert admin.execute("SELECT splitplane.erase_audit_texts('brand-a')").fetchone() == (2,)
        assert said == [] and texts.read_bytes().count(marker.encode()) == 1, "the other tenant's is still there"
        # A log that cannot be read is said, and the others are erased.
        entries = max(first.glob("entries-*.jsonl"))
        entries.rename(entries.with_suffix(".away"))
        entries.mkdir()
        ask_once(own)
        assert admin.execute("SELECT splitplane.erase_audit_texts('brand-a')").fetchone() == (1,)
        assert len(said) == 1 and first.name in said[0], said


def test_entries_whose_texts_were_erased_do_not_read_their_file_again(own):
    """Forty megabytes of blanks, as erased texts leave them, and a hundred erased entries: read once, not a hundred times."""
    for _ in range(100):
        ask_once(own)
    own.cluster._halt("fast")
    texts = newest(own.cluster, "texts")
    texts.write_bytes((b" " * 999_999 + b"\n") * 40 + texts.read_bytes())
    own.cluster._launch()

    def seconds():
        began = time.monotonic()
        rows = own.admin_rows("SELECT sql FROM splitplane.audit() WHERE event = 'call'")
        assert len(rows) == 100
        return time.monotonic() - began, sum(row[0] == COUNT_SALES for row in rows)

    once, kept = seconds()
    assert own.admin_rows("SELECT splitplane.erase_audit_texts('brand-a')") == [(100,)]
    erased, left = seconds()
    assert (kept, left) == (100, 0), "the control"
    assert erased < 10 * once + 1, f"{once:.2f} s before, {erased:.2f} s after"


def test_reading_the_log_can_be_cancelled(own):
    for _ in range(3):
        ask_once(own)
    entries = newest(own.cluster)
    whole = entries.read_bytes().splitlines(keepends=True)
    long = max(whole, key=len)
    with entries.open("ab") as file:
        file.write(long * (80_000_000 // len(long)))
    for statement in (
        "SELECT count(*) FROM splitplane.audit(tenant => 'nobody')",
        "SELECT count(*) FROM splitplane.verify_audit()",
        # It records its call, so that the log is given up, and looks for texts in that log too.
        "SELECT splitplane.erase_audit_texts('nobody')",
    ):
        with own.admin() as admin:
            began = time.monotonic()
            admin.execute(statement)
            uncancelled = time.monotonic() - began
            admin.execute("SET statement_timeout = '20ms'")
            began = time.monotonic()
            with pytest.raises(psycopg.errors.QueryCanceled):
                admin.execute(statement)
            assert time.monotonic() - began < uncancelled / 2, statement
    assert ask_once(own)["outcome"] == "answered", "nothing is left locked"


def logs(cluster):
    return sorted(path for path in (cluster.data_dir / "splitplane_audit").iterdir() if path.is_dir())


def of_event(cluster, event):
    return [entry for entry in lines(cluster) if entry["event"] == event]


def fill(plane):
    """Calls until the log has no room for the smallest one either."""
    wide = "SELECT '" + "x" * 40_000 + "' AS wide FROM sales LIMIT 1"
    for sql in (wide, COUNT_SALES):
        with plane.session() as session, pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            for _ in range(200):
                session.call(plane.sign(sql), sql)


def test_notes_that_are_signed_at_the_same_time_are_sound(own):
    def work():
        for _ in range(15):
            ask_once(own)
            checkpoint(own)

    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    notes = (folder(own.cluster) / "notes").read_text()
    assert notes.count("\n\n") >= 2 * 6 * 15 and problems(own, checkpoint(own)) == []


@pytest.mark.parametrize("end", ["text", "character", "signature", "newline"])
def test_half_a_note_is_cut_off_at_the_next_start(own, end):
    ask_once(own)
    checkpoint(own)
    log = folder(own.cluster)
    notes = log / "notes"
    own.cluster._halt("immediate")
    whole = notes.read_bytes()
    text, signature, *_ = whole.decode().split("\n\n")
    half = {"text": text[:40], "character": f"{text}\n\n\u2014", "signature": f"{text}\n\n{signature[:70]}", "newline": f"{text}\n\n{signature}"}[end].encode()
    notes.write_bytes(whole + (half[:-1] if end == "character" else half))
    own.cluster._launch()
    ask_once(own)
    kept = checkpoint(own)
    assert folder(own.cluster) == log and problems(own, kept) == []
    assert [entry["details"]["file"] for entry in of_event(own.cluster, "cut")] == ["notes"]


def test_calls_while_the_log_cannot_be_opened_are_a_gap(own):
    ask_once(own)
    top = own.cluster.data_dir / "splitplane_audit"
    away = top.with_suffix(".away")
    own.cluster._halt("fast")
    top.rename(away)
    top.write_text("no directory")
    own.cluster._launch()
    for _ in range(3):
        ask_once(own)
    top.unlink()
    away.rename(top)
    time.sleep(1.1)
    ask_once(own)
    assert [entry["details"]["entries"] for entry in of_event(own.cluster, "gap")] == [3]
    assert problems(own) == []


def test_what_is_due_is_written_at_the_stop(own):
    ask_once(own)
    entries = newest(own.cluster)
    entries.rename(entries.with_suffix(".away"))
    entries.mkdir()
    ask_once(own)
    entries.rmdir()
    entries.with_suffix(".away").rename(entries)
    own.cluster.restart()
    assert [entry["details"]["entries"] for entry in of_event(own.cluster, "gap")] == [1]
    with own.session() as session:
        for _ in range(200):
            session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x"))
    own.cluster.restart()
    ask_once(own)
    single = [entry for entry in of_event(own.cluster, "call") if entry.get("reason", "").startswith("unknown_key")]
    counted = sum(group["calls"] for entry in of_event(own.cluster, "refused_many") for group in entry["details"]["calls"])
    assert len(single) + counted == 200 and counted > 0
    assert problems(own) == []


@pytest.mark.parametrize("own", [{"mode": "required", "audit_max_size": "1MB", "audit_retention": "2"}], indirect=True)
def test_a_full_log_goes_on_when_age_has_made_room(own):
    fill(own)
    first, log = newest(own.cluster), folder(own.cluster)
    for days, is_answered in [(1, False), (4, True)]:
        days_later(own.cluster, days)
        with own.session() as session:
            context = own.sign(COUNT_SALES, when=datetime.now(UTC) + timedelta(days=days))
            if is_answered:
                session.call(context, COUNT_SALES)
            else:
                session.refused("53400", context, COUNT_SALES)
        assert first.exists() != is_answered
    assert folder(own.cluster) == log and problems(own) == []


@pytest.mark.parametrize("own", [{"mode": "required", "audit_max_size": "1MB"}], indirect=True)
def test_a_log_that_cannot_begin_leaves_nothing_behind(own):
    """A clone whose copied log is as large as any may be: it refuses as a full log does, in each second."""
    fill(own)
    own.cluster._halt("fast")
    (folder(own.cluster) / "origin").write_text("{}")
    own.cluster._launch()
    before = logs(own.cluster)
    with own.session() as session:
        for _ in range(3):
            session.ask_refused("53400", COUNT_SALES)
            session.ask_refused("53400", COUNT_SALES)
            time.sleep(1.1)
    assert logs(own.cluster) == before and len(before) == 1
    reconfigure(own.cluster, own, audit_max_size="4MB")
    time.sleep(1.1)
    assert ask_once(own)["audit"]["log"] != before[0].name and len(logs(own.cluster)) == 2


@pytest.mark.parametrize("own", [{"mode": "required", "audit_text": "hash"}], indirect=True)
def test_a_log_that_cannot_be_flushed_is_given_up(own):
    """Its file of texts is a device, which can be written and not flushed."""
    ask_once(own)
    first = folder(own.cluster)
    texts = first / newest(own.cluster).name.replace("entries", "texts")
    texts.symlink_to("/dev/null")
    with own.session() as session:
        session.ask_refused("55000", COUNT_SALES)
    texts.unlink()
    assert ask_once(own)["audit"]["log"] == folder(own.cluster).name != first.name
    found = lines(own.cluster)[0]["details"]["found"]
    assert found["log"] == first.name and "could not be brought to disk" in found["why"]
    assert problems(own) == []


@pytest.mark.parametrize("is_signed", [False, True])
def test_hashes_whose_entries_were_lost_are_cut_off(own, is_signed):
    """As after a loss of power; but not what was signed."""
    for _ in range(3):
        ask_once(own)
    log = folder(own.cluster)
    if is_signed:
        checkpoint(own)
    os.kill(own.cluster.pid, signal.SIGKILL)
    own.cluster._halt("immediate")
    entries = newest(own.cluster)
    whole = entries.read_bytes().splitlines(keepends=True)
    entries.write_bytes(b"".join(whole[:-2]) + whole[-2][:20])
    own.cluster._launch()
    ask_once(own)
    assert (folder(own.cluster) == log) != is_signed
    cut = [(entry["details"]["file"], entry["details"]["bytes"]) for entry in of_event(own.cluster, "cut")]
    assert cut == ([] if is_signed else [(entries.name, 20), ("hashes", 64)])
    assert problems(own) == []


@pytest.fixture
def small_disk():
    """A file system of a megabyte, where mounting one is allowed."""
    place = Path(tempfile.mkdtemp(prefix="splitplane-disk-", dir="/tmp"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "splitplane", place], capture_output=True, text=True)
    try:
        if mounted.returncode != 0:
            pytest.skip(f"NOT RUN: a file system cannot be mounted here: {mounted.stderr.strip()}")
        place.chmod(0o777)
        yield place
    finally:
        subprocess.run(["umount", "-l", place], capture_output=True)
        place.rmdir()


@pytest.mark.parametrize("mode", ["required", "on"])
def test_a_full_disk(small_disk, mode):
    """Nothing of an entry that does not fit is left behind, and with room again the log goes on."""
    with audited(mode, audit_directory=str(small_disk / "log")) as running:
        plane = Wire.build(running, "own")
        ask_once(plane)
        log = small_disk / "log" / (small_disk / "log" / "current").read_text().strip()
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        answered = []
        with plane.session() as session:
            # What is left of the last block.
            for _ in range(60):
                try:
                    answered.append(session.call(plane.sign(COUNT_SALES), COUNT_SALES))
                except psycopg.Error as error:
                    assert mode == "required" and error.sqlstate == "53400", error
            assert ("audit" in answered[-1]) is False if mode == "on" else len(answered) < 60
            filler.unlink()
            assert "audit" in session.call(plane.sign(COUNT_SALES), COUNT_SALES)
        text = b"".join(path.read_bytes() for path in sorted(log.glob("entries-*.jsonl")))
        entries = [json.loads(line) for line in text.splitlines()]
        assert sum(entry["details"]["entries"] for entry in entries if entry["event"] == "gap") > 0
        assert (small_disk / "log" / "current").read_text().strip() == log.name and problems(plane, checkpoint(plane)) == []
