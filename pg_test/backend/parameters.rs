//! Claims on their way into a statement: whatever they hold, the fence compares with exactly that.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted, principal, subject, unproved_rows};
    use crate::pgx::parameters::{Parameters, array_literal};
    use pgrx::prelude::*;
    use std::rc::Rc;

    /// Strings that mean something to SQL, to array literals, to JSON, or to a terminal.
    fn nasty() -> Vec<String> {
        let mut strings: Vec<String> = [
            "",
            " ",
            "  a  ",
            "a",
            "NULL",
            "null",
            "\"NULL\"",
            "{}",
            "{",
            "}",
            "{a,b}",
            ",",
            "a,b",
            "\"",
            "\"\"",
            "\\",
            "\\\\",
            "\\\"",
            "'",
            "''",
            "' OR '1'='1",
            "'; DROP TABLE public.orders; --",
            "$1",
            "$$",
            "%s",
            "\\x41",
            "\\n",
            "\n",
            "\t",
            "\r\n",
            "\u{1}",
            "\u{7f}",
            "\u{b}",
            "\u{a0}",
            "\u{200b}",
            "\u{feff}",
            "ä",
            "a\u{308}",
            "ß",
            "日本語",
            "🏪",
            "👩‍👩‍👧",
            "\u{10ffff}",
            "(",
            ")",
            "[1:2]={a}",
            "E'a'",
            "U&'\\0041'",
            "/*",
            "--",
            ";",
            "\u{202e}abc",
        ]
        .iter()
        .map(|text| (*text).to_owned())
        .collect();
        strings.push("x".repeat(70_000));
        strings.push("\"\\{}',".repeat(3_000));
        strings
    }

    #[pg_test]
    fn array_literal_is_read_back_as_it_was() {
        let strings = nasty();
        let mut lists: Vec<Vec<String>> = strings.iter().map(|text| vec![text.clone()]).collect();
        lists.push(Vec::new());
        lists.push(strings.clone());
        lists.push(strings.iter().rev().chain(&strings).cloned().collect());
        for list in lists {
            let read = Spi::get_one_with_args::<Vec<String>>("SELECT $1::text[]", &[array_literal(&list).into()]);
            assert_eq!(read.unwrap().unwrap(), list);
        }
    }

    #[pg_test]
    fn parameters_hold_what_they_were_given() {
        let world = World::bare();
        for text in nasty() {
            let rows = world.confined(|confinement| {
                let mut parameters = Parameters::new(confinement);
                assert_eq!(parameters.add(pg_sys::TEXTOID, text.clone())?, 1);
                assert_eq!(parameters.add(pg_sys::VARCHAROID, text.clone())?, 2);
                assert_eq!(parameters.add(pg_sys::TEXTARRAYOID, array_literal(&[text.clone(), text.clone()]))?, 3);
                assert_eq!(parameters.add(pg_sys::TEXTOID, text.clone())?, 1, "an equal one is used again");
                assert_eq!(parameters.types(), [pg_sys::TEXTOID, pg_sys::VARCHAROID, pg_sys::TEXTARRAYOID]);
                unproved_rows(confinement, "SELECT $1, $2, $3", &parameters)
            });
            assert_eq!(assert_accepted("rows", rows), serde_json::json!([[text, text, [text, text]]]));
        }
    }

    #[pg_test]
    fn parameters_of_other_types_hold_what_they_were_given() {
        let world = World::bare();
        let rows = world.confined(|confinement| {
            let mut parameters = Parameters::new(confinement);
            parameters.add(pg_sys::INT4OID, "-2147483648".to_owned())?;
            parameters.add(pg_sys::INT8OID, "9223372036854775807".to_owned())?;
            parameters.add(pg_sys::INT4ARRAYOID, array_literal(&["1".to_owned(), "-7".to_owned()]))?;
            parameters.add(pg_sys::UUIDOID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11".to_owned())?;
            unproved_rows(confinement, "SELECT $1, $2, $3, $4", &parameters)
        });
        let wanted = serde_json::json!([[
            -2147483648i64,
            9223372036854775807i64,
            [1, -7],
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
        ]]);
        assert_eq!(assert_accepted("rows", rows), wanted);
    }

    #[pg_test]
    fn parameters_refuse_what_the_type_does_not_take() {
        let world = World::bare();
        for (type_oid, text) in [
            (pg_sys::INT4OID, "brand-a"),
            (pg_sys::INT4OID, ""),
            (pg_sys::INT4OID, "2147483648"),
            (pg_sys::INT4OID, "1 OR 1=1"),
            (pg_sys::INT4OID, "1.0"),
            (pg_sys::INT2OID, "40000"),
            (pg_sys::UUIDOID, "no uuid"),
            (pg_sys::INT4ARRAYOID, "{\"1\",\"x\"}"),
            (pg_sys::INT4ARRAYOID, "{\"NULL\"}"),
        ] {
            let result = world.confined(|confinement| Parameters::new(confinement).add(type_oid, text.to_owned()));
            let refusal = result.err().unwrap_or_else(|| panic!("accepted: {text}"));
            let code = refusal.state.code();
            assert_eq!(
                code & 0xfff,
                PgSqlErrorCode::ERRCODE_DATA_EXCEPTION as i32 & 0xfff,
                "{text}: {}",
                refusal.message
            );
        }
        let zero = world.confined(|confinement| Parameters::new(confinement).add(pg_sys::TEXTOID, "a\0b".to_owned()));
        assert!(zero.is_err());
    }

    /// End to end: a tenant and a list of such names see their own rows, every one and no other.
    #[pg_test]
    fn fences_by_nasty_names() {
        Spi::run(
            "CREATE TABLE public.shops (tenant text NOT NULL, shop text NOT NULL, n int);
             SELECT splitplane.protect('public.shops', '{\"tenant\": \"tenant\", \"shop\": \"shops\"}')",
        )
        .unwrap();
        let names: Vec<String> = nasty().into_iter().filter(|name| !name.is_empty() && name.len() < 60_000).collect();
        for (n, shop) in names.iter().enumerate() {
            for tenant in ["O'Brien \"{a,b}\\", "brand-b"] {
                let arguments = [tenant.into(), shop.as_str().into(), (n as i32).into()];
                Spi::run_with_args("INSERT INTO public.shops VALUES ($1, $2, $3)", &arguments).unwrap();
            }
        }
        let world = World::bare();
        let run = |claims: &serde_json::Value| {
            let principal = principal("O'Brien \"{a,b}\\", &claims.to_string());
            let mine = World { plane: Rc::clone(&world.plane), principal };
            assert_accepted("rows", mine.rows("SELECT tenant, n FROM shops ORDER BY n"))
        };
        let all = run(&serde_json::json!({ "shops": names }));
        assert_eq!(all.as_array().unwrap().len(), names.len());
        assert!(all.as_array().unwrap().iter().all(|row| row[0] == "O'Brien \"{a,b}\\"));
        for (n, name) in names.iter().enumerate() {
            let one = run(&serde_json::json!({ "shops": [name] }));
            assert_eq!(one, serde_json::json!([["O'Brien \"{a,b}\\", n]]), "{name:?}");
        }
        assert_eq!(run(&serde_json::json!({ "shops": [] })), serde_json::json!([]));
    }

    /// Every type that `protect` takes, bound to one value and, where it may be, to a list.
    fn fences(type_name: &str, mine: &str, other: &str, is_list: bool) -> Result<serde_json::Value, String> {
        Spi::run(&format!(
            "DROP TABLE IF EXISTS public.typed CASCADE;
             CREATE TABLE public.typed (tenant text NOT NULL, part {type_name} NOT NULL, n int);
             INSERT INTO public.typed VALUES ('42', '{mine}', 1), ('42', '{other}', 2), ('7', '{mine}', 3);
             SELECT splitplane.protect('public.typed', '{{\"tenant\": \"tenant\", \"part\": \"{claim}\"}}', ARRAY['n'])",
            claim = if is_list { "parts" } else { "subject" },
        ))
        .unwrap();
        let principal = match is_list {
            true => principal("42", &serde_json::json!({ "parts": [mine, mine] }).to_string()),
            false => subject("42", mine),
        };
        let world = World { plane: crate::catalog::current_plane().unwrap(), principal };
        world.rows("SELECT n FROM typed").map_err(|refusal| crate::backend_tests::support::told(&refusal))
    }

    #[pg_test]
    fn fences_every_type_that_a_scope_may_have() {
        Spi::run(
            "CREATE DOMAIN public.small AS int4; CREATE DOMAIN public.word AS text; CREATE DOMAIN public.label AS varchar(20);
             CREATE DOMAIN public.smaller AS public.small; CREATE TYPE public.zone AS ENUM ('north', 'south')",
        )
        .unwrap();
        const UUIDS: [&str; 2] = ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"];
        let mut wrong = Vec::new();
        for (type_name, mine, other, may_be_list) in [
            ("int2", "1", "2", true),
            ("int4", "1", "2", true),
            ("int8", "1", "2", true),
            ("text", "a", "A", true),
            ("varchar", "a", "A", true),
            ("varchar(9)", "a", "A", true),
            ("uuid", UUIDS[0], UUIDS[1], true),
            ("public.small", "1", "2", true),
            ("public.smaller", "1", "2", true),
            ("public.word", "a", "A", true),
            ("public.label", "a", "A", true),
            ("numeric", "1.5", "1.50001", false),
            ("char(5)", "a", "A", false),
            ("date", "2026-01-02", "2026-02-01", false),
            ("public.zone", "north", "south", false),
        ] {
            for is_list in [false, true] {
                if is_list && !may_be_list {
                    continue;
                }
                let rows = fences(type_name, mine, other, is_list);
                if rows != Ok(serde_json::json!([[1]])) {
                    wrong.push(format!("{type_name}{}: {rows:?}", if is_list { " list" } else { "" }));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[pg_test]
    fn fences_refuse_a_principal_without_the_claim() {
        let world = World::new();
        for (claims, words) in [("{}", "no claim stores"), (r#"{"stores": "x"}"#, "integer")] {
            let other = World { plane: Rc::clone(&world.plane), principal: principal("42", claims) };
            let refusal = other.rows("SELECT * FROM orders").unwrap_err();
            let told = crate::backend_tests::support::told(&refusal);
            assert!(told.contains(words), "{told}");
        }
        // One value is a list of one.
        let other = World { plane: Rc::clone(&world.plane), principal: principal("42", r#"{"stores": 2}"#) };
        let stores = assert_accepted("one", other.rows("SELECT DISTINCT store_id FROM orders"));
        assert_eq!(stores, serde_json::json!([[2]]));
    }
}
