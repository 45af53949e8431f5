//! Every setting of the server is classed in src/run/settings.tsv, and what that table says is what the section does.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted};
    use crate::pgx::hooks::configured;
    use crate::pgx::{options, server};
    use crate::run::{FIXED, FROM_SERVER};
    use pgrx::prelude::*;
    use std::collections::BTreeMap;
    use std::ffi::CStr;

    const TABLE: &str = include_str!("../../src/run/settings.tsv");

    /// Pinned by other means than the two lists: the splitplane settings of the same purpose, and the transaction's own flag.
    const PINNED_OTHERWISE: [&str; 3] = ["TimeZone", "temp_file_limit", "transaction_read_only"];

    /// An old name of work_mem, which SET still takes.
    const ALIAS: &str = "sort_mem";

    fn classes() -> BTreeMap<&'static str, &'static str> {
        let rows = TABLE.lines().map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, class, why] = fields[..] else { panic!("{line}") };
            assert!(["pinned", "from server", "kept", "irrelevant"].contains(&class) && !why.is_empty(), "{line}");
            (name, class)
        });
        rows.collect()
    }

    fn names(list: &[&'static CStr]) -> Vec<&'static str> {
        list.iter().map(|name| name.to_str().unwrap()).collect()
    }

    #[pg_test]
    fn each_setting_of_the_server_is_classed() {
        let known = classes();
        let own = Spi::get_one::<Vec<String>>("SELECT array_agg(name) FROM pg_catalog.pg_settings WHERE name !~ '[.]'");
        let unknown: Vec<String> =
            own.unwrap().unwrap().into_iter().filter(|name| !known.contains_key(name.as_str())).collect();
        assert!(unknown.is_empty(), "in no line of settings.tsv: {unknown:?}");
        assert_eq!(TABLE.lines().count(), known.len(), "a setting stands there twice");
    }

    #[pg_test]
    fn the_lists_are_those_of_the_table() {
        let of = |class: &str| -> Vec<&str> {
            classes().into_iter().filter(|(_, known)| *known == class).map(|(name, _)| name).collect()
        };
        let mut pinned: Vec<&str> = FIXED.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        pinned.extend(PINNED_OTHERWISE);
        pinned.sort_unstable();
        assert_eq!(pinned, of("pinned"));
        let mut from_server = names(&FROM_SERVER);
        from_server.push(ALIAS);
        from_server.sort_unstable();
        assert_eq!(from_server, of("from server"));
    }

    /// Values are read where PostgreSQL keeps them. Whatever changes them, PostgreSQL prints the same.
    #[pg_test]
    fn values_are_those_that_postgresql_prints() {
        let others =
            [c"TimeZone", c"temp_file_limit", c"splitplane.max_rows", c"splitplane.deadline", c"application_name"];
        let fixed = FIXED.iter().map(|(name, _)| *name);
        let known: Vec<&'static CStr> = fixed.chain(FROM_SERVER).chain(others).collect();
        let check = |when: &str| {
            let mut seen = 0;
            for name in &known {
                let Some(value) = server::option_text(name) else {
                    assert!(!options::differs(name, c"x"), "{when}: {name:?} is not there");
                    continue;
                };
                assert!(!options::differs(name, &value), "{when}: {name:?} is {value:?}");
                assert!(options::differs(name, c"another"), "{when}: {name:?} is {value:?}");
                assert_eq!(options::reset_value(name), server::reset_value(name), "{when}: {name:?}");
                seen += 1;
            }
            assert!(seen > 55, "{seen}");
        };
        check("at first");
        let changes = [
            "SET LOCAL work_mem = '1234kB'",
            "SET LOCAL seq_page_cost = 1.25",
            "SET LOCAL row_security = off",
            "SET LOCAL bytea_output = escape",
            "SET LOCAL search_path = public, pg_temp",
            "SET LOCAL application_name = ''",
            "SET LOCAL work_mem = '1235kB'",
            "SET LOCAL \"TimeZone\" = 'Asia/Tokyo'",
            "SET LOCAL splitplane.max_rows = 7",
            "RESET work_mem",
            "RESET ALL",
        ];
        for change in changes {
            Spi::run(change).unwrap();
            check(change);
        }
        let rolled_back = "DO $$ BEGIN SET LOCAL work_mem = '2MB'; SET LOCAL geqo = off; RAISE EXCEPTION 'x'; EXCEPTION WHEN OTHERS THEN NULL; END $$";
        Spi::run(rolled_back).unwrap();
        check("rolled back");
        assert!(!options::differs(c"splitplane.no_such_setting", c"x"));
        assert!(
            options::differs(c"WORK_MEM", c"another")
                && !options::differs(c"work_mem", &server::option_text(c"work_mem").unwrap())
        );
    }

    #[pg_test]
    fn the_section_has_them() {
        let world = World::bare();
        // What a caller may set, set otherwise.
        let contrary = "SELECT count(set_config(name, CASE vartype WHEN 'bool' THEN CASE setting WHEN 'on' THEN 'off' ELSE 'on' END
                WHEN 'enum' THEN enumvals[1] WHEN 'integer' THEN least(setting::numeric + 1, max_val::numeric)::text
                WHEN 'real' THEN least(setting::numeric + 1, max_val::numeric)::text ELSE setting END, true))
            FROM pg_settings WHERE context = 'user' AND name = ANY ($1)
                -- From 19 on it can only be on.
                AND NOT (name = 'standard_conforming_strings' AND current_setting('server_version_num')::int >= 190000)";
        let mut chosen = names(&FROM_SERVER);
        chosen.extend(FIXED.iter().map(|(name, _)| name.to_str().unwrap()));
        let chosen: Vec<String> = chosen.into_iter().map(str::to_owned).collect();
        Spi::get_one_with_args::<i64>(contrary, &[chosen.into()]).unwrap();
        let wanted = configured::values(&[]);
        let (fixed, from_server) = assert_accepted(
            "inside",
            world.confined(|_| {
                let read = |name: &'static CStr| (name, server::option(name));
                let fixed: Vec<_> = FIXED.iter().map(|(name, _)| read(name)).collect();
                Ok((fixed, FROM_SERVER.iter().map(|name| read(name)).collect::<Vec<_>>()))
            }),
        );
        let mut seen = 0;
        for ((name, is), (_, wanted)) in fixed.iter().zip(FIXED) {
            // Not every major has each.
            if let Some(is) = is {
                assert_eq!(is.as_str(), wanted.to_str().unwrap(), "{name:?}");
                seen += 1;
            }
        }
        assert!(seen >= 26, "{seen}");
        for (name, is) in from_server {
            let configured = wanted.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_str().unwrap());
            assert_eq!(is.as_deref(), configured, "{name:?}");
        }
    }
}
