//! PostgreSQL's dates and timestamps as the numbers that they are stored as, and which value of one type stands nearest to a
//! value of the other. Pure, and tested without a server.
//!
//! Dates are days, timestamps are microseconds since 2000-01-01. The outermost numbers of each stand for the infinities, so that
//! comparing numbers compares values. Source: datatype/timestamp.h and utils/date.h, 15 to 19.

pub mod printed;
pub mod years;

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;
/// The first timestamp, 4714-11-24 BC, and the first date.
pub const FIRST: i64 = -211_813_488_000_000_000;
/// The last timestamp, just before 294277-01-01.
pub const LAST: i64 = 9_223_371_331_199_999_999;
/// The first date, 4714-11-24 BC.
pub const FIRST_DATE: i32 = -2_451_545;

/// The first date that does not begin before a timestamp.
pub fn date_at_least(timestamp: i64) -> i32 {
    let days = date_at_most(timestamp);
    if is_finite(timestamp) && timestamp.rem_euclid(DAY) != 0 { days.saturating_add(1) } else { days }
}

/// The last date that does not begin after a timestamp.
pub fn date_at_most(timestamp: i64) -> i32 {
    match timestamp {
        i64::MIN => i32::MIN,
        i64::MAX => i32::MAX,
        // Timestamps are some hundred million days.
        _ => i32::try_from(timestamp.div_euclid(DAY)).unwrap_or(i32::MAX),
    }
}

/// The first timestamp that is not before the beginning of a date: infinity for dates that no timestamp reaches.
pub fn timestamp_at_least(date: i32) -> i64 {
    match date {
        i32::MIN => i64::MIN,
        _ if begins_late(date) => i64::MAX,
        _ => i64::from(date).saturating_mul(DAY),
    }
}

/// The beginning of a date, also where it is somewhat later than the last timestamp: there are moments which have that date in a time
/// zone. Infinity for dates that have none.
pub fn beginning_of(date: i32) -> i64 {
    let begin = i64::from(date).saturating_mul(DAY);
    if !begins_late(date) || begin > LAST + 2 * DAY { timestamp_at_least(date) } else { begin }
}

/// The last timestamp that is not after the beginning of a date.
pub fn timestamp_at_most(date: i32) -> i64 {
    match date {
        i32::MIN => i64::MIN,
        i32::MAX => i64::MAX,
        _ if begins_late(date) => LAST,
        _ => i64::from(date).saturating_mul(DAY),
    }
}

/// The last timestamp whose date is not after a date.
pub fn last_of(date: i32) -> i64 {
    match date {
        i32::MIN => i64::MIN,
        i32::MAX => i64::MAX,
        _ => i64::from(date).saturating_add(1).saturating_mul(DAY).saturating_sub(1).min(LAST),
    }
}

/// A timestamp so many microseconds later, or earlier: the last or first one where that would be beyond it.
pub fn moved(timestamp: i64, by: i64) -> i64 {
    if is_finite(timestamp) { timestamp.saturating_add(by).clamp(FIRST, LAST) } else { timestamp }
}

/// Whether a timestamp is none of the two infinities.
pub fn is_finite(timestamp: i64) -> bool {
    timestamp != i64::MIN && timestamp != i64::MAX
}

/// Whether a date is finite and begins behind the last timestamp.
fn begins_late(date: i32) -> bool {
    i64::from(date).saturating_mul(DAY) > LAST
}

