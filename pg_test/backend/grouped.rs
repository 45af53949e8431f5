//! Columns that a table's key determines, in a query that groups by the key.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted, text};
    use pgrx::prelude::*;

    /// PostgreSQL does not see through a common table expression that the key determines the other columns.
    #[pg_test]
    fn grouping_by_the_key_gives_what_the_table_itself_gives() {
        let world = World::new();
        let grouped = [
            "SELECT o.order_id, o.status, o.total FROM orders o GROUP BY o.order_id ORDER BY o.order_id",
            "SELECT order_id, status || '!' FROM orders GROUP BY order_id HAVING total > 20 ORDER BY order_id",
            "SELECT order_id AS k, status FROM orders GROUP BY k ORDER BY k",
            "SELECT order_id, status FROM orders GROUP BY 1 ORDER BY total, 1",
            "SELECT o.*, count(*) FROM orders o GROUP BY o.order_id ORDER BY o.order_id",
            "SELECT o.order_id, o.status, count(s.city) FROM orders o LEFT JOIN stores s ON s.store_id = o.store_id GROUP BY o.order_id ORDER BY 1",
            "SELECT s.store_id, s.city, sum(o.total) FROM stores s JOIN orders o USING (store_id) GROUP BY s.store_id ORDER BY 1",
            "SELECT c.code, c.name, count(*) FROM countries c GROUP BY c.code ORDER BY 1",
            "SELECT public.countries.name FROM public.countries GROUP BY code ORDER BY 1",
            "SELECT x.order_id, (SELECT x.status) FROM orders x GROUP BY x.order_id ORDER BY 1",
        ];
        let fenced: Vec<_> = grouped.iter().map(|sql| world.rows(sql)).collect();
        // For PostgreSQL alone the tenant's column is no constant: it is taken out of the key.
        Spi::run(
            "DELETE FROM public.orders WHERE tenant_id <> 42 OR store_id NOT IN (1, 2, 3);
             DELETE FROM public.stores WHERE tenant_id <> 42;
             ALTER TABLE public.stores DROP CONSTRAINT stores_pkey; ALTER TABLE public.stores ADD PRIMARY KEY (store_id);
             ALTER TABLE public.orders DROP COLUMN tenant_id CASCADE; ALTER TABLE public.orders DROP COLUMN secret",
        )
        .unwrap();
        for (sql, fenced) in grouped.iter().zip(fenced) {
            let fenced = assert_accepted(sql, fenced);
            let plain = text(&format!(
                "SELECT coalesce(json_agg((SELECT json_agg(f.value) FROM json_each(to_json(r)) AS f)), '[]')::text FROM ({sql}) AS r"
            ));
            assert_eq!(fenced, serde_json::from_str::<serde_json::Value>(&plain.unwrap()).unwrap(), "{sql}");
        }
    }

    #[pg_test]
    fn grouping_by_the_key_takes_a_value_without_equality() {
        let world = World::new();
        let sql = "SELECT s.store_id, s.details FROM stores s GROUP BY s.store_id ORDER BY 1 LIMIT 1";
        assert_eq!(assert_accepted(sql, world.rows(sql)), serde_json::json!([[0, {"s": 0}]]));
    }

    /// Wherever a reference may stand, its place is found, and the tree above it stays as it was.
    #[pg_test]
    fn grouping_by_the_key_finds_values_in_every_place() {
        let world = World::new();
        for (value, wanted) in [
            ("s.details", serde_json::json!({"s": 0})),
            ("details", serde_json::json!({"s": 0})),
            ("s.details->>'s'", serde_json::json!("0")),
            ("('{\"a\": ' || s.details::text || '}')::json->'a'", serde_json::json!({"s": 0})),
            ("s.details IS NULL", serde_json::json!(false)),
            ("NOT (s.details IS NOT NULL AND s.details->>'s' = '0')", serde_json::json!(false)),
            ("(s.details->>'s' = '0') IS TRUE", serde_json::json!(true)),
            ("CASE WHEN s.store_id = 0 THEN s.details ELSE '{}' END", serde_json::json!({"s": 0})),
            ("CASE WHEN s.store_id <> 0 THEN '{}' ELSE s.details END", serde_json::json!({"s": 0})),
            ("CASE s.details::text WHEN '{}' THEN 1 ELSE 2 END", serde_json::json!(2)),
            ("coalesce(NULL, s.details)", serde_json::json!({"s": 0})),
            ("greatest(s.details::text, '')", serde_json::json!("{\"s\" : 0}")),
            ("(s.details::text) COLLATE \"C\"", serde_json::json!("{\"s\" : 0}")),
            ("ARRAY[s.details]", serde_json::json!([{"s": 0}])),
            ("(ARRAY[s.details])[1]", serde_json::json!({"s": 0})),
            ("json_build_array(s.details, s.details)", serde_json::json!([{"s": 0}, {"s": 0}])),
            ("make_interval(days => (s.details->>'s')::int)", serde_json::json!("00:00:00")),
            ("s.details->>'s' IN ('0', s.details->>'t')", serde_json::json!(true)),
            ("s.details->>'s' BETWEEN '0' AND s.details->>'s'", serde_json::json!(true)),
            ("s.details->>'s' = ANY (ARRAY['1', s.details->>'s'])", serde_json::json!(true)),
            ("(SELECT s.details)", serde_json::json!({"s": 0})),
            ("(SELECT x FROM (SELECT s.details AS x) AS y)", serde_json::json!({"s": 0})),
            ("s.details->>'s' IN (SELECT '0')", serde_json::json!(true)),
            ("sum(1) OVER (PARTITION BY s.details->>'s' ORDER BY s.details->>'t')", serde_json::json!(1)),
            ("(array_agg(s.details))[1]", serde_json::json!({"s": 0})),
        ] {
            let sql = format!("SELECT {value} FROM stores s WHERE s.store_id = 0 GROUP BY s.store_id");
            assert_eq!(assert_accepted(&sql, world.rows(&sql)), serde_json::json!([[wanted]]), "{sql}");
        }
        for clause in [
            "HAVING s.details->>'s' <> '3'",
            "HAVING s.details IS NOT NULL",
            "ORDER BY s.details->>'s' DESC",
            "ORDER BY CASE WHEN s.details IS NULL THEN 1 ELSE 2 END, 1",
            "WINDOW w AS (PARTITION BY s.details->>'s')",
        ] {
            let sql = format!("SELECT s.store_id FROM stores s GROUP BY s.store_id {clause}");
            assert_accepted(&sql, world.rows(&sql));
        }
        let sql = "SELECT DISTINCT ON (s.details->>'s') s.store_id FROM stores s GROUP BY s.store_id";
        assert_accepted(sql, world.rows(sql));
    }

    #[pg_test]
    fn grouping_by_less_than_the_key_stays_an_error() {
        let world = World::new();
        for sql in [
            "SELECT status, total FROM orders GROUP BY status",
            "SELECT o.store_id, o.status FROM orders o GROUP BY o.store_id",
            "SELECT o.order_id, s.city FROM orders o JOIN stores s USING (store_id) GROUP BY o.order_id",
            "WITH orders AS (SELECT * FROM orders) SELECT order_id, status FROM orders GROUP BY order_id",
            "SELECT order_id, status FROM orders GROUP BY order_id + 0",
            "SELECT order_id, status FROM orders GROUP BY GROUPING SETS ((order_id), ())",
            "SELECT a, status FROM orders AS o (a, b) GROUP BY a",
        ] {
            let refusal = world.rows(sql).err().unwrap_or_else(|| panic!("accepted: {sql}"));
            let code = PgSqlErrorCode::from(refusal.state.code());
            assert_eq!(code, PgSqlErrorCode::ERRCODE_GROUPING_ERROR, "{sql}: {}", refusal.message);
        }
    }
}
