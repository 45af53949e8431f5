"""The clients of the endurance run: what they call, and what each answer is held against.

Each client is a thread with a session on both worlds of truth.py, or, if it is rude, with a new session for every call, which
it often leaves in the middle. The mix is drawn from a seed; what is slow to answer is drawn seldom.

    honest      a query of the analytics corpus, by ask; the answer is the one of the principal's rows alone
    rows        the same through ask_rows
    dry         the same through ask_dry_run: no row, no plan
    hostile     an entry of the hostile corpora, by either tenant; judged as that suite judges, and compared if answered
    burning     an entry that only burns time or memory; any end within the table will do
    keeping     SQL that means to leave something in the session's memory, each time of another name: time zones by every way in
    forged      a context that is changed, used before, or signed by nobody: 28000, nothing else
"""

from __future__ import annotations

import collections
import json
import random
import socket
import threading
import time

import psycopg
from splitplane_test.signing import sign
from truth import KEY_ID, PRINCIPALS, Honest, Hostile, attacks, foreign

from pg_test.attacks.entries import load as load_entries
from pg_test.attacks.entries import may_answer_own_rows, text_of
from pg_test.attacks.verdict import LIMITS, REFUSALS, is_data_error, judge_error

WEIGHTS = {"honest": 50, "rows": 8, "dry": 4, "hostile": 30, "burning": 2, "keeping": 6, "forged": 6}
MOST_FAILURES = 40


