"""Clock steps: the server's clock is set forward and back under a running server, by a library of ours (step.c).

What must hold: no step makes a used context good again. What may happen instead is a refusal, until the clock is where it was or
the server is started anew; docs/side-channels.md tells which step leads to what. Monotonic time is not stepped, as on a machine.
"""

import datetime
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from sound import ENDLESS, outcome
from splitplane_test.cluster import Cluster

from pg_test.wire.harness import COUNT_SALES, SALES, Wire

SOURCE = Path(__file__).with_name("step.c")
SKEW = 2


class Clock:
    """The server's clock: ours plus an offset that can be changed while it runs."""

    def __init__(self, folder: Path):
        self.file, self.library, self.offset = folder / "offset", folder / "step.so", -5000
        compile_it = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", self.library, SOURCE]
        subprocess.run(compile_it, check=True)
        # The server is made in the past: a key is good from its making on, also under a clock that is set back.
        self.file.write_bytes(struct.pack("=q", self.offset))
        # It may run as another user.
        for made, mode in ((folder, 0o755), (self.file, 0o644), (self.library, 0o755)):
            made.chmod(mode)

    def step(self, seconds: int) -> None:
        """Set the clock to so many seconds ahead of ours; negative is behind."""
        with self.file.open("r+b") as mapped:
            mapped.write(struct.pack("=q", seconds))
        self.offset = seconds

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.offset)

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "STEPPED_CLOCK": str(self.file)}


@pytest.fixture(scope="module")
def clocked():
    """A server with a small ledger and a short skew, whose clock can be set."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="splitplane-clock-") as folder:
        clock = Clock(Path(folder))
        settings = {"splitplane.ledger_size": "64", "splitplane.clock_skew": f"{SKEW}s", "splitplane.deadline": "1s"}
        with Cluster(settings=settings, environment=clock.environment()) as cluster:
            yield Wire.build(cluster, "clocked"), clock


@pytest.fixture
def stepped(clocked):
    """A fresh server with its clock where ours is: a step of an earlier test is not this one's."""
    wire, clock = clocked
    clock.step(0)
    wire.cluster.restart("immediate")
    with wire.session() as session:
        shown = session.execute("SELECT clock_timestamp()").fetchone()[0]
        assert abs((shown - clock.now()).total_seconds()) < 2
        yield session, clock


def signed(session, clock, **more) -> dict:
    return session.plane.sign(more.pop("sql", COUNT_SALES), when=clock.now(), **more)


def asked(session, clock) -> str:
    return outcome(session, signed(session, clock))


def test_the_control_the_server_follows_its_clock(stepped):
    session, clock = stepped
    for offset in (0, 1000, 5000):
        clock.step(offset)
        shown = session.execute("SELECT clock_timestamp()").fetchone()[0]
        assert abs((shown - clock.now()).total_seconds()) < 2
        assert asked(session, clock) == "answered"
        assert outcome(session, session.plane.sign(COUNT_SALES)) == ("answered" if offset == 0 else "28000"), "signed by the true clock"


def test_used_contexts_stay_used_when_the_clock_goes_forward_and_back(stepped):
    """Beyond the skew, so that all was expired in between; then back to the very second."""
    session, clock = stepped
    used, unused = signed(session, clock), signed(session, clock)
    assert outcome(session, used) == "answered"
    clock.step(1000)
    assert outcome(session, used) == outcome(session, unused) == "28000"
    assert asked(session, clock) == "answered"
    clock.step(0)
    assert outcome(session, used) == "28000"
    assert outcome(session, unused) == "answered", "the control: by date it is good again, and nobody had used it"
    assert outcome(session, unused) == "28000"
    assert asked(session, clock) == "answered"