/// The microseconds of the longest time that `date_trunc` takes for one unit; `None` for a name that it does not know.
pub fn longest(unit: &str) -> Option<i64> {
    const SECOND: i64 = 1_000_000;
    let days = |days: i64| days.saturating_mul(DAY);
    Some(match unit {
        "microseconds" => 1,
        "milliseconds" => 1_000,
        "second" => SECOND,
        "minute" => 60 * SECOND,
        "hour" => 3_600 * SECOND,
        "day" => DAY,
        "week" => days(7),
        "month" => days(31),
        "quarter" => days(92),
        "year" => days(366),
        "decade" => days(3_653),
        "century" => days(36_525),
        "millennium" => days(365_243),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SAMPLES: [i64; 15] = [
        i64::MIN,
        FIRST,
        FIRST + 1,
        FIRST + DAY,
        -DAY - 1,
        -DAY,
        -DAY + 1,
        -1,
        0,
        1,
        DAY - 1,
        DAY,
        LAST - DAY,
        LAST,
        i64::MAX,
    ];

    /// A date beside a timestamp, as PostgreSQL compares them: by its beginning, which may be behind every timestamp but infinity.
    fn begins(date: i32) -> i128 {
        match date {
            i32::MIN => i128::from(i64::MIN),
            i32::MAX => i128::from(i64::MAX),
            _ => (i128::from(date) * i128::from(DAY)).min(i128::from(i64::MAX) - 1),
        }
    }

    fn dates() -> Vec<i32> {
        let near = SAMPLES.iter().filter(|moment| is_finite(**moment)).map(|moment| moment.div_euclid(DAY));
        let near = near.flat_map(|day| [day - 1, day, day + 1]).filter_map(|day| i32::try_from(day).ok());
        let valid = near.filter(|day| *day >= FIRST_DATE);
        valid.chain([i32::MIN, i32::MAX, 2_145_031_948, 106_751_982, 106_751_983]).collect()
    }

    #[test]
    fn a_date_is_compared_with_a_timestamp_as_with_its_neighbours() {
        for timestamp in SAMPLES {
            for date in dates() {
                let (begin, moment) = (begins(date), i128::from(timestamp));
                assert_eq!(begin >= moment, date >= date_at_least(timestamp), "{date} >= {timestamp}");
                assert_eq!(begin < moment, date < date_at_least(timestamp), "{date} < {timestamp}");
                assert_eq!(begin > moment, date > date_at_most(timestamp), "{date} > {timestamp}");
                assert_eq!(begin <= moment, date <= date_at_most(timestamp), "{date} <= {timestamp}");
            }
        }
    }

    #[test]
    fn a_timestamp_is_compared_with_a_date_as_with_its_neighbours() {
        for timestamp in SAMPLES {
            for date in dates() {
                let (moment, begin) = (i128::from(timestamp), begins(date));
                assert_eq!(moment >= begin, timestamp >= timestamp_at_least(date), "{timestamp} >= {date}");
                assert_eq!(moment < begin, timestamp < timestamp_at_least(date), "{timestamp} < {date}");
                assert_eq!(moment > begin, timestamp > timestamp_at_most(date), "{timestamp} > {date}");
                assert_eq!(moment <= begin, timestamp <= timestamp_at_most(date), "{timestamp} <= {date}");
            }
        }
    }

    #[test]
    fn the_date_of_a_timestamp_is_compared_as_the_timestamp_with_the_day() {
        for timestamp in SAMPLES {
            for date in dates() {
                let day = date_at_most(timestamp);
                assert_eq!(day >= date, timestamp >= timestamp_at_least(date), "{timestamp} >= {date}");
                assert_eq!(day < date, timestamp < timestamp_at_least(date), "{timestamp} < {date}");
                assert_eq!(day > date, timestamp > last_of(date), "{timestamp} > {date}");
                assert_eq!(day <= date, timestamp <= last_of(date), "{timestamp} <= {date}");
            }
        }
    }

    #[test]
    fn moving_stays_within_the_range() {
        assert_eq!(moved(5, -7), -2);
        assert_eq!(moved(LAST, 1), LAST);
        assert_eq!(moved(FIRST, -1), FIRST);
        assert_eq!(moved(FIRST, i64::MIN), FIRST);
        assert_eq!(moved(i64::MAX, -1), i64::MAX);
        assert_eq!(moved(i64::MIN, 1), i64::MIN);
    }

    #[test]
    fn no_unit_lasts_longer() {
        assert_eq!(longest("month").unwrap() / DAY, 31);
        assert_eq!(longest("fortnight"), None);
        // 1201 to 2200 and 1901 to 2000.
        assert_eq!(longest("millennium").unwrap() / DAY, 365_000 + 1_000 / 4 - 10 + 3);
        assert_eq!(longest("century").unwrap() / DAY, 36_500 + 25);
    }
}
