//! What PostgreSQL takes for leakproof and may raise an error stands behind the fence, and nothing else does.
//!
//! The statements read rows of their own: `trust` looks at an expression, not at where its values come from.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted, explanation};
    use crate::trust::leakproof_lists;
    use pgrx::prelude::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    const ROWS: &str = "(VALUES (1, 2.5, 'a', 'b'::varchar, true, '{1,2}'::int4[], '{x}'::varchar[], '<(1,2),3>'::circle, '[(0,0),(1,1)]'::lseg),
                                (3, 4.5, 'c', 'd'::varchar, false, '{3,4}'::int4[], '{y}'::varchar[], '<(4,5),6>'::circle, '[(0,0),(2,2)]'::lseg))
                        AS v(i, n, t, w, b, l, m, c, s)";

    fn is_behind(world: &World, condition: &str) -> bool {
        explanation(world, &format!("SELECT i FROM {ROWS} WHERE {condition}")).contains("splitplane.behind(")
    }

    #[pg_test]
    fn puts_what_may_raise_behind_the_fence() {
        let world = World::new();
        for condition in [
            "ARRAY[[i], [i]] IS NOT NULL",
            "ARRAY[l, l] IS NOT NULL",
            "ARRAY[t, w] IS NOT NULL",
            "ARRAY[n] IS NOT NULL",
            "ROW(i, t) IS NOT NULL",
            "ROW(i, ROW(n)) IS NOT NULL",
            "(SELECT r FROM (SELECT ROW(i, b) AS r) AS q) IS NULL OR ARRAY[[i]] IS NULL",
            "CASE n WHEN 2.5 THEN true ELSE false END",
            "CASE i WHEN 1.5 THEN true ELSE false END",
            "CASE n WHEN 2::float8 THEN true END",
            "NOT CASE WHEN b THEN CASE n WHEN 2.5 THEN true END END",
            "l::int8[] IS NOT NULL",
            "l::int2[] IS NOT NULL",
            "l::text[] IS NOT NULL",
            "md5(t) = 'x'",
            "md5(t) IS NOT NULL",
            "sha256(t::bytea) IS NULL",
            "starts_with(t, 'a')",
            "t ^@ 'a'",
            "c = '<(0,0),1>'::circle",
            "c < '<(0,0),1>'::circle",
            "s < '[(0,0),(1,1)]'::lseg",
            "s >= '[(0,0),(1,1)]'::lseg",
            "(c = '<(0,0),1>'::circle) IS NOT TRUE",
            // From 19 on it is known not to be NULL where one argument is.
            "GREATEST(ARRAY[[i]], ARRAY[[i]]) IS NULL",
            "(ROW(i, b)).f1 = 1 OR (CASE WHEN b THEN ROW(i, t) END) IS NULL",
        ] {
            assert!(is_behind(&world, condition), "{condition}");
        }
    }

    #[pg_test]
    fn leaves_what_never_raises_as_it_is() {
        let world = World::new();
        for condition in [
            "i = 1",
            "t = 'a'",
            "t > w",
            "w IN ('a', 'b')",
            "t = ANY (ARRAY['a', 'b'])",
            "t = ANY ('{a,b}')",
            "i = ANY (ARRAY[1, i, 3])",
            "ARRAY[i, i + 1] IS NOT NULL",
            "ARRAY[b] IS NOT NULL",
            "ROW(i, b) IS NOT NULL",
            "(i, t) = (1, 'a')",
            "(i, t) < (1, 'a')",
            "(i, t) IN ((1, 'a'), (2, 'b'))",
            "CASE t WHEN 'a' THEN true ELSE b END",
            "CASE i WHEN 1 THEN true WHEN 2 THEN false END",
            "CASE WHEN n > 2 THEN true END",
            "m::text[] IS NOT NULL",
            "l[1] = 1",
            "l[1:1] IS NOT NULL",
            "GREATEST(i, 1) > 0",
            "LEAST(t, 'a') = 'a'",
            "COALESCE(n, 1) > 0",
            "NULLIF(t, 'a') IS NULL",
            "t IS DISTINCT FROM 'a'",
            "s = '[(0,0),(1,1)]'::lseg",
            "c @> point(0, 0)",
            "i::numeric > 0",
            "i::float8 > 0",
            "upper(t) = 'A'",
            "t::bytea = 'a'",
            "current_date IS NOT NULL AND b",
            "NOT b AND i IS NOT NULL",
            // No row has a part in them.
            "b AND ARRAY[['a'], ['b']] IS NOT NULL",
            "b AND md5('a') = '0cc175b9c0f1b6a831c399e269772661'",
            "b AND CASE 2.5 WHEN 2.5 THEN true END",
        ] {
            assert!(!is_behind(&world, condition), "{condition}");
        }
    }

    /// Comparing two columns whose collations conflict raises an error for the first row that gets there.
    #[pg_test]
    fn puts_comparisons_without_a_collation_behind_the_fence() {
        let world = World::new();
        let sql = |condition: &str| {
            format!(
                "SELECT 1 FROM (SELECT t COLLATE \"C\" AS x, t COLLATE \"POSIX\" AS y, t AS z FROM {ROWS} OFFSET 0) AS q WHERE {condition}"
            )
        };
        for condition in [
            "x < y",
            "x = y",
            "x IS DISTINCT FROM y",
            "x = ANY (ARRAY[y::text])",
            "GREATEST(x, y) IS NULL",
            "(x, 1) < (y, 2)",
            "NULLIF(x, y) IS NULL",
        ] {
            assert!(explanation(&world, &sql(condition)).contains("splitplane.behind("), "{condition}");
        }
        for condition in ["x < x", "x < y COLLATE \"C\"", "z = 'a'"] {
            assert!(!explanation(&world, &sql(condition)).contains("splitplane.behind("), "{condition}");
        }
    }

    /// Where they stand does not matter, and the answer stays what it was.
    #[pg_test]
    fn finds_them_everywhere_and_changes_no_answer() {
        let world = World::new();
        for (sql, rows) in [
            (format!("SELECT i FROM {ROWS} WHERE ARRAY[t, w] = ARRAY['a', 'b'] ORDER BY 1"), json!([[1]])),
            (
                format!(
                    "SELECT ARRAY[t, w], count(*) FROM {ROWS} GROUP BY ARRAY[t, w] HAVING ARRAY[t, w] IS NOT NULL ORDER BY ARRAY[t, w]"
                ),
                json!([[["a", "b"], 1], [["c", "d"], 1]]),
            ),
            (format!("SELECT DISTINCT ON (ROW(t, 1)) i FROM {ROWS} ORDER BY ROW(t, 1), i"), json!([[1], [3]])),
            (
                format!(
                    "SELECT a.i FROM {ROWS} JOIN {} ON ARRAY[v.t] = ARRAY[a.t] WHERE a.i = 3",
                    ROWS.replace("AS v(", "AS a(")
                ),
                json!([[3]]),
            ),
            (
                format!("SELECT q.x[1] FROM (SELECT ARRAY[t, w] AS x FROM {ROWS}) AS q WHERE q.x[2] = 'd'"),
                json!([["c"]]),
            ),
            (
                format!(
                    "WITH q AS (SELECT CASE n WHEN 2.5 THEN 'two' ELSE 'four' END AS x FROM {ROWS}) SELECT x FROM q WHERE x = 'two'"
                ),
                json!([["two"]]),
            ),
            (
                format!(
                    "SELECT i FROM {ROWS} WHERE EXISTS (SELECT 1 FROM {} WHERE ARRAY[[v.i]] = ARRAY[[a.i - 2]])",
                    ROWS.replace("AS v(", "AS a(")
                ),
                json!([[1]]),
            ),
            (
                format!("SELECT max(md5(t)) OVER (PARTITION BY ROW(t, w)) FROM {ROWS} LIMIT 1"),
                json!([["0cc175b9c0f1b6a831c399e269772661"]]),
            ),
            (
                format!("SELECT (q.r).f2 FROM (SELECT ROW(i, t) AS r FROM {ROWS}) AS q WHERE (q.r).f1 = 3"),
                json!([["c"]]),
            ),
            (
                format!("SELECT i FROM {ROWS} WHERE (t, w) IN (SELECT t, w FROM {})", ROWS.replace("AS v(", "AS a(")),
                json!([[1], [3]]),
            ),
            (
                format!("SELECT l::text[] FROM {ROWS} WHERE l::int8[] @> '{{3}}' UNION SELECT NULL"),
                json!([[["3", "4"]], [null]]),
            ),
        ] {
            assert_eq!(assert_accepted(&sql, world.rows(&sql)), rows, "{sql}");
        }
    }

    /// Every function of this server that is marked LEAKPROOF was looked at.
    #[pg_test]
    fn knows_every_leakproof_function_of_this_server() {
        let (never_raise, may_raise) = leakproof_lists();
        assert!(never_raise.is_sorted(), "the list is searched by halves");
        let known: BTreeSet<&str> = never_raise.iter().chain(&may_raise).copied().collect();
        assert_eq!(known.len(), never_raise.len() + may_raise.len(), "a name stands in both lists, or twice in one");
        let found = Spi::get_one::<Vec<String>>(
            "SELECT array_agg(DISTINCT proname::text) FROM pg_proc WHERE proleakproof AND pronamespace = 'pg_catalog'::regnamespace AND oid < 16384",
        );
        let unknown: Vec<String> =
            found.unwrap().unwrap().into_iter().filter(|name| !known.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[pg_test]
    fn behind_is_not_leakproof_and_hands_values_on() {
        assert_eq!(
            Spi::get_one::<bool>(
                "SELECT proleakproof FROM pg_proc WHERE oid = 'splitplane.behind(anyelement)'::regprocedure"
            ),
            Ok(Some(false))
        );
        assert_eq!(Spi::get_one::<String>("SELECT splitplane.behind('a'::text)"), Ok(Some("a".to_owned())));
        assert_eq!(Spi::get_one::<i32>("SELECT splitplane.behind(NULL::int)"), Ok(None));
        assert_eq!(
            Spi::get_one::<String>("SELECT splitplane.behind(ARRAY[1, NULL])::text"),
            Ok(Some("{1,NULL}".to_owned()))
        );
    }

    /// The order of conditions on a scan of a plane relation: the fence, what PostgreSQL may trust, what it may not.
    #[pg_test]
    fn the_fence_is_the_first_condition() {
        let world = World::new();
        Spi::run("SET enable_indexscan = off; SET enable_bitmapscan = off").unwrap();
        let filter = |condition: &str| {
            let plan = explanation(&world, &format!("SELECT order_id FROM orders WHERE {condition}"));
            let line = plan.lines().find(|line| line.contains("Filter: ")).unwrap_or_default();
            line.trim().to_owned()
        };
        const FENCE: &str =
            "Filter: (splitplane.in_scope(tenant_id, 'tenant'::text) AND splitplane.in_scope(store_id, 'stores'::text)";
        for condition in [
            "status IS NOT NULL",
            "status IS NULL",
            "status = 'paid'",
            "order_id = 3",
            "(order_id > 3) IS TRUE",
            "ROW(order_id, store_id) IS NOT NULL",
            "total > 3",
            "upper(status) = 'X'",
        ] {
            let filter = filter(condition);
            assert!(filter.starts_with(FENCE), "{condition}: {filter}");
        }
        let behind = filter("md5(status) IS NOT NULL");
        assert!(
            behind.starts_with(FENCE) && behind.ends_with("(splitplane.behind(md5(status)) IS NOT NULL))"),
            "{behind}"
        );
    }
}
