"""Reading the audit log and erasing texts: of any length, in every log, beside damage, and cancelled."""

import contextlib
import json
import time

import psycopg
import pytest

from pg_test.wire.audited import ENTRIES, ask_once, audited, folder, last, lines, newest, problems, reconfigure
from pg_test.wire.harness import COUNT_SALES, Wire


@pytest.fixture
def own(request):
    """A server of the test's own with a plane."""
    with audited(**getattr(request, "param", {})) as running:
        yield Wire.build(running, "own")


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
