//! Operators, casts and functions of extensions mean in the plane what they mean in the database.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted};
    use crate::catalog::current_plane;
    use crate::pgx::parse::NameScope;
    use pgrx::prelude::*;
    use std::collections::BTreeSet;

    /// Each of citext's operators and functions, and whatever else of SQL compares.
    const CITEXT: [&str; 74] = [
        "a = b",
        "a <> b",
        "a < b",
        "a <= b",
        "a > b",
        "a >= b",
        "a = 'ANN'",
        "'ANN' = a",
        "a ~~ b",
        "a !~~ b",
        "a ~~* b",
        "a !~~* b",
        "a ~ b",
        "a !~ b",
        "a ~* b",
        "a !~* b",
        "a ~~ c",
        "a !~~ c",
        "a ~~* c",
        "a !~~* c",
        "a ~ c",
        "a !~ c",
        "a ~* c",
        "a !~* c",
        "a ~<~ b",
        "a ~<=~ b",
        "a ~>~ b",
        "a ~>=~ b",
        "a LIKE 'a%'",
        "a NOT LIKE 'a%'",
        "a ILIKE 'A%'",
        "a LIKE 'A%' ESCAPE '!'",
        "a IN ('ANN', 'BOB')",
        "a NOT IN ('ANN')",
        "a IN (SELECT b FROM words)",
        "a = ANY (l)",
        "a <> ALL (l)",
        "a = ANY ('{ANN,BOB}'::citext[])",
        "a BETWEEN 'A' AND 'c'",
        "a IS DISTINCT FROM b",
        "NULLIF(a, b)",
        "CASE a WHEN 'ANN' THEN 1 ELSE 2 END",
        "(a, n) = (b, n)",
        "(a, n) < (b, n)",
        "(a, n) IN (SELECT b, n FROM words)",
        "l @> ARRAY['a'::citext]",
        "l = ARRAY['a', 'B']::citext[]",
        "replace(a, 'N', '-')",
        "strpos(a, 'N')",
        "split_part(a, 'y', 2)",
        "translate(a, 'N', '-')",
        "regexp_match(a, 'N')",
        "regexp_match(a, 'N', 'g')",
        "regexp_replace(a, 'N', '-')",
        "regexp_replace(a, 'N', '-', 'g')",
        "regexp_split_to_array(a, 'Y')",
        "regexp_split_to_array(a, 'Y', 'i')",
        "(SELECT count(*) FROM regexp_matches(a, 'N'))",
        "(SELECT count(*) FROM regexp_matches(a, 'N', 'g'))",
        "(SELECT count(*) FROM regexp_split_to_table(a, 'Y'))",
        "(SELECT count(*) FROM regexp_split_to_table(a, 'Y', 'i'))",
        "(SELECT max(w.a) FROM words w)",
        "(SELECT min(w.a) FROM words w)",
        "(SELECT count(DISTINCT w.a) FROM words w)",
        "citext_cmp(a, b)",
        "citext_hash(a)",
        "citext_larger(a, b)",
        "citext_smaller(a, b)",
        "true::citext",
        "'10.0.0.1/8'::inet::citext",
        "'x '::char(3)::citext",
        "rank() OVER (ORDER BY a)",
        "first_value(n) OVER (PARTITION BY a ORDER BY n)",
        "a::text = b::text",
    ];

    /// What an analysed query names of an extension: functions that are called, operators, and those that sort and group.
    fn named(world: &World, sql: &str) -> BTreeSet<u32> {
        let found = world.confined(|confinement| {
            let analysed = world.analyse(confinement, sql)?;
            Ok(crate::backend_tests::support::named_objects(analysed.query()))
        });
        assert_accepted(sql, found).into_iter().filter(|oid| *oid >= 16384).collect()
    }

    /// What the database finds for the same text, as a view of it depends on.
    fn named_by_view(sql: &str) -> BTreeSet<u32> {
        Spi::run("SET LOCAL search_path = public").unwrap();
        Spi::run(&format!("CREATE VIEW public.own AS {sql}")).unwrap();
        let listed = Spi::get_one::<String>(
            "SELECT pg_catalog.string_agg(DISTINCT d.refobjid::text, ',') FROM pg_depend AS d JOIN pg_rewrite AS r
                 ON r.ev_class = 'public.own'::regclass AND d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
             WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)",
        );
        Spi::run("DROP VIEW public.own; RESET search_path").unwrap();
        let listed = listed.unwrap().unwrap_or_default();
        listed.split(',').filter(|oid| !oid.is_empty()).map(|oid| oid.parse().unwrap()).collect()
    }

    #[pg_test]
    fn finds_the_operators_that_the_database_finds() {
        let world = World::with_citext();
        for construct in CITEXT {
            let sql = format!("SELECT {construct} AS x, n FROM words ORDER BY n");
            let own = named_by_view(&sql);
            assert_eq!(named(&world, &sql), own, "{construct}");
            let is_none_expected =
                construct.contains("::text") || construct.starts_with("true") || construct.starts_with("l ");
            assert!(is_none_expected || !own.is_empty(), "the control: {construct} is the extension's");
            assert_accepted(construct, world.prove(&sql));
        }
        for sql in [
            "SELECT DISTINCT a FROM words",
            "SELECT a, count(*) FROM words GROUP BY a",
            "SELECT a FROM words UNION SELECT b FROM words",
            "SELECT a FROM words EXCEPT SELECT b FROM words",
            "SELECT a FROM words ORDER BY a DESC",
            "SELECT w.n FROM words w JOIN words v USING (a)",
            "SELECT DISTINCT ON (a) a, n FROM words ORDER BY a, n",
        ] {
            let own = named_by_view(sql);
            assert_eq!(named(&world, sql), own, "{sql}");
            assert!(!own.is_empty(), "the control: {sql}");
        }
    }

    #[pg_test]
    fn falls_back_to_text_without_the_extension_on_the_path() {
        let world = World::with_citext();
        let found = world.confined(|confinement| {
            let sql = "SELECT a = 'ANN' FROM words";
            let analysed = world.analyse_along(confinement, sql, &NameScope::own())?;
            Ok(crate::backend_tests::support::named_objects(analysed.query()))
        });
        let found = assert_accepted("without the path", found);
        assert!(found.iter().all(|oid| *oid < 16384), "the control: no error says that text is compared");
    }

    /// Of each extension: statements over values, in the plane and in the database.
    const STATEMENTS: [(&str, &[&str]); 11] = [
        ("citext", &["citext 'Ab' = 'aB'", "max(x::citext) FROM unnest(ARRAY['a', 'B']) AS x"]),
        (
            "hstore",
            &[
                "'a=>1, b=>NULL'::hstore",
                "to_jsonb('a=>1, b=>NULL'::hstore)",
                "'a=>1'::hstore -> 'a'",
                "('a=>1'::hstore)['a']",
                "'a=>1,b=>2'::hstore -> ARRAY['a', 'c']",
                "'a=>1'::hstore ? 'a'",
                "'a=>1,b=>2'::hstore ?& ARRAY['a', 'b']",
                "'a=>1'::hstore ?| ARRAY['b', 'a']",
                "'a=>1,b=>2'::hstore @> 'a=>1'",
                "'a=>1'::hstore <@ 'a=>1,b=>2'",
                "'a=>1'::hstore || 'b=>2'",
                "'a=>1,b=>2'::hstore - 'a'::text",
                "'a=>1,b=>2'::hstore - ARRAY['a', 'b']",
                "'a=>1,b=>2'::hstore - 'a=>1'::hstore",
                "%% 'a=>1'::hstore",
                "%# 'a=>1'::hstore",
                "akeys('a=>1,b=>2')",
                "avals('a=>1,b=>2')",
                "skeys('a=>1,b=>2')",
                "svals('a=>1,b=>2')",
                "* FROM each('a=>1,b=>2')",
                "hstore('a', 'b')",
                "hstore(ARRAY['a', 'b', 'c', 'd'])",
                "hstore(ARRAY['a', 'c'], ARRAY['b', 'd'])",
                "ARRAY['a', 'b']::hstore",
                "slice('a=>1,b=>2', ARRAY['b'])",
                "exist('a=>1', 'a')",
                "defined('a=>NULL', 'a')",
                "delete('a=>1,b=>2', 'a')",
                "'a=>1'::hstore = 'a=>1'",
                "'a=>1'::hstore <> 'a=>2'",
                "hstore_to_json('a=>1')",
                "'a=>1'::hstore::jsonb",
                "hstore_to_jsonb_loose('a=>1')",
                "hstore_to_matrix('a=>1')",
                "'a=>1'::hstore #<# 'b=>1'::hstore",
                "x, count(*) FROM unnest(ARRAY['a=>1', 'a=>1', 'b=>2']::hstore[]) AS x GROUP BY x ORDER BY x",
            ],
        ),
        (
            "ltree",
            &[
                "'a.b.c'::ltree",
                "'a.b'::ltree @> 'a.b.c'",
                "'a.b.c'::ltree <@ 'a'",
                "'a.b.c'::ltree ~ 'a.*{1}.c'",
                "'*.c'::lquery ~ 'a.b.c'::ltree",
                "'a.b.c'::ltree ? ARRAY['x', 'a.*']::lquery[]",
                "'Top.Sci.Ast'::ltree @ 'ast@ & sci@'",
                "'a.b'::ltree || 'c'::ltree",
                "'a.b'::ltree || 'c'::text",
                "'x'::text || 'a.b'::ltree",
                "ARRAY['a.b', 'c']::ltree[] @> 'a.b.c'",
                "ARRAY['a.b', 'c']::ltree[] ?@> 'a.b.c'",
                "ARRAY['a.b', 'c']::ltree[] ?~ 'a.*'",
                "ARRAY['a.b', 'c']::ltree[] ?@ 'c'",
                "subltree('a.b.c', 1, 2)",
                "subpath('a.b.c', 1)",
                "subpath('a.b.c', 0, -1)",
                "nlevel('a.b.c')",
                "index('a.b.c', 'b')",
                "index('a.b.c.b', 'b', 2)",
                "text2ltree('a.b')",
                "ltree2text('a.b')",
                "lca('a.b.c', 'a.b.d')",
                "lca(ARRAY['a.b.c', 'a.d']::ltree[])",
                "'a.b'::ltree < 'a.c'",
                "GREATEST('a.b'::ltree, 'a.c')",
                "x, count(*) FROM unnest(ARRAY['b', 'a.b', 'b']::ltree[]) AS x GROUP BY x ORDER BY x DESC",
            ],
        ),
        (
            "pg_trgm",
            &[
                "similarity('word', 'two words')",
                "show_trgm('word')",
                "'word' % 'words'",
                "'word' <-> 'words'",
                "word_similarity('word', 'two words')",
                "'word' <% 'two words'",
                "'two words' %> 'word'",
                "strict_word_similarity('word', 'two words')",
                "'word' <<% 'two words'",
                "'two words' %>> 'word'",
                "'word' <<-> 'two words'",
                "'two words' <->> 'word'",
                "'word' <<<-> 'two words'",
                "'two words' <->>> 'word'",
            ],
        ),
        ("unaccent", &["unaccent('Hôtel')", "unaccent(NULL)"]),
        (
            "fuzzystrmatch",
            &[
                "levenshtein('GUMBO', 'GAMBOL')",
                "levenshtein('GUMBO', 'GAMBOL', 2, 1, 1)",
                "levenshtein_less_equal('extensive', 'exhaustive', 2)",
                "soundex('hello')",
                "text_soundex('hello')",
                "difference('Anne', 'Ann')",
                "metaphone('GUMBO', 4)",
                "dmetaphone('gumbo')",
                "dmetaphone_alt('gumbo')",
            ],
        ),
        (
            "intarray",
            &[
                "icount(ARRAY[1, 2])",
                "ARRAY[1, 2] && ARRAY[2, 3]",
                "ARRAY[1, 2] @> ARRAY[2]",
                "ARRAY[2] <@ ARRAY[1, 2]",
                "ARRAY[1, 2] & ARRAY[2, 3]",
                "ARRAY[1] | ARRAY[2]",
                "ARRAY[1] | 2",
                "ARRAY[1] + ARRAY[2]",
                "ARRAY[1] + 2",
                "ARRAY[1, 2] - ARRAY[2]",
                "ARRAY[1, 2] - 2",
                "# ARRAY[1, 2]",
                "ARRAY[5, 6] # 6",
                "icount(ARRAY[1, 2])",
                "idx(ARRAY[5, 6], 6)",
                "sort(ARRAY[2, 1])",
                "sort(ARRAY[1, 2], 'desc')",
                "sort_asc(ARRAY[2, 1])",
                "sort_desc(ARRAY[1, 2])",
                "uniq(ARRAY[1, 1, 2])",
                "subarray(ARRAY[1, 2, 3], 2)",
                "subarray(ARRAY[1, 2, 3], 1, 2)",
                "intset(3)",
            ],
        ),
        (
            "cube",
            &[
                "'(1,2),(3,4)'::cube",
                "cube(1)",
                "cube(1, 2)",
                "cube(ARRAY[1, 2])",
                "cube(ARRAY[1, 2], ARRAY[3, 4])",
                "cube('(1)'::cube, 2)",
                "'(0),(2)'::cube && '(1),(3)'",
                "'(0),(4)'::cube @> '(1),(3)'",
                "'(1),(3)'::cube <@ '(0),(4)'",
                "'(1,2)'::cube -> 1",
                "'(1,2)'::cube ~> 3",
                "'(1,2)'::cube <-> '(3,4)'",
                "'(1,2)'::cube <#> '(3,4)'",
                "'(1,2)'::cube <=> '(3,5)'",
                "cube_distance('(0)', '(3)')",
                "cube_union('(0)', '(3)')",
                "cube_inter('(0),(2)', '(1),(3)')",
                "cube_enlarge('(1)', 1, 1)",
                "cube_dim('(1,2)')",
                "cube_ll_coord('(1,2)', 1)",
                "cube_size('(0),(2)')",
                "cube_subset('(1,2)', ARRAY[2])",
                "cube_is_point('(1)')",
                "'(1)'::cube = '(1)'",
                "'(1)'::cube < '(2)'",
                "x FROM unnest(ARRAY['(2)', '(1)']::cube[]) AS x ORDER BY x",
            ],
        ),
        ("earthdistance", &["earth()", "'(0,0)'::point <@> '(1,1)'::point", "geo_distance('(0,0)', '(0,1)')"]),
        (
            "uuid-ossp",
            &[
                "uuid_generate_v5(uuid_ns_url(), 'x')",
                "uuid_generate_v3(uuid_ns_dns(), 'x')",
                "uuid_nil()",
                "uuid_ns_oid()",
                "uuid_ns_x500()",
            ],
        ),
        (
            "pgcrypto",
            &[
                "digest('x', 'sha256')",
                "digest('\\x00'::bytea, 'md5')",
                "hmac('x', 'k', 'sha1')",
                "hmac('\\x00'::bytea, '\\x01'::bytea, 'sha512')",
            ],
        ),
    ];

    #[pg_test]
    fn answers_as_the_database_does() {
        let mut world = World::bare();
        for (extension, expressions) in STATEMENTS {
            Spi::run(&format!("CREATE EXTENSION IF NOT EXISTS \"{extension}\" SCHEMA public CASCADE")).unwrap();
            let refused = world.rows(&format!("SELECT {} AS x", expressions[0]));
            assert!(refused.is_err(), "the control: {extension} is not allowed yet");
            Spi::run(&format!("SELECT splitplane.allow_extension('{extension}')")).unwrap();
            world.plane = current_plane().unwrap();
            for expression in expressions {
                let sql = if expression.contains(" FROM ") {
                    format!("SELECT {expression}")
                } else {
                    format!("SELECT {expression} AS x")
                };
                Spi::run("SET LOCAL search_path = public; SET LOCAL bytea_output = hex").unwrap();
                let own = Spi::get_one::<pgrx::Json>(&format!(
                    "SELECT pg_catalog.json_agg(pg_catalog.to_json(q)) FROM ({sql}) AS q"
                ));
                Spi::run("RESET search_path").unwrap();
                let own = own.unwrap().unwrap().0;
                let own: Vec<Vec<&serde_json::Value>> =
                    own.as_array().unwrap().iter().map(|row| row.as_object().unwrap().values().collect()).collect();
                let own = serde_json::to_value(own).unwrap();
                let rows = assert_accepted(&sql, world.rows(&sql));
                if rows != own {
                    // Keys of an object come in another order.
                    assert_eq!(sorted(&rows), sorted(&own), "{extension}: {sql}");
                }
            }
            Spi::run(&format!("SELECT splitplane.disallow_extension('{extension}')")).unwrap();
            world.plane = current_plane().unwrap();
        }
    }

    fn sorted(value: &serde_json::Value) -> String {
        let mut cells: Vec<String> =
            value.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap()).map(ToString::to_string).collect();
        cells.sort();
        cells.join(" ")
    }
}
