//! The proof when the code before it is broken: wrong fences, and trees that the raw walk never saw.

#[pgrx::pg_schema]
mod tests {
    use crate::attach::Fence;
    use crate::backend_tests::support::{Broken, World, assert_accepted, assert_refused};
    use crate::error::State;
    use pgrx::prelude::*;

    const UNPROVED: &str = "could not be proved";
    const ORDERS: &str = "SELECT order_id, total FROM orders";
    const SCOPE: &str = " WHERE tenant_id OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2)";

    /// Asserts that the proof refuses when `from` of the skeleton reads `to`.
    fn refuses(world: &World, sql: &str, from: &str, to: &str) {
        let change = |skeleton: &str| {
            let changed = skeleton.replacen(from, to, 1);
            assert_ne!(skeleton, changed, "{from} is not in the skeleton");
            changed
        };
        let broken = Broken { skeleton: Some(&change), ..Broken::default() };
        assert_refused(to, world.prove_broken(sql, &broken), State::OutsidePlane, UNPROVED);
    }

    #[pg_test]
    fn proves_the_honest_statement() {
        let world = World::new();
        let facts = assert_accepted(ORDERS, world.prove(ORDERS));
        assert_eq!(facts.relations, ["orders"]);
        for sql in [
            "SELECT 1",
            "SELECT * FROM orders o JOIN stores s USING (store_id) JOIN countries c ON true",
            "SELECT store_id, sum(total) OVER (PARTITION BY status ORDER BY order_id) FROM public.orders",
            "SELECT status FROM orders WHERE store_id IN (SELECT store_id FROM stores) UNION SELECT name FROM countries ORDER BY 1",
        ] {
            assert_accepted(sql, world.prove(sql));
        }
    }

    #[pg_test]
    fn refuses_a_fence_with_another_condition() {
        let world = World::new();
        for wrong in [
            "",
            " WHERE tenant_id OPERATOR(pg_catalog.=) $1",
            " WHERE store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE true",
            " WHERE tenant_id OPERATOR(pg_catalog.=) $1 OR store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2)) OR true",
            " WHERE NOT (tenant_id OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2))",
            " WHERE tenant_id OPERATOR(pg_catalog.<>) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.>=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE store_id OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) $1 AND tenant_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ALL ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.<>) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) tenant_id AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE $1 OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) 7 AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) ($1 + 0) AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) coalesce($1, 7) AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) (SELECT $1) AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id::int8 OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2)",
            " WHERE tenant_id OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2) AND total > 0",
            " WHERE tenant_id OPERATOR(pg_catalog.=) $1 AND store_id OPERATOR(pg_catalog.=) ANY ($2) AND tenant_id OPERATOR(pg_catalog.=) $1",
            " WHERE store_id OPERATOR(pg_catalog.=) ANY ($2) AND tenant_id OPERATOR(pg_catalog.=) $1",
        ] {
            refuses(&world, ORDERS, SCOPE, wrong);
        }
    }

