"""What a statement gives where no splitplane is: on a database that holds tenant acme alone, or both tenants unfenced.

There are two kinds. `EMPTIED` is the attacked database itself, extension and statistics and all, without the rows of anybody but
acme: `ask` must come to the very same there, error or answer. The others have no splitplane in them; what they give is
PostgreSQL's own opinion.

The rows come out as PostgreSQL's own JSON, so that they compare with an answer of `ask` value for value, whatever the
types. Order is not compared. A statement that is free to give other rows (LIMIT without a full ORDER BY, row_number over
ties, the moment) would differ for honest reasons; so before a difference counts, the same text runs under other plans, and
over the same rows stored in another order. Only when all of those agree with each other is the statement held to them.
"""

from __future__ import annotations

import collections
import decimal
import json
import re
from typing import NamedTuple

import psycopg
from judge import is_over_rows

from pg_test.attacks.entries import CHILDREN, SCOPED
from pg_test.attacks.verdict import is_data_error
from pg_test.attacks.world import ALONE, DATABASE

SHUFFLED = "acme_shuffled"
# The attacked database as it would be if nobody but acme were in it, statistics excepted: the same plans over acme's rows alone.
EMPTIED = "hostile_emptied"
# More rows than any answer may have.
_MOST_ROWS = 3000
_TIMEOUT_MS = 1000
# Sums of floating point numbers depend on the order of their terms.
_DIGITS = 9
decimal.getcontext().prec = 300
# Time and memory are another database's, and so are its limits.
_LIMITS = ("57014", "53200", "54001")
_NO_NUMBER = re.compile(r"cannot convert (NaN|-?infinity) to ")
# Different plans for the same text.
_PLANS = (
    (),
    ("enable_hashjoin", "enable_hashagg", "enable_indexscan", "enable_indexonlyscan"),
    ("enable_mergejoin", "enable_sort", "enable_nestloop"),
    ("enable_seqscan", "enable_material", "enable_incremental_sort", "enable_memoize"),
)
_CANON = f"""
CREATE FUNCTION public.canon(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $body$
DECLARE
    r record;
    n int := 0;
BEGIN
    FOR r IN EXECUTE statement LOOP
        n := n + 1;
        EXIT WHEN n > {_MOST_ROWS};
        RETURN NEXT (SELECT coalesce(json_agg(e.value ORDER BY e.position), '[]')::text
                     FROM json_each(to_json(r)) WITH ORDINALITY AS e(key, value, position));
    END LOOP;
END $body$"""

Rows = collections.Counter[str]
# A relation qualified with the attacked database's name: every database of the oracle has another.
_NAMES_DATABASE = re.compile(rf'\b{DATABASE}"?\s*\.\s*"?\w', re.IGNORECASE)


def names_database(text: str) -> bool:
    """Whether the statement means something else in any other database."""
    return _NAMES_DATABASE.search(text) is not None


class Answer(NamedTuple):
    """Rows as lines of JSON, or the error instead."""

    lines: list[str] | None
    error: psycopg.Error | None

    @property
    def state(self) -> str:
        return "rows" if self.error is None else self.error.sqlstate or "none"


def prepare(world, *more: str) -> None:
    """Makes the shuffled database and the function that turns rows into JSON, in these databases too."""
    with world.superuser(ALONE) as connection:
        connection.execute(_CANON)
    world.cluster.createdb(SHUFFLED, ALONE)
    with world.superuser(SHUFFLED) as connection:
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            connection.execute(f"CREATE TEMP TABLE aside AS TABLE public.{table}; TRUNCATE public.{table}")
            connection.execute(f"INSERT INTO public.{table} SELECT * FROM aside ORDER BY md5(aside::text); DROP TABLE aside")
        connection.execute("VACUUM ANALYZE")
    for name in more:
        with world.superuser(name) as connection:
            connection.execute(_CANON)
    _empty(world)


def _empty(world) -> None:
    """Deletes all rows that are not acme's. No VACUUM and no ANALYZE: pages, order and statistics stay."""
    world.cluster.createdb(EMPTIED, DATABASE)
    with world.superuser(EMPTIED) as connection:
        tables = connection.execute(
            "SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)"
            " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND (c.relkind = 'r' AND NOT c.relispartition OR c.relkind = 'p')"
        ).fetchall()
        # Of tables without a tenant column, by what says whose their rows are; parents go before their children.
        foreign = {table: condition for table, (_, _, _, condition) in SCOPED.items()} | {table: child.foreign for table, child in CHILDREN.items()}
        connection.execute("SET session_replication_role = replica")
        for table, scoped in tables:
            if table in foreign:
                connection.execute(f"DELETE FROM public.{table} WHERE {foreign[table].format(tenant='acme')}")
            else:
                connection.execute(f"DELETE FROM public.{table}{' WHERE tenant_id <> %s' if scoped else ''}", ["acme"] if scoped else None)
        # Its contexts are those of the attacked database, and so are its limits.
        settings = connection.execute(
            "SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = (SELECT oid FROM pg_database WHERE datname = %s)", [DATABASE]
        ).fetchall()
        for (setting,) in settings:
            name, _, value = setting.partition("=")
            connection.execute(f"ALTER DATABASE {EMPTIED} SET {name} = '{value}'")
        connection.execute(f"ALTER DATABASE {EMPTIED} SET splitplane.audience = '{DATABASE}'")


