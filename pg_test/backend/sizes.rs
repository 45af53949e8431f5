//! How large `trust` takes values to be that a statement makes: never smaller than they are.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, explanation};
    use pgrx::prelude::*;

    /// Expressions over `t` text, `n` numeric, `j` jsonb, `a` text[], `b` bytea, `i` int and `d` date of a row of the statement's own.
    const MADE: &[&str] = &[
        "t || t || t",
        "upper(t)",
        "initcap(t)",
        "translate(t, 'ab', '\u{20ac}\u{20ac}')",
        "replace(t, 'a', 'abcdef')",
        "regexp_replace(t, 'a', 'abcdef', 'g')",
        "repeat(t, 7)",
        "lpad(t, 3000, 'xy')",
        "rpad(t, 3000)",
        "concat(t, n, i, d)",
        "concat_ws('--------', t, n, i, d, t)",
        "format('%s and %s and %20s', t, n, i)",
        "quote_literal(t)",
        "quote_ident(t)",
        "encode(b, 'escape')",
        "encode(b, 'hex')",
        "encode(b, 'base64')",
        "convert_to(t, 'UTF8')",
        "b || b",
        "overlay(t PLACING t FROM 2 FOR 1)",
        "reverse(t)",
        "left(t, 5)",
        "split_part(t, 'a', 2)",
        "md5(t)",
        "sha512(b)",
        "to_char(n, '999,999,999,990.00')",
        "to_char(d, 'FMDay, DD \"of\" FMMonth YYYY')",
        "n::text",
        "n::varchar(5)",
        "t::char(900)",
        "i::text || d::text",
        "n * n",
        "n + 1",
        "n / 7",
        "n ^ 3",
        "sqrt(n)",
        "ln(n)",
        "round(n, 900)",
        "trunc(n, 2)",
        "div(n, 7)",
        "n % 7",
        "abs(n)",
        "-n",
        "j || j",
        "to_jsonb(t)",
        "to_json(a)",
        "jsonb_build_array(t, n, a)",
        "jsonb_build_object('k', t, 'l', n)",
        "jsonb_set(j, '{k}', to_jsonb(t))",
        "j -> 'k'",
        "j ->> 'k'",
        "jsonb_strip_nulls(j)",
        "jsonb_pretty(j)",
        "j::text",
        "row_to_json(ROW(t, n, j))",
        "a || a",
        "array_append(a, t)",
        "array_prepend(t, a)",
        "array_remove(a, 'x')",
        "array_replace(a, 'a', t)",
        "array_to_string(a, '----', t)",
        "ARRAY[t, t, n::text]",
        "string_to_array(t, 'a')",
        "regexp_split_to_array(t, 'a')",
        "regexp_match(t, '(a)(b)?')",
        "a[1]",
        "a::text",
        "COALESCE(t, 'x')",
        "CASE WHEN i > 0 THEN t ELSE t || t END",
        "GREATEST(t, 'x')",
        "NULLIF(t, 'x')",
        "to_tsvector('simple', t)",
        "to_tsquery('simple', replace(t, ' ', '|') || 'x')",
        "plainto_tsquery('simple', t)",
        "to_tsvector('simple', t) || to_tsvector('simple', t)",
        "ts_headline('simple', t, to_tsquery('simple', 'ab'))",
        "tstzrange(d, d + 1)",
        "int4range(i, i + 5)",
        "i::bit(32)::bit(800)",
        "t::bytea",
        "(SELECT t)",
        "(SELECT string_agg(x, ', ') FROM (SELECT t FROM generate_series(1, 20) OFFSET 0) AS s (x))",
        "(SELECT array_agg(x) FROM (SELECT t FROM generate_series(1, 20) OFFSET 0) AS s (x))",
        "(SELECT jsonb_agg(x) FROM (SELECT j FROM generate_series(1, 20) OFFSET 0) AS s (x))",
        "(SELECT sum(x) FROM (SELECT n FROM generate_series(1, 20) OFFSET 0) AS s (x))",
        "(SELECT max(x) FROM (SELECT t FROM generate_series(1, 20) OFFSET 0) AS s (x))",
    ];

    const ROW: &str = "(SELECT repeat('ab ', 120) AS t, 12345.678::numeric AS n, jsonb_build_object('k', repeat('v', 200), 'l', 1) AS j, \
        string_to_array(repeat('ab ', 60), ' ') AS a, repeat('x', 150)::bytea AS b, 7 AS i, date '2026-11-28' AS d FROM generate_series(1, 1) OFFSET 0) AS r";

    /// Whether `trust` measures the value with so many bytes behind it.
    fn is_measured(world: &World, expression: &str, padding: usize) -> bool {
        let sql = format!("SELECT i FROM {ROW} WHERE length(({expression})::text || '{}') > 0", "x".repeat(padding));
        explanation(world, &sql).contains("bounded(")
    }

    #[pg_test]
    fn estimates_are_never_too_small() {
        let world = World::new();
        // What a call that reads its argument may be given unmeasured.
        const FREE: i64 = 8 * 1_024;
        let mut wrong = Vec::new();
        for expression in MADE {
            let sql = format!("SELECT octet_length(({expression})::text)::bigint FROM {ROW}");
            let length = Spi::get_one::<i64>(&sql).unwrap().unwrap_or(0);
            let padding = usize::try_from((FREE - length).max(0) + 1).unwrap();
            if !is_measured(&world, expression, padding) {
                wrong.push(format!("{expression}: {length} bytes"));
            }
        }
        assert!(wrong.is_empty(), "taken for smaller: {wrong:?}");
        // The control: what is taken for small is not measured, so that the assertion above says something.
        assert!(!is_measured(&world, "t", 100) && !is_measured(&world, "n::text", 100));
    }
    /// A call around a column would keep it from its index.
    #[pg_test]
    fn a_column_is_left_alone_where_nothing_large_is_made() {
        let world = World::new();
        for condition in [
            "status LIKE 'op%'",
            "status SIMILAR TO 'op%'",
            "status SIMILAR TO 'op|cl' ESCAPE '!'",
            "status ~ '^op'",
            "status ~* 'op|cl'",
            "position('op' IN status) = 1",
            "status IN ('open', 'closed')",
            "status || 'x' = 'openx'",
        ] {
            let plan = explanation(&world, &format!("SELECT order_id FROM orders WHERE {condition}"));
            assert!(!plan.contains("bounded("), "{condition}: {plan}");
        }
        // The control: where a pattern is made of rows, the text is measured.
        let plan = explanation(&world, "SELECT order_id FROM orders WHERE status ~ (status || 'x')");
        assert!(plan.contains("bounded(status"), "{plan}");
    }
}
