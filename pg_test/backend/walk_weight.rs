//! How much WITH may unfold to, as the raw walk counts it.

#[pgrx::pg_schema]
mod tests {
    use crate::attach;
    use crate::backend_tests::support::{World, assert_accepted, assert_refused};
    use crate::error::{StageResult, State};
    use crate::pgx::parse;
    use pgrx::prelude::*;

    fn walk(world: &World, sql: &str) -> StageResult<()> {
        world.confined(|confinement| attach::refuse_by_name(&world.plane, &mut parse::parse_one(confinement, sql)?))
    }

    #[pg_test]
    fn walk_bounds_what_with_unfolds_to() {
        let world = World::new();
        let doubled = |levels: usize, how: &str| {
            let steps: Vec<String> =
                (1..levels).map(|n| format!("a{n} AS {how} (SELECT x.* FROM a{p} x, a{p} y)", p = n - 1)).collect();
            format!("WITH a0 AS (SELECT * FROM orders), {} SELECT count(*) FROM a{}", steps.join(", "), levels - 1)
        };
        assert_accepted("few", walk(&world, &doubled(5, "NOT MATERIALIZED")));
        assert_refused("many", walk(&world, &doubled(14, "NOT MATERIALIZED")), State::TooComplex, "too complex");
        // What is referred to twice is planned once.
        assert_accepted("planned once", walk(&world, &doubled(90, "")));
        assert_accepted("planned once", walk(&world, &doubled(90, "MATERIALIZED")));
        // What is referred to once goes where it is referred to: here into what is copied.
        let through = |levels: usize, name: &str| {
            let steps: Vec<String> = (1..levels)
                .map(|n| {
                    let p = n - 1;
                    format!("b{n} AS NOT MATERIALIZED (SELECT * FROM {name}{p}), {name}{n} AS (SELECT x.* FROM b{n} x, b{n} y)")
                })
                .collect();
            format!(
                "WITH {name}0 AS (SELECT * FROM orders), {} SELECT count(*) FROM {name}{}",
                steps.join(", "),
                levels - 1
            )
        };
        assert_accepted("few", walk(&world, &through(5, "a")));
        assert_refused("many", walk(&world, &through(14, "a")), State::TooComplex, "too complex");
        // A name that is used elsewhere as well does not count for another expression of that name.
        let shadowed = format!(
            "{}, (WITH a3 AS (SELECT 1), a5 AS (SELECT 1) SELECT 1 FROM a3, a3 y, a5, a5 z) q",
            through(14, "a")
        );
        assert_refused("shadowed", walk(&world, &shadowed), State::TooComplex, "too complex");
        let chain: Vec<String> = (1..90).map(|n| format!("a{n} AS (SELECT * FROM a{})", n - 1)).collect();
        assert_accepted(
            "a chain",
            walk(&world, &format!("WITH a0 AS (SELECT * FROM orders), {} SELECT 1 FROM a89", chain.join(", "))),
        );
    }

    /// PostgreSQL takes the expressions of a recursive WITH in the order in which they need one another, however they are written.
    #[pg_test]
    fn walk_bounds_what_a_recursive_with_unfolds_to_in_any_order() {
        let world = World::new();
        let orders = || "a0 AS NOT MATERIALIZED (SELECT * FROM orders)".to_owned();
        let written = |steps: &[String], last: usize| {
            let backward: Vec<String> = steps.iter().rev().cloned().collect();
            let (first, second) = steps.split_at(steps.len() / 2);
            [steps, &backward, &[second, first].concat()]
                .map(|steps| format!("WITH RECURSIVE {} SELECT count(*) FROM a{last}", steps.join(", ")))
        };
        let doubled = |levels: usize, how: &str| {
            let step = |n: usize| format!("a{n} AS {how} (SELECT x.* FROM a{p} x, a{p} y)", p = n - 1);
            written(&[orders()].into_iter().chain((1..levels).map(step)).collect::<Vec<_>>(), levels - 1)
        };
        let through = |levels: usize| {
            let step = |n: usize| {
                [
                    format!("b{n} AS NOT MATERIALIZED (SELECT * FROM a{p})", p = n - 1),
                    format!("a{n} AS (SELECT x.* FROM b{n} x, b{n} y)"),
                ]
            };
            written(&[orders()].into_iter().chain((1..levels).flat_map(step)).collect::<Vec<_>>(), levels - 1)
        };
        // Each refers to the expression before it from within a WITH of its own, which shadows others of the same name.
        let nested = |levels: usize| {
            let step = |n: usize| {
                let p = n - 1;
                format!(
                    "a{n} AS NOT MATERIALIZED (WITH a{levels} AS (SELECT 1), i AS (SELECT x.* FROM a{p} x, a{p} y, a{levels} z) SELECT * FROM i)"
                )
            };
            written(&[orders()].into_iter().chain((1..levels).map(step)).collect::<Vec<_>>(), levels - 1)
        };
        for sql in doubled(5, "NOT MATERIALIZED").iter().chain(&through(5)).chain(&nested(5)) {
            assert_accepted(sql, walk(&world, sql));
        }
        for sql in doubled(2, "NOT MATERIALIZED").iter().chain(&through(2)).chain(&nested(2)) {
            assert_eq!(assert_accepted(sql, world.rows(sql)), serde_json::json!([[18 * 18]]), "{sql}");
        }
        for sql in doubled(14, "NOT MATERIALIZED").iter().chain(&through(14)).chain(&nested(14)) {
            assert_refused(sql, walk(&world, sql), State::TooComplex, "too complex");
        }
        for sql in doubled(90, "").iter().chain(&doubled(90, "MATERIALIZED")) {
            assert_accepted(sql, walk(&world, sql));
        }
        // What is referred to once is charged where it goes, also if the reference is written before it.
        let copied = format!(
            "WITH RECURSIVE c AS NOT MATERIALIZED (SELECT 1 FROM b), b AS (SELECT 1 FROM a),
                  a AS (SELECT 1 FROM {}) SELECT 1 FROM c, c x, c y",
            (0..400).map(|n| format!("orders o{n}")).collect::<Vec<_>>().join(", ")
        );
        assert_refused("copied", walk(&world, &copied), State::TooComplex, "too complex");
        // PostgreSQL itself refuses expressions that need one another in a circle.
        let circle = "WITH RECURSIVE a AS (SELECT 1 FROM b), b AS (SELECT 1 FROM a) SELECT 1 FROM a";
        assert_accepted(circle, walk(&world, circle));
        let refusal = world.rows(circle).unwrap_err();
        assert_eq!(PgSqlErrorCode::from(refusal.state.code()), PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED);
        let recursive =
            "WITH RECURSIVE b (n) AS (SELECT n FROM a UNION ALL SELECT n + 1 FROM b WHERE n < 3), a (n) AS (SELECT 1)
                         SELECT sum(n) FROM b";
        assert_eq!(assert_accepted(recursive, world.rows(recursive)), serde_json::json!([[6]]));
    }
}
