//! Functions that run as their owner, in a confined section and past the gate and the proof: as if both were broken.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, unproved_explanation, unproved_rows};
    use crate::error::StageResult;
    use crate::pgx::parameters::Parameters;
    use pgrx::prelude::*;

    const FUNCTIONS: &str = "
        CREATE FUNCTION public.as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.orders';
        CREATE FUNCTION public.as_caller() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.orders';
        CREATE FUNCTION public.added(bigint, bigint) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT \
         count(*) FROM public.orders';
        CREATE FUNCTION public.through() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT public.as_owner()';
        CREATE AGGREGATE public.sums(bigint) (SFUNC = public.added, STYPE = bigint)";

    fn unproved(world: &World, sql: &str) -> StageResult<serde_json::Value> {
        world.confined(|confinement| unproved_rows(confinement, sql, &Parameters::new(confinement)))
    }

    fn assert_refused(world: &World, sql: &str) {
        let refusal = unproved(world, sql).expect_err(sql);
        assert_eq!(refusal.state.sqlstate(), "42501", "{sql}");
        assert!(refusal.message.contains("is not in the plane"), "{sql}: {}", refusal.message);
    }

    #[pg_test]
    fn are_refused_where_nobody_allowed_them() {
        let world = World::new();
        Spi::run(FUNCTIONS).unwrap();
        let every = Spi::get_one::<i64>("SELECT public.as_owner()").unwrap().unwrap();
        let own = unproved(&world, "SELECT public.as_caller()").unwrap();
        assert_ne!(own, serde_json::json!([[every]]), "the control: as the caller it sees fewer rows");
        for sql in [
            "SELECT public.as_owner()",
            "SELECT * FROM public.as_owner()",
            "SELECT public.sums(1)",
            "SELECT public.sums(1) OVER ()",
            "SELECT pg_catalog.query_to_xml('SELECT public.as_owner()', true, false, '')",
        ] {
            assert_refused(&world, sql);
        }
        assert_eq!(Spi::get_one::<i64>("SELECT public.as_owner()").unwrap(), Some(every), "outside nothing is refused");
    }

    /// A worker has no caller, and comes to what a function's own body calls without the leader's having seen it.
    #[pg_test]
    fn are_refused_in_a_parallel_worker() {
        let world = World::new();
        Spi::run(FUNCTIONS).unwrap();
        // A body is not inlined where its function has a setting of its own.
        Spi::run(
            "ALTER FUNCTION public.as_owner() PARALLEL SAFE;
             CREATE FUNCTION public.by_body() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE SET work_mem = '4MB' \
             AS 'SELECT public.as_owner()';
             CREATE FUNCTION public.process() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE SET work_mem = '4MB' \
             AS 'SELECT pg_catalog.pg_backend_pid()';
             SET LOCAL tests.in_a_worker = on",
        )
        .unwrap();
        let of_process = "SELECT public.process()";
        for sql in [of_process, "SELECT public.by_body()"] {
            assert!(unproved_explanation(&world, sql).contains("Gather"), "{sql}");
        }
        let leader = Spi::get_one::<i32>("SELECT pg_catalog.pg_backend_pid()").unwrap();
        assert_ne!(
            unproved(&world, of_process).unwrap(),
            serde_json::json!([[leader]]),
            "the control: a worker runs the body"
        );
        assert_refused(&world, "SELECT public.by_body()");
        Spi::run("SELECT splitplane.allow_function('public.as_owner()')").unwrap();
        let every = Spi::get_one::<i64>("SELECT public.as_owner()").unwrap().unwrap();
        assert_eq!(unproved(&World::bare(), "SELECT public.by_body()").unwrap(), serde_json::json!([[every]]));
    }

    #[pg_test]
    fn run_where_a_dba_allowed_them() {
        World::new();
        Spi::run(FUNCTIONS).unwrap();
        Spi::run("SELECT splitplane.allow_function('public.through()')").unwrap();
        let world = World::bare();
        let every = Spi::get_one::<i64>("SELECT public.as_owner()").unwrap().unwrap();
        // What it calls as its owner is the owner's business.
        assert_eq!(world.rows("SELECT public.through()").unwrap(), serde_json::json!([[every]]));
        assert_refused(&world, "SELECT public.as_owner()");
    }
}
