"""What the tests of questions in words share: questions that the stand-in knows, sessions that ask them, and the witness
that nothing was executed."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from splitplane_test.session import Session, call, canaries, refusal, wait_until

from pg_test.wire.harness import SALES, Wire

MODEL = "us.anthropic.claude-sonnet-4-20250514-v1:0"
"""As any: the stand-in speaks for all of them. Forced tools are preferred with this one."""
GOOD_SQL = "SELECT count(*) AS sales FROM sales"
REJECTED = {"clarify": "clarify", "out_of_scope": "out_of_scope", "reject": "refused"}
"""The verdicts that refuse, and the outcome that a document names."""
MODEL_STATES = ("38000", "08006")
"""What a fault of the model or of its reply may look like."""
FLUSH = "SELECT pg_stat_force_next_flush()"
WATCHED = ("shops", "sales", "visits", "units", "vault")

_numbers = itertools.count(1)


class Words(Wire):
    """A plane of the wire tests, with a stand-in that answers questions about it."""

    standin = None
    boss = None

    @classmethod
    def make(cls, cluster, standin, database: str, **plane) -> Words:
        """`plane` is what Plane.install takes, for another world than the wire tests'."""
        made = cls.install(cluster, database, **plane) if plane else cls.build(cluster, database)
        made.standin = standin
        made.boss = made.connect()
        return made

    def run(self, statement, *arguments):
        """Run one statement as superuser, over one connection that stays; the first row, if there is one."""
        if self.boss is None:
            return super().run(statement, *arguments)
        cursor = self.boss.execute(statement, arguments or None)
        return cursor.fetchone() if cursor.description else None

    def rule(self, sql=GOOD_SQL, verdict: str = "allow", question: str | None = None, **more) -> str:
        """Teach the stand-in a question that nobody asked before; the question."""
        question = question or f"How many sales were there in case {next(_numbers)}?"
        if more.get("clarification"):
            sql = ()
        self.standin.script.add([{"question": question, "verdict": verdict, "sql": sql, **more}])
        return question

    @contextmanager
    def talk(self, user: str = "app", autocommit: bool = True, **settings) -> Iterator[Talk]:
        """A session of a calling role, of a new one when there are settings (as `Wire.role` takes them)."""
        user = self.role(**settings) if settings else user
        with self.connect(user, autocommit, prepare_threshold=None) as connection:
            try:
                yield Talk(self, connection)
            finally:
                # Its scans are told now, not when the backend ends: that would be in the middle of the next test.
                with suppress(psycopg.Error):
                    connection.rollback()
                    connection.execute(FLUSH)
                    connection.rollback()

    def scans(self, session: Session) -> int:
        """Scans of the plane's tables and the vault so far, those of the session included."""
        session.execute(FLUSH)
        # What a test counted over this connection would otherwise be told up to ten seconds later, when it has been idle.
        self.run(FLUSH)
        counted = "SELECT sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)) FROM pg_stat_user_tables WHERE relname = ANY(%s)"
        return int(self.run(counted, list(WATCHED))[0])

    @contextmanager
    def unread(self, session: Session) -> Iterator[None]:
        """Nothing is executed inside: no table is scanned."""
        before = self.scans(session)
        yield
        assert self.scans(session) == before, "a table was read"

    def tasks(self) -> list[str]:
        """What the stand-in was asked for so far, in order of arrival."""
        return [record.task or record.operation for record in self.standin.settle()]


class Talk(Session):
    """A session that asks in words."""

    def put(self, question, tenant="brand-a", *, sql=None, conversation=None, function="ask", context=None, **signing):
        """Sign the question and ask it; the document as it comes."""
        signing.setdefault("conversation", conversation)
        context = self.plane.sign(question, tenant, **signing) if context is None else context
        return call(self.connection, context, sql, question, function, conversation)

    def say(self, question: str, tenant: str = "brand-a", **more) -> dict:
        """Ask for an answer; the document, which must hold nobody else's canary."""
        document = self.put(question, tenant, **more)
        assert document["outcome"] == "answered", document
        self._clean(json.dumps(document), tenant)
        return document

    def count(self, question: str, tenant: str = "brand-a", **more) -> dict:
        """Ask what `GOOD_SQL` answers; the document."""
        document = self.say(question, tenant, **more)
        assert document["rows"] == [[SALES[tenant]]], document
        return document

    def declined(self, outcome: str, question: str, tenant: str = "brand-a", **more) -> dict:
        """Ask what must not be answered, without an error; the document."""
        document = self.put(question, tenant, **more)
        assert document["outcome"] == outcome, document
        assert "rows" not in document and "sql" not in document and "columns" not in document, document
        self._clean(json.dumps(document), tenant)
        return document

    def fails(self, state, question: str, tenant: str = "brand-a", **more):
        """Ask what must end in an error with this SQLSTATE (or one of these); the error."""
        error = refusal(lambda: self.put(question, tenant, **more), state)
        self._clean(str(error), tenant)
        return error

    @staticmethod
    def _clean(text: str, tenant: str) -> None:
        leaked = canaries(text, tenant)
        assert not leaked, f"{tenant} was shown {leaked}"


class Pending:
    """A call that is under way in a thread of its own."""

    def __init__(self, action):
        self.answer, self.error, self.ended = None, None, None
        self._thread = threading.Thread(target=self._run, args=(action,), daemon=True)
        self._thread.start()

    def _run(self, action) -> None:
        try:
            self.answer = action()
        except psycopg.Error as error:
            self.error = error
        finally:
            self.ended = time.monotonic()

    def join(self, seconds: float = 10) -> Pending:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"the call did not end within {seconds} s"
        return self


def in_flight(standin, count: int, seconds: float = 10) -> None:
    """Wait until the stand-in is being asked so many things at a time."""
    wait_until(lambda: standin.in_flight == count, seconds, f"{count} calls are under way")


@contextmanager
def hanging(words: Words, talk: Talk, task: str = "validation") -> Iterator[Pending]:
    """A call that waits for a model that does not answer."""
    words.standin.play()
    words.standin.clear()
    words.standin.play("hang", task=task)
    call = Pending(lambda: talk.put(words.rule()))
    # The other side is answered and gone.
    both = {"validation", "generation"}
    wait_until(lambda: {record.task for record in words.standin.requests} >= both, 10, "both sides are asked")
    in_flight(words.standin, 1)
    yield call
    words.standin.play()
