"""Calls that are unlike their principal's own past: one line in the server log, and nothing for the caller."""

from __future__ import annotations

import re

import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.plane import numbered
from splitplane_test.session import replaced

from pg_test.wire.harness import COUNT_SALES, Wire

FEW = "SELECT sale_id FROM sales WHERE sale_id <= 20"
MANY = "SELECT s.sale_id FROM sales AS s, units"
LINE = re.compile(
    r"LOG:  splitplane: anomaly: (?P<finding>[a-z0-9,; ]+); query_id (?P<query_id>[0-9a-f-]{36}), "
    r'tenant "(?P<tenant>[^"]*)", business "(?P<business>[^"]*)", subject "(?P<subject>[^"]*)"$',
    re.MULTILINE,
)


def found(wire, since: int) -> list[dict[str, str]]:
    return [line.groupdict() for line in LINE.finditer(wire.cluster.log_text()[since:])]


@pytest.fixture
def plane(cluster):
    """Principals without a past: a database of the test's own."""
    return Wire.build(cluster, numbered("past"))


def used(session, calls: int, tenant: str = "brand-a", sql: str = FEW, **signing) -> None:
    for _ in range(calls):
        session.ask(sql, tenant, **signing)


def test_many_rows_are_explained(plane):
    since = len(plane.cluster.log_text())
    with plane.session(options="-c client_min_messages=log") as session:
        used(session, 49)
        used(session, 1, sql="SELECT sale_id FROM sales")
        assert found(plane, since) == []
        # 100 rows are never many; 4 times the 50 of before are no more than usual.
        document = session.ask("SELECT s.sale_id FROM sales AS s, units AS a, units AS b")
        assert document["row_count"] == 200
        assert found(plane, since) == []
        document = session.ask("SELECT s.sale_id FROM sales AS s, generate_series(1, 17) AS g")
        assert document["row_count"] == 850
        (line,) = found(plane, since)
        assert line["finding"] == "read 850 rows; its calls read 24 on average, at most 200 before"
        assert (line["tenant"], line["business"], line["subject"]) == ("brand-a", "", "")
        assert document["query_id"] == line["query_id"]
        assert session.notices == [] and "anomaly" not in str(document)
        # It is part of the past now.
        session.ask("SELECT s.sale_id FROM sales AS s, generate_series(1, 17) AS g")
        assert len(found(plane, since)) == 1


def test_many_relations_are_explained(plane):
    since = len(plane.cluster.log_text())
    with plane.session() as session:
        used(session, 50)
        joined = "SELECT count(*) FROM sales, shops, units, visits"
        session.value(joined)
        assert found(plane, since) == [], "four relations are never many"
        plane.run("CREATE TABLE more (tenant_id text NOT NULL, n int)")
        plane.run("""SELECT splitplane.protect('more', '{"tenant_id": "tenant"}')""")
        with plane.session() as other:
            used(other, 50, "brand-b")
            other.value(joined + ", more", "brand-b")
    (line,) = found(plane, since)
    assert line["finding"] == "read 5 relations; its calls read 1 on average, at most 1 before"
    assert line["tenant"] == "brand-b"


def test_many_refusals_are_explained_and_said_once(plane):
    since = len(plane.cluster.log_text())
    with plane.session() as session:
        used(session, 60)
        for _ in range(9):
            session.ask_refused("42P01", "SELECT * FROM vault")
        assert found(plane, since) == []
        error = session.ask_refused("42P01", "SELECT * FROM vault")
        assert "anomaly" not in str(error)
        (line,) = found(plane, since)
        assert line["finding"] == "10 of its last 20 calls were refused; of 50 before, 0 were"
        for _ in range(9):
            session.ask_refused("42P01", "SELECT * FROM vault")
        assert len(found(plane, since)) == 1


def test_the_past_is_a_principals_own(plane):
    """Of another tenant, business, subject or database nothing is known, whoever has called much."""
    plane.run("SELECT splitplane.admit('brand-a', '*', '*', claims => '{\"stores\": [1]}')")
    since = len(plane.cluster.log_text())
    with plane.session() as session:
        used(session, 60)
        for signing in ({"tenant": "brand-b"}, {"business": "north"}, {"subject": "somebody"}):
            session.ask(MANY + ", generate_series(1, 9)", **signing)
        assert found(plane, since) == []
        session.ask(MANY + ", generate_series(1, 9)")
        assert len(found(plane, since)) == 1


def test_refusals_of_layer_one_are_nobodys(plane):
    """Whoever has no key cannot make another's call an anomaly, and cannot make it usual either."""
    since = len(plane.cluster.log_text())
    with plane.session() as session:
        used(session, 60)
        for _ in range(30):
            session.refused("28000", replaced(plane.sign(COUNT_SALES), x_splitplane_subject="forged"), COUNT_SALES)
        assert found(plane, since) == []
        for _ in range(10):
            session.ask_refused("42P01", "SELECT * FROM vault")
        assert len(found(plane, since)) == 1


def test_refusals_of_the_servers_own_do_not_count(plane):
    """A deadline is no attempt at anything."""
    role = plane.role(splitplane__deadline="20ms")
    since = len(plane.cluster.log_text())
    with plane.session() as session, plane.session(role) as slow:
        used(session, 60)
        for _ in range(15):
            slow.ask_refused("57014", "SELECT count(*) FROM (SELECT generate_series(1, 2000000000)) AS made")
        assert found(plane, since) == []


def test_sessions_share_the_past(plane):
    since = len(plane.cluster.log_text())
    for _ in range(10):
        with plane.session() as session:
            used(session, 6)
    with plane.session() as session:
        session.ask(MANY + ", generate_series(1, 9)")
    assert len(found(plane, since)) == 1


@pytest.mark.parametrize("size", [0, 16])
def test_a_table_of_fixed_size(size):
    """0 keeps nothing; where all places are taken, whoever called the longest ago is forgotten."""
    with Cluster(settings={"splitplane.anomaly_principals": size}) as running:
        plane = Wire.build(running, "small")
        plane.run("SELECT splitplane.admit('brand-a', '*', '*', claims => '{\"stores\": [1]}')")
        with plane.session() as session:
            used(session, 55, subject="first")
            used(session, 55, subject="second")
            for other in range(14):
                used(session, 1, subject=f"other-{other}")
            expected = ["first"] if size else []
            since = len(running.log_text())
            session.ask(MANY + ", generate_series(1, 2)", subject="first")
            assert [line["subject"] for line in found(plane, since)] == expected, "16 have places"
            used(session, 1, subject="one more")
            since = len(running.log_text())
            # "second" had not called for the longest time and is a newcomer now; "first" is known.
            session.ask(MANY + ", generate_series(1, 9)", subject="second")
            session.ask(MANY + ", generate_series(1, 9)", subject="first")
            assert [line["subject"] for line in found(plane, since)] == expected
