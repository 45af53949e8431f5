//! The raw walk without the gate before it and the proof behind it.

#[pgrx::pg_schema]
mod tests {
    use crate::attach;
    use crate::backend_tests::support::{World, assert_accepted, assert_refused, text};
    use crate::error::{StageResult, State};
    use crate::pgx::parse;
    use pgrx::prelude::*;

    /// What the walk found, as `name` or `schema.name`: references as written, fences needed.
    fn named(world: &World, sql: &str) -> StageResult<(Vec<String>, Vec<String>)> {
        world.confined(|confinement| {
            let named = attach::walk_tree(&world.plane, &mut parse::parse_one(confinement, sql)?)?;
            let references = named.references.iter().map(|reference| match &reference.schema {
                Some(schema) => format!("{schema}.{}", reference.name),
                None => reference.name.clone(),
            });
            Ok((references.collect(), named.targets.keys().cloned().collect()))
        })
    }

    fn walk(world: &World, sql: &str) -> StageResult<()> {
        world.confined(|confinement| attach::refuse_by_name(&world.plane, &mut parse::parse_one(confinement, sql)?))
    }

    /// (SQL, the fences that it needs). A qualified name's fence has a name that no WITH can shadow.
    const SCOPING: &[(&str, &[&str])] = &[
        ("SELECT 1", &[]),
        ("SELECT order_id FROM orders ORDER BY 1", &["orders"]),
        ("SELECT order_id FROM orders AS stores ORDER BY 1", &["orders"]),
        ("SELECT order_id FROM public.orders ORDER BY 1", &["public.orders"]),
        ("SELECT public.orders.order_id FROM public.orders ORDER BY 1", &["public.orders"]),
        (
            "SELECT o.order_id FROM orders o JOIN public.orders p USING (order_id) ORDER BY 1",
            &["orders", "public.orders"],
        ),
        // The tree's own WITH shadows the plane, from where PostgreSQL says so.
        ("WITH orders AS (SELECT * FROM orders WHERE total > 20) SELECT order_id FROM orders ORDER BY 1", &["orders"]),
        ("WITH orders AS (SELECT 1 AS x) SELECT x FROM orders", &[]),
        ("WITH orders AS (SELECT 1 AS x) SELECT count(*) FROM public.orders", &["public.orders"]),
        (
            "WITH orders AS (SELECT 1 AS x) SELECT x, (SELECT count(*) FROM public.orders) FROM orders",
            &["public.orders"],
        ),
        ("WITH a AS (SELECT 1 AS x), orders AS (SELECT * FROM a) SELECT x FROM orders", &[]),
        ("WITH a AS (SELECT * FROM stores), stores AS (SELECT 1 AS x) SELECT count(*) FROM a, stores", &["stores"]),
        ("WITH RECURSIVE a AS (SELECT * FROM stores), stores AS (SELECT 1 AS x) SELECT count(*) FROM a, stores", &[]),
        (
            "WITH RECURSIVE orders (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM orders WHERE n < 4) SELECT sum(n) FROM orders",
            &[],
        ),
        (
            "WITH RECURSIVE r (n) AS (SELECT min(order_id) FROM orders UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT sum(n) FROM r",
            &["orders"],
        ),
        (
            "WITH orders AS (WITH orders AS (SELECT * FROM orders) SELECT * FROM orders) SELECT count(*) FROM orders",
            &["orders"],
        ),
        ("WITH a AS (WITH orders AS (SELECT 1 AS x) SELECT * FROM orders) SELECT count(*) FROM a, orders", &["orders"]),
        // The scope of a WITH ends with its query.
        ("SELECT count(*) FROM (WITH orders AS (SELECT 1 AS x) SELECT * FROM orders) AS s, orders", &["orders"]),
        ("SELECT count(*) FROM orders, (WITH orders AS (SELECT 1 AS x) SELECT * FROM orders) AS s", &["orders"]),
        (
            "SELECT (WITH orders AS (SELECT 1 AS x) SELECT x FROM orders) FROM orders ORDER BY order_id LIMIT 1",
            &["orders"],
        ),
        (
            "(WITH orders AS (SELECT 1 AS x) SELECT x FROM orders) UNION ALL SELECT count(*) FROM orders ORDER BY 1",
            &["orders"],
        ),
        (
            "SELECT count(*) FROM orders UNION ALL (WITH orders AS (SELECT 1 AS x) SELECT x FROM orders) ORDER BY 1",
            &["orders"],
        ),
        ("WITH orders AS (SELECT 1 AS x) SELECT x FROM orders UNION ALL SELECT x + 1 FROM orders ORDER BY 1", &[]),
        // Every place that holds a query.
        ("SELECT 1 WHERE EXISTS (SELECT FROM stores)", &["stores"]),
        ("SELECT count(*) FROM orders WHERE store_id IN (SELECT store_id FROM stores)", &["orders", "stores"]),
        ("SELECT ARRAY(SELECT store_id FROM stores ORDER BY 1)", &["stores"]),
        ("VALUES ((SELECT count(*) FROM stores))", &["stores"]),
        ("SELECT 1 LIMIT (SELECT count(*) FROM stores)", &["stores"]),
        ("SELECT 1 OFFSET (SELECT count(*) FROM stores)", &["stores"]),
        ("SELECT 1 ORDER BY (SELECT count(*) FROM stores)", &["stores"]),
        ("SELECT 1 GROUP BY (SELECT count(*) FROM stores)", &["stores"]),
        ("SELECT 1 HAVING (SELECT count(*) FROM stores) > 0", &["stores"]),
        ("SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM stores)) FROM orders", &["orders", "stores"]),
        (
            "SELECT sum(total) OVER (ORDER BY (SELECT count(*) FROM stores)) FROM orders ORDER BY order_id LIMIT 1",
            &["orders", "stores"],
        ),
        (
            "SELECT o.order_id FROM orders o, LATERAL (SELECT s.city FROM stores s WHERE s.store_id = o.store_id) x ORDER BY 1",
            &["orders", "stores"],
        ),
        ("SELECT g FROM generate_series(1, (SELECT count(*) FROM stores)) AS g ORDER BY 1", &["stores"]),
        ("SELECT (ARRAY[10, 20, 30])[(SELECT count(*)::int FROM countries)]", &["countries"]),
        ("SELECT CASE WHEN (SELECT count(*) FROM stores) > 0 THEN 1 END", &["stores"]),
        (
            "SELECT o.order_id FROM orders o JOIN stores s ON s.store_id = (SELECT min(store_id) FROM public.stores) ORDER BY 1",
            &["orders", "public.stores", "stores"],
        ),
    ];

