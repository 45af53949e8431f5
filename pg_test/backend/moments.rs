//! Dates and timestamps that the suites of conditions share: around changes of the clocks, and at the ends of the range.

use pgrx::prelude::*;

/// Zones with changes at midnight, by a whole day, by half an hour, twice within weeks, across the date line in
/// either direction, and none.
pub const ZONES: [&str; 12] = [
    "UTC",
    "Etc/GMT+12",
    "Etc/GMT-14",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Juneau",
    "Asia/Manila",
];

/// Values around each change of the clocks that the zones above have, around the ends of the range, and the infinities.
pub const VALUES: &str = "CREATE TEMPORARY TABLE moments AS SELECT t FROM (VALUES \
         (timestamp '2018-11-03 12:00'), ('2018-02-17 12:00'), ('2026-03-28 12:00'), ('2026-10-24 12:00'), \
         ('2011-12-29 00:00'), ('2026-04-04 12:00'), ('2026-10-03 12:00'), ('2026-03-07 12:00'), ('2026-02-14 12:00'), \
         ('1999-12-31 00:00'), ('0001-12-31 12:00 BC'), ('4714-11-24 00:00 BC'), ('294276-12-29 12:00')) AS v (begin), \
         generate_series(begin, begin + interval '1 day 23 hours', interval '1 hour') AS t \
     UNION ALL VALUES (timestamp 'infinity'), ('-infinity'), ('294276-12-31 23:59:59.999999'), \
         ('4714-11-24 00:00:00.000001 BC'), ('2026-03-29 01:59:59.999999'), ('2026-02-28 23:59:59.999999'), ('2024-02-29'), \
         ('1900-12-31 23:59'), ('1900-12-31 23:59:59.999999'), ('2000-12-31 23:59'), ('2000-12-31 23:59:59.999999'); \
     CREATE TEMPORARY TABLE days AS SELECT DISTINCT t::date + offset_by AS d FROM moments, generate_series(-1, 1) AS offset_by \
         WHERE isfinite(t) AND t > '4714-12-01 BC' \
     UNION ALL VALUES (date 'infinity'), ('-infinity'), ('4714-11-24 BC'), ('294276-12-31'), ('294277-01-01'), \
         ('294277-01-02'), ('5874897-12-31')";

/// Moments of both kinds: each timestamp as UTC, since its number is all that counts.
pub const INSTANTS: &str = "CREATE TEMPORARY TABLE instants AS SELECT CASE WHEN isfinite(t) \
         THEN least(greatest(t, '4714-11-25 BC'), '294276-12-30 23:59:59') AT TIME ZONE 'UTC' ELSE t::timestamptz END AS z \
     FROM moments UNION ALL VALUES (timestamptz '4714-11-24 00:00:00+00 BC'), ('294276-12-31 23:59:59.999999+00')";

pub fn count(sql: &str) -> i64 {
    Spi::get_one::<i64>(sql).unwrap().unwrap()
}

pub fn in_zone(zone: &str) {
    Spi::run(&format!("SET TIME ZONE '{zone}'")).unwrap();
}