class Plain:
    """A session on a database without splitplane, read-only and with a short deadline."""

    def __init__(self, dsn: str):
        self.connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        self.notices: list[str] = []
        self.connection.add_notice_handler(lambda diagnostic: self.notices.append(diagnostic.message_primary or ""))
        self.connection.execute(f"SET statement_timeout = {_TIMEOUT_MS}; SET default_transaction_read_only = on; SET timezone = 'UTC'")

    def answer(self, text: str, plan: tuple[str, ...] = ()) -> Answer:
        for name in plan:
            self.connection.execute(f"SET {name} = off")
        try:
            lines = [row[0] for row in self.connection.execute("SELECT public.canon(%s)", [text]).fetchall()]
            return Answer(lines, None)
        except psycopg.Error as error:
            return Answer(None, error)
        finally:
            for name in plan:
                self.connection.execute(f"RESET {name}")


class Oracle:
    """The single-tenant database, in as many forms as it takes to know whether a statement has but one answer."""

    def __init__(self, world_dsn):
        """world_dsn(database): how to connect to it as a role that may read acme's tables."""
        self.alone, self.shuffled = Plain(world_dsn(ALONE)), Plain(world_dsn(SHUFFLED))

    def judge(self, text: str, document: str | None) -> tuple[str, str]:
        """(verdict, why): `equal`, `open` when the statement has several right answers, `skipped`, or `differs`.

        document is None for a statement that ended in an error over data: then the single tenant's rows must be able to
        cause one as well.
        """
        if names_database(text):
            return "skipped", ""
        first = self.alone.answer(text)
        if document is None:
            return self._judge_error(text, first)
        verdict = _compare(document, first)
        if verdict == "equal":
            return verdict, ""
        if first.state == "0A000" and _NO_NUMBER.search(str(first.error)):
            # A constant that always fails, in a part of the statement that one plan computes and another leaves out.
            return "skipped", ""
        seen = {verdict, self._agree(document, text, first)}
        if seen == {"differs"}:
            return "differs", _difference(document, first)
        return ("open" if "open" in seen or "equal" in seen else "skipped"), ""

    def first_look(self, text: str, document: str) -> bool:
        """Whether the rows are those of the single tenant; for statements with several right answers, by chance."""
        return _compare(document, self.alone.answer(text)) == "equal"

    def _agree(self, document: str, text: str, first: Answer) -> str:
        """`differs` when every other way to run it gives what the first one gave."""
        if first.state in _LIMITS:
            return "skipped"
        for database in (self.alone, self.shuffled):
            for plan in _PLANS:
                other = database.answer(text, plan)
                verdict = _compare(document, other)
                if verdict == "equal":
                    return "open"
                if verdict == "skipped":
                    return "skipped"
                if (first.error is None) != (other.error is None) or (first.error is None and _lines(first, _short) != _lines(other, _short)):
                    return "open"
        return "differs"

    def _judge_error(self, text: str, first: Answer) -> tuple[str, str]:
        if first.error is not None:
            return ("equal" if is_data_error(first.state) else "skipped"), ""
        for database in (self.alone, self.shuffled):
            for plan in _PLANS:
                if database.answer(text, plan).error is not None:
                    return "open", ""
        return "differs", "an error over data, though the rows of tenant acme alone cause none"

    def carries(self, text: str, found: str) -> bool:
        """Whether the single tenant's answer or error holds this string too: then the statement made it itself."""
        answer = self.alone.answer(text)
        shown = " ".join(answer.lines or []) + (str(answer.error) if answer.error else "")
        return found in shown


def _compare(document: str, answer: Answer) -> str:
    if answer.error is not None:
        # A predicate may meet other rows first there, and raise.
        return "open" if is_over_rows(answer.state) else "skipped" if answer.state in _LIMITS else "differs"
    if len(answer.lines) >= _MOST_ROWS:
        return "skipped"
    try:
        for number, hook in ((_exact, None), (_short, None), (_short, _nameless)):
            (mine, cut), theirs = _given(document, number, hook), _lines(answer, number, hook)
            if mine == theirs or (cut and not mine - theirs):
                return "equal"
    except RecursionError:
        return "skipped"
    return "differs"


def _given(document: str, number, hook=None) -> tuple[Rows, bool]:
    parsed = json.loads(document, parse_float=number, parse_int=number)
    rows = parsed["rows"]
    if hook:
        rows = json.loads(json.dumps(rows), object_hook=hook)
    return collections.Counter(json.dumps(row, sort_keys=True) for row in rows), parsed["truncated"]


def _lines(answer: Answer, number, hook=None) -> Rows:
    parsed = (json.loads(line, parse_float=number, parse_int=number, object_hook=hook) for line in answer.lines)
    return collections.Counter(json.dumps(row, sort_keys=True) for row in parsed)


def _nameless(made: dict) -> list[str]:
    """A row whose columns were renamed in FROM keeps the table's names there, and has the new ones through a CTE."""
    return sorted(json.dumps(value, sort_keys=True) for value in made.values())


def _exact(text: str) -> str:
    return "#" + str(decimal.Decimal(text).normalize() + 0)


def _short(text: str) -> str:
    return f"#{decimal.Decimal(text) + 0:.{_DIGITS}g}"


def _difference(document: str, answer: Answer) -> str:
    if answer.error is not None:
        return f"was answered, though tenant acme alone gives {answer.state}: {answer.error}"[:400]
    (mine, _), theirs = _given(document, _short), _lines(answer, _short)
    return f"differs from tenant acme alone: more {list((mine - theirs).items())[:3]}, less {list((theirs - mine).items())[:3]}"[:600]
