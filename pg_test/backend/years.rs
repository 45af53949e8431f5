//! Bounds that follow from the year of a date or timestamp, and from one that is printed, held against PostgreSQL's own answers.

#[pgrx::pg_schema]
mod tests {
    use super::super::moments::{INSTANTS, VALUES, ZONES, count, in_zone};
    use crate::calendar::printed;
    use pgrx::prelude::*;

    /// Numbers at and between years, beyond them, and those that are none: the years there are values of, and the ends of the ranges.
    const NUMBERS: &str = "CREATE TEMPORARY TABLE numbers AS SELECT DISTINCT year + apart AS n FROM (VALUES (-4714::numeric), (-2), (-1), \
             (0), (1), (1999), (2011), (2018), (2024), (2026), (9999), (294276), (294277), (294278), (5874897)) AS v (year), \
             unnest(ARRAY[-1, -0.5, -0.00000000000000000001, 0, 0.00000000000000000001, 0.5, 1]) AS apart \
         UNION ALL SELECT unnest(ARRAY['NaN', 'Infinity', '-Infinity', 1e300, -1e300, 2147483647, -2147483648, 2147483648, -2147483649]::numeric[]); \
         CREATE TEMPORARY TABLE doubles AS SELECT DISTINCT n::double precision AS n FROM numbers UNION ALL SELECT '-0'; \
         INSERT INTO numbers VALUES (1e1000), (-1e1000), (NULL); INSERT INTO doubles VALUES (NULL), ('5e-324'), ('1.7e308')";

    /// Rows that meet a comparison of their year with a number, and are not within the bounds that follow from it. `bound` puts calls
    /// around a date that is a first or a last one, `{}`.
    fn outside(table: &str, column: &str, year: &str, numbers: &str, bound: [&str; 2]) -> String {
        let call = |name: &str, last: usize| bound[last].replace("{}", &format!("splitplane.date_{name}(n)"));
        format!(
            "SELECT count(*) FROM {table}, (SELECT n, {} AS first, {} AS after, {} AS last, {} AS before FROM {numbers} OFFSET 0) AS q \
             WHERE {year} >= n AND NOT {column} >= first OR {year} > n AND NOT {column} >= after \
             OR {year} <= n AND NOT {column} <= last OR {year} < n AND NOT {column} <= before \
             OR {year} = n AND NOT ({column} >= first AND {column} <= last)",
            call("first", 0),
            call("after", 0),
            call("last", 1),
            call("before", 1),
        )
    }

    const DAY: [&str; 2] = ["{}", "{}"];
    const TIMESTAMP: [&str; 2] = ["splitplane.timestamp_first({})", "splitplane.timestamp_last({})"];
    const MOMENT: [&str; 2] = ["splitplane.timestamptz_first({})", "splitplane.timestamptz_last({})"];

    #[pg_test]
    fn years_are_within_their_bounds() {
        Spi::run(VALUES).unwrap();
        Spi::run(INSTANTS).unwrap();
        Spi::run(NUMBERS).unwrap();
        assert!(count("SELECT count(*) FROM numbers, moments WHERE extract(year FROM t) = n") > 100);
        let (extracted, part) = ("extract(year FROM d)", "date_part('year', d)");
        assert_eq!(count(&outside("days", "d", extracted, "numbers", DAY)), 0);
        // An error of dates that no timestamp reaches.
        let near = "(SELECT d FROM days WHERE d < '294277-01-01' OR d = 'infinity') AS near";
        assert_eq!(count(&outside(near, "d", part, "doubles", DAY)), 0);
        let (extracted, part) = ("extract(year FROM t)", "date_part('year', t)");
        assert_eq!(count(&outside("moments", "t", extracted, "numbers", TIMESTAMP)), 0);
        assert_eq!(count(&outside("moments", "t", part, "doubles", TIMESTAMP)), 0);
        let (extracted, part) = ("extract(year FROM z)", "date_part('year', z)");
        for zone in ZONES {
            in_zone(zone);
            assert_eq!(count(&outside("instants", "z", extracted, "numbers", MOMENT)), 0, "{zone}");
            assert_eq!(count(&outside("instants", "z", part, "doubles", MOMENT)), 0, "{zone}");
        }
    }

    /// They say as much as the comparison of every finite date, so nothing more could be asked of them.
    #[pg_test]
    fn bounds_of_years_leave_out_what_they_can() {
        Spi::run(VALUES).unwrap();
        Spi::run(NUMBERS).unwrap();
        for numbers in ["numbers", "doubles"] {
            let loose = format!(
                "SELECT count(*) FROM (SELECT d, extract(year FROM d) AS year FROM days WHERE isfinite(d)) AS y, {numbers} \
                 WHERE n IS NOT NULL AND (year >= n) <> (d >= splitplane.date_first(n)) OR (year > n) <> (d >= splitplane.date_after(n)) \
                 OR (year <= n) <> (d <= splitplane.date_last(n)) OR (year < n) <> (d <= splitplane.date_before(n))"
            );
            assert_eq!(count(&loose), 0, "{numbers}");
            let nothing = format!("SELECT count(*) FROM {numbers} WHERE splitplane.date_first(n) IS NULL");
            assert_eq!(count(&nothing), 1, "{numbers}");
        }
    }