class Tally:
    """What all clients saw; safe to add to from every thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls: collections.Counter[str] = collections.Counter()
        self.ends: collections.Counter[str] = collections.Counter()
        self.compared = 0
        self.wrong: list[str] = []
        self.wrongs = 0
        self.seconds: dict[str, list[float]] = collections.defaultdict(list)

    def add(self, kind: str, end: str, seconds: float, compared: bool, wrong: list[str]) -> None:
        with self.lock:
            self.calls[kind] += 1
            self.ends[end] += 1
            self.compared += compared
            self.seconds[kind].append(seconds)
            self.wrongs += len(wrong)
            self.wrong += wrong[: max(0, MOST_FAILURES - len(self.wrong))]


class Traffic:
    """Both worlds and their texts, shared by all clients."""

    def __init__(self, cluster, honest: Honest, hostile: Hostile, queries: int | None, seed: int):
        self.cluster, self.honest, self.hostile, self.tally = cluster, honest, hostile, Tally()
        chosen = random.Random(seed)
        self.queries = list(honest.queries)
        if queries is not None:
            self.queries = chosen.sample(self.queries, queries)
        entries = [entry for entry in load_entries() if text_of(entry, attacks.DATABASE) is not None and entry["category"] != "context_forgery"]
        # A poisoned session would be the next call's too: those are the hostile suite's alone.
        entries = [entry for entry in entries if "session_setup" not in entry]
        self.burning = [entry for entry in entries if entry["expect"] == "bounded"]
        self.entries = [entry for entry in entries if entry["expect"] != "bounded"]


class Client(threading.Thread):
    """One client; ends by itself at `until` (time.monotonic)."""

    def __init__(self, traffic: Traffic, number: int, seed: int, until: float, rude: bool):
        # A daemon: a run that is told to go does not wait for calls whose server has gone.
        super().__init__(name=f"client {number}", daemon=True)
        self.traffic, self.until, self.rude = traffic, until, rude
        self.chosen = random.Random(seed * 1000 + number)
        self.open: dict[str, psycopg.Connection] = {}
        self.used: list[tuple[dict, str]] = []
        self.took = 0.0
        self.broken: BaseException | None = None

    def pids(self) -> list[int]:
        """The backends that this client keeps from its first call to its last."""
        return [] if self.rude else [connection.info.backend_pid for connection in self.open.values() if not connection.closed]

    def session(self, database: str) -> psycopg.Connection:
        connection = self.open.get(database)
        if connection is None or connection.closed:
            user = "app" if database == attacks.DATABASE else "analyst"
            connection = self.open[database] = psycopg.connect(self.traffic.cluster.dsn(database, user), autocommit=True)
        return connection

    def run(self) -> None:
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        try:
            for database in ("shared", attacks.DATABASE):
                self.session(database)
            while time.monotonic() < self.until:
                kind = self.chosen.choices(kinds, weights)[0]
                end, compared, wrong = getattr(self, f"_{kind}")()
                self.traffic.tally.add(kind, end, self.took, compared, [f"{kind}: {reason}" for reason in wrong])
                if self.rude:
                    self._be_rude()
        except BaseException as error:  # a thread's failure must reach the report
            self.broken = error
        finally:
            for connection in self.open.values():
                connection.close()

    def _be_rude(self) -> None:
        """Start a long call and hang up in the middle, or between calls, with or without a word."""
        database = self.chosen.choice(["shared", attacks.DATABASE])
        connection = self.session(database)
        if self.chosen.random() < 0.5:
            sql = "SELECT count(*) FROM generate_series(1, 3000000)"
            context = self._context(database, sql)
            connection.pgconn.send_query_params(b"SELECT public.ask($1::jsonb, sql => $2)", [json.dumps(context).encode(), sql.encode()])
            connection.pgconn.flush()
            time.sleep(self.chosen.random() * 0.1)
            with socket.socket(fileno=socket.dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
        connection.close()

    def _context(self, database: str, sql: str) -> dict:
        if database == attacks.DATABASE:
            return self.traffic.hostile.context(sql, "acme")
        return self._sign(sql, PRINCIPALS[0])

    def _sign(self, sql: str, principal, **changes) -> dict:
        tenant, business, *_ = principal
        return sign(KEY_ID, changes.pop("secret", self.traffic.honest.secret), sql, tenant, business, "endurance", audience="shared", **changes)

    def _value(self, database: str, statement: str, context: dict, sql: str):
        """One call; its one value, and how long it took in `took`."""
        connection, arguments = self.session(database), (json.dumps(context), sql)
        started = time.monotonic()
        try:
            return connection.execute(statement, arguments).fetchone()[0]
        finally:
            self.took = time.monotonic() - started

    def _draw(self):
        """A query of the corpus, a principal and his truth."""
        for _ in range(1000):
            query, principal = self.chosen.choice(self.traffic.queries), self.chosen.choice(PRINCIPALS)
            expected = self.traffic.honest.expected(query, principal[2])
            if expected is not None:
                return query, principal, expected
        raise AssertionError("no query of the corpus has a truth: is the server still there?")

    def _honest(self):
        query, principal, expected = self._draw()
        context = self._sign(query.sql, principal)
        try:
            text = self._value("shared", "SELECT ask(%s::jsonb, sql => %s)::text", context, query.sql)
        except psycopg.Error as error:
            return self._ended(error, query.id, allowed=("57014",))
        self._remember(context, query.sql)
        problem = self.traffic.honest.difference(query, expected, text)
        return "answered", True, [f"{query.id} as {principal[:2]}: {problem}"] if problem else []

    def _rows(self):
        """Counted and compared by number: the values are compared in `honest`."""
        query, principal, expected = self._draw()
        if any("record" in kind for kind in expected.types):
            return self._honest()
        context = self._sign(query.sql, principal)
        definition = ", ".join(f"c{number} {kind}" for number, kind in enumerate(expected.types))
        try:
            statement = f"SELECT count(*) FROM ask_rows(%s::jsonb, sql => %s) AS t({definition})"
            count = self._value("shared", statement, context, query.sql)
        except psycopg.Error as error:
            return self._ended(error, query.id, allowed=("57014",))
        return "answered", True, [] if count == len(expected.rows) else [f"{query.id} as {principal[:2]}: {count} rows, not {len(expected.rows)}"]

    def _dry(self):
        query, principal, _ = self._draw()
        context = self._sign(query.sql, principal)
        try:
            document = self._value("shared", "SELECT ask_dry_run(%s::jsonb, sql => %s)", context, query.sql)
        except psycopg.Error as error:
            return self._ended(error, query.id, allowed=("57014",))
        # The claims of the fences; none where the text names no protected relation.
        values = {str(parameter["value"]) for parameter in document["parameters"]}
        right = not values or principal[0] in values and not values & {other for other, *_ in PRINCIPALS if other != principal[0]}
        right = right and document.get("plan") is None and "rows" not in document
        return "dry run", True, [] if right else [f"{query.id}: {str(document)[:200]}"]

    def _ask(self, context: dict, sql: str) -> dict:
        """The hostile suite's own way of calling, timed."""
        connection, started = self.session(attacks.DATABASE), time.monotonic()
        try:
            return attacks.ask(connection, context, sql)
        finally:
            self.took = time.monotonic() - started

    def _hostile(self):
        entry, tenant = self.chosen.choice(self.traffic.entries), self.chosen.choice(["acme", "beta"])
        sql = text_of(entry, attacks.DATABASE)
        context = self.traffic.hostile.context(sql, tenant)
        name = f"{entry['id']} as {tenant}"
        try:
            document = self._ask(context, sql)
        except psycopg.Error as error:
            return self._ended(error, name, entry, sql, tenant)
        text = json.dumps(document.get("rows"), ensure_ascii=False, default=str)
        wrong = [f"{name}: shows {word}"] if (word := foreign(tenant, text, sql)) else []
        if entry["expect"] == "reject" and not may_answer_own_rows(sql):
            wrong.append(f"{name}: answered {text[:200]}")
        found = self.traffic.hostile.truth[tenant].differs(entry, sql, document)
        return "answered", True, wrong + [f"{name}: {reason}" for reason in found]

    def _burning(self):
        entry, tenant = self.chosen.choice(self.traffic.burning), self.chosen.choice(["acme", "beta"])
        sql = text_of(entry, attacks.DATABASE)
        context = self.traffic.hostile.context(sql, tenant)
        try:
            document = self._ask(context, sql)
        except psycopg.Error as error:
            return self._ended(error, entry["id"], entry, sql, tenant)
        except RecursionError:
            return "answered", False, []
        word = foreign(tenant, str(document.get("rows"))[:100_000], sql)
        return "answered", False, [f"{entry['id']}: shows {word}"] if word else []

    def _keeping(self):
        """Two hundred zones that no session has had, named, made, read as a date or by the way."""
        name = "".join(self.chosen.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=4))
        made = f"'{name}' || chr(65 + g / 10) || '+' || g % 10"
        listed = ", ".join(f"'2026-01-01 10:00 {name}{chr(65 + number // 10)}+{number % 10}'" for number in range(200))
        zoned, series = f"now() AT TIME ZONE '{name}+3'", "FROM generate_series(0, 199) AS g"
        sql = self.chosen.choice(
            [
                f"SELECT {zoned}",
                f"SELECT count(now() AT TIME ZONE ({made})) {series}",
                f"SELECT count(('2026-01-01 10:00 ' || {made})::timestamptz) {series}",
                f"SELECT count(ARRAY['10:00 ' || {made}]::timetz[]) {series}",
                f"SELECT count(*) FROM (SELECT now() AS at OFFSET 0) AS t WHERE at IN ({listed})",
                f"SELECT count(*) {series} WHERE now() < ANY ('{{2026-01-01 10:00 {name}+3}}'::timestamptz[])",
                f"SELECT count(t.d) {series} CROSS JOIN LATERAL json_to_record(json_build_object('d', '10:00 ' || {made})) AS t (d timetz)",
            ]
        )
        context = self._sign(sql, PRINCIPALS[0])
        try:
            self._value("shared", "SELECT ask(%s::jsonb, sql => %s)", context, sql)
        except psycopg.Error as error:
            return self._ended(error, "keeping", allowed=("22023",))
        return "answered", False, [f"kept: {sql}"]

    def _forged(self):
        """Used before (by whichever session), signed by nobody, or for another tenant than the one it is sent for."""
        query, principal, _ = self._draw()
        if self.used and self.chosen.random() < 0.5:
            context, sql = self.chosen.choice(self.used)
        else:
            sql = query.sql
            if self.chosen.random() < 0.5:
                context = self._sign(sql, principal, secret="a-secret-of-nobody-at-all")
            else:
                context = self._sign(sql, principal)
                context["x-splitplane-tenant"] = "brand-b" if principal[0] != "brand-b" else "brand-a"
        try:
            self._value("shared", "SELECT ask(%s::jsonb, sql => %s)", context, sql)
        except psycopg.Error as error:
            if error.sqlstate == "28000" and error.diag.message_primary == "the signed context was refused":
                return "28000", True, []
            return error.sqlstate or "lost", False, [f"{error.sqlstate} {error}"]
        return "answered", False, ["a forged or used context was answered"]

    def _remember(self, context: dict, sql: str) -> None:
        self.used.append((context, sql))
        del self.used[:-20]

    def _ended(self, error: psycopg.Error, name: str, entry: dict | None = None, sql: str = "", tenant: str = "", allowed=()):
        """A call that was refused: honest ones may only run into the deadline, hostile ones end as their suite says."""
        state = error.sqlstate or "lost"
        said = f"{name}: {state} {str(error)[:200]}"
        if entry is None:
            return state, False, [] if state in allowed else [said]
        if state in LIMITS or state in ("57014", "53400"):
            return state, False, [f"{said}: has details"] if error.diag.message_detail or error.diag.message_hint or error.diag.context else []
        wrong = [] if state in REFUSALS or is_data_error(state) or state in entry.get("states", ()) else [said]
        if tenant == "acme" and "rows" not in entry:
            wrong += [f"{name}: {reason}" for reason in judge_error(entry, error, sql)]
        elif word := foreign(tenant, str(error), sql):
            wrong.append(f"{said}: shows {word}")
        return state, True, wrong