    #[pg_test]
    fn walk_finds_names_with_the_scoping_of_postgresql() {
        let world = World::new();
        for (sql, wanted) in SCOPING {
            let (references, targets) = assert_accepted(sql, named(&world, sql));
            let mut references: Vec<&str> = references.iter().map(String::as_str).collect();
            references.sort_unstable();
            assert_eq!(references, *wanted, "references of {sql}");
            assert_eq!(targets, *wanted, "fences of {sql}");
        }
    }

    /// The same SQL, run fenced, and run by PostgreSQL alone over tables that hold the principal's rows and no others.
    #[pg_test]
    fn fenced_sql_means_what_it_means_over_the_tenants_own_rows() {
        let world = World::new();
        let fenced: Vec<_> = SCOPING.iter().map(|(sql, _)| world.rows(sql)).collect();
        Spi::run("DELETE FROM public.orders WHERE tenant_id <> 42 OR store_id NOT IN (1, 2, 3); DELETE FROM public.stores WHERE tenant_id <> 42")
            .unwrap();
        for ((sql, _), fenced) in SCOPING.iter().zip(fenced) {
            let fenced = assert_accepted(sql, fenced);
            let plain = text(&format!(
                "SELECT coalesce(json_agg((SELECT json_agg(f.value) FROM json_each(to_json(r)) AS f)), '[]')::text FROM ({sql}) AS r"
            ));
            assert_eq!(fenced, serde_json::from_str::<serde_json::Value>(&plain.unwrap()).unwrap(), "{sql}");
        }
    }

