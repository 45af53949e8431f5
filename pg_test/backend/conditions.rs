//! The dates and timestamps that the stage `trust` compares with, held against PostgreSQL's own comparisons.

#[pgrx::pg_schema]
mod tests {
    use super::super::moments::{INSTANTS, VALUES, ZONES, count, in_zone};
    use pgrx::prelude::*;

    /// Pairs of values of two tables for which comparing `left` with `right` says something else than comparing it with the
    /// neighbours of `right`. `is_one_to_one`: no two values of the left type are equal to one of the right.
    fn differences(left: (&str, &str), right: (&str, &str), name: &str, is_one_to_one: bool) -> String {
        let ((left_table, l), (right_table, r)) = (left, right);
        let equal = if is_one_to_one {
            format!("coalesce({l} = same, false)")
        } else {
            format!("({l} >= least AND {l} <= most)")
        };
        format!(
            "SELECT count(*) FROM {left_table}, (SELECT {r}, splitplane.{name}_at_least({r}) AS least, \
                 splitplane.{name}_at_most({r}) AS most, splitplane.{name}_equal_to({r}) AS same FROM {right_table} OFFSET 0) AS q \
             WHERE ({l} >= {r}) IS DISTINCT FROM ({l} >= least) OR ({l} < {r}) IS DISTINCT FROM ({l} < least) \
             OR ({l} > {r}) IS DISTINCT FROM ({l} > most) OR ({l} <= {r}) IS DISTINCT FROM ({l} <= most) \
             OR ({l} = {r}) IS DISTINCT FROM {equal}"
        )
    }

    #[pg_test]
    fn comparisons_with_neighbours_are_those_of_postgresql() {
        Spi::run(VALUES).unwrap();
        Spi::run(INSTANTS).unwrap();
        assert!(count("SELECT count(*) FROM moments") > 600);
        let (days, moments, instants) = (("days", "d"), ("moments", "t"), ("instants", "z"));
        assert_eq!(count(&differences(days, moments, "date", true)), 0);
        assert_eq!(count(&differences(moments, days, "timestamp", true)), 0);
        for zone in ZONES {
            in_zone(zone);
            let is_fixed = zone == "UTC" || zone.starts_with("Etc/");
            assert_eq!(count(&differences(days, instants, "date", is_fixed)), 0, "{zone}");
            assert_eq!(count(&differences(instants, days, "timestamptz", true)), 0, "{zone}");
            assert_eq!(count(&differences(instants, moments, "timestamptz", true)), 0, "{zone}");
            if is_fixed {
                assert_eq!(count(&differences(moments, instants, "timestamp", true)), 0, "{zone}");
            }
        }
    }

    #[pg_test]
    fn the_comparison_of_these_tests_sees_a_difference() {
        Spi::run(VALUES).unwrap();
        Spi::run(
            "CREATE FUNCTION splitplane.wrong_at_least(t timestamp) RETURNS date LANGUAGE sql AS 'SELECT t::date'",
        )
        .unwrap();
        let wrong =
            differences(("days", "d"), ("moments", "t"), "date", true).replace("date_at_least", "wrong_at_least");
        assert!(count(&wrong) > 100);
    }

    /// Pairs that meet `left >= right` without being at or after the first bound of `right`, or `left <= right` without being at or
    /// before the last: the bounds are to follow from the comparisons.
    fn outside(left: (&str, &str), compared: &str, right: (&str, &str), first: &str, last: &str) -> i64 {
        let ((left_table, l), (right_table, r)) = (left, right);
        count(&format!(
            "SELECT count(*) FROM {left_table}, (SELECT {r}, splitplane.{first}({r}) AS first, splitplane.{last}({r}) AS last \
             FROM {right_table} OFFSET 0) AS q WHERE {compared} >= {r} AND {l} < first OR {compared} <= {r} AND {l} > last"
        ))
    }

