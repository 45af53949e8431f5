//! `splitplane.in_scope(value, claim)` means `value = ANY (claim)` for every type that a scope column may have.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted, principal, text, unproved_explanation, unproved_rows};
    use crate::pgx::parameters::Parameters;
    use pgrx::prelude::*;
    use serde_json::{Value, json};
    use std::rc::Rc;

    /// (type, values of it as text, some of them in two spellings)
    const TYPES: [(&str, &[&str]); 11] = [
        ("int2", &["-32768", "32767", "0", "-1", "7", "42"]),
        ("int4", &["-2147483648", "2147483647", "0", "-1", "7", "42"]),
        ("int8", &["-9223372036854775808", "9223372036854775807", "4294967296", "0", "-1", "42"]),
        ("text", &["", "a", "A", "a ", " a", "\u{e4}", "a\u{308}", "NULL", "{", "\"", "\\", "b"]),
        ("varchar", &["", "a", "A", "a ", "\u{e4}", "b"]),
        ("bpchar", &["", "a", "A", "a ", "a  ", " a", "b"]),
        (
            "uuid",
            &[
                "00000000-0000-4000-8000-000000000001",
                "00000000000040008000000000000001",
                "00000000-0000-4000-8000-000000000002",
            ],
        ),
        ("bytea", &["\\x00", "\\x5c78", "\\xdeadbeef", "\\xdead", "\\x61"]),
        ("date", &["2026-01-01", "0044-03-15 BC", "infinity", "-infinity"]),
        ("numeric", &["1", "1.0", "1.00", "0", "-0", "NaN", "1e20", "100000000000000000000", "0.1", "Infinity"]),
        ("mood", &["sad", "ok", "happy"]),
    ];

    fn quoted(text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    /// The rows of a statement while `claims` are held, without a proof.
    fn seen(claims: &Value, sql: &str) -> Value {
        let mut world = World::bare();
        world.principal = principal("42", &claims.to_string());
        let rows = world.confined(|confinement| unproved_rows(confinement, sql, &Parameters::new(confinement)));
        assert_accepted(sql, rows)
    }

    fn world() {
        Spi::run("CREATE TYPE pg_catalog.mood AS ENUM ('sad', 'ok', 'happy')").unwrap();
    }

    /// Every list of up to two members against every value: what PostgreSQL's own equality says.
    #[pg_test]
    fn in_scope_is_equality_with_the_claims_values() {
        Spi::run("SET allow_system_table_mods = on").unwrap();
        world();
        for (type_name, values) in TYPES {
            let rows =
                values.iter().map(|value| format!("({}::{type_name})", quoted(value))).collect::<Vec<_>>().join(", ");
            let lists =
                values.iter().map(|one| vec![*one]).chain(values.windows(2).map(<[&str]>::to_vec)).chain([vec![]]);
            for list in lists {
                let members =
                    list.iter().map(|member| format!("{}::{type_name}", quoted(member))).collect::<Vec<_>>().join(", ");
                let sql = format!(
                    "SELECT v::text, coalesce(v = ANY (ARRAY[{members}]::{type_name}[]), false), coalesce(splitplane.in_scope(v, 'list'), false)
                     FROM (VALUES {rows}, (NULL)) AS t(v)"
                );
                for row in seen(&json!({"list": list}), &sql).as_array().unwrap() {
                    assert_eq!(row[1], row[2], "{type_name} {list:?} {row}");
                }
            }
            let found = seen(
                &json!({"list": values}),
                &format!("SELECT count(*) FROM (VALUES {rows}) AS t(v) WHERE splitplane.in_scope(v, 'list')"),
            );
            assert_eq!(found, json!([[values.len()]]), "{type_name}");
        }
    }

    /// An id of bytes has one spelling, of the many that the type reads.
    #[pg_test]
    fn in_scope_reads_one_spelling_of_bytes() {
        let sql = "SELECT count(*) FROM (VALUES ('\\x6162'::bytea), ('\\xab'), ('')) AS t(v) WHERE splitplane.in_scope(v, 'one')";
        for (claim, count) in [
            ("\\x6162", 1),
            ("\\xab", 1),
            ("ab", 0),
            ("\\X6162", 0),
            ("\\xAB", 0),
            ("\\xaB", 0),
            ("\\x61 62", 0),
            ("\\x616", 0),
            ("\\x61626", 0),
            ("\\x", 0),
            ("", 0),
            ("6162", 0),
            ("\\253", 0),
            ("\\x61zz", 0),
            ("\\x6162 ", 0),
            ("\\x61\u{e4}", 0),
        ] {
            assert_eq!(seen(&json!({"one": claim}), sql), json!([[count]]), "{claim}");
        }
    }

    #[pg_test]
    fn in_scope_reads_single_claims() {
        assert_eq!(
            seen(&json!({}), "SELECT splitplane.in_scope(42, 'tenant'), splitplane.in_scope(41, 'tenant')"),
            json!([[true, false]])
        );
        assert_eq!(seen(&json!({"region": "eu"}), "SELECT splitplane.in_scope('eu'::text, 'region')"), json!([[true]]));
    }

    /// Nothing is of a claim that is not there, whatever the value, and NULL is not true.
    #[pg_test]
    fn in_scope_of_a_missing_claim_is_false() {
        for claim in ["business", "subject", "nothing", "Tenant", "tenant ", ""] {
            let sql = format!(
                "SELECT splitplane.in_scope(v, '{claim}') FROM (VALUES (''::text), ('42'), ('{claim}')) AS t(v)"
            );
            assert_eq!(seen(&json!({}), &sql), json!([[false], [false], [false]]), "{claim}");
        }
        assert_eq!(
            seen(&json!({}), "SELECT splitplane.in_scope(NULL::int4, 'tenant'), splitplane.in_scope(42, NULL)"),
            json!([[null, null]])
        );
    }

    #[pg_test]
    fn in_scope_outside_a_call_is_false() {
        assert_eq!(text("SELECT splitplane.in_scope(42, 'tenant')::text").as_deref(), Some("false"));
        assert_eq!(text("SELECT splitplane.in_call()::text").as_deref(), Some("false"));
        assert_eq!(seen(&json!({}), "SELECT splitplane.in_call()"), json!([[true]]));
    }

    /// One statement of one backend, prepared once, under one principal after the other: what was learned of the first is
    /// not used for the second, nor after the calls.
    #[pg_test]
    fn in_scope_forgets_with_the_call() {
        Spi::run(
            "CREATE TABLE public.kept (tenant_id int); INSERT INTO public.kept VALUES (7), (42);
             CREATE FUNCTION public.visible() RETURNS int[] STABLE LANGUAGE plpgsql AS
                 $$ BEGIN RETURN (SELECT array_agg(tenant_id ORDER BY 1) FROM public.kept WHERE splitplane.in_scope(tenant_id, 'tenant')); END $$;
             GRANT SELECT ON public.kept TO splitplane_reader; GRANT EXECUTE ON FUNCTION public.visible() TO splitplane_reader",
        )
        .unwrap();
        let mut world = World::bare();
        for tenant in ["42", "7", "42"] {
            world.principal = principal(tenant, "{}");
            let rows = world.confined(|confinement| {
                unproved_rows(confinement, "SELECT public.visible()", &Parameters::new(confinement))
            });
            assert_eq!(assert_accepted(tenant, rows), json!([[[tenant.parse::<i32>().unwrap()]]]));
            assert_eq!(text("SELECT public.visible()::text"), None);
        }
    }

    /// A name that is no constant is looked up for each row.
    #[pg_test]
    fn in_scope_follows_a_claim_that_changes_from_row_to_row() {
        let sql = "SELECT splitplane.in_scope(7, c), splitplane.in_scope(1, c) FROM (VALUES ('odd'), ('lucky'), ('odd'), ('none')) AS t(c)";
        let claims = json!({"odd": [1, 3], "lucky": 7});
        assert_eq!(seen(&claims, sql), json!([[false, true], [true, false], [false, true], [false, false]]));
    }

    /// Out of line, compressed, short: the same text has several forms on disk.
    #[pg_test]
    fn in_scope_reads_toasted_values() {
        Spi::run(
            "CREATE TABLE public.long (n int, v text, b bpchar); ALTER TABLE public.long ALTER v SET STORAGE EXTERNAL;
             INSERT INTO public.long SELECT n, repeat(md5(n::text), 500), repeat('b' || n, 9000) || '  ' FROM generate_series(1, 20) n;
             GRANT SELECT ON public.long TO splitplane_reader",
        )
        .unwrap();
        let column = |name: &str| {
            let sql = format!("SELECT array_agg(rtrim({name}) ORDER BY n)::text FROM public.long WHERE n % 2 = 0");
            text(&sql)
                .unwrap()
                .trim_matches(|c| c == '{' || c == '}')
                .split(',')
                .map(|one| one.trim_matches('"').to_owned())
                .collect::<Vec<_>>()
        };
        for name in ["v", "b"] {
            let sql = format!(
                "SELECT count(*) FILTER (WHERE splitplane.in_scope({name}, 'list')), count(*) FILTER (WHERE splitplane.in_scope({name}, 'list') <> (n % 2 = 0)) FROM public.long"
            );
            assert_eq!(seen(&json!({"list": column(name)}), &sql), json!([[10, 0]]), "{name}");
        }
    }

    /// To the planner it is not there: rows and costs stay what they were.
    #[pg_test]
    fn in_scope_changes_no_estimate() {
        Spi::run(
            "CREATE TABLE public.rows_ AS SELECT g % 100 AS s, g % 10 AS t FROM generate_series(1, 10000) g; ANALYZE public.rows_;
             GRANT SELECT ON public.rows_ TO splitplane_reader",
        )
        .unwrap();
        let world = World::bare();
        let first_line = |sql: &str| unproved_explanation(&world, sql).lines().next().unwrap().to_owned();
        let alone = first_line("SELECT * FROM public.rows_ WHERE s = ANY ('{1,2,3}')");
        let fenced =
            first_line("SELECT * FROM public.rows_ WHERE splitplane.in_scope(s, 'stores') AND s = ANY ('{1,2,3}')");
        assert_eq!(alone, fenced);
        assert_eq!(
            first_line("SELECT * FROM public.rows_"),
            first_line("SELECT * FROM public.rows_ WHERE splitplane.in_scope(t, 'tenant')")
        );
    }

    /// numeric and enums: no condition above row-level security may use an index, the fence gives it.
    #[pg_test]
    fn in_scope_gives_numbers_and_enums_their_index() {
        Spi::run("SET allow_system_table_mods = on").unwrap();
        world();
        Spi::run(
            "CREATE TABLE public.by_number AS SELECT (g % 1000)::numeric AS t, g AS n FROM generate_series(1, 20000) g;
             CREATE INDEX ON public.by_number (t); ANALYZE public.by_number;
             CREATE TABLE public.by_mood AS SELECT (CASE WHEN g % 1000 = 0 THEN 'sad' ELSE 'ok' END)::mood AS t, g AS n FROM generate_series(1, 20000) g;
             CREATE INDEX ON public.by_mood (t); ANALYZE public.by_mood;
             CREATE TABLE public.by_text AS SELECT (g % 1000)::text AS t, g AS n FROM generate_series(1, 20000) g;
             CREATE INDEX ON public.by_text (t); ANALYZE public.by_text;
             GRANT SELECT ON public.by_number, public.by_mood, public.by_text TO splitplane_reader",
        )
        .unwrap();
        let mut world = World::bare();
        world.principal = principal("42", r#"{"mood": "sad"}"#);
        let world = world;
        for (table, claim, is_given, rows) in
            [("by_number", "tenant", true, 20), ("by_mood", "mood", true, 20), ("by_text", "tenant", false, 20)]
        {
            let sql = format!("SELECT count(*) FROM public.{table} WHERE splitplane.in_scope(t, '{claim}')");
            let plan = unproved_explanation(&world, &sql);
            assert_eq!(plan.contains("Index Cond: (t = (splitplane.claim("), is_given, "{plan}");
            assert!(plan.contains(&format!("Filter: splitplane.in_scope(t, '{claim}'")), "{plan}");
            let found = world.confined(|confinement| unproved_rows(confinement, &sql, &Parameters::new(confinement)));
            assert_eq!(assert_accepted(&sql, found), json!([[rows]]), "{table}");
        }
    }

    #[pg_test]
    fn in_scope_refuses_a_type_that_cannot_carry_a_scope() {
        let world = World::bare();
        for value in ["1.0::float8", "true", "'a'::name", "'{1}'::int4[]", "'a'::\"char\"", "now()"] {
            let sql = format!("SELECT splitplane.in_scope({value}, 'tenant')");
            let refused = world.confined(|confinement| unproved_rows(confinement, &sql, &Parameters::new(confinement)));
            let refusal = refused.err().unwrap_or_else(|| panic!("{value} was compared"));
            assert!(refusal.message.contains("cannot carry a scope"), "{value}: {refusal:?}");
        }
    }

    #[pg_test]
    fn in_scope_holds_for_a_domain_by_its_base_type() {
        Spi::run("CREATE DOMAIN public.tenant_number AS int4; CREATE TABLE public.d (tenant_id public.tenant_number NOT NULL, n int);
                  INSERT INTO public.d VALUES (42, 1), (7, 2); SELECT splitplane.protect('public.d', '{\"tenant_id\": \"tenant\"}', name => 'd')").unwrap();
        let world =
            World { plane: crate::catalog::current_plane().unwrap(), principal: Rc::clone(&World::bare().principal) };
        assert_eq!(assert_accepted("d", world.rows("SELECT n FROM d")), json!([[1]]));
    }
}
