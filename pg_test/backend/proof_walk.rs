//! The proof over trees that the raw walk never saw: what it refuses, and in every place.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted, assert_refused};
    use crate::error::State;
    use pgrx::prelude::*;

    /// Every place of a query that can hold another query, or an expression `@`.
    const PLACES: &[&str] = &[
        "SELECT @",
        "SELECT @ FROM orders",
        "SELECT 1 FROM orders WHERE @ IS NULL",
        "SELECT 1 FROM orders GROUP BY @",
        "SELECT 1 FROM orders HAVING @ IS NULL",
        "SELECT 1 FROM orders ORDER BY @",
        "SELECT DISTINCT ON (@) 1 FROM orders",
        "SELECT 1 LIMIT length((@)::text)",
        "SELECT 1 OFFSET length((@)::text)",
        "SELECT count(*) FILTER (WHERE @ IS NULL) FROM orders",
        "SELECT count(@) FROM orders",
        "SELECT string_agg('a', 'b' ORDER BY @) FROM orders",
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY length((@)::text)) FROM orders",
        "SELECT first_value(@) OVER () FROM orders",
        "SELECT count(*) OVER (PARTITION BY @) FROM orders",
        "SELECT count(*) OVER (ORDER BY @) FROM orders",
        "SELECT count(*) OVER (ROWS BETWEEN length((@)::text) PRECEDING AND CURRENT ROW) FROM orders",
        "SELECT count(*) OVER w FROM orders WINDOW w AS (ORDER BY @)",
        "SELECT 1 FROM orders a JOIN orders b ON @ IS NULL",
        "SELECT 1 FROM orders a LEFT JOIN orders b ON @ IS NULL",
        "SELECT * FROM (SELECT @ AS x) s",
        "SELECT * FROM orders, LATERAL (SELECT @) s",
        "SELECT * FROM unnest(ARRAY[@]) u",
        "SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY[@])) WITH ORDINALITY",
        "WITH a AS (SELECT @ AS x) SELECT 1 FROM a",
        "WITH a AS MATERIALIZED (SELECT @ AS x) SELECT 1",
        "WITH RECURSIVE a AS (SELECT 1 AS x UNION ALL SELECT x FROM a WHERE @ IS NULL) SELECT 1 FROM a",
        "WITH orders AS (SELECT @ AS x) SELECT 1",
        "SELECT 1 UNION ALL SELECT length((@)::text)",
        "(SELECT 1 EXCEPT SELECT 2) INTERSECT SELECT length((@)::text)",
        "VALUES (1), (length((@)::text))",
        "SELECT 1 WHERE EXISTS (SELECT @)",
        "SELECT 1 WHERE 'a' IN (SELECT (@)::text)",
        "SELECT ARRAY(SELECT @)",
        "SELECT (SELECT (SELECT (SELECT @)))",
        "SELECT CASE WHEN true THEN @ END",
        "SELECT CASE @ WHEN NULL THEN 1 END",
        "SELECT COALESCE(NULL, @)",
        "SELECT NULLIF(@, NULL)",
        "SELECT GREATEST((@)::text, 'a')",
        "SELECT ROW(1, @)",
        "SELECT ROW(1, (@)::text) = ROW(1, 'a')",
        "SELECT (ARRAY[1, 2])[length((@)::text)]",
        "SELECT (ARRAY[1, 2])[1:length((@)::text)]",
        "SELECT (@)::text || 'a'",
        "SELECT (@)::text LIKE 'a'",
        "SELECT (@)::text = ANY (ARRAY['a'])",
        "SELECT 'a' = ANY (ARRAY[(@)::text])",
        "SELECT (@) IS DISTINCT FROM NULL",
        "SELECT ((@) IS NULL) IS TRUE",
        "SELECT (@)::text COLLATE \"C\"",
        "SELECT NOT ((@) IS NULL AND true)",
        "SELECT concat(VARIADIC ARRAY[(@)::text])",
        "SELECT make_interval(days => length((@)::text))",
        "SELECT 1 FROM orders GROUP BY GROUPING SETS ((@), ())",
    ];

    fn refuses_everywhere(world: &World, expression: &str, state: State, words: &str) {
        for place in PLACES {
            let sql = place.replace('@', expression);
            assert_refused(&sql, world.prove_unwalked(&sql), state, words);
        }
    }

    /// Without it the tests of the places would pass for any reason.
    #[pg_test]
    fn proves_a_harmless_expression_in_every_place() {
        let world = World::new();
        for place in PLACES {
            for harmless in ["upper('a')", "(SELECT max(status) FROM orders)"] {
                let sql = place.replace('@', harmless);
                if place.contains("GROUP BY @") || place.contains("unnest") && harmless.contains("max") {
                    continue;
                }
                assert_accepted(&sql, world.prove_unwalked(&sql));
            }
        }
    }

    #[pg_test]
    fn refuses_a_base_relation_in_every_place() {
        refuses_everywhere(
            &World::new(),
            "(SELECT max(word) FROM public.hidden)",
            State::OutsidePlane,
            "outside the fences",
        );
    }

    #[pg_test]
    fn refuses_a_plane_table_outside_its_fence_in_every_place() {
        refuses_everywhere(
            &World::new(),
            "(SELECT max(secret) FROM public.orders)",
            State::OutsidePlane,
            "outside the fences",
        );
    }

    #[pg_test]
    fn refuses_a_catalog_relation_in_every_place() {
        let expression = "(SELECT max(nspname::text) FROM pg_catalog.pg_namespace)";
        refuses_everywhere(&World::new(), expression, State::OutsidePlane, "outside the fences");
    }

    #[pg_test]
    fn refuses_a_function_off_the_list_in_every_place() {
        let world = World::new();
        for (call, name) in [
            ("pg_catalog.current_setting('x')", "current_setting"),
            ("pg_catalog.set_config('a.b', 'c', false)", "set_config"),
            ("pg_catalog.version()", "version"),
        ] {
            refuses_everywhere(&world, call, State::OutsidePlane, &format!("function \"{name}\" is not in the plane"));
        }
    }

    #[pg_test]
    fn refuses_a_parameter_in_every_place() {
        // Attaching `orders` gives the statement two parameters.
        refuses_everywhere(&World::new(), "$1::text", State::NotAdmitted, "a parameter such as $1");
    }

    #[pg_test]
    fn refuses_a_session_fact_in_every_place() {
        refuses_everywhere(&World::new(), "CURRENT_USER", State::OutsidePlane, "CURRENT_USER");
    }

    #[pg_test]
    fn refuses_relations_by_whatever_way() {
        let world = World::new();
        for sql in [
            "SELECT * FROM public.hidden",
            "SELECT * FROM public.stores",
            "TABLE public.hidden",
            "SELECT count(*) FROM public.hidden",
            "SELECT * FROM orders JOIN public.hidden ON true",
            "SELECT * FROM orders LEFT JOIN (public.hidden a CROSS JOIN public.hidden b) ON true",
            "SELECT * FROM public.orders o WHERE o.tenant_id = 42",
            "SELECT * FROM information_schema.tables",
            "SELECT * FROM pg_catalog.pg_stats",
            "SELECT * FROM pg_class",
            "SELECT * FROM splitplane.keys",
            "WITH orders AS (SELECT * FROM public.orders) SELECT * FROM orders",
        ] {
            assert_refused(sql, world.prove_unwalked(sql), State::OutsidePlane, "");
        }
    }

    #[pg_test]
    fn refuses_row_marks_and_system_columns() {
        let world = World::new();
        for lock in ["UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"] {
            let sql = format!("SELECT * FROM (SELECT order_id FROM orders) AS s FOR {lock}");
            assert_refused(&sql, world.prove_unwalked(&sql), State::NotAdmitted, "anything but a plain SELECT");
            let sql = format!("SELECT 1 WHERE EXISTS (SELECT * FROM (SELECT order_id FROM orders) AS s FOR {lock})");
            assert_refused(&sql, world.prove_unwalked(&sql), State::NotAdmitted, "anything but a plain SELECT");
        }
        for column in ["ctid", "xmin", "xmax", "cmin", "tableoid"] {
            let sql = format!("SELECT count({column}) FROM public.orders");
            assert_refused(&sql, world.prove_unwalked(&sql), State::NotAdmitted, "a system column");
        }
        assert_accepted("no lock", world.prove_unwalked("SELECT * FROM (SELECT order_id FROM orders) AS s"));
    }

    #[pg_test]
    fn refuses_constructs_that_only_the_walk_should_see() {
        let world = World::new();
        Spi::run("CREATE DOMAIN public.short AS text CHECK (length(VALUE) < 9)").unwrap();
        for (sql, name) in [
            ("SELECT 'a'::public.short", "short"),
            ("SELECT status::public.short IS NULL FROM orders", "short"),
            ("SELECT max(status::public.short::text) FROM orders", "short"),
            ("SELECT ARRAY['a']::public.short[]", "short"),
            ("SELECT xmlelement(NAME a)", "xml"),
            ("SELECT xmlelement(NAME a) IS NULL", "XML"),
            ("SELECT * FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS b int)", ""),
        ] {
            let result = world.prove_unwalked(sql);
            let refusal = result.err().unwrap_or_else(|| panic!("accepted: {sql}"));
            assert!(matches!(refusal.state, State::NotAdmitted | State::OutsidePlane), "{sql}: {refusal:?}");
            // The name of a type outside pg_catalog is for the log alone.
            let told = format!("{} {}", refusal.message, refusal.detail.as_deref().unwrap_or_default());
            assert!(told.contains(name), "{sql}: {refusal:?}");
        }
    }

    #[pg_test]
    fn refuses_types_off_the_list() {
        let world = World::new();
        Spi::run("CREATE TYPE public.mood AS ENUM ('ok'); CREATE TYPE public.pair AS (a int, b int)").unwrap();
        for (sql, name) in [
            ("SELECT 'pg_class'::regclass", "object of the catalog"),
            ("SELECT 'orders'::text::regclass", "object of the catalog"),
            ("SELECT 1::oid", "oid"),
            ("SELECT '0/1'::pg_lsn", "pg_lsn"),
            ("SELECT 'x'::aclitem", ""),
            ("SELECT '<a/>'::xml", "xml"),
            ("SELECT 'ok'::public.mood", "mood"),
            ("SELECT ARRAY['ok']::public.mood[]", "mood"),
            ("SELECT ROW(1, 2)::public.pair", "pair"),
            ("SELECT NULL::public.hidden", "hidden"),
            ("SELECT (NULL::public.hidden).word", "hidden"),
            ("SELECT * FROM json_to_record('{}') AS t (a regclass)", "object of the catalog"),
            ("SELECT * FROM json_to_recordset('[]') AS t (a int, b public.pair)", "pair"),
            ("SELECT 'a' FROM orders UNION SELECT NULL::regtype::text", "object of the catalog"),
        ] {
            let refusal = world.prove_unwalked(sql).err().unwrap_or_else(|| panic!("accepted: {sql}"));
            // The name of a type outside pg_catalog is for the log alone.
            let told = format!("{} {}", refusal.message, refusal.detail.as_deref().unwrap_or_default());
            assert!(told.contains(name), "{sql}: {refusal:?}");
            assert!(!refusal.message.contains("public."), "{sql}: {refusal:?}");
            // 'x' is no aclitem: PostgreSQL says so before the proof.
            assert!(refusal.state == State::OutsidePlane || name.is_empty(), "{sql}: {refusal:?}");
        }
        // A whole row of a fence is a row of the plane's columns.
        assert_accepted("record", world.prove_unwalked("SELECT o FROM orders o"));
    }

    const OPERATORS: &str = "
        CREATE FUNCTION public.spy(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 < $2; END';
        CREATE FUNCTION public.spy_eq(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 = $2; END';
        CREATE OPERATOR public.<<< (LEFTARG = int, RIGHTARG = int, FUNCTION = public.spy);
        CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = public.spy_eq);
        CREATE OPERATOR CLASS public.spy_ops FOR TYPE int USING btree AS
            OPERATOR 1 public.<<<, OPERATOR 3 pg_catalog.=, FUNCTION 1 pg_catalog.btint4cmp(int, int);
        CREATE FUNCTION public.add(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
        CREATE AGGREGATE public.spying(int) (SFUNC = public.add, STYPE = int);
        CREATE CAST (int4 AS uuid) WITH INOUT;
        CREATE COLLATION public.mine (provider = libc, locale = 'C')";

    #[pg_test]
    fn refuses_operators_off_the_list() {
        let world = World::new();
        Spi::run(OPERATORS).unwrap();
        for (sql, name) in [
            ("SELECT 1 OPERATOR(public.<<<) 2", "function \"spy\""),
            ("SELECT 1 WHERE 1 OPERATOR(public.===) ANY (ARRAY[1])", "function \"spy_eq\""),
            ("SELECT 1 WHERE 1 OPERATOR(public.===) ALL (SELECT order_id FROM orders)", "function \"spy_eq\""),
            ("SELECT order_id FROM orders ORDER BY order_id USING OPERATOR(public.<<<)", "function \"spy\""),
            ("SELECT array_agg(order_id ORDER BY order_id USING OPERATOR(public.<<<)) FROM orders", "function \"spy\""),
            ("SELECT rank() OVER (ORDER BY order_id USING OPERATOR(public.<<<)) FROM orders", "function \"spy\""),
            (
                "SELECT DISTINCT ON (order_id) order_id FROM orders ORDER BY order_id USING OPERATOR(public.<<<)",
                "function \"spy\"",
            ),
            ("(SELECT 1 UNION SELECT 2) ORDER BY 1 USING OPERATOR(public.<<<)", "function \"spy\""),
            ("SELECT public.spying(order_id) FROM orders", "function \"spying\""),
            ("SELECT public.spying(order_id) OVER () FROM orders", "function \"spying\""),
            ("SELECT * FROM public.spy(1, 2)", "function \"spy\""),
            ("SELECT 'a' COLLATE public.mine", "collation"),
            ("SELECT max(status COLLATE public.mine) FROM orders", "collation"),
        ] {
            assert_refused(sql, world.prove_unwalked(sql), State::OutsidePlane, name);
        }
        assert_accepted("order", world.prove_unwalked("SELECT order_id FROM orders ORDER BY order_id USING <"));
    }

    /// A name is not an identity: what looks like pg_catalog's is another schema's.
    #[pg_test]
    fn refuses_a_collation_that_borrows_a_known_name() {
        let world = World::new();
        Spi::run("CREATE COLLATION public.ucs_basic (provider = libc, locale = 'C.UTF-8')").unwrap();
        let sql = "SELECT 'a' COLLATE public.ucs_basic";
        assert_refused(sql, world.prove_unwalked(sql), State::OutsidePlane, "collation");
    }

    #[pg_test]
    fn refuses_a_function_of_the_plane_once_it_is_disallowed() {
        Spi::run(
            "CREATE FUNCTION public.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
             SELECT splitplane.allow_function('public.twice(int)')",
        )
        .unwrap();
        let world = World::new();
        assert_accepted("allowed", world.prove("SELECT twice(order_id) FROM orders"));
        Spi::run("SELECT splitplane.disallow_function('public.twice(int)')").unwrap();
        let later =
            World { plane: crate::catalog::current_plane().unwrap(), principal: std::rc::Rc::clone(&world.principal) };
        let sql = "SELECT public.twice(order_id) FROM orders";
        assert_refused(sql, later.prove_unwalked(sql), State::OutsidePlane, "twice");
    }
}
