"""The files of the audit log: many writers, crashes, restarts, copies, and tampering that is found."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from pg_test.wire.audited import ask_once, audited, checkpoint, folder, lines, newest, of_event, problems
from pg_test.wire.harness import COUNT_SALES, SALES, Wire


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


@pytest.fixture
def own(request):
    """A server of the test's own with a plane."""
    with audited(**getattr(request, "param", {})) as running:
        yield Wire.build(running, "own")


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
    kills, given_up = 0, time.monotonic() + 60
    # On a busy machine few looks find a backend in a call.
    while kills < 4 and time.monotonic() < given_up:
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
