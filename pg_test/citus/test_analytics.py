"""The analytic corpus on a coordinator and two workers: what one server answers, and as one task."""

import collections

import pytest

from pg_test.analytics import run as analytics
from pg_test.analytics.corpus import load
from pg_test.citus import restaurant
from splitplane_test.tally import Tally

# As `make test-analytics` has it: with less some queries have no row.
SCALE = 0.05
# What Citus cannot run, which is refused and not answered otherwise.
REFUSED = {
    "recursive-search-depth-first": "0A000 recursive CTEs are only supported when they contain a filter on the distribution column",
    # The text that Citus makes of it for a worker is ambiguous.
    "recursive-cycle": "42702 a policy or function that the statement needs has failed; the server log has the details",
    # Rows travel as text, and a record has no type to be read by.
    "type-row-constructor": "0A000 input of anonymous composite types is not implemented",
}


@pytest.fixture(scope="module")
def expected(keyed):
    """The results on one server, by query and database; and the same rows distributed, with the plane over them."""
    coordinator = keyed.coordinator
    analytics.build(coordinator, SCALE, with_plane=False)
    tally = Tally(verbose=False)
    results = analytics.check_corpus(coordinator, load(), tally, whole=False)
    coordinator.psql("postgres", "ALTER DATABASE shared RENAME TO whole")
    restaurant.build_distributed(keyed, "shared", SCALE)
    restaurant.register(keyed, "shared")
    assert len(results) > 800
    return results


def test_answers_are_those_of_one_server(keyed, expected):
    tally = Tally(verbose=False)
    answered = [query for query in load() if query.id not in REFUSED]
    analytics.check_plane(keyed.coordinator, answered, expected, tally)
    assert tally.finish() == 0
    # The control: over all tenants most give something else.
    with keyed.connect("shared") as superuser:
        assert superuser.execute("SELECT count(DISTINCT tenant_id) FROM orders").fetchone() == (3,)


def test_what_citus_cannot_run_is_refused(keyed, expected):
    asker = analytics.Asker(keyed.coordinator)
    for query in load():
        if query.id in REFUSED:
            with pytest.raises(analytics.psycopg.Error) as error:
                asker.ask("headquarters", query.sql)
            assert analytics.one_line(error.value) == REFUSED[query.id]


def test_a_query_of_one_tenant_is_one_task(keyed, expected):
    """Counted in EXPLAIN of the statement as a call has it planned: as the reader, with its fences."""
    counts = collections.Counter()
    with keyed.connect("shared") as admin:
        for query in load():
            if query.id in REFUSED:
                continue
            plan = restaurant.dry_run(admin, query.sql, "headquarters")["plan"]
            counts[restaurant.tasks("\n".join(plan))] += 1
    print(f"queries by their number of tasks: {dict(counts)}")
    assert set(counts) <= {0, 1} and counts[1] >= 0.95 * counts.total()


def test_the_fences_come_first_in_the_plan_of_a_worker(keyed, expected):
    with keyed.connect("shared") as admin:
        plan = restaurant.dry_run(admin, "SELECT count(*) FROM orders WHERE 1 / (total - 1) > 0", "lakeside")["plan"]
    condition = next(line.strip() for line in plan if "Filter:" in line or "Index Cond:" in line)
    assert condition.split("(", 1)[1].lstrip("(").startswith(("splitplane.in_scope(", "tenant_id")), condition
