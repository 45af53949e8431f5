"""Conditions that have bounds beside them raise the errors that they raise by hand, over the asker's own rows and no others."""

import psycopg
import pytest
from splitplane_test.session import refusal

from pg_test.wire.harness import Wire

SET_UP = """
    CREATE TABLE arrivals (tenant_id text NOT NULL, day date, local_time timestamp, moment timestamptz);
    CREATE TABLE late (tenant_id text NOT NULL, day date);
    INSERT INTO arrivals SELECT t, d, d, d FROM unnest('{brand-a,brand-b,brand-c}'::text[]) AS t, generate_series(date '2020-01-01', '2026-12-31', '1 day') AS d;
    INSERT INTO late SELECT tenant_id, day FROM arrivals;
    INSERT INTO arrivals VALUES ('brand-a', 'infinity', 'infinity', 'infinity'), ('brand-b', '-infinity', '-infinity', '-infinity');
    INSERT INTO late VALUES ('brand-a', '294277-01-01'), ('brand-b', '5874897-12-31');
    CREATE INDEX ON arrivals (tenant_id, day); CREATE INDEX ON arrivals (tenant_id, local_time); CREATE INDEX ON arrivals (tenant_id, moment);
    CREATE INDEX ON late (tenant_id, day);
    ANALYZE arrivals; ANALYZE late;
    SELECT splitplane.protect('arrivals', '{"tenant_id": "tenant"}');
    SELECT splitplane.protect('late', '{"tenant_id": "tenant"}');
"""
# Of brand-a and brand-b each has an own row over which each of these raises an error; brand-c has none.
RAISING = [
    ("arrivals", "extract(year FROM day)::int = 2026"),
    ("arrivals", "extract(year FROM day)::int IN (2025, 2026)"),
    ("arrivals", "extract(year FROM day)::int < 2021"),
    ("arrivals", "extract(year FROM day)::int >= 2026"),
    ("arrivals", "date_part('year', day)::int = 2026"),
    ("arrivals", "extract(year FROM local_time)::int = 2026"),
    ("arrivals", "date_part('year', local_time)::int > 2025"),
    ("arrivals", "extract(year FROM moment)::int = 2026"),
    ("arrivals", "date_part('year', moment)::int <= 2020"),
    ("arrivals", "extract(year FROM moment::date)::int = 2026"),
    ("late", "date_part('year', day) = 2026"),
    ("late", "date_part('year', day) < 2021"),
    ("late", "date_part('year', day) >= 2026"),
    ("late", "date_part('year', day)::int = 2026"),
    ("late", "extract(year FROM day::timestamp) = 2026"),
    ("late", "date_trunc('month', day) = date '2026-03-01'"),
    ("late", "date_trunc('month', day) <= date '2020-03-01'"),
    ("late", "date_trunc('month', day) > date '2026-03-01'"),
    ("late", "day::timestamp < timestamp '2020-03-01'"),
    ("late", "to_char(day, 'YYYY-MM') = '2026-03'"),
    ("late", "to_char(day, 'YYYY-MM') IN ('2026-03', '2026-04')"),
]


@pytest.fixture(scope="module")
def arrivals(cluster):
    own = Wire.build(cluster, "WireConditionErrors")
    own.run(SET_UP)
    return own


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("table, condition", RAISING, ids=[condition for _, condition in RAISING])
def test_an_own_row_raises_what_it_raises_by_hand(arrivals, table, condition, zone):
    sql = f"SELECT count(*) FROM {table} WHERE {condition}"
    with arrivals.session(user=arrivals.cluster.superuser) as session:
        session.execute(f"SET splitplane.time_zone = '{zone}'; SET TimeZone = '{zone}'")
        for tenant in ("brand-a", "brand-b"):
            with pytest.raises(psycopg.Error) as by_hand:
                session.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = '{tenant}' AND {condition}")
            assert by_hand.value.sqlstate in ("0A000", "22003", "22008"), "the control"
            error = refusal(lambda: session.call(arrivals.sign(sql, tenant), sql), by_hand.value.sqlstate)
            assert error.diag.message_primary == by_hand.value.diag.message_primary
        wanted = session.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = 'brand-c' AND {condition}").fetchone()[0]
        assert wanted > 0, "the control"
        assert session.value(sql, "brand-c") == wanted, "rows of others raise nothing"
