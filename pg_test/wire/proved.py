"""A plane for the tests of statements that were proved before, and what a call comes to there."""

import contextlib

import psycopg
from splitplane_test.cluster import Cluster

SCHEMA = """
CREATE TYPE rank AS ENUM ('low', 'high');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 30);
CREATE DOMAIN upcoming AS date CHECK (VALUE >= current_date);
CREATE TABLE stores (tenant_id text NOT NULL, store_id int PRIMARY KEY, city text, secret text, rank rank, opened date, label short);
CREATE TABLE visits (tenant_id text NOT NULL, region text NOT NULL, clerk text, visit_id int PRIMARY KEY, note text);
CREATE TABLE parts (tenant_id text NOT NULL, shop text NOT NULL, part_id int PRIMARY KEY, note text);
CREATE TABLE days (day date PRIMARY KEY, moment timestamptz, name text);
CREATE TABLE visit_items (item_id int PRIMARY KEY, visit_id int NOT NULL REFERENCES visits, label text);
CREATE TABLE deadlines (due upcoming, name text);
CREATE TABLE cards (tenant_id text NOT NULL, number text);
INSERT INTO stores SELECT 'brand-' || t, ascii(t) * 10 + n, 'city of brand-' || t, 'CANARY-brand-' || t || '-secret', 'low', '2026-01-01', 'a label'
    FROM unnest('{a,b}'::text[]) t, generate_series(1, 1) n;
INSERT INTO visits SELECT tenant_id, r, c, row_number() OVER (), 'CANARY-' || tenant_id || ' ' || r || ' ' || c
    FROM stores, unnest('{north,south,brand-a}'::text[]) r, unnest('{ann,bob}'::text[]) c;
INSERT INTO parts SELECT tenant_id, s, row_number() OVER (), 'CANARY-' || tenant_id || ' ' || s FROM stores, unnest('{1,2,3}'::text[]) s;
INSERT INTO days SELECT current_date + n, now() + n * interval '1 day', 'day ' || n FROM generate_series(-3, 3) n;
INSERT INTO visit_items SELECT visit_id, visit_id, note FROM visits;
INSERT INTO cards SELECT tenant_id, '4000 CANARY-' || tenant_id FROM stores;
CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.upper($1)';
SELECT splitplane.protect('stores', '{"tenant_id": "tenant"}', columns => '{store_id,city,secret,rank,opened,label}');
SELECT splitplane.protect('visits', '{"tenant_id": "tenant", "region": "business", "clerk": "subject"}');
SELECT splitplane.protect('parts', '{"tenant_id": "tenant", "shop": "shops"}');
SELECT splitplane.protect('cards', '{"tenant_id": "tenant"}');
SELECT splitplane.share('days');
SELECT splitplane.share('deadlines');
SELECT splitplane.protect_through('visit_items', 'visits');
SELECT splitplane.allow_function('shout(text)');
SELECT splitplane.define_view('cities', 'SELECT city FROM stores');
SELECT splitplane.admit('brand-a', '*', '*', '{"shops": ["1", "2"]}'); SELECT splitplane.admit('brand-b', '*', '*', '{"shops": ["3"]}');
SELECT splitplane.admit('brand-a', 'south', 'bob', '{"shops": ["2"]}');
SELECT splitplane.admit('brand-b', 'north', 'none', '{"shops": []}');
"""
AGAIN = "the statement was proved before"
STORES = "SELECT city, secret, rank::text FROM stores"
VISITS = "SELECT note FROM visits"
PARTS = "SELECT note FROM parts ORDER BY note"
SHOUT = "SELECT shout(city) AS loud FROM stores"
VIEW = "SELECT city FROM cities"
NORTH, SOUTH = {"business": "north", "subject": "ann"}, {"business": "south", "subject": "bob"}


@contextlib.contextmanager
def logging_server():
    """A server whose log says whether a statement was proved before."""
    with Cluster(settings={"log_min_messages": "debug1", "max_connections": "60"}) as running:
        yield running


def asked(session, sql, tenant="brand-a", **who):
    """What a call comes to, rows or (SQLSTATE, message); and whether the statement was proved before."""
    log = session.plane.cluster.log_text
    mark = len(log())
    try:
        got = session.ask(sql, tenant=tenant, **(NORTH | who))["rows"]
    except psycopg.Error as error:
        got = (error.sqlstate, str(error.diag.message_primary))
    lines = [line for line in log()[mark:].splitlines() if f"[{session.pid}]" in line]
    return got, any(AGAIN in line for line in lines)


def outcome(session, sql, tenant="brand-a", **who):
    return asked(session, sql, tenant, **who)[0]


def is_known(session, sql, tenant="brand-a", **who):
    return asked(session, sql, tenant, **who)[1]


def warm(session, sql, tenant="brand-a", **who):
    """Has a statement kept, and sees it used. Gives what it comes to."""
    seen = [asked(session, sql, tenant, **who) for _ in range(3)]
    assert not seen[0][1] and seen[2][1], f"{sql}: {seen}"
    assert seen[0][0] == seen[1][0] == seen[2][0]
    return seen[0][0]


def cold(plane, sql, tenant="brand-a", **who):
    """What a new session gets."""
    with plane.session() as session:
        got, known = asked(session, sql, tenant, **who)
        assert not known
        return got