    #[pg_test]
    fn the_days_of_a_moment_are_within_their_bounds() {
        Spi::run(VALUES).unwrap();
        Spi::run(INSTANTS).unwrap();
        // Of the outermost moments the date cannot be told in each zone.
        Spi::run("DELETE FROM instants WHERE z IN ('4714-11-24 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00')")
            .unwrap();
        let same = "SELECT count(*) FROM moments, days WHERE (t::date >= d) IS DISTINCT FROM (t >= splitplane.timestamp_first(d)) \
             OR (t::date < d) IS DISTINCT FROM (t < splitplane.timestamp_first(d)) \
             OR (t::date > d) IS DISTINCT FROM (t > splitplane.timestamp_last(d)) \
             OR (t::date <= d) IS DISTINCT FROM (t <= splitplane.timestamp_last(d))";
        assert_eq!(count(same), 0);
        let (days, moments, instants) = (("days", "d"), ("moments", "t"), ("instants", "z"));
        for zone in ZONES {
            in_zone(zone);
            assert_eq!(outside(instants, "z::date", days, "timestamptz_first", "timestamptz_last"), 0, "{zone}");
            assert_eq!(outside(moments, "t", instants, "timestamp_at_least", "timestamp_at_most"), 0, "{zone}");
        }
        // They bound something.
        in_zone("Europe/Berlin");
        assert!(count("SELECT count(*) FROM instants, days WHERE z < splitplane.timestamptz_first(d)") > 1_000);
        assert!(count("SELECT count(*) FROM instants, days WHERE z > splitplane.timestamptz_last(d)") > 1_000);
    }

    #[pg_test]
    fn truncated_times_are_within_their_bounds() {
        let zones = [
            "UTC",
            "Europe/Berlin",
            "America/Sao_Paulo",
            "Pacific/Apia",
            "Australia/Lord_Howe",
            "America/Juneau",
            "Asia/Manila",
        ];
        Spi::run(VALUES).unwrap();
        Spi::run("DELETE FROM moments WHERE isfinite(t) AND (t < '0001-01-01' OR t > '9999-12-31')").unwrap();
        for unit in [
            "microseconds",
            "milliseconds",
            "second",
            "minute",
            "hour",
            "day",
            "week",
            "month",
            "quarter",
            "year",
            "decade",
            "century",
            "millennium",
        ] {
            let length = crate::calendar::longest(unit).unwrap();
            let late = format!(
                "SELECT count(*) FROM moments WHERE NOT (t >= date_trunc('{unit}', t) \
                 AND t <= splitplane.moved(date_trunc('{unit}', t), {length}))"
            );
            assert_eq!(count(&late), 0, "{unit}");
            for zone in zones {
                in_zone(zone);
                let late = format!(
                    "SELECT count(*) FROM (SELECT t::timestamptz AS z FROM moments) AS m WHERE NOT \
                     (z >= splitplane.moved(date_trunc('{unit}', z), {}) \
                      AND z <= splitplane.moved(date_trunc('{unit}', z), {}))",
                    if zone == "UTC" { 0 } else { -2 * crate::calendar::DAY },
                    if zone == "UTC" { length } else { length + 2 * crate::calendar::DAY },
                );
                assert_eq!(count(&late), 0, "{unit} in {zone}");
            }
        }
    }

    /// Prefixes are searched by these, whatever the collation; the prefix operator itself may raise an error (see leaks.rs).
    #[pg_test]
    fn operators_of_bytes_are_leakproof() {
        use crate::pgx::order::{Order, of_bytes};
        for (collation, first, behind) in [("C", ">=", "<"), ("default", "~>=~", "~<~")] {
            let oid = Spi::get_one::<pgrx::pg_sys::Oid>(&format!(
                "SELECT oid FROM pg_collation WHERE collname = '{collation}' AND collnamespace = 'pg_catalog'::regnamespace"
            ));
            let operators = of_bytes(oid.unwrap().unwrap());
            for (order, name) in [(Order::GreaterOrEqual, first), (Order::Less, behind)] {
                let is_it = format!(
                    "SELECT count(*) FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = o.oprcode WHERE o.oid = {} \
                     AND o.oprname = '{name}' AND o.oprleft = 'text'::regtype AND o.oprright = 'text'::regtype AND p.proleakproof",
                    operators(order).unwrap().to_u32()
                );
                // A database may have C itself as its default.
                let is_c = "SELECT count(*) FROM pg_database WHERE datname = current_database() AND datcollate IN ('C', 'POSIX')";
                assert!(count(&is_it) == 1 || collation == "default" && count(is_c) == 1, "{collation} {name}");
            }
        }
    }

    #[pg_test]
    fn no_neighbour_is_leakproof_and_none_raises() {
        let trusted = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'splitplane'::regnamespace AND proleakproof \
             AND (proname = 'beside' OR prosrc IN (SELECT prosrc FROM pg_proc WHERE proname = 'moved' \
             OR proname ~ '_(at_least|at_most|equal_to|first|last|before|after)$'))";
        assert_eq!(count(trusted), 0);
    }
}
