//! The tripwire with every other fence taken away: statements that were not proved, without our common table expressions
//! and with the policy gone. The flag is the server's, so each test lowers it again.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted, assert_refused, unproved_explanation, unproved_rows};
    use crate::catalog::current_plane;
    use crate::error::{SHUT_MESSAGE, StageResult, State};
    use crate::pgx::parameters::Parameters;
    use crate::tripwire;
    use pgrx::prelude::*;

    const NO_POLICY: &str =
        "DROP POLICY \"!splitplane_scope\" ON public.orders; DROP POLICY splitplane_closed ON public.orders";
    const PLANT: &str =
        "INSERT INTO public.orders SELECT -2147483648, 1, -n, 'planted', 0 FROM generate_series(1, 3) AS n;
                         SELECT splitplane.arm_tripwire('public.orders')";

    /// Orders with three planted rows, armed; the plane as it is then.
    fn armed() -> World {
        let mut world = World::new();
        Spi::run(PLANT).unwrap();
        world.plane = current_plane().unwrap();
        assert!(!world.plane.tripwires.is_empty());
        world
    }

    /// Runs a statement as the reader with no fence of ours around it.
    fn unfenced(world: &World, sql: &str) -> StageResult<serde_json::Value> {
        world.confined(|confinement| unproved_rows(confinement, sql, &Parameters::new(confinement)))
    }

    fn assert_trips(world: &World, sql: &str) {
        assert!(!tripwire::is_shut(), "before {sql}");
        assert_refused(sql, unfenced(world, sql), State::Unsafe, SHUT_MESSAGE);
        assert!(tripwire::is_shut(), "after {sql}");
        assert_refused("an honest statement", world.rows("SELECT 1"), State::Unsafe, SHUT_MESSAGE);
        assert_refused("the gate of every call", tripwire::check(), State::Unsafe, SHUT_MESSAGE);
        assert_eq!(Spi::get_one::<bool>("SELECT splitplane.reopen()"), Ok(Some(true)));
        assert_accepted("reopened", world.rows("SELECT 1"));
    }

    /// The control: unarmed, the same statements give foreign rows away.
    #[pg_test]
    fn leaks_without_a_tripwire() {
        let world = World::new();
        Spi::run(NO_POLICY).unwrap();
        let rows = assert_accepted("unfenced", unfenced(&world, "SELECT count(*) FROM public.orders"));
        assert_eq!(rows, serde_json::json!([[60]]));
        assert!(!tripwire::is_shut());
    }

    #[pg_test]
    fn trips_on_any_statement_past_all_fences() {
        let world = armed();
        Spi::run(NO_POLICY).unwrap();
        for sql in [
            "SELECT count(*) FROM public.orders",
            "SELECT order_id FROM public.orders",
            "SELECT max(total) FROM public.orders WHERE order_id < 0",
            "SELECT EXISTS (SELECT FROM public.orders WHERE order_id = -2)",
            "SELECT 1 FROM public.countries WHERE 0 > (SELECT min(order_id) FROM public.orders)",
            "SELECT c.name, o.total FROM public.countries c LEFT JOIN public.orders o ON o.order_id = -1",
            "SELECT l.n FROM public.countries c, LATERAL (SELECT count(*) AS n FROM public.orders o WHERE o.status < c.code) l",
            "WITH o AS MATERIALIZED (SELECT order_id FROM public.orders) SELECT count(*) FROM o",
            "SELECT 1 UNION ALL SELECT order_id FROM public.orders WHERE order_id < 5",
            "SELECT sum(order_id) OVER () FROM public.orders",
            "SELECT order_id FROM public.orders ORDER BY order_id LIMIT 1",
            "SELECT order_id FROM public.orders WHERE tenant_id = -2147483648",
        ] {
            assert_trips(&world, sql);
        }
    }

    /// Each kind of scan, index-only ones without the scope column among them.
    #[pg_test]
    fn trips_in_every_kind_of_scan() {
        let world = armed();
        Spi::run(NO_POLICY).unwrap();
        let switches = ["enable_seqscan", "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"];
        for (sql, wanted, on) in [
            ("SELECT total FROM public.orders WHERE order_id < 0", "Seq Scan", "enable_seqscan"),
            ("SELECT total FROM public.orders WHERE order_id < 0", "Index Scan", "enable_indexscan"),
            ("SELECT order_id FROM public.orders WHERE order_id < 0", "Index Only Scan", "enable_indexonlyscan"),
            ("SELECT total FROM public.orders WHERE order_id < 0", "Bitmap Heap Scan", "enable_bitmapscan"),
        ] {
            for switch in switches {
                let value = switch == on || (wanted == "Index Only Scan" && switch == "enable_indexscan");
                Spi::run(&format!("SET LOCAL {switch} = {value}")).unwrap();
            }
            let plan = unproved_explanation(&world, sql);
            assert!(plan.contains(wanted), "{wanted}: {plan}");
            assert_trips(&world, sql);
        }
    }

    /// A worker has its own state tree, its own memory and no caller.
    #[pg_test]
    fn trips_in_a_parallel_worker() {
        let world = armed();
        Spi::run(NO_POLICY).unwrap();
        Spi::run(
            "SET LOCAL tests.in_a_worker = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off",
        )
        .unwrap();
        let sql = "SELECT count(*) FROM public.orders";
        let plan = unproved_explanation(&world, sql);
        assert!(plan.contains("Gather"), "{plan}");
        assert_trips(&world, sql);
    }

    /// One fence is enough not to touch it: the policy without our common table expressions.
    #[pg_test]
    fn stays_silent_behind_the_policy_alone() {
        let world = armed();
        for sql in ["SELECT count(*) FROM public.orders", "SELECT count(*) FROM public.orders WHERE tenant_id < 0"] {
            assert_accepted(sql, unfenced(&world, sql));
            assert!(!tripwire::is_shut(), "{sql}");
        }
        assert_accepted("a statement of a call", world.rows("SELECT count(*), min(order_id) FROM orders"));
        assert!(!tripwire::is_shut());
    }

    /// Nothing is watched outside a confined section, nor after the table was disarmed.
    #[pg_test]
    fn watches_armed_tables_in_confined_sections_only() {
        let mut world = armed();
        Spi::run(NO_POLICY).unwrap();
        assert_eq!(Spi::get_one::<i64>("SELECT count(*) FROM public.orders"), Ok(Some(63)));
        Spi::run("SELECT splitplane.disarm_tripwire('public.orders')").unwrap();
        // The plane is read anew, as every call does; the policy is needed for that.
        Spi::run("SELECT splitplane.protect('public.orders', '{\"tenant_id\": \"tenant\"}', ARRAY['order_id'])")
            .unwrap();
        world.plane = current_plane().unwrap();
        Spi::run(NO_POLICY).unwrap();
        assert_accepted("disarmed", unfenced(&world, "SELECT count(*) FROM public.orders"));
        assert!(!tripwire::is_shut());
    }
}
