//! Years and their days, as dates. Pure, and tested without a server.
//!
//! Years are those of EXTRACT: none is 0, and -1 is 1 BC.

use super::FIRST_DATE;
use std::cmp::Ordering;

/// The last year in which there are dates.
const LAST_YEAR: i32 = 5_874_897;
/// The first one, of which there are only some: 4714 BC, as EXTRACT gives years.
const FIRST_YEAR: i32 = -4_714;

/// A day of the Gregorian calendar as a date: years as EXTRACT gives them, in which none is 0 and -1 is 1 BC. `None` for a day that
/// there is not, or that no date reaches.
pub fn day(year: i32, month: u8, day: u8) -> Option<i32> {
    if !(FIRST_YEAR..=LAST_YEAR).contains(&year) || year == 0 || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    // The year is taken to begin in March, so that the leap day is its last.
    let (month, day) = (i32::from(month), i32::from(day));
    let year = counted(year) - i32::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let number = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    // 2000-01-01, counted from 0000-03-01.
    Some(number - 730_425).filter(|number| *number >= FIRST_DATE)
}

/// Days of a month, 0 for a month that there is not.
pub fn days_of_month(year: i32, month: u8) -> u8 {
    let year = counted(year);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

/// A year of EXTRACT's in a count without a gap, in which 0 is 1 BC.
fn counted(year: i32) -> i32 {
    if year < 0 { year.saturating_add(1) } else { year }
}

/// No date whose year is a number or more is before this one. `compare` compares a year with the number, which may be none
/// and have a fraction. The infinities where the number is beyond all years.
pub fn first_of_years(compare: impl Fn(i32) -> Ordering) -> i32 {
    first_year(|year| compare(year) != Ordering::Less)
}

/// Likewise, of dates whose year is more than the number.
pub fn after_years(compare: impl Fn(i32) -> Ordering) -> i32 {
    first_year(|year| compare(year) == Ordering::Greater)
}

/// No date whose year is the number or less is after this one.
pub fn last_of_years(compare: impl Fn(i32) -> Ordering) -> i32 {
    last_year(|year| compare(year) == Ordering::Greater)
}

/// Likewise, of dates whose year is less than the number.
pub fn before_years(compare: impl Fn(i32) -> Ordering) -> i32 {
    last_year(|year| compare(year) != Ordering::Less)
}

/// The first day of the first year that is late, if not all or none are; what is late is before nothing that is not.
fn first_year(is_late: impl Fn(i32) -> bool) -> i32 {
    match first_late(is_late) {
        FIRST_YEAR => i32::MIN,
        year if year > LAST_YEAR => i32::MAX,
        year => day(if year == 0 { 1 } else { year }, 1, 1).unwrap_or(i32::MIN),
    }
}

/// The last day of the last year that is not late, likewise.
fn last_year(is_late: impl Fn(i32) -> bool) -> i32 {
    match first_late(is_late) {
        FIRST_YEAR => i32::MIN,
        year if year > LAST_YEAR => i32::MAX,
        // The year before it; there is no year 0.
        year => day(if year == 1 { -1 } else { year - 1 }, 12, 31).unwrap_or(i32::MAX),
    }
}

/// The first number of a year that is late, one beyond the last if none is. 0 is a number here.
fn first_late(is_late: impl Fn(i32) -> bool) -> i32 {
    let (mut low, mut high) = (FIRST_YEAR, LAST_YEAR + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_late(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ends(year: i32) -> (i32, i32) {
        let first = if year == FIRST_YEAR { FIRST_DATE } else { day(year, 1, 1).unwrap() };
        (first, day(year, 12, 31).unwrap())
    }

    #[test]
    fn days_are_those_of_postgresql() {
        // SELECT date '..' - date '2000-01-01'
        for (year, month, of_month, number) in [
            (2000, 1, 1, 0),
            (2000, 3, 1, 60),
            (1999, 12, 31, -1),
            (2026, 3, 31, 9_586),
            (1900, 3, 1, -36_465),
            (1, 1, 1, -730_119),
            (-1, 12, 31, -730_120),
            (-1, 2, 29, -730_426),
            (-4_714, 11, 24, FIRST_DATE),
            (LAST_YEAR, 12, 31, 2_145_031_948),
        ] {
            assert_eq!(day(year, month, of_month), Some(number), "{year}-{month}-{of_month}");
        }
        for (year, month, of_month) in [
            (0, 1, 1),
            (2026, 0, 1),
            (2026, 13, 1),
            (2026, 1, 0),
            (2026, 2, 29),
            (1900, 2, 29),
            (-2, 2, 29),
            (2026, 4, 31),
            (-4_714, 11, 23),
            (-4_715, 12, 31),
            (LAST_YEAR + 1, 1, 1),
            (i32::MIN, 1, 1),
            (i32::MAX, 1, 1),
        ] {
            assert_eq!(day(year, month, of_month), None, "{year}-{month}-{of_month}");
        }
    }

    #[test]
    fn each_day_follows_another() {
        let mut number = day(-4_713, 1, 1).unwrap();
        for year in (-4_713..=2_400).filter(|year| *year != 0) {
            for month in 1..=12 {
                for of_month in 1..=days_of_month(year, month) {
                    assert_eq!(day(year, month, of_month), Some(number));
                    number += 1;
                }
            }
        }
    }

    #[test]
    fn bounds_are_those_of_the_years_that_a_number_admits() {
        let years = [FIRST_YEAR, FIRST_YEAR + 1, -2, -1, 1, 2, 2026, 294_276, 294_277, LAST_YEAR - 1, LAST_YEAR];
        let near = years.iter().flat_map(|year| [-1.0, -0.5, 0.0, 0.5, 1.0].map(|by| f64::from(*year) + by));
        for number in near.chain([f64::NEG_INFINITY, f64::INFINITY, f64::MAX, f64::MIN, 0.0, -0.0]) {
            let compare = |year: i32| f64::from(year).partial_cmp(&number).unwrap();
            let (first, after) = (first_of_years(compare), after_years(compare));
            let (last, before) = (last_of_years(compare), before_years(compare));
            for year in years {
                let (begin, end) = ends(year);
                let order = compare(year);
                assert_eq!(begin >= first, order.is_ge(), "{year} >= {number}");
                assert_eq!(end >= first, order.is_ge(), "{year} >= {number}");
                assert_eq!(begin >= after, order.is_gt(), "{year} > {number}");
                assert_eq!(end >= after, order.is_gt(), "{year} > {number}");
                assert_eq!(begin <= last, order.is_le(), "{year} <= {number}");
                assert_eq!(end <= last, order.is_le(), "{year} <= {number}");
                assert_eq!(begin <= before, order.is_lt(), "{year} < {number}");
                assert_eq!(end <= before, order.is_lt(), "{year} < {number}");
            }
            // The years of infinite dates are infinite.
            assert!(number != f64::INFINITY || last == i32::MAX, "{number}");
            assert!(number != f64::NEG_INFINITY || first == i32::MIN, "{number}");
            assert!(number == f64::NEG_INFINITY || before > i32::MIN || first == i32::MIN, "{number}");
        }
    }

    #[test]
    fn what_is_no_number_is_more_than_all() {
        let less = |_: i32| Ordering::Less;
        assert_eq!((last_of_years(less), before_years(less)), (i32::MAX, i32::MAX));
        assert_eq!((first_of_years(less), after_years(less)), (i32::MAX, i32::MAX));
    }
}