    #[pg_test]
    fn walk_refuses_relations_outside_the_plane_in_one_wording() {
        let world = World::new();
        for (sql, name) in [
            ("SELECT * FROM hidden", "hidden"),
            ("SELECT * FROM nowhere", "nowhere"),
            ("SELECT * FROM public.hidden", "public.hidden"),
            ("SELECT * FROM pg_class", "pg_class"),
            ("SELECT * FROM pg_catalog.pg_class", "pg_catalog.pg_class"),
            ("SELECT * FROM information_schema.tables", "information_schema.tables"),
            ("SELECT * FROM splitplane.keys", "splitplane.keys"),
            ("SELECT * FROM pg_temp.orders", "pg_temp.orders"),
            ("SELECT * FROM pg_catalog.orders", "pg_catalog.orders"),
            ("SELECT * FROM pg_tests.hidden.orders", "pg_tests.hidden.orders"),
            ("SELECT * FROM elsewhere.public.orders", "elsewhere.public.orders"),
            ("SELECT * FROM \"Orders\"", "Orders"),
            ("SELECT * FROM \"public.orders\"", "public.orders"),
            ("TABLE hidden", "hidden"),
            ("SELECT (SELECT 1 FROM hidden)", "hidden"),
            ("SELECT * FROM orders WHERE EXISTS (SELECT FROM hidden)", "hidden"),
            ("WITH a AS (SELECT * FROM hidden) SELECT 1", "hidden"),
            ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT 1", "b"),
            ("WITH a AS (SELECT * FROM a) SELECT 1", "a"),
            ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) s, a", "a"),
            ("SELECT 1 UNION SELECT id FROM hidden", "hidden"),
            ("VALUES ((SELECT id FROM hidden))", "hidden"),
            ("SELECT 1 LIMIT (SELECT id FROM hidden)", "hidden"),
            ("SELECT sum(1) OVER (ROWS (SELECT id FROM hidden) PRECEDING)", "hidden"),
        ] {
            let words = format!("relation \"{name}\" is not in the plane");
            assert_refused(sql, walk(&world, sql), State::UnknownRelation, &words);
        }
    }

    #[pg_test]
    fn walk_refuses_constructs_by_name() {
        let world = World::new();
        for (sql, name) in [
            ("SELECT 1 INTO x", "SELECT INTO"),
            ("SELECT * FROM (SELECT * FROM orders FOR SHARE) s", "a locking clause such as FOR UPDATE"),
            ("SELECT * FROM orders FOR UPDATE", "a locking clause such as FOR UPDATE"),
            ("SELECT * FROM orders FOR KEY SHARE OF orders NOWAIT", "a locking clause such as FOR UPDATE"),
            ("SELECT $1", "a parameter such as $1"),
            ("SELECT * FROM orders LIMIT $1", "a parameter such as $1"),
            ("SELECT * FROM orders TABLESAMPLE system (1)", "TABLESAMPLE"),
            ("SELECT * FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS b int)", "XMLTABLE"),
            ("SELECT xmlelement(NAME a)", "XML"),
            ("SELECT xmlforest(order_id) FROM orders", "XML"),
            ("SELECT xmlserialize(CONTENT 'a' AS text)", "XML"),
            ("SELECT order_id FROM orders ORDER BY 1 USING <", "ORDER BY .. USING"),
            ("SELECT array_agg(order_id ORDER BY order_id USING >) FROM orders", "ORDER BY .. USING"),
            ("SELECT rank() OVER (ORDER BY order_id USING <) FROM orders", "ORDER BY .. USING"),
            ("SELECT * FROM ONLY orders", "FROM ONLY"),
            ("VALUES (DEFAULT)", "DEFAULT"),
            (
                "SELECT * FROM jsonb_to_recordset('[]') AS t (a text COLLATE \"C\")",
                "a column definition with more than a name and a type",
            ),
            ("WITH x AS (DELETE FROM orders RETURNING 1) SELECT 1", "DELETE"),
            ("WITH x AS (UPDATE orders SET total = 0 RETURNING 1) SELECT 1", "UPDATE"),
            ("WITH x AS (INSERT INTO orders DEFAULT VALUES RETURNING 1) SELECT 1", "INSERT"),
            ("INSERT INTO orders SELECT * FROM orders", "INSERT"),
            ("UPDATE orders SET total = 0", "UPDATE"),
            ("DELETE FROM orders", "DELETE"),
            ("MERGE INTO orders USING stores ON true WHEN MATCHED THEN DELETE", "MERGE"),
            ("EXPLAIN SELECT 1", "EXPLAIN"),
            ("COPY orders TO STDOUT", "COPY"),
            ("COPY (SELECT 1) TO PROGRAM 'id'", "COPY"),
            ("SET search_path = public", "SET"),
            ("RESET ALL", "SET"),
            ("COMMIT", "a transaction command"),
            ("ROLLBACK TO SAVEPOINT a", "a transaction command"),
            ("TRUNCATE orders", "a statement that is no SELECT"),
            ("DO 'BEGIN END'", "a statement that is no SELECT"),
            ("CALL x()", "a statement that is no SELECT"),
            ("PREPARE p AS SELECT 1", "a statement that is no SELECT"),
            ("EXECUTE p", "a statement that is no SELECT"),
            ("DECLARE c CURSOR FOR SELECT 1", "a statement that is no SELECT"),
            ("CREATE TABLE t AS SELECT 1", "a statement that is no SELECT"),
            ("LOCK orders", "a statement that is no SELECT"),
            ("LISTEN x", "a statement that is no SELECT"),
            ("SHOW ALL", "a statement that is no SELECT"),
        ] {
            assert_refused(sql, walk(&world, sql), State::NotAdmitted, &format!("{name} is not admitted in the plane"));
        }
    }

    #[pg_test]
    fn walk_refuses_names_outside_the_plane() {
        let world = World::new();
        for (sql, words) in [
            ("SELECT pg_sleep(1)", "function \"pg_sleep\""),
            ("SELECT pg_catalog.set_config('a.b', 'c', true)", "function \"pg_catalog.set_config\""),
            ("SELECT public.count(*) FROM orders", "function \"public.count\""),
            ("SELECT pg_temp.count(*) FROM orders", "function \"pg_temp.count\""),
            ("SELECT a.b.c.d()", "function \"a.b.c.d\""),
            ("SELECT splitplane.claim('tenant')", "function \"splitplane.claim\""),
            ("SELECT splitplane.among(1, '{1}')", "function \"splitplane.among\""),
            ("SELECT \"Count\"(*) FROM orders", "function \"Count\""),
            ("SELECT * FROM ROWS FROM (pg_ls_dir('.'))", "function \"pg_ls_dir\""),
            ("SELECT 1 ORDER BY current_setting('x')", "function \"current_setting\""),
            ("SELECT 1 WHERE EXISTS (SELECT nextval('s'))", "function \"nextval\""),
            ("SELECT 'orders'::regclass", "type \"regclass\""),
            ("SELECT CAST('orders' AS pg_catalog.regclass)", "type \"pg_catalog.regclass\""),
            ("SELECT regclass 'orders'", "type \"regclass\""),
            ("SELECT ARRAY[]::regclass[]", "type \"regclass\""),
            ("SELECT 'x'::public.orders", "type \"public.orders\""),
            ("SELECT 'x'::orders", "type \"orders\""),
            ("SELECT CAST(NULL AS SETOF int4)", "type \"int4\""),
            ("SELECT * FROM json_to_record('{}') AS t (a regtype)", "type \"regtype\""),
            ("SELECT ('orders').regclass", "type \"regclass\""),
            (
                "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a FROM t) CYCLE a SET c TO regclass 'orders' DEFAULT 0 USING p SELECT 1",
                "type \"regclass\"",
            ),
            ("SELECT 1 OPERATOR(public.+) 1", "operator \"public.+\""),
            ("SELECT 1 WHERE 1 OPERATOR(public.=) ANY (SELECT 1)", "operator \"public.=\""),
            ("SELECT 1 WHERE 'a' OPERATOR(public.~~) ANY (ARRAY['a'])", "operator \"public.~~\""),
            ("SELECT 'a' COLLATE \"de_DE\"", "collation \"de_DE\""),
            ("SELECT 'a' COLLATE public.\"C\"", "collation \"public.C\""),
            ("SELECT 1 ORDER BY 'a' COLLATE nowhere", "collation \"nowhere\""),
            ("SELECT 'a' COLLATE public.\"de-x-icu\"", "collation \"public.de-x-icu\""),
            ("SELECT a 'x' FROM orders", "type \"a\""),
            ("SELECT mydom 'x'", "type \"mydom\""),
            ("SELECT public.mydom 'x' FROM orders", "type \"public.mydom\""),
            ("SELECT '{english}'::regconfig[]", "type \"regconfig\""),
            ("SELECT ('english').regconfig", "type \"regconfig\""),
            ("SELECT 'x'::hidden.regconfig", "type \"hidden.regconfig\""),
            ("SELECT public.pg_typeof(1)::text", "function \"public.pg_typeof\""),
            ("SELECT pg_typeof(pg_sleep(1))", "function \"pg_sleep\""),
            ("SELECT splitplane.kept(total) FROM orders", "function \"splitplane.kept\""),
            ("SELECT splitplane.keep(1, 2)", "function \"splitplane.keep\""),
            ("SELECT * FROM json_populate_record(NULL::tenants, '{}')", "type \"tenants\""),
            ("SELECT * FROM json_populate_record(NULL::public.secrets, '{}')", "type \"public.secrets\""),
            ("SELECT * FROM json_populate_record(NULL::nowhere.orders, '{}')", "type \"nowhere.orders\""),
            ("SELECT * FROM json_populate_record(NULL::orders, pg_read_file('x')::json)", "function \"pg_read_file\""),
            ("SELECT current_user", "CURRENT_USER"),
            ("SELECT session_user", "CURRENT_USER"),
            ("SELECT current_role", "CURRENT_USER"),
            ("SELECT current_catalog", "CURRENT_USER"),
            ("SELECT current_schema", "CURRENT_USER"),
        ] {
            assert_refused(sql, walk(&world, sql), State::OutsidePlane, words);
        }
        for sql in [
            "SELECT pg_catalog.count(*) FROM orders",
            "SELECT 1 OPERATOR(pg_catalog.+) 1",
            "SELECT 'a' COLLATE \"C\", 'a' COLLATE pg_catalog.\"POSIX\"",
            "SELECT current_date, current_timestamp(2), localtime",
            "SELECT '1'::int4, '1'::pg_catalog.int8, ARRAY[]::text[]",
            "SELECT * FROM jsonb_to_recordset('[]') AS t (a text, b int)",
            "SELECT pg_typeof(1) = pg_typeof(2), pg_typeof(1) IS NOT NULL, pg_typeof(1)::varchar(3), ARRAY[pg_typeof(1)]",
            "SELECT * FROM ROWS FROM (json_populate_record(from_json => '{}', base => NULL::orders), generate_series(1, 2))",
        ] {
            assert_accepted(sql, walk(&world, sql));
        }
    }

    #[pg_test]
    fn walk_says_where_a_function_may_stand() {
        let world = World::new();
        for (sql, words) in [
            ("SELECT t FROM (SELECT pg_typeof(1) AS t) AS q", "pg_typeof outside the statement's own select list"),
            ("SELECT pg_typeof(1)::regtype", "pg_typeof outside the statement's own select list"),
            ("SELECT pg_typeof(1) = 'int'::regtype", "pg_typeof outside the statement's own select list"),
            ("SELECT pg_typeof(1) < pg_typeof(2)", "pg_typeof outside the statement's own select list"),
            ("SELECT (json_populate_record(NULL::orders, '{}')).total", "json_populate_record other than in FROM"),
            ("SELECT * FROM json_populate_record(NULL::orders, '{}', true)", "json_populate_record other than in FROM"),
            (
                "SELECT * FROM json_populate_record(base => NULL::orders, base => '{}')",
                "json_populate_record other than",
            ),
        ] {
            assert_refused(sql, walk(&world, sql), State::NotAdmitted, words);
        }
    }

    /// The proof takes these functions for ours wherever they stand.
    #[pg_test]
    fn walk_refuses_what_only_we_may_put_into_a_tree() {
        let world = World::new();
        let functions = Spi::get_one::<Vec<String>>(
            "SELECT array_agg(DISTINCT proname::text) FROM pg_proc WHERE pronamespace = 'splitplane'::regnamespace",
        );
        let functions = functions.unwrap().unwrap();
        let ours = ["bounded", "counted", "behind", "pattern", "zone", "dated", "kept", "drawn", "in_scope"];
        for name in ours {
            assert!(functions.iter().any(|known| known == name), "{name}");
        }
        let bare = ours.iter().flat_map(|name| [(*name).to_owned(), format!("pg_catalog.{name}")]);
        for written in bare.chain(functions.iter().map(|name| format!("splitplane.{name}"))) {
            for sql in [
                format!("SELECT {written}(total) FROM orders"),
                format!("SELECT 1 FROM orders WHERE {written}(total, 1)"),
                format!("SELECT * FROM {written}(1)"),
            ] {
                assert_refused(&sql, walk(&world, &sql), State::OutsidePlane, "is not in the plane");
            }
        }
    }

    #[pg_test]
    fn walk_refuses_columns_of_relations_outside_the_plane() {
        let world = World::new();
        for (sql, name) in [
            ("SELECT pg_catalog.pg_class.oid FROM orders", "pg_catalog.pg_class.oid"),
            ("SELECT public.hidden.word FROM orders", "public.hidden.word"),
            ("SELECT public.hidden.* FROM orders", "public.hidden"),
            ("SELECT pg_tests.hidden.orders.total FROM orders", "pg_tests.hidden.orders.total"),
            ("SELECT elsewhere.public.orders.total FROM public.orders", "elsewhere.public.orders.total"),
        ] {
            let words = format!("missing FROM-clause entry for \"{name}\"");
            assert_refused(sql, walk(&world, sql), State::UnknownRelation, &words);
        }
    }

    #[pg_test]
    fn parsing_admits_exactly_one_statement() {
        let world = World::new();
        assert_refused("nothing", walk(&world, " ; ; "), State::Syntax, "no statement");
        assert_refused("two", walk(&world, "SELECT 1; SELECT 2"), State::NotAdmitted, "more than one statement");
        assert_refused("a zero byte", walk(&world, "SELECT 1\0; SELECT 2"), State::Argument, "zero byte");
        let syntax = walk(&world, "SELECT FROM WHERE").unwrap_err();
        assert_eq!(PgSqlErrorCode::from(syntax.state.code()), PgSqlErrorCode::ERRCODE_SYNTAX_ERROR);
        assert_accepted("one", walk(&world, "SELECT 1;;"));
    }
}
