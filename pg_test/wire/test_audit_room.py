"""The audit log without room or files: what is withheld, what is a gap, what age removes, and that it goes on afterwards."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from pg_test.wire.audited import ask_once, audited, checkpoint, days_later, folder, lines, newest, of_event, problems, reconfigure
from pg_test.wire.harness import COUNT_SALES, SALES, Wire


@pytest.fixture
def own(request):
    """A server of the test's own with a plane."""
    with audited(**getattr(request, "param", {})) as running:
        yield Wire.build(running, "own")


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


def logs(cluster):
    return sorted(path for path in (cluster.data_dir / "splitplane_audit").iterdir() if path.is_dir())


def fill(plane):
    """Calls until the log has no room for the smallest one either."""
    wide = "SELECT '" + "x" * 40_000 + "' AS wide FROM sales LIMIT 1"
    for sql in (wide, COUNT_SALES):
        with plane.session() as session, pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            for _ in range(200):
                session.call(plane.sign(sql), sql)


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
