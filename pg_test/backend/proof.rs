//! The proof when the code before it is broken: wrong fences.

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
}
