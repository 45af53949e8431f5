//! `splitplane.among(value, list)` means `value = ANY (list)` for every type that a list claim may have.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::text;
    use pgrx::prelude::*;

    /// (type, an expression that gives a random value of it from few enough that some are equal)
    const TYPES: [(&str, &str); 6] = [
        (
            "int2",
            "(CASE WHEN random() < 0.1 THEN -32768 WHEN random() < 0.1 THEN 32767 ELSE (random() * 40 - 20)::int END)::int2",
        ),
        (
            "int4",
            "CASE WHEN random() < 0.1 THEN -2147483648 WHEN random() < 0.1 THEN 2147483647 ELSE (random() * 40 - 20)::int END",
        ),
        (
            "int8",
            "CASE WHEN random() < 0.1 THEN -9223372036854775808 WHEN random() < 0.1 THEN 4294967296 ELSE (random() * 40 - 20)::int8 END",
        ),
        (
            "text",
            "(ARRAY['', 'a', 'A', 'a ', ' a', 'ä', 'a\u{308}', 'NULL', '{', '\"', '\\', 'b', repeat('x', 300)])[1 + (random() * 12)::int]",
        ),
        ("varchar", "((ARRAY['', 'a', 'A', 'a ', 'ä', 'b', repeat('y', 300)])[1 + (random() * 6)::int])::varchar"),
        ("uuid", "('00000000-0000-4000-8000-0000000000' || lpad((random() * 30)::int::text, 2, '0'))::uuid"),
    ];

    /// Values for which the two differ, over `lists` random lists.
    fn differences(type_name: &str, value: &str, lists: usize) -> i64 {
        Spi::run(&format!(
            "DROP TABLE IF EXISTS public.values_; CREATE TABLE public.values_ AS
             SELECT CASE WHEN random() < 0.1 THEN NULL ELSE {value} END AS v FROM generate_series(1, 200)"
        ))
        .unwrap();
        (0..lists)
            .map(|size| {
                Spi::run(&format!(
                    "DROP TABLE IF EXISTS public.list_; CREATE TABLE public.list_ AS
                     SELECT coalesce(array_agg(CASE WHEN random() < 0.2 THEN NULL ELSE {value} END), '{{}}')::{type_name}[] AS l
                     FROM generate_series(1, {size})"
                ))
                .unwrap();
                Spi::get_one::<i64>(&format!(
                    "SELECT count(*) FROM public.values_ WHERE coalesce(v = ANY ((SELECT l FROM public.list_)::{type_name}[]), false)
                     IS DISTINCT FROM coalesce(splitplane.among(v, (SELECT l FROM public.list_)), false)",
                ))
                .unwrap()
                .unwrap()
            })
            .sum()
    }

    #[pg_test]
    fn among_equals_any_on_random_lists() {
        Spi::run("SELECT setseed(0.42)").unwrap();
        for (type_name, value) in TYPES {
            assert_eq!(differences(type_name, value, 12), 0, "{type_name}");
        }
    }

    /// Finding something is what the test above could never do if nothing were ever equal.
    #[pg_test]
    fn among_finds_what_is_there() {
        for (type_name, value) in TYPES {
            Spi::run("DROP TABLE IF EXISTS public.v").unwrap();
            Spi::run(&format!("CREATE TABLE public.v AS SELECT {value} AS v FROM generate_series(1, 50)")).unwrap();
            let found = Spi::get_one::<i64>(
                "SELECT count(*) FROM public.v WHERE splitplane.among(v, (SELECT array_agg(v) FROM public.v))",
            );
            assert_eq!(found, Ok(Some(50)), "{type_name}");
        }
    }

    #[pg_test]
    fn among_is_strict_and_an_empty_list_holds_nothing() {
        assert_eq!(text("SELECT splitplane.among(1, '{}'::int4[])::text").as_deref(), Some("false"));
        assert_eq!(text("SELECT splitplane.among(1, '{NULL}'::int4[])::text").as_deref(), Some("false"));
        assert_eq!(text("SELECT splitplane.among(NULL::int4, '{1}')::text"), None);
        assert_eq!(text("SELECT splitplane.among(1, NULL::int4[])::text"), None);
        assert_eq!(text("SELECT splitplane.among(0, '{NULL,NULL}'::int4[])::text").as_deref(), Some("false"));
        assert_eq!(text("SELECT splitplane.among(''::text, '{NULL}'::text[])::text").as_deref(), Some("false"));
        assert_eq!(text("SELECT splitplane.among(3, '[5:7]={1,2,3}'::int4[])::text").as_deref(), Some("true"));
        assert_eq!(text("SELECT splitplane.among(3, '{{1,2},{3,4}}'::int4[])::text").as_deref(), Some("true"));
    }

    /// Out of line, compressed, short: the same text has several forms on disk.
    #[pg_test]
    fn among_reads_toasted_values_and_lists() {
        Spi::run(
            "CREATE TABLE public.long (n int, v text); ALTER TABLE public.long ALTER v SET STORAGE EXTERNAL;
             INSERT INTO public.long SELECT n, repeat(md5(n::text), 500) FROM generate_series(1, 20) n;
             CREATE TABLE public.packed (n int, v text); INSERT INTO public.packed SELECT n, repeat('a' || n, 9000) FROM generate_series(1, 20) n;
             CREATE TABLE public.lists (l text[]); ALTER TABLE public.lists ALTER l SET STORAGE EXTERNAL;
             INSERT INTO public.lists SELECT array_agg(v) FROM (SELECT v FROM public.long WHERE n % 2 = 0 UNION ALL SELECT v FROM public.packed WHERE n % 2 = 0) s",
        )
        .unwrap();
        for table in ["long", "packed"] {
            let wrong = Spi::get_one::<i64>(&format!(
                "SELECT count(*) FROM public.{table} WHERE splitplane.among(v, (SELECT l FROM public.lists)) <> (n % 2 = 0)"
            ));
            assert_eq!(wrong, Ok(Some(0)), "{table}");
            let any = Spi::get_one::<i64>(&format!(
                "SELECT count(*) FROM public.{table} WHERE splitplane.among(v, (SELECT l FROM public.lists)) <> (v = ANY ((SELECT l FROM public.lists)::text[]))"
            ));
            assert_eq!(any, Ok(Some(0)), "{table}");
        }
    }

    /// It is declared IMMUTABLE: the same arguments give the same answer, whatever list came before in the same place.
    #[pg_test]
    fn among_follows_a_list_that_changes_from_row_to_row() {
        for list in ["ARRAY[g]", "ARRAY[g, g + 1000]", "string_to_array(g::text, ',')::int4[]"] {
            let wrong = Spi::get_one::<i64>(&format!(
                "SELECT count(*) FROM generate_series(1, 500) g WHERE NOT splitplane.among(g, {list}) OR splitplane.among(g + 1, {list})"
            ));
            assert_eq!(wrong, Ok(Some(0)), "{list}");
        }
        let wrong = Spi::get_one::<i64>(
            "SELECT count(*) FROM (SELECT g, (ARRAY[g, -g]) AS l FROM generate_series(1, 500) g OFFSET 0) s WHERE NOT splitplane.among(g, l)",
        );
        assert_eq!(wrong, Ok(Some(0)));
        let wrong = Spi::get_one::<i64>(
            "SELECT count(*) FROM generate_series(1, 50) g, LATERAL (SELECT count(*) FILTER (WHERE splitplane.among(x, (SELECT ARRAY[g, g + 1]))) AS n
             FROM generate_series(1, 60) x) s WHERE n <> 2",
        );
        assert_eq!(wrong, Ok(Some(0)));
    }

    #[pg_test]
    fn among_counts_rows_once() {
        Spi::run(
            "CREATE TABLE public.rows_ AS SELECT g % 100 AS s FROM generate_series(1, 10000) g; ANALYZE public.rows_",
        )
        .unwrap();
        let estimate = |sql: &str| {
            let plan = Spi::get_one::<pgrx::Json>(&format!("EXPLAIN (FORMAT JSON) {sql}")).unwrap().unwrap();
            plan.0[0]["Plan"]["Plan Rows"].as_f64().unwrap()
        };
        let alone = estimate("SELECT * FROM public.rows_ WHERE s = ANY ('{1,2,3}')");
        let both = estimate(
            "SELECT * FROM public.rows_ WHERE s = ANY ('{1,2,3}') AND splitplane.among(s, (SELECT '{1,2,3}'::int4[]))",
        );
        assert_eq!(alone, both);
    }

    #[pg_test(error = "splitplane.among does not know this type")]
    fn among_refuses_a_type_that_it_cannot_compare_by_bytes() {
        text("SELECT splitplane.among(1.0, (SELECT '{1.00}'::numeric[]))::text");
    }
}