def test_contexts_forgotten_under_a_clock_ahead_stay_refused_when_it_is_set_back(stepped):
    """The full ledger is swept under the clock that is ahead: what it forgot then is refused by the horizon."""
    session, clock = stepped
    contexts = [signed(session, clock) for _ in range(64)]
    assert [outcome(session, context) for context in contexts] == ["answered"] * 64
    assert asked(session, clock) == "28000", "the control: the ledger is full"
    clock.step(1000)
    assert asked(session, clock) == "answered", "the control: it was swept"
    clock.step(0)
    assert {outcome(session, context) for context in contexts} == {"28000"}


def test_ledger_is_swept_again_after_the_clock_was_set_back(stepped):
    """A sweep under a clock that was ahead must not put off the next one until that moment comes."""
    session, clock = stepped
    assert [asked(session, clock) for _ in range(64)] == ["answered"] * 64
    clock.step(1000)
    assert asked(session, clock) == "answered"
    clock.step(0)
    time.sleep(1.1)
    ends = [asked(session, clock) for _ in range(64)]
    assert ends == ["answered"] * 63 + ["28000"], "one place is held by the context of the clock ahead"
    time.sleep(SKEW + 2)
    assert asked(session, clock) == "answered"


def test_small_steps_back_and_forth(stepped):
    """What a time service without slewing does: a second or two, every now and then. No used context is good again."""
    session, clock = stepped
    used = []
    for offset in (0, -1, 1, 0, 2, -1, 0):
        clock.step(offset)
        for tenant in SALES:
            context = signed(session, clock, tenant=tenant)
            if outcome(session, context) == "answered":
                used.append(context)
            assert outcome(session, context) == "28000"
    clock.step(0)
    assert len(used) >= 15
    assert {outcome(session, context) for context in used} == {"28000"}


def test_clock_set_back_behind_the_start_refuses_until_it_has_caught_up(stepped):
    """Contexts dated before the server's start are not believed, though the clock says that it is then: closed, not open."""
    session, clock = stepped
    clock.step(-1000)
    assert asked(session, clock) == "28000"
    clock.step(1)
    assert asked(session, clock) == "answered"
    clock.step(-1000)
    session.plane.cluster.restart("fast")
    with session.plane.session() as again:
        assert asked(again, clock) == "answered", "the remedy: a restart takes the clock as it is"


@pytest.mark.parametrize(("step", "least", "most"), [(100, 0.3, 2.0), (-3, 0.9, 7.0)])
def test_deadline_under_a_step(stepped, step, least, most):
    """PostgreSQL's timers go by the wall clock. Forward: the deadline of a second strikes at once. Back: later by the step, no more.

    The upper bound has three seconds for a slow machine; without the step back it is two.
    """
    session, clock = stepped
    context = signed(session, clock, sql=ENDLESS)
    timer = threading.Timer(0.5, clock.step, (step,))
    timer.start()
    started = time.monotonic()
    assert outcome(session, context, ENDLESS) == "57014"
    took = time.monotonic() - started
    timer.join()
    assert least < took < most, f"{took:.1f} s"
    clock.step(0)
    assert session.value(COUNT_SALES, "brand-b", when=clock.now()) == SALES["brand-b"]


MIDNIGHT = (
    "SELECT date 'today' = current_date AND 'tomorrow'::date = current_date + 1 AND current_date - 1 = ANY ('{yesterday}'::date[])"
    " AND current_date <@ daterange '[today,tomorrow)' AND 'now'::timestamptz = now() AND current_date = 'today'::text::date AS is_today"
)
DAY = "SELECT current_date::text AS day"


def test_midnight_between_two_calls_of_one_session(stepped):
    """A statement that has been proved before is analysed anew where its constants are those of a day: 'today' is today."""
    session, clock = stepped

    def value(sql):
        return session.call(signed(session, clock, sql=sql), sql)["rows"]

    days = []
    for step in (0, 86_400, 2 * 86_400):
        clock.step(step)
        for _ in range(4):
            assert value(MIDNIGHT) == [[True]]
            days.append(value(DAY)[0][0])
    assert len(set(days)) >= 3, "the control: days have passed, and a statement that is kept sees them"
