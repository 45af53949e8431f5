//! The comparisons of numbers and enums that are marked LEAKPROOF, held against PostgreSQL's own operators over values from all ends of
//! their ranges.

#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    /// Each function, with the type of its arguments and the operator of PostgreSQL's.
    const FUNCTIONS: [(&str, &str, &str); 6] = [
        ("numeric_equal", "numeric", "="),
        ("numeric_less", "numeric", "<"),
        ("numeric_less_equal", "numeric", "<="),
        ("numeric_greater", "numeric", ">"),
        ("numeric_greater_equal", "numeric", ">="),
        ("enum_equal", "pg_catalog.anyenum", "="),
    ];

    /// NULL, what is no number, the infinities, zeros, one number in several forms, the largest and the smallest there are, with
    /// either sign, and neighbours; short, long, compressed and stored apart.
    const NUMBERS: &str = "CREATE TEMPORARY TABLE numbers (n numeric); \
         ALTER TABLE numbers ALTER COLUMN n SET STORAGE external; \
         INSERT INTO numbers SELECT s * v FROM (VALUES (1), (-1)) AS sign (s), (VALUES (NULL::numeric), ('NaN'), ('Infinity'), (0), \
             (0.000), (1), (1.0), (1.00000000000000000000), (0.1), (9999), (9999.0000), (10000), (10001), (99999999), (1e4), (1e8), \
             (1e-4), (1e-8), (1e1000), (1e1000 + 1), (1e1000 + 1e-1000), (1e-1000), (1e131071), (1e131071 + 1), (1e-16383), \
             (repeat('9', 131072)::numeric), (('0.' || repeat('0', 16382) || '1')::numeric), (1.5e308), (12.34)) AS v (v); \
         INSERT INTO numbers SELECT n + 1 FROM numbers WHERE n = 1e131071";

    const LABELS: &str = "CREATE TYPE pg_temp.label AS ENUM ('z', 'a', 'b', 'c', ''); \
         CREATE TEMPORARY TABLE labels (n pg_temp.label); \
         INSERT INTO labels SELECT unnest(enum_range(NULL::pg_temp.label)) UNION ALL SELECT NULL";

    fn count(sql: &str) -> i64 {
        Spi::get_one::<i64>(sql).unwrap().unwrap()
    }

    fn table(type_name: &str) -> &'static str {
        if type_name == "numeric" { "numbers" } else { "labels" }
    }

    /// Pairs for which the function and the operator answer differently.
    fn differences(function: &str, type_name: &str, operator: &str) -> i64 {
        let table = table(type_name);
        count(&format!(
            "SELECT count(*) FROM {table} AS x, {table} AS y \
             WHERE splitplane.{function}(x.n, y.n) IS DISTINCT FROM (x.n OPERATOR(pg_catalog.{operator}) y.n)"
        ))
    }

    #[pg_test]
    fn each_answers_as_the_operator_does() {
        Spi::run(NUMBERS).unwrap();
        Spi::run(LABELS).unwrap();
        assert!(count("SELECT count(*) FROM numbers") > 55);
        assert_eq!(count("SELECT count(*) FROM labels"), 6);
        // Some are stored apart.
        assert!(count("SELECT count(*) FROM numbers WHERE pg_column_size(n) > 8000") > 4);
        for (function, type_name, operator) in FUNCTIONS {
            assert_eq!(differences(function, type_name, operator), 0, "{function}");
        }
        assert!(differences("numeric_less", "numeric", "<=") > 50, "the control: another operator is seen");
        assert!(differences("numeric_greater", "numeric", "<") > 1_000, "the control: another operator is seen");
        assert_eq!(differences("enum_equal", "pg_catalog.anyenum", "<>"), 25, "the control: another operator is seen");
    }

    /// The marks stand on these functions alone, each of which is the one behind PostgreSQL's operator.
    #[pg_test]
    fn each_is_the_function_behind_the_operator() {
        for (function, type_name, operator) in FUNCTIONS {
            let is_it = format!(
                "SELECT count(*) FROM pg_proc AS p JOIN pg_operator AS o \
                 ON o.oid = 'pg_catalog.{operator}({type_name}, {type_name})'::regoperator \
                 JOIN pg_proc AS f ON f.oid = o.oprcode JOIN pg_language AS l ON l.oid = p.prolang \
                 WHERE p.oid = 'splitplane.{function}({type_name}, {type_name})'::regprocedure AND p.proleakproof AND p.proisstrict \
                 AND p.prosrc = f.prosrc AND l.lanname = 'internal' AND f.prolang = p.prolang \
                 AND (p.provolatile, p.proparallel) = (f.provolatile, f.proparallel)"
            );
            assert_eq!(count(&is_it), 1, "{function}");
        }
        let marked = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'splitplane'::regnamespace AND proleakproof \
             AND prosupport = 'splitplane.comparison_support'::regproc";
        assert_eq!(count(marked), i64::try_from(FUNCTIONS.len()).unwrap());
    }

    /// The planner may run these operators over the most frequent values of such columns, and no others (pgx::hooks::statistics).
    #[pg_test]
    fn estimates_compare_and_no_more() {
        let estimating = "SELECT count(*) FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = o.oprcode \
             WHERE o.oprrest <> 0 AND o.oid < 16384 AND (o.oprleft = ANY (ARRAY['numeric', 'anyenum']::regtype[]) \
             OR o.oprright = ANY (ARRAY['numeric', 'anyenum']::regtype[])) \
             AND p.proname !~ '^(numeric|enum)_(eq|ne|lt|le|gt|ge)$'";
        assert_eq!(count(estimating), 0);
    }
}