    #[pg_test]
    fn the_comparison_of_years_sees_a_difference() {
        Spi::run(VALUES).unwrap();
        Spi::run(INSTANTS).unwrap();
        Spi::run(NUMBERS).unwrap();
        let year = "extract(year FROM z)";
        in_zone("Etc/GMT-14");
        // Another time zone than that of the bounds.
        let utc =
            ["splitplane.timestamp_first({}) AT TIME ZONE 'UTC'", "splitplane.timestamp_last({}) AT TIME ZONE 'UTC'"];
        assert!(count(&outside("instants", "z", year, "numbers", utc)) > 100);
        let narrow = outside("instants", "z", year, "numbers", MOMENT).replace("date_last", "date_before");
        assert!(count(&narrow) > 100);
    }

    const PATTERNS: [&str; 3] = ["YYYY", "YYYY-MM", "YYYY-MM-DD"];

    /// Makes the table `ranges` of the days that are printed as any of the texts that a table has for a pattern.
    fn find_ranges(table: &str, printed_value: &str, pattern: &str) {
        Spi::run("DROP TABLE IF EXISTS ranges; CREATE TEMPORARY TABLE ranges (text text, first date, last date)")
            .unwrap();
        let texts = format!("SELECT string_agg(DISTINCT to_char({printed_value}, '{pattern}'), ' ') FROM {table}");
        let texts = Spi::get_one::<String>(&texts).unwrap().unwrap();
        assert!(texts.split(' ').count() > 5, "{texts}");
        let rows = texts.split(' ').flat_map(|text| {
            let days = printed::days(pattern, text);
            // A leap day of 1 BC is none of 1 AD.
            let is_long = text.split('-').next().unwrap().len() > 4;
            assert!(days.is_some() != is_long, "{text}");
            let date = |number: i32| format!("date '2000-01-01' + ({number})");
            let row = move |(first, last)| format!("('{text}', {}, {})", date(first), date(last));
            days.unwrap_or_default().into_iter().map(|days| (*days.start(), *days.end())).map(row)
        });
        let rows = rows.collect::<Vec<_>>().join(", ");
        Spi::run(&format!("INSERT INTO ranges VALUES {rows}")).unwrap();
    }

    /// Rows that are printed as a text, and are in none of its ranges.
    fn outside_ranges(table: &str, column: &str, printed_value: &str, pattern: &str, bound: [&str; 2]) -> i64 {
        let (first, last) = (bound[0].replace("{}", "first"), bound[1].replace("{}", "last"));
        count(&format!(
            "SELECT count(*) FROM {table} WHERE to_char({printed_value}, '{pattern}') IN (SELECT text FROM ranges) AND NOT EXISTS \
             (SELECT FROM ranges WHERE text = to_char({printed_value}, '{pattern}') AND {column} >= {first} AND {column} <= {last})"
        ))
    }

    #[pg_test]
    fn what_is_printed_is_of_the_days_that_are_found() {
        Spi::run(VALUES).unwrap();
        Spi::run(INSTANTS).unwrap();
        // An error of dates that no moment of each zone reaches.
        Spi::run("CREATE TEMPORARY TABLE near AS SELECT d FROM days WHERE d > '4714-11-25 BC' AND d < '294276-12-30' OR NOT isfinite(d)")
            .unwrap();
        let of_moment = [
            "splitplane.date_at_least(splitplane.timestamptz_first({}))",
            "splitplane.date_at_most(splitplane.timestamptz_last({}))",
        ];
        for pattern in PATTERNS {
            find_ranges("moments", "t", pattern);
            assert_eq!(outside_ranges("moments", "t", "t", pattern, TIMESTAMP), 0, "{pattern}");
            // No other day is printed so.
            let more = format!(
                "SELECT count(*) FROM days, ranges WHERE d BETWEEN first AND last AND d < '294277-01-01' \
                 AND to_char(d::timestamp, '{pattern}') IS DISTINCT FROM text"
            );
            assert_eq!(count(&more), 0, "{pattern}");
            for zone in ZONES {
                in_zone(zone);
                find_ranges("instants", "z", pattern);
                assert_eq!(outside_ranges("instants", "z", "z", pattern, MOMENT), 0, "{pattern} in {zone}");
                find_ranges("near", "d", pattern);
                assert_eq!(outside_ranges("near", "d", "d", pattern, of_moment), 0, "{pattern} in {zone}");
            }
        }
    }

    #[pg_test]
    fn the_comparison_of_printed_days_sees_a_difference() {
        Spi::run(VALUES).unwrap();
        Spi::run(INSTANTS).unwrap();
        in_zone("Pacific/Apia");
        find_ranges("instants", "z", "YYYY-MM-DD");
        let utc = ["first::timestamp AT TIME ZONE 'UTC'", "last::timestamp AT TIME ZONE 'UTC' + interval '1 day'"];
        assert!(outside_ranges("instants", "z", "z", "YYYY-MM-DD", utc) > 100);
        // Years BC are printed as others are.
        Spi::run("DELETE FROM ranges WHERE first < '0001-01-01'").unwrap();
        assert!(outside_ranges("instants", "z", "z", "YYYY-MM-DD", MOMENT) > 20);
    }
}