    #[pg_test]
    fn refuses_a_fence_with_other_rows_of_everybody() {
        let world = World::with("tenant or null");
        const EVERYBODY: &str = " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR tenant_id IS NULL)";
        assert_accepted(ORDERS, world.prove(ORDERS));
        for wrong in [
            "",
            " WHERE tenant_id OPERATOR(pg_catalog.=) $1",
            " WHERE tenant_id IS NULL",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR tenant_id IS NOT NULL)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR store_id IS NULL)",
            " WHERE (store_id OPERATOR(pg_catalog.=) $1 OR tenant_id IS NULL)",
            " WHERE (tenant_id OPERATOR(pg_catalog.<>) $1 OR tenant_id IS NULL)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) 7 OR tenant_id IS NULL)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR $1 IS NULL)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR ROW(tenant_id) IS NULL)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR tenant_id + 0 IS NULL)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR tenant_id IS NULL OR true)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR true)",
            " WHERE (tenant_id OPERATOR(pg_catalog.=) $1 OR (tenant_id IS NULL) IS NOT NULL)",
            " WHERE NOT (tenant_id OPERATOR(pg_catalog.=) $1 OR tenant_id IS NULL)",
            " WHERE (tenant_id IS NULL OR tenant_id OPERATOR(pg_catalog.=) $1)",
        ] {
            refuses(&world, ORDERS, EVERYBODY, wrong);
        }
        // A scope that does not say so has no such rows.
        let plain = World::with("tenant");
        refuses(&plain, ORDERS, " WHERE tenant_id OPERATOR(pg_catalog.=) $1", EVERYBODY);
    }

    #[pg_test]
    fn refuses_a_fence_that_compares_under_another_collation() {
        Spi::run(
            "CREATE TABLE public.shops (tenant text NOT NULL, n int);
             SELECT splitplane.protect('public.shops', '{\"tenant\": \"tenant\"}')",
        )
        .unwrap();
        let world = World::bare();
        let sql = "SELECT n FROM shops";
        assert_accepted(sql, world.prove(sql));
        for wrong in [
            " WHERE tenant COLLATE \"C\" OPERATOR(pg_catalog.=) $1",
            " WHERE tenant OPERATOR(pg_catalog.=) $1 COLLATE \"C\"",
            " WHERE pg_catalog.lower(tenant) OPERATOR(pg_catalog.=) $1",
            " WHERE tenant OPERATOR(pg_catalog.=) pg_catalog.lower($1)",
            " WHERE tenant OPERATOR(pg_catalog.~~) $1",
            " WHERE tenant::pg_catalog.bpchar OPERATOR(pg_catalog.=) $1",
        ] {
            refuses(&world, sql, " WHERE tenant OPERATOR(pg_catalog.=) $1", wrong);
        }
    }

    #[pg_test]
    fn refuses_a_fence_with_other_columns() {
        let world = World::new();
        for wrong in [
            "(SELECT store_id, order_id, status, total, secret FROM",
            "(SELECT store_id, order_id, status, secret AS total FROM",
            "(SELECT store_id, order_id, status FROM",
            "(SELECT order_id, store_id, status, total FROM",
            "(SELECT * FROM",
            "(SELECT store_id, order_id, status, total + 0 AS total FROM",
            "(SELECT store_id, order_id, status, total, ctid FROM",
            "(SELECT store_id, order_id, status, total, tableoid::int4 AS t FROM",
            "(SELECT DISTINCT store_id, order_id, status, total FROM",
            "(SELECT store_id, order_id, status, (SELECT max(o.total) FROM public.orders o) AS total FROM",
        ] {
            refuses(&world, "SELECT 1 FROM orders", "(SELECT store_id, order_id, status, total FROM", wrong);
        }
    }

    #[pg_test]
    fn refuses_a_fence_over_another_table() {
        let world = World::new();
        Spi::run(
            "CREATE TABLE public.twin (LIKE public.orders); CREATE VIEW public.seen AS SELECT * FROM public.orders;
             CREATE TABLE public.child () INHERITS (public.orders)",
        )
        .unwrap();
        for wrong in [
            "FROM public.twin",
            "FROM public.seen",
            "FROM public.child",
            "FROM ONLY public.orders",
            "FROM public.orders TABLESAMPLE system (100)",
            "FROM public.orders CROSS JOIN public.hidden",
            "FROM public.orders, public.hidden",
            "FROM (SELECT * FROM public.orders) AS orders",
        ] {
            refuses(&world, ORDERS, "FROM public.orders", wrong);
        }
    }

    #[pg_test]
    fn refuses_a_fence_that_does_more_than_scan() {
        let world = World::new();
        for more in [
            " LIMIT 1000",
            " OFFSET 0",
            " ORDER BY 1",
            " FOR UPDATE",
            " FOR SHARE",
            " GROUP BY 1, 2, 3, 4",
            " UNION ALL SELECT store_id, order_id, status, total FROM public.orders",
        ] {
            refuses(&world, ORDERS, SCOPE, &format!("{SCOPE}{more}"));
        }
        let modifying = |skeleton: &str| {
            let start = skeleton.find("(SELECT store_id").unwrap();
            let end = skeleton.find("($2))").unwrap() + "($2)".len();
            let statement = "(DELETE FROM public.orders WHERE tenant_id OPERATOR(pg_catalog.=) $1 AND
                store_id OPERATOR(pg_catalog.=) ANY ($2) RETURNING store_id, order_id, status, total";
            format!("{}{statement}{}", &skeleton[..start], &skeleton[end..])
        };
        let modifying: &dyn Fn(&str) -> String = &|skeleton| modifying(skeleton).replace("AS NOT MATERIALIZED", "AS");
        let broken = Broken { skeleton: Some(modifying), ..Broken::default() };
        assert_refused("DELETE", world.prove_broken(ORDERS, &broken), State::OutsidePlane, UNPROVED);
    }

    #[pg_test]
    fn refuses_another_number_order_or_name_of_fences() {
        let world = World::new();
        refuses(&world, ORDERS, "\nSELECT * FROM", ", more AS (SELECT id FROM public.hidden)\nSELECT * FROM");
        refuses(&world, ORDERS, "WITH orders", "WITH more AS (SELECT 1), orders");
        refuses(&world, "SELECT 1", "SELECT * FROM", "WITH more AS (SELECT 1 AS x) SELECT * FROM");
        // Unused by this statement, so that it still analyses.
        let unused = |sql: &str, skeleton: &dyn Fn(&str) -> String| {
            let broken = Broken { skeleton: Some(skeleton), unwalked: Some("SELECT 1"), ..Broken::default() };
            assert_refused(sql, world.prove_broken(sql, &broken), State::OutsidePlane, UNPROVED);
        };
        unused(ORDERS, &|_| "SELECT * FROM (SELECT 1) AS answer".to_owned());
        unused(ORDERS, &|skeleton| skeleton.replacen("WITH orders", "WITH renamed", 1));
        let both = "SELECT 1 FROM orders, stores";
        let change: [&dyn Fn(&mut Vec<Fence>); 3] =
            [&|fences| fences.reverse(), &|fences| drop(fences.pop()), &|fences| fences.clear()];
        let words = ["is not the one we wrote", "than we wrote", "than we wrote"];
        for (change, words) in change.into_iter().zip(words) {
            let broken = Broken { fences: Some(change), ..Broken::default() };
            assert_refused(both, world.prove_broken(both, &broken), State::OutsidePlane, words);
        }
        assert_accepted(both, world.prove(both));
    }

    /// What a fence is may be materialised or not: that changes the plan, never the rows.
    #[pg_test]
    fn proves_a_fence_however_it_is_materialized() {
        let world = World::new();
        for other in ["AS MATERIALIZED", "AS"] {
            let change = |skeleton: &str| skeleton.replace("AS NOT MATERIALIZED", other);
            let broken = Broken { skeleton: Some(&change), ..Broken::default() };
            assert_accepted(other, world.prove_broken(ORDERS, &broken));
        }
    }

    #[pg_test]
    fn refuses_a_skeleton_that_reads_beside_its_fences() {
        let world = World::new();
        for (more, words) in [
            (", public.hidden", "not have exactly one FROM item"),
            (" WHERE EXISTS (SELECT FROM public.hidden)", "outside the fences"),
            (" ORDER BY (SELECT max(id) FROM public.hidden)", "outside the fences"),
            (" LIMIT (SELECT max(id) FROM public.hidden)", "outside the fences"),
        ] {
            let change = |skeleton: &str| format!("{skeleton}{more}");
            let broken = Broken { skeleton: Some(&change), ..Broken::default() };
            assert_refused(more, world.prove_broken(ORDERS, &broken), State::OutsidePlane, words);
        }
        for other in [
            "SELECT 1 AS answer",
            "SELECT * FROM orders",
            "VALUES (1)",
            "SELECT * FROM (SELECT 1) AS a JOIN (SELECT 1) AS b ON true",
        ] {
            let change = |_: &str| other.to_owned();
            let broken = Broken { skeleton: Some(&change), ..Broken::default() };
            assert_refused(other, world.prove_broken("SELECT 1", &broken), State::OutsidePlane, UNPROVED);
        }
    }

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
