//! The proof of the plan when everything before it let a wrong one through.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{
        World, assert_accepted, assert_refused, explanation, explanation_as_run, rows_of, unproved_explanation,
        unproved_plan,
    };
    use crate::catalog::current_plane;
    use crate::error::{StageResult, State};
    use crate::pgx::parameters::Parameters;
    use crate::prove::{prove_draws, prove_plan};
    use pgrx::prelude::*;

    /// The tables without the policy that only proved statements are rid of.
    fn world() -> World {
        let world = World::new();
        Spi::run("DROP POLICY splitplane_closed ON public.orders; DROP POLICY splitplane_closed ON public.stores")
            .unwrap();
        world
    }

    /// Proves the plan of a statement that was not proved itself, with the fences of one that reads these relations.
    fn proves(world: &World, sql: &str, fenced: &str) -> StageResult<()> {
        world.confined(|confinement| {
            let fences = world.attach(confinement, fenced)?.fences;
            let parameters = Parameters::new(confinement);
            let planned = unproved_plan(confinement, sql, &parameters)?;
            prove_plan(&planned, &fences, &[], &parameters, &world.plane)
        })
    }

    const ORDERS: &str = "SELECT 1 FROM orders";
    const NOT_FIRST: &str = "the plan does not begin with the scope of orders";

    #[pg_test]
    fn proves_a_plan_that_begins_with_the_fence() {
        let world = world();
        for sql in [
            "SELECT count(*) FROM public.orders",
            "SELECT status FROM public.orders WHERE order_id = 3",
            "SELECT status, sum(total) FROM public.orders WHERE status IS NOT NULL GROUP BY status ORDER BY 2",
            "SELECT 1 FROM public.orders AS a JOIN public.orders AS b USING (order_id) WHERE EXISTS (SELECT 1 FROM public.orders AS c WHERE c.total > a.total)",
            "SELECT order_id FROM public.orders UNION ALL SELECT store_id FROM public.orders",
            "WITH RECURSIVE r AS (SELECT order_id FROM public.orders UNION SELECT o.order_id FROM r JOIN public.orders AS o ON o.order_id = r.order_id + 1) SELECT count(*) FROM r",
            "SELECT 1 WHERE false",
            "SELECT g FROM generate_series(1, 3) AS g",
        ] {
            assert_accepted(sql, proves(&world, sql, ORDERS));
        }
    }

    #[pg_test]
    fn refuses_a_plan_without_the_fence() {
        let world = world();
        Spi::run("DROP POLICY \"!splitplane_scope\" ON public.orders").unwrap();
        for sql in [
            "SELECT count(*) FROM public.orders",
            "SELECT status FROM public.orders WHERE order_id = 3",
            "SELECT 1 FROM (VALUES (1)) AS v WHERE EXISTS (SELECT 1 FROM public.orders)",
            "SELECT 1 UNION ALL SELECT order_id FROM public.orders",
            "SELECT 1 FROM public.orders WHERE tenant_id = 42 AND store_id IN (1, 2, 3)",
        ] {
            assert_refused(sql, proves(&world, sql, ORDERS), State::OutsidePlane, NOT_FIRST);
        }
    }

    /// Half a fence, the wrong claim, the wrong column, or anything before it.
    #[pg_test]
    fn refuses_a_plan_that_begins_otherwise() {
        let world = world();
        for condition in [
            "splitplane.in_scope(tenant_id, 'tenant')",
            "splitplane.in_scope(store_id, 'stores')",
            "splitplane.in_scope(tenant_id, 'tenant') AND splitplane.in_scope(order_id, 'stores')",
            "splitplane.in_scope(tenant_id, 'stores') AND splitplane.in_scope(store_id, 'tenant')",
            "splitplane.in_scope(tenant_id, 'tenant') AND splitplane.in_scope(store_id, 'shops')",
            "splitplane.in_scope(tenant_id, 'tenant') OR splitplane.in_scope(store_id, 'stores')",
            "splitplane.in_scope(tenant_id, 'tenant') IS NOT FALSE AND splitplane.in_scope(store_id, 'stores')",
            "total IS NOT NULL AND splitplane.in_scope(tenant_id, 'tenant') AND splitplane.in_scope(store_id, 'stores')",
            "splitplane.in_scope(tenant_id, 'tenant') AND status IS NOT NULL AND splitplane.in_scope(store_id, 'stores')",
        ] {
            Spi::run(&format!("ALTER POLICY \"!splitplane_scope\" ON public.orders USING ({condition}); ALTER POLICY splitplane_read ON public.orders USING (true)")).unwrap();
            assert_refused(
                condition,
                proves(&world, "SELECT count(*) FROM public.orders", ORDERS),
                State::OutsidePlane,
                NOT_FIRST,
            );
        }
    }

    /// Rows of everybody: the plan keeps exactly the policy's condition, on whatever path the rows are read.
    #[pg_test]
    fn refuses_a_plan_with_other_rows_of_everybody() {
        let world = World::with("tenant or null");
        Spi::run("DROP POLICY splitplane_closed ON public.orders; CREATE INDEX by_tenant ON public.orders (tenant_id, total)")
            .unwrap();
        const SQL: &str = "SELECT count(*) FROM public.orders WHERE tenant_id = 42 OR tenant_id IS NULL";
        for off in ["", "enable_seqscan", "enable_bitmapscan", "enable_indexonlyscan"] {
            if !off.is_empty() {
                Spi::run(&format!("SET LOCAL {off} = off")).unwrap();
            }
            assert_accepted(off, proves(&world, SQL, ORDERS));
        }
        for condition in [
            "splitplane.in_scope(tenant_id, 'tenant')",
            "splitplane.in_scope(tenant_id, 'tenant') OR tenant_id IS NOT NULL",
            "splitplane.in_scope(tenant_id, 'tenant') OR store_id IS NULL",
            "splitplane.in_scope(tenant_id, 'tenant') OR tenant_id IS NULL OR order_id = 3",
            "splitplane.in_scope(tenant_id, 'business') OR tenant_id IS NULL",
            "splitplane.in_scope(store_id, 'tenant') OR tenant_id IS NULL",
        ] {
            Spi::run(&format!("ALTER POLICY \"!splitplane_scope\" ON public.orders USING ({condition}); ALTER POLICY splitplane_read ON public.orders USING (true)")).unwrap();
            assert_refused(condition, proves(&world, SQL, ORDERS), State::OutsidePlane, NOT_FIRST);
        }
    }

    #[pg_test]
    fn refuses_a_plan_that_reads_another_relation() {
        let world = world();
        Spi::run("GRANT SELECT ON public.hidden TO splitplane_reader").unwrap();
        for sql in [
            "SELECT * FROM public.hidden",
            "SELECT 1 FROM pg_catalog.pg_class",
            "SELECT 1 FROM public.orders WHERE EXISTS (SELECT 1 FROM public.hidden)",
        ] {
            assert_refused(
                sql,
                proves(&world, sql, ORDERS),
                State::OutsidePlane,
                "the plan names a relation outside the fences",
            );
        }
        // No node reads it: what is never read and a join that nothing needs.
        Spi::run("CREATE TABLE public.unread (id int PRIMARY KEY); GRANT SELECT ON public.unread TO splitplane_reader")
            .unwrap();
        for sql in [
            "SELECT 1 FROM public.countries, (SELECT 1 FROM public.unread WHERE false) AS u",
            "SELECT 1 FROM public.countries LEFT JOIN public.unread AS u ON u.id = 1",
        ] {
            let plan =
                Spi::get_one::<pgrx::Json>(&format!("EXPLAIN (FORMAT JSON) {sql}")).unwrap().unwrap().0.to_string();
            assert!(!plan.contains(r#""Relation Name":"unread""#), "the control: {plan}");
            assert_refused(
                sql,
                proves(&world, sql, "SELECT 1 FROM countries"),
                State::OutsidePlane,
                "the plan names a relation outside the fences",
            );
        }
        assert_refused(
            "stores",
            proves(&world, "SELECT 1 FROM public.stores", ORDERS),
            State::OutsidePlane,
            "outside the fences",
        );
        assert_accepted("stores", proves(&world, "SELECT 1 FROM public.stores", "SELECT 1 FROM stores"));
        assert_accepted("shared", proves(&world, "SELECT 1 FROM public.countries", "SELECT 1 FROM countries"));
    }

    /// A policy of the DBA's own may look at other tables; nothing else may.
    #[pg_test]
    fn admits_what_the_tables_own_policies_read() {
        Spi::run(
            "CREATE TABLE public.open_stores (store_id int NOT NULL); INSERT INTO public.open_stores VALUES (1), (2);
             GRANT SELECT ON public.open_stores TO PUBLIC",
        )
        .unwrap();
        let mut world = World::new();
        Spi::run(
            "CREATE POLICY open_only ON public.orders AS RESTRICTIVE USING (store_id IN (SELECT o.store_id FROM public.open_stores AS o))",
        )
        .unwrap();
        world.plane = current_plane().unwrap();
        let sql = "SELECT DISTINCT store_id FROM orders ORDER BY 1";
        assert_eq!(assert_accepted(sql, world.rows(sql)), serde_json::json!([[1], [2]]));
        let other = "SELECT o.store_id FROM public.orders AS o, public.open_stores AS p";
        assert_refused(other, proves(&world, other, ORDERS), State::OutsidePlane, "outside the fences");
    }

    #[pg_test]
    fn refuses_a_plan_of_another_kind() {
        let world = world();
        for (sql, state, words) in [
            ("SELECT 1 FROM public.countries FOR SHARE", State::OutsidePlane, "did not produce a SELECT"),
            ("SELECT 1 FROM public.countries TABLESAMPLE system (50)", State::NotAdmitted, "TABLESAMPLE"),
            ("SELECT 1 FROM public.countries WHERE ctid = '(0,1)'", State::NotAdmitted, "by row address"),
        ] {
            assert_refused(sql, proves(&world, sql, "SELECT 1 FROM countries"), state, words);
        }
    }

    /// A plan with random values in a condition, as if the planner had moved them there.
    #[pg_test]
    fn refuses_a_plan_with_random_values_in_a_condition() {
        let world = world();
        let draws = |sql: &str| -> StageResult<()> {
            world.confined(|confinement| {
                let planned = unproved_plan(confinement, sql, &Parameters::new(confinement))?;
                prove_draws(&planned, &world.plane)
            })
        };
        for sql in [
            "SELECT order_id FROM public.orders WHERE splitplane.drawn() < 0.5",
            "SELECT order_id FROM public.orders WHERE order_id = 3 AND gen_random_uuid() IS NOT NULL",
            "SELECT 1 FROM public.orders AS a JOIN public.orders AS b ON a.order_id = b.order_id AND splitplane.drawn() < a.order_id",
            "SELECT splitplane.drawn() FROM public.orders WHERE splitplane.drawn() < 0.5",
            "SELECT order_id FROM public.orders WHERE order_id > (SELECT splitplane.drawn())",
            "SELECT order_id FROM public.orders AS o WHERE EXISTS (SELECT 1 FROM public.stores WHERE splitplane.drawn() < o.order_id)",
            "SELECT (SELECT splitplane.drawn())",
            "SELECT count(*) FROM public.orders HAVING splitplane.drawn() < 0.5",
            "SELECT 1 WHERE splitplane.drawn() < 0.5",
            "SELECT g FROM generate_series(1, (splitplane.drawn() * 3)::int) AS g",
            "SELECT order_id FROM public.orders LIMIT (splitplane.drawn() * 3)::int",
            "SELECT v.r FROM (VALUES (splitplane.drawn()), (1)) AS v (r)",
        ] {
            assert_refused(sql, draws(sql), State::OutsidePlane, "random values in a condition");
        }
        for sql in [
            "SELECT splitplane.drawn(), gen_random_uuid() FROM public.orders",
            "SELECT order_id FROM public.orders ORDER BY splitplane.drawn() LIMIT 2",
            "SELECT s.r FROM (SELECT order_id, splitplane.drawn() AS r FROM public.orders) AS s JOIN public.stores ON s.r < store_id WHERE s.r < 0.5 AND s.order_id > 1",
            "WITH s AS (SELECT order_id, splitplane.drawn() AS r FROM public.orders) SELECT r FROM s WHERE r < 0.5",
            "SELECT r FROM (SELECT splitplane.drawn() AS r FROM public.orders UNION ALL SELECT splitplane.drawn() FROM public.stores) AS s WHERE r < 0.5",
            "SELECT store_id, sum(splitplane.drawn()) FROM public.orders GROUP BY store_id",
            // A name that looks like a call.
            "SELECT 1 AS \":funcid 3432 \" FROM public.orders WHERE order_id > 0",
        ] {
            assert_accepted(sql, draws(sql));
        }
    }

    /// Partitions and children, whose columns may stand in another order; index-only scans, whose columns are the index's.
    #[pg_test]
    fn proves_scans_of_partitions_children_and_indexes() {
        Spi::run(
            "CREATE TABLE public.parts (tenant_id int NOT NULL, n int NOT NULL) PARTITION BY RANGE (n);
             CREATE TABLE public.low PARTITION OF public.parts FOR VALUES FROM (0) TO (100) PARTITION BY HASH (tenant_id);
             CREATE TABLE public.low_0 PARTITION OF public.low FOR VALUES WITH (MODULUS 2, REMAINDER 0);
             CREATE TABLE public.low_1 PARTITION OF public.low FOR VALUES WITH (MODULUS 2, REMAINDER 1);
             CREATE TABLE public.high (gone text, n int NOT NULL, tenant_id int NOT NULL); ALTER TABLE public.high DROP COLUMN gone;
             ALTER TABLE public.parts ATTACH PARTITION public.high FOR VALUES FROM (100) TO (200);
             INSERT INTO public.parts SELECT t, n FROM unnest(ARRAY[7, 42]) t, generate_series(0, 199) n;
             CREATE TABLE public.parent (tenant_id int NOT NULL, n int NOT NULL);
             CREATE TABLE public.child (m text, n int NOT NULL, tenant_id int NOT NULL); ALTER TABLE public.child INHERIT public.parent;
             INSERT INTO public.parent SELECT * FROM public.parts; INSERT INTO public.child (tenant_id, n) SELECT * FROM public.parts;
             CREATE INDEX ON public.parts (n, tenant_id); CREATE INDEX ON public.child (n, tenant_id);
             SELECT splitplane.protect(t, '{\"tenant_id\": \"tenant\"}') FROM unnest(ARRAY['public.parts', 'public.parent']::regclass[]) AS t;
             ANALYZE public.parts; ANALYZE public.parent; ANALYZE public.child",
        )
        .unwrap();
        let mut world = World::bare();
        world.plane = current_plane().unwrap();
        for settings in [
            "",
            "SET enable_seqscan = off",
            "SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off",
            "SET enable_bitmapscan = off; SET enable_seqscan = off",
        ] {
            Spi::run(&format!("RESET ALL; {settings}")).unwrap();
            for (sql, wanted) in [
                ("SELECT count(*) FROM parts", 200),
                ("SELECT count(*) FROM parts WHERE n < 50", 50),
                ("SELECT count(*) FROM parts AS a JOIN parts AS b USING (n) WHERE a.n > 150", 49),
                ("SELECT count(*) FROM parent WHERE n >= 190", 20),
                (
                    "SELECT count(*) FROM (SELECT n FROM parts WHERE n = 3 UNION ALL SELECT n FROM parent WHERE n = 3) AS u",
                    3,
                ),
            ] {
                assert_eq!(assert_accepted(sql, world.rows(sql)), serde_json::json!([[wanted]]), "{settings} {sql}");
            }
        }
        Spi::run("RESET ALL; SET enable_seqscan = off; SET enable_bitmapscan = off").unwrap();
        let plan = explanation(&world, "SELECT count(*) FROM parts WHERE n < 50");
        assert!(plan.contains("Index Only Scan") && plan.contains("Filter: splitplane.in_scope(tenant_id"), "{plan}");
    }

    /// Not where the search is for another value, for several, by another type's equality, or where nothing is searched.
    #[pg_test]
    fn asks_a_fence_once_where_an_index_is_searched_for_its_value() {
        Spi::run(
            "CREATE TABLE public.sales (tenant_id int NOT NULL, n int NOT NULL, note text, PRIMARY KEY (tenant_id, n));
             INSERT INTO public.sales SELECT t, n, 'of ' || t FROM unnest(ARRAY[7, 42]) t, generate_series(1, 500) n;
             SELECT splitplane.protect('public.sales', '{\"tenant_id\": \"tenant\"}');
             ANALYZE public.sales",
        )
        .unwrap();
        let mut world = World::bare();
        world.plane = current_plane().unwrap();
        let by = |scans: &str| {
            format!(
                "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off; {scans}"
            )
        };
        for (scan, settings, sql) in [
            ("Index Scan", "SET enable_indexscan = on", "SELECT note FROM sales WHERE n = 3"),
            (
                "Index Only Scan",
                "SET enable_indexscan = on; SET enable_indexonlyscan = on",
                "SELECT n FROM sales WHERE n < 30",
            ),
            ("Bitmap Heap Scan", "SET enable_bitmapscan = on", "SELECT note FROM sales WHERE note <> ''"),
        ] {
            Spi::run(&by(settings)).unwrap();
            let (proved, run) = (explanation(&world, sql), explanation_as_run(&world, sql));
            assert!(proved.contains(scan) && proved.contains("in_scope(tenant_id"), "{proved}");
            assert!(run.contains(scan) && run.contains("tenant_id = 42") && !run.contains("in_scope"), "{run}");
            Spi::run("SET splitplane.fence_each_row = on").unwrap();
            let run = explanation_as_run(&world, sql);
            assert!(run.contains(scan) && run.contains("in_scope(tenant_id"), "{run}");
            Spi::run("RESET splitplane.fence_each_row").unwrap();
            assert_accepted(sql, world.rows(sql));
        }
        Spi::run(&by("SET enable_seqscan = on")).unwrap();
        let run = explanation_as_run(&world, "SELECT note FROM sales");
        assert!(run.contains("Seq Scan") && run.contains("in_scope(tenant_id"), "{run}");
        // What the proof would refuse before: another tenant's value in the place of the parameter's.
        Spi::run(&by("SET enable_indexscan = on")).unwrap();
        for (condition, is_asked) in [
            ("tenant_id = 42", false),
            ("tenant_id = 7", true),
            ("tenant_id = 42::int8", true),
            ("tenant_id IN (42, 7)", true),
        ] {
            let sql = format!("SELECT note FROM public.sales WHERE {condition} AND n = 3");
            let run = world.confined(|confinement| {
                let planned = unproved_plan(confinement, &sql, &Parameters::new(confinement))?;
                let planned = planned.fenced_by(world.plane.policy.in_scope, false);
                planned.ask_once()?;
                Ok(planned.explain())
            });
            let run = assert_accepted(&sql, run);
            assert!(run.contains("Index Scan") && run.contains("in_scope(") == is_asked, "{condition}: {run}");
        }
        // The control: the rows that the fence holds back are there, and come out where no search is looked at.
        let sql = "SELECT note FROM public.sales WHERE tenant_id = 7 AND n = 3";
        for (is_ablated, answer) in [(false, serde_json::json!([])), (true, serde_json::json!([["of 7"]]))] {
            let rows = world.confined(|confinement| {
                let planned = unproved_plan(confinement, sql, &Parameters::new(confinement))?;
                rows_of(planned.fenced_by(world.plane.policy.in_scope, is_ablated))
            });
            assert_eq!(assert_accepted(sql, rows), answer, "{is_ablated}");
        }
        Spi::run("RESET ALL").unwrap();
    }

    /// What is in the order of a language may be out of order once the operating system was updated.
    #[pg_test]
    fn asks_a_fence_of_each_row_of_an_index_in_the_order_of_a_language() {
        // Not every server was built with ICU.
        let of_language =
            "SELECT collname::text FROM pg_collation WHERE collname IN ('und-x-icu', 'C.utf8') ORDER BY 1 DESC LIMIT 1";
        let of_language = Spi::get_one::<String>(of_language).unwrap().unwrap();
        for (collation, is_asked) in [("C", false), (of_language.as_str(), true)] {
            Spi::run(&format!(
                "CREATE TABLE public.sales (tenant_id text COLLATE \"{collation}\" NOT NULL, n int NOT NULL, PRIMARY KEY (tenant_id, n));
                 INSERT INTO public.sales SELECT t, n FROM unnest(ARRAY['7', '42']) t, generate_series(1, 500) n;
                 SELECT splitplane.protect('public.sales', '{{\"tenant_id\": \"tenant\"}}')"
            ))
            .unwrap();
            let world = World { plane: current_plane().unwrap(), ..World::bare() };
            let run = explanation_as_run(&world, "SELECT n FROM sales WHERE n = 3");
            assert!(run.contains("Index") && run.contains("in_scope(") == is_asked, "{collation}: {run}");
            Spi::run("SELECT splitplane.unprotect('public.sales'); DROP TABLE public.sales").unwrap();
        }
    }

    /// The index would compute the distance of every tenant's rows.
    #[pg_test]
    fn sorts_where_an_index_could_order_by_distance() {
        Spi::run(
            "CREATE TABLE public.places (tenant_id int NOT NULL, n int NOT NULL, at point NOT NULL);
             INSERT INTO public.places SELECT CASE WHEN n % 2 = 0 THEN 42 ELSE 7 END, n, point(n % 100, n / 100) FROM generate_series(1, 5000) n;
             CREATE INDEX ON public.places USING gist (at);
             CREATE TABLE public.cities AS SELECT n, at FROM public.places; CREATE INDEX ON public.cities USING gist (at);
             GRANT SELECT ON public.places TO splitplane_reader; GRANT SELECT ON public.cities TO splitplane_reader;
             ANALYZE public.places; ANALYZE public.cities",
        )
        .unwrap();
        let nearest = "SELECT n FROM public.places ORDER BY at <-> point(50, 25) LIMIT 3";
        let mut world = World::bare();
        assert!(
            unproved_explanation(&world, nearest).contains("Order By: (at <->"),
            "the control: {}",
            unproved_explanation(&world, nearest)
        );
        Spi::run("SELECT splitplane.protect('public.places', '{\"tenant_id\": \"tenant\"}'); SELECT splitplane.share('public.cities')").unwrap();
        world.plane = current_plane().unwrap();
        for sql in [
            "SELECT n FROM places ORDER BY at <-> point(50, 25) LIMIT 3",
            "SELECT n FROM places WHERE n > 10 ORDER BY at <-> point(50, 25), n LIMIT 3",
            "SELECT (SELECT p.n FROM places AS p ORDER BY p.at <-> c.at LIMIT 1) FROM cities AS c WHERE c.n < 3",
        ] {
            let plan = explanation(&world, sql);
            assert!(!plan.contains("Order By:") && plan.contains("Sort Key:"), "{plan}");
        }
        let by_hand = Spi::get_one::<Vec<i32>>("SELECT array_agg(n) FROM (SELECT n FROM public.places WHERE tenant_id = 42 ORDER BY at <-> point(50, 25), n LIMIT 3) s").unwrap().unwrap();
        let rows =
            assert_accepted("nearest", world.rows("SELECT n FROM places ORDER BY at <-> point(50, 25), n LIMIT 3"));
        assert_eq!(rows, serde_json::json!(by_hand.iter().map(|n| [n]).collect::<Vec<_>>()));
        // A shared table has nothing to hide.
        let shared = explanation(&world, "SELECT n FROM cities ORDER BY at <-> point(50, 25) LIMIT 3");
        assert!(shared.contains("Order By:"), "{shared}");
        // Should the planner be asked to after all, the plan is refused.
        Spi::run("ALTER TABLE public.places DISABLE ROW LEVEL SECURITY").unwrap();
        assert_refused(
            nearest,
            proves(&world, nearest, "SELECT 1 FROM places"),
            State::OutsidePlane,
            "orders places by an index's operator",
        );
    }
}
