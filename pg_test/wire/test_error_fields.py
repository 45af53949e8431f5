"""Errors of PostgreSQL that carry more than a sentence: names of objects, places, queries. None of it crosses to the caller."""

import psycopg
import pytest
from splitplane_test.session import SILENT_FIELDS, refusal

from pg_test.wire.harness import Wire

SET_UP = """
    CREATE SCHEMA shop;
    CREATE DOMAIN shop.stars AS int CONSTRAINT at_most_five CHECK (VALUE BETWEEN 1 AND 5);
    CREATE TABLE shop.reviews (tenant_id text NOT NULL, rating shop.stars);
    INSERT INTO shop.reviews VALUES ('brand-a', 5);
    CREATE FUNCTION shop.refuses() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = '22000',
        DETAIL = 'its detail', HINT = 'its hint', SCHEMA = 'shop', TABLE = 'reviews', COLUMN = 'rating', DATATYPE = 'stars', CONSTRAINT = 'at_most_five'; END $$;
    CREATE FUNCTION shop.misspells() RETURNS int LANGUAGE plpgsql AS $$ DECLARE found int; BEGIN EXECUTE 'SELEC rating FROM shop.reviews' INTO found; RETURN found; END $$;
    CREATE FUNCTION shop.catches() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN shop.refuses(); EXCEPTION WHEN data_exception THEN RAISE; END $$;
    SELECT splitplane.protect('shop.reviews', '{"tenant_id": "tenant"}');
    SELECT splitplane.allow_function(f) FROM unnest('{shop.refuses(),shop.misspells(),shop.catches()}'::regprocedure[]) AS f;
"""

# (statement, PostgreSQL's SQLSTATE, what it says besides a sentence, the SQLSTATE of ask)
CASES = [
    ("SELECT 9::stars FROM reviews", "23514", {"schema_name", "datatype_name", "constraint_name"}, "23514"),
    (
        "SELECT shop.refuses() FROM reviews",
        "22000",
        {"message_detail", "message_hint", "context", "schema_name", "table_name", "column_name", "datatype_name", "constraint_name"},
        "22000",
    ),
    ("SELECT shop.misspells() FROM reviews", "42601", {"context", "internal_query", "internal_position"}, "42601"),
    ("SELECT shop.catches() FROM reviews", "22000", {"message_detail", "context", "constraint_name"}, "22000"),
    ("SELECT rating / 0 FROM reviews", "22012", set(), "22012"),
    ("SELECT nosuch FROM reviews", "42703", {"statement_position"}, "42703"),
    ("SELECT 'x'::int FROM reviews", "22P02", {"statement_position"}, "22P02"),
    ("SELECT '{'::json FROM reviews", "22P02", {"message_detail", "context"}, "22P02"),
    ("SELECT lower(rating, 2) FROM reviews", "42883", {"statement_position", "message_hint"}, "42501"),
]


@pytest.fixture(scope="module")
def reviews(cluster):
    own = Wire.build(cluster, "WireErrorFields")
    own.run(SET_UP)
    return own


@pytest.mark.parametrize("sql, state, besides, answer", CASES, ids=[case[0] for case in CASES])
def test_one_sentence_and_nothing_besides(reviews, sql, state, besides, answer):
    with reviews.admin() as admin, pytest.raises(psycopg.Error) as plain:
        admin.execute("SET search_path = shop")
        admin.execute(sql)
    assert plain.value.sqlstate == state
    there = {field for field in (*SILENT_FIELDS, "statement_position") if getattr(plain.value.diag, field) is not None}
    assert besides <= there, f"the control: PostgreSQL says {there}"
    with reviews.session() as session:
        error = refusal(lambda: session.ask(sql), answer)
        assert error.diag.statement_position is None
        for words in ("SELEC ", "its detail", "its hint", "PL/pgSQL"):
            assert words not in str(error)
        # The session goes on.
        assert session.ask("SELECT rating FROM reviews")["rows"] == [[5]]
