//! What of extensions is refused, measured, pinned and said in the plane.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted, assert_refused};
    use crate::catalog::current_plane;
    use crate::error::State;
    use crate::pgx::parse::NameScope;
    use pgrx::prelude::*;

    #[pg_test]
    fn refuses_what_is_on_no_list() {
        Spi::run(
            "CREATE EXTENSION hstore SCHEMA public; CREATE EXTENSION pg_trgm SCHEMA public; CREATE EXTENSION intarray SCHEMA public;
             CREATE EXTENSION pgcrypto SCHEMA public; CREATE EXTENSION \"uuid-ossp\" SCHEMA public; CREATE EXTENSION unaccent SCHEMA public;
             CREATE EXTENSION earthdistance SCHEMA public CASCADE;
             SELECT splitplane.allow_extension(e) FROM unnest(ARRAY['hstore', 'pg_trgm', 'intarray', 'pgcrypto', 'uuid-ossp', 'unaccent',
                                                                    'cube', 'earthdistance']) AS e",
        )
        .unwrap();
        let world = World::bare();
        for (sql, name) in [
            ("SELECT hstore(ROW(1, 2))", "function \"hstore\""),
            ("SELECT populate_record(ROW(1, 2), 'a=>1'::hstore)", "function \"populate_record\""),
            ("SELECT ROW(1, 2) #= 'a=>1'::hstore", "function \"populate_record\""),
            ("SELECT set_limit(0.1)", "function \"set_limit\""),
            ("SELECT '1&2'::query_int", "type \"query_int\""),
            ("SELECT gen_salt('bf')", "function \"gen_salt\""),
            ("SELECT gen_random_bytes(10)", "function \"gen_random_bytes\""),
            ("SELECT crypt('x', 'y')", "function \"crypt\""),
            ("SELECT uuid_generate_v1()", "function \"uuid_generate_v1\""),
            ("SELECT uuid_generate_v4()", "function \"uuid_generate_v4\""),
            ("SELECT unaccent('unaccent', 'x')", "function \"unaccent\""),
            ("SELECT ll_to_earth(1, 2)", "function \"ll_to_earth\""),
            ("SELECT '(1)'::earth", "type \"earth\""),
        ] {
            assert_refused(sql, world.prove(sql), State::OutsidePlane, name);
        }
    }

    #[pg_test]
    fn reads_no_literal_of_a_type_that_is_on_no_list() {
        Spi::run("CREATE EXTENSION intarray SCHEMA public; SELECT splitplane.allow_extension('intarray')").unwrap();
        let world = World::bare();
        let sql = "SELECT ARRAY[1] @@ '1'";
        assert_refused(sql, world.prove(sql), LITERAL.0, LITERAL.1);
        let raises = "SELECT ARRAY[1, NULL] && ARRAY[1]";
        assert_refused(raises, world.rows(raises), State::Server(ERRCODE_NULLS as i32), "array must not contain nulls");
    }

    const ERRCODE_NULLS: PgSqlErrorCode = PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED;

    /// Raised from within PostgreSQL, and so of its own kind.
    const LITERAL: (State, &str) = (
        State::Server(PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE as i32),
        "a literal would be read as a type that is not in the plane",
    );

    #[pg_test]
    fn measures_what_would_run_long_without_a_check() {
        Spi::run("CREATE EXTENSION pg_trgm SCHEMA public; SELECT splitplane.allow_extension('pg_trgm')").unwrap();
        let world = World::bare();
        assert_accepted("short texts", world.rows("SELECT word_similarity(repeat('ab ', 1000), repeat('cd ', 1000))"));
        for sql in [
            "SELECT word_similarity(repeat('ab ', 10000), repeat('cd ', 10000))",
            "SELECT repeat('ab ', 10000) <% repeat('cd ', 10000)",
            "SELECT strict_word_similarity('x', x) FROM (SELECT string_agg(g::text, ' ') AS x FROM generate_series(1, 10000) AS g) AS q",
            "SELECT similarity(repeat('ab ', 20000), 'x')",
        ] {
            assert_refused(
                sql,
                world.rows(sql),
                State::Server(PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED as i32),
                "a value is too large",
            );
        }
    }

    #[pg_test]
    fn says_what_is_wrong_with_a_value() {
        Spi::run(
            "CREATE EXTENSION ltree SCHEMA public; CREATE EXTENSION hstore SCHEMA public;
             SELECT splitplane.allow_extension('ltree'), splitplane.allow_extension('hstore')",
        )
        .unwrap();
        let world = World::bare();
        let syntax = State::Server(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR as i32);
        let representation = State::Server(PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION as i32);
        for (sql, state, words) in [
            ("SELECT text2ltree('a..' || x) FROM (VALUES ('b')) AS v(x)", syntax, "ltree syntax error"),
            ("SELECT ('!!' || x)::lquery FROM (VALUES ('b')) AS v(x)", syntax, "lquery syntax error"),
            (
                "SELECT (x || '=>')::hstore FROM (VALUES ('b')) AS v(x)",
                representation,
                "invalid input syntax for type hstore",
            ),
        ] {
            assert_refused(sql, world.rows(sql), state, words);
        }
    }

    #[pg_test]
    fn pins_what_operators_read() {
        Spi::run("CREATE EXTENSION pg_trgm SCHEMA public; SELECT splitplane.allow_extension('pg_trgm')").unwrap();
        let world = World::bare();
        let sql = "SELECT 'word' % 'wordage'";
        let before = assert_accepted(sql, world.rows(sql));
        Spi::run("SET pg_trgm.similarity_threshold = 0.95").unwrap();
        assert_eq!(Spi::get_one::<bool>("SELECT 'word' OPERATOR(public.%) 'wordage'"), Ok(Some(false)), "the control");
        assert_eq!(assert_accepted(sql, world.rows(sql)), before);
        assert_eq!(before, serde_json::json!([[true]]));
        assert_eq!(
            Spi::get_one::<String>("SHOW pg_trgm.similarity_threshold"),
            Ok(Some("0.95".to_owned())),
            "it is put back"
        );
    }

    /// A function of a listed name that takes a type of another's: the literal is not read, since the function is found first.
    #[pg_test]
    fn reads_no_literal_of_a_type_beside_the_extension() {
        let mut world = World::with_citext();
        Spi::run(
            "CREATE FUNCTION public.noted(text) RETURNS boolean LANGUAGE plpgsql SET work_mem = '4MB'
                 AS $$ BEGIN RAISE 'ran over %', $1 USING ERRCODE = 'ZZ001'; END $$;
             CREATE FUNCTION public.noted_plainly(text) RETURNS boolean LANGUAGE plpgsql
                 AS $$ BEGIN RAISE 'ran over %', $1 USING ERRCODE = 'ZZ001'; END $$;
             CREATE DOMAIN public.trap AS text CHECK (public.noted(VALUE));
             CREATE DOMAIN public.plain_trap AS text CHECK (public.noted_plainly(VALUE));
             CREATE DOMAIN public.built_in_trap AS text CHECK (VALUE::int > 0);
             CREATE TYPE public.pair AS (x public.trap);
             CREATE TYPE public.plain_pair AS (x public.plain_trap);
             CREATE TYPE public.built_in_pair AS (x public.built_in_trap);
             CREATE FUNCTION public.strpos(citext, int, public.pair) RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE FUNCTION public.strpos(citext, int, int, public.plain_pair) RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE FUNCTION public.strpos(citext, int, int, int, public.built_in_pair) RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE FUNCTION public.like_pair(citext, public.built_in_pair) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE OPERATOR public.<% (LEFTARG = citext, RIGHTARG = public.built_in_pair, FUNCTION = public.like_pair)",
        )
        .unwrap();
        world.plane = current_plane().unwrap();
        let ran = State::Server(pack(b"ZZ001"));
        let converted = State::Server(PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION as i32);
        for (call, raised, words, is_seen_by_guard) in [
            ("strpos(a, 1, '(x)')", ran, "ran over x", true),
            ("strpos(a, 1, 1, '(x)')", ran, "ran over x", true),
            // Checks that call PostgreSQL's own functions alone are none of the guard's.
            ("strpos(a, 1, 1, 1, '(x)')", converted, "\"x\"", false),
            ("a <% '(x)'", converted, "\"x\"", false),
        ] {
            let sql = format!("SELECT {call} FROM words");
            assert_refused(&sql, world.prove(&sql), State::OutsidePlane, "is not in the plane");
            let analysed = |scope: &NameScope| {
                world.confined(|confinement| world.analyse_with(confinement, &sql, scope, |_| Ok(())).map(|_| ()))
            };
            let guarded = analysed(&world.plane.name_scope());
            if is_seen_by_guard {
                assert_refused("the guard by itself", guarded, LITERAL.0, LITERAL.1);
            } else {
                assert_refused("the control: the guard by itself", guarded, raised, words);
            }
            let open = analysed(&NameScope { types: None, ..world.plane.name_scope() });
            assert_refused("the control", open, raised, words);
        }
    }

    /// As PostgreSQL packs an SQLSTATE.
    fn pack(sqlstate: &[u8; 5]) -> i32 {
        sqlstate.iter().rev().fold(0, |packed, letter| packed << 6 | i32::from(letter - b'0') & 0x3f)
    }
}
