//! JSON of a value: the encoders against PostgreSQL's own `to_json`, byte for byte.

#[pgrx::pg_schema]
mod tests {
    use crate::answer_text::{AnswerText, Full};
    use crate::numbers::{Piece, pieces};
    use crate::pgx::encoders::Encoder;
    use pgrx::prelude::*;
    use std::ffi::{CStr, CString};

    /// Values of each type that the plane carries, as texts. A type that is missing fails a test below.
    const VALUES: &[(&str, &[&str])] = &[
        ("bool", &["true", "false"]),
        ("\"char\"", &["a", "", "\"", "\\"]),
        ("name", &["a", "", "q\"u\\o\te", "zw\u{f6}lf"]),
        ("text", &["", "a", "\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{80}\u{9f}\u{2028}\u{20ac}\u{1f600}", "null"]),
        ("varchar", &["", "abc", "\u{20ac}\""]),
        ("varchar(7)", &["abc\\", "  "]),
        ("bpchar", &["", "abc  ", "\""]),
        ("char(6)", &["", "ab", "\u{20ac}"]),
        ("bytea", &["", "\\x00ff5c22", "abc\\\\"]),
        ("int2", &["0", "-1", "32767", "-32768"]),
        ("int4", &["0", "7", "-1", "2147483647", "-2147483648"]),
        ("int8", &["0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808"]),
        ("float4", &["0", "-0", "0.1", "1e-5", "1e20", "123456789", "1.1754944e-38", "3.4028235e38", "1e-45", "NaN"]),
        ("float4", &["Infinity", "-Infinity"]),
        ("float8", &["0", "-0", "0.1", "1e-5", "1e15", "1e16", "-1e20", "5e-324", "1.7976931348623157e308", "100000"]),
        ("float8", &["0.30000000000000004", "NaN", "Infinity", "-Infinity", "1e-4", "123456.789"]),
        ("numeric", &["0", "-0.00", "10.00", "1e-20", "1e1000", "-123456789012345678901234567890.123456789", "NaN"]),
        ("numeric", &["Infinity", "-Infinity", "0.5", "-.25", "9999", "10000", "1e131071", "1e-16383"]),
        ("numeric(10, 2)", &["0", "12.345", "-99999999.99", "NaN"]),
        ("numeric(5, 0)", &["12345"]),
        ("money", &["0", "12.34", "-1234567.89"]),
        ("date", &["2026-11-28", "0001-01-01", "0044-03-15 BC", "4714-11-24 BC", "5874897-12-31", "-infinity"]),
        ("date", &["infinity", "12345-06-07"]),
        ("time", &["00:00", "23:59:59.999999", "24:00", "12:00:00.5"]),
        ("time(2)", &["12:34:56.789"]),
        ("timetz", &["00:00+00", "23:59:59.999999-15:59", "24:00+05:30"]),
        (
            "timestamp",
            &["2026-11-28 12:00", "2026-11-28 12:00:00.000001", "4714-11-24 00:00 BC", "infinity", "-infinity"],
        ),
        (
            "timestamp",
            &["294276-12-31 23:59:59.999999", "0001-01-01 00:00", "2026-11-28 12:00:00.10", "1999-12-31 23:59:60"],
        ),
        ("timestamp(0)", &["2026-11-28 12:00:00.6"]),
        (
            "timestamptz",
            &["2026-07-01 12:00+00", "2026-11-28 12:00:00.000001-05", "4713-01-01 00:00+00 BC", "infinity"],
        ),
        (
            "timestamptz",
            &["-infinity", "294276-12-30 23:59:59.999999+00", "1890-01-01 00:00+00", "2026-03-29 01:30+00"],
        ),
        ("interval", &["0", "1 year -2 months +3 days -04:05:06.789", "-178000000 years", "10 days 00:00:00.000001"]),
        ("bit", &["0", "1"]),
        ("bit(9)", &["101010101"]),
        ("varbit", &["", "1", "10101010101"]),
        ("uuid", &["00000000-0000-0000-0000-000000000000", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"]),
        ("json", &["{\"a\" : [1,\n null], \"a\": \"\\u20ac\\\"\"}", "1e400", "\"x\"", " null ", "[]", "1.50"]),
        ("jsonb", &["{\"a\" : [1,\n null], \"b\": \"\\u20ac\\\"\"}", "1e400", "\"x\"", "null", "[]", "{}", "1.50"]),
        ("jsonpath", &["$.a[*] ? (@ > 1)", "$.\"q\\\"\""]),
        ("inet", &["10.0.0.1", "10.0.0.1/8", "::1", "2001:db8::/32"]),
        ("cidr", &["10.0.0.0/8", "::/0"]),
        ("macaddr", &["08:00:2b:01:02:03"]),
        ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
        ("point", &["1,2", "NaN,Infinity", "-0,1e300"]),
        ("lseg", &["(1,2),(3,4)"]),
        ("line", &["{1,2,3}"]),
        ("box", &["(1,2),(3,4)"]),
        ("path", &["[(1,2),(3,4)]", "((1,2),(3,4))"]),
        ("polygon", &["((1,2),(3,4))"]),
        ("circle", &["<(1,2),3>"]),
        ("tsvector", &["", "a:1A 'b\"c\\\\':2,3"]),
        ("tsquery", &["", "'a\"b' & !c:*"]),
        ("int4range", &["empty", "[1,5)", "(,)", "[7,]"]),
        ("int8range", &["empty", "[1,5)", "(,9007199254740993)"]),
        ("numrange", &["empty", "[1.50,5)", "(,)"]),
        ("tsrange", &["empty", "[2026-11-28 12:00,2026-11-29)", "(-infinity,infinity)"]),
        ("tstzrange", &["empty", "[2026-11-28 12:00+00,)"]),
        ("daterange", &["empty", "[2026-11-28,2026-11-30]", "[0044-03-15 BC,)"]),
        ("int4multirange", &["{}", "{[1,5),[7,9)}"]),
        ("int8multirange", &["{}", "{[1,5),[7,9)}"]),
        ("nummultirange", &["{}", "{[1.5,5),[7,9)}"]),
        ("tsmultirange", &["{}", "{[2026-11-28 12:00,2026-11-29)}"]),
        ("tstzmultirange", &["{}", "{[2026-11-28 12:00+00,)}"]),
        ("datemultirange", &["{}", "{[2026-11-28,2026-11-30]}"]),
        ("regconfig", &["english", "simple"]),
        ("oid", &["0", "4294967295"]),
        // Of this database; see `OWN_TYPES`.
        ("mood", &["calm", "q\"u\\ote"]),
        ("amount", &["1.50", "NaN"]),
        ("large_amount", &["9007199254740993.10"]),
        ("counter", &["9007199254740993"]),
        ("counters", &["{1,NULL,9007199254740993}", "{}"]),
        ("word", &["\"w\""]),
        ("born", &["0044-03-15 BC"]),
        ("mood_of_day", &["calm"]),
        ("shade", &["light"]),
        ("shade_of_day", &["light"]),
        ("pair", &["(1,\"q\"\"\\\\\")", "(,)", "(9007199254740993,)"]),
        ("pair_of_day", &["(1,x)"]),
        ("moods", &["(calm,light)"]),
    ];

    const OWN_TYPES: &str = r#"
        CREATE TYPE mood AS ENUM ('calm', 'q"u\ote');
        CREATE DOMAIN amount AS numeric(10, 2);
        CREATE DOMAIN large_amount AS numeric CHECK (value > 10);
        CREATE DOMAIN counter AS int8;
        CREATE DOMAIN counters AS int8[];
        CREATE DOMAIN word AS text;
        CREATE DOMAIN born AS date;
        CREATE DOMAIN mood_of_day AS mood;
        CREATE TYPE shade AS ENUM ('light', 'dark');
        CREATE FUNCTION shade_json(shade) RETURNS json LANGUAGE sql
            AS $$ SELECT json_build_object('shade', $1::text) $$;
        CREATE CAST (shade AS json) WITH FUNCTION shade_json(shade);
        CREATE DOMAIN shade_of_day AS shade;
        CREATE TYPE pair AS (n int8, t text);
        CREATE DOMAIN pair_of_day AS pair;
        CREATE TYPE moods AS (m mood, s shade);
    "#;

    /// Settings that decide what output functions write; the first are those of a call.
    const SETTINGS: &[&str] = &[
        "SET DateStyle = 'ISO, MDY'; SET IntervalStyle = postgres; SET extra_float_digits = 1; SET bytea_output = hex;
         SET TIME ZONE 'UTC'",
        "SET DateStyle = 'SQL, DMY'; SET IntervalStyle = iso_8601; SET extra_float_digits = 0;
         SET bytea_output = escape; SET TIME ZONE 'Asia/Kathmandu'",
        "SET DateStyle = 'German'; SET IntervalStyle = sql_standard; SET extra_float_digits = -15;
         SET TIME ZONE 'Europe/Berlin'",
        "SET DateStyle = 'Postgres, MDY'; SET IntervalStyle = postgres_verbose; SET extra_float_digits = 3;
         SET TIME ZONE 'America/St_Johns'",
    ];

    /// Wide numbers, which `json_numbers = text` puts between quotes; and arrays of them.
    fn is_wide(type_name: &str) -> bool {
        let element = type_name.trim_end_matches("[]");
        element.starts_with("numeric") || ["int8", "amount", "large_amount", "counter", "counters"].contains(&element)
    }

    /// What an encoder writes within a cap.
    fn encoded(value: pg_sys::Datum, type_oid: pg_sys::Oid, as_text: bool, cap: usize) -> Result<String, Full> {
        let mut text = AnswerText::new("", cap);
        let mut encoder = Encoder::new(type_oid, None, as_text);
        unsafe { encoder.append(value, &mut text) }?;
        // A second value finds the encoder as the first one did.
        let once = text.length();
        if cap == usize::MAX {
            unsafe { encoder.append(value, &mut text) }?;
        }
        let mut written = text.ended(' ');
        assert!(cap != usize::MAX || written[..once] == written[once..2 * once], "{written}");
        written.truncate(once);
        Ok(written)
    }

    /// A query's rows of a value and its JSON, held against each other: how many, how many that differ, and the first.
    fn differences(query: &str, is_wide: bool) -> (usize, usize, String) {
        let query = CString::new(query).unwrap();
        let (mut differ, mut first) = (0, String::new());
        unsafe {
            assert_eq!(pg_sys::SPI_connect(), pg_sys::SPI_OK_CONNECT as i32);
            assert_eq!(pg_sys::SPI_execute(query.as_ptr(), false, 0), pg_sys::SPI_OK_SELECT as i32, "{query:?}");
            let (table, count) = (pg_sys::SPI_tuptable, usize::try_from(pg_sys::SPI_processed).unwrap());
            let descriptor = (*table).tupdesc;
            let type_oid = pg_sys::SPI_gettypeid(descriptor, 1);
            for row in 0..count {
                let tuple = *(*table).vals.add(row);
                let column = |number| {
                    let mut is_null = false;
                    let value = pg_sys::SPI_getbinval(tuple, descriptor, number, &raw mut is_null);
                    (!is_null).then_some(value)
                };
                let (value, json) = (column(1).unwrap(), column(2).unwrap());
                let json = String::from_utf8_lossy(pgrx::varlena::varlena_to_byte_slice(pg_sys::pg_detoast_datum(
                    json.cast_mut_ptr(),
                )));
                for as_text in [false, true] {
                    let expected = if as_text && is_wide { with_quotes(&json) } else { json.to_string() };
                    let ours = encoded(value, type_oid, as_text, usize::MAX);
                    let capped = encoded(value, type_oid, as_text, expected.len());
                    let cut = encoded(value, type_oid, as_text, expected.len() - 1);
                    if ours.as_ref() != Ok(&expected) || capped != ours || cut != Err(Full::Cap) {
                        differ += 1;
                        first = if first.is_empty() { format!("{expected:.300}, and not {ours:.300?}") } else { first };
                    }
                }
            }
            pg_sys::SPI_finish();
            (count, differ, first)
        }
    }

    fn with_quotes(json: &str) -> String {
        let quoted = |piece| match piece {
            Piece::Number(number) => format!("\"{number}\""),
            Piece::Other(other) => other.to_owned(),
        };
        pieces(json).map(quoted).collect()
    }

    fn assert_same(what: &str, query: &str, is_wide: bool) {
        let (rows, differ, first) = differences(query, is_wide);
        assert!(rows > 0 && differ == 0, "{what}: {differ} of {rows}: {first}");
    }

    /// The rows of a table of values of a type, one after another, as literals are and as they are stored.
    fn stored(type_name: &str, values: &[&str]) {
        let values: Vec<String> = values.iter().map(|value| format!("({})", literal(value))).collect();
        Spi::run(&format!(
            "DROP TABLE IF EXISTS pg_temp.stored; CREATE TEMPORARY TABLE stored (v {type_name});
             INSERT INTO pg_temp.stored SELECT text::{type_name} FROM (VALUES {}) AS q (text)",
            values.join(", ")
        ))
        .unwrap();
    }

    fn literal(text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    #[pg_test]
    fn values_are_encoded_as_to_json_does() {
        Spi::run(OWN_TYPES).unwrap();
        for settings in SETTINGS {
            Spi::run(settings).unwrap();
            for (type_name, values) in VALUES {
                let what = format!("{type_name}, {settings}");
                stored(type_name, values);
                assert_same(&what, "SELECT v, to_json(v)::text FROM pg_temp.stored", is_wide(type_name));
                for value in *values {
                    let value = format!("{}::{type_name}", literal(value));
                    assert_same(&what, &format!("SELECT {value}, to_json({value})::text"), is_wide(type_name));
                }
                for array in ["array_agg(v)", "ARRAY[NULL, (array_agg(v))[1], NULL]", "ARRAY[]::TYPE[]"] {
                    if *type_name == "counters" {
                        // Arrays of unequal lengths make no array.
                        continue;
                    }
                    let array = array.replace("TYPE", type_name);
                    let query =
                        format!("SELECT a, to_json(a)::text FROM (SELECT {array} FROM pg_temp.stored) AS q (a)");
                    assert_same(&what, &query, is_wide(type_name));
                }
                for row in ["s", "ROW(v, 1, v)", "ARRAY[s, s]"] {
                    let query = format!("SELECT {row}, to_json({row})::text FROM pg_temp.stored AS s");
                    assert_same(&what, &query, false);
                }
            }
        }
    }

    #[pg_test]
    fn every_type_of_the_plane_is_among_them() {
        Spi::run(OWN_TYPES).unwrap();
        let known: Vec<String> =
            VALUES.iter().map(|(type_name, _)| format!("{}::regtype", literal(type_name))).collect();
        let missing = format!(
            "SELECT string_agg(t.oid::regtype::text, ', ') FROM pg_type AS t WHERE t.oid < 16384
             AND t.typtype IN ('b', 'r', 'm') AND t.typcategory <> 'A' AND splitplane._type_is_safe(t.oid)
             AND t.oid <> ALL (ARRAY[{}]::oid[])",
            known.join(", ")
        );
        assert_eq!(Spi::get_one::<String>(&missing).unwrap(), None);
    }

    #[pg_test]
    fn the_comparison_of_encodings_sees_a_difference() {
        for (value, json) in [
            ("1", "to_json('1'::text)"),
            ("'a'::text", "to_json('b'::text)"),
            ("'a '::char(2)", "to_json('a'::text)"),
            ("'a/b'::text", "'\"a\\/b\"'"),
            ("timestamp '2026-11-28'", "to_json((timestamp '2026-11-28')::text)"),
            ("'NaN'::float8", "'NaN'"),
            ("1.50", "to_json(1.5)"),
        ] {
            let (rows, differ, _) = differences(&format!("SELECT {value}, {json}::text"), false);
            assert_eq!((rows, differ), (1, 2), "{value}");
        }
        // Quotes are there where they are expected, and nowhere else.
        assert_eq!(differences("SELECT 1::int8, '1'::text", false).1, 1);
        assert_eq!(differences("SELECT 1::int4, '1'::text", true).1, 1);
    }

    /// Random texts of what is escaped and what is not, some of them compressed, some stored elsewhere.
    #[pg_test]
    fn texts_are_escaped_as_to_json_does() {
        Spi::run(
            "SELECT setseed(0.25);
             CREATE TEMPORARY TABLE texts AS SELECT n, (SELECT string_agg(chr((ARRAY[97, 98, 32, 34, 92, 127, 233, 8364,
                 128512, 1 + (random() * 30)::int, 1 + (random() * 126)::int, 128 + (random() * 50000)::int])
                 [1 + (random() * 11)::int]), '')
             FROM generate_series(1, n % 90)) AS t FROM generate_series(1, 3000) AS n;
             INSERT INTO texts SELECT n, repeat(t, 400) FROM texts WHERE n % 300 BETWEEN 80 AND 89;
             CREATE TEMPORARY TABLE apart (LIKE texts); ALTER TABLE apart ALTER t SET STORAGE EXTERNAL;
             INSERT INTO apart SELECT * FROM texts",
        )
        .unwrap();
        let stored = "SELECT count(*) FROM texts WHERE pg_column_size(t) < octet_length(t)";
        assert!(Spi::get_one::<i64>(stored).unwrap() > Some(50), "nothing is compressed");
        let is_there = "SELECT count(*) = 1 FROM pg_available_extensions WHERE name = 'citext'";
        let citext = Spi::get_one(is_there).unwrap() == Some(true);
        if citext {
            Spi::run("CREATE EXTENSION citext SCHEMA public").unwrap();
        }
        for table in ["texts", "apart"] {
            for type_name in ["text", "varchar", "bpchar", "name", "char(90)", "varchar(40)", "citext"]
                .into_iter()
                .take(if citext { 7 } else { 6 })
            {
                let value = if type_name == "text" { "t".to_owned() } else { format!("t::{type_name}") };
                let query = format!("SELECT {value}, to_json({value})::text FROM {table} WHERE t IS NOT NULL");
                assert_same(type_name, &query, false);
            }
            let json = format!("SELECT j, to_json(j)::text FROM (SELECT json_build_array(t, n) FROM {table}) AS q (j)");
            assert_same("json", &json, false);
            assert_same("jsonb", &json.replace("json_build", "jsonb_build"), false);
            let bytes = format!(
                "SELECT b, to_json(b)::text FROM (SELECT convert_to(t, 'UTF8') FROM {table} WHERE n % 90 > 0) AS q (b)"
            );
            assert_same("bytea", &bytes, false);
        }
    }

    /// Numbers of all lengths, of which many have no short form.
    #[pg_test]
    fn numbers_are_encoded_as_to_json_does() {
        let series = "generate_series(1, 4000) AS n";
        for (value, wide) in [
            ("(random() * 10 ^ (n % 40 - 20))::float4", false),
            ("-random() * 10 ^ (n % 600 - 300)", false),
            ("n / 8.0::float8", false),
            ("((random() - 0.5) * 10 ^ (n % 18))::int8", true),
            ("((random() - 0.5) * 10 ^ (n % 9))::int4", false),
            ("((random() - 0.5) * 10 ^ (n % 4))::int2", false),
            ("((random() - 0.5) * 10 ^ (n % 18))::numeric ^ (n % 5) / n", true),
            ("timestamp '2000-01-01' + (random() - 0.5) * interval '9000 years'", false),
            ("timestamptz '2000-01-01' + random() * interval '290000 years'", false),
            ("date '2000-01-01' + ((random() - 0.3) * 1000000)::int", false),
        ] {
            let query = format!("SELECT v, to_json(v)::text FROM (SELECT {value} FROM {series} OFFSET 0) AS q (v)");
            assert_same(value, &query, wide);
        }
    }

    /// Bytes that are no text of the server's encoding become the same as they do in what `to_json` gives.
    #[pg_test]
    fn invalid_bytes_are_replaced_as_in_its_json() {
        let mut state = 7_u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let picked = b"\n\"\\\xe2\x82\xac\xff\xc0\xf0\x9f\x98\x80az\x80\x01"[(state >> 33) as usize % 16];
            picked.max(1)
        };
        for length in 0..400 {
            let bytes: Vec<u8> = (0..length % 40).map(|_| byte()).collect();
            let written = unsafe {
                let written = pg_sys::makeStringInfo();
                pg_sys::escape_json(written, CString::new(bytes.clone()).unwrap().as_ptr());
                CStr::from_ptr((*written).data).to_string_lossy().into_owned()
            };
            let value = pgrx::rust_byte_slice_to_bytea(&bytes).into_pg();
            let ours = encoded(pg_sys::Datum::from(value), pg_sys::TEXTOID, false, usize::MAX);
            assert_eq!(ours, Ok(written), "{bytes:?}");
        }
    }
}
