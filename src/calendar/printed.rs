//! The days that `to_char` prints as a text. Pure, and tested without a server.

use super::FIRST_DATE;
use super::years::{day, days_of_month};
use std::ops::RangeInclusive;

/// The days, as dates, that `to_char(.., pattern)` prints as this text, each range a year, a month or a day; no other day is printed
/// so. `None` for patterns other than `YYYY`, `YYYY-MM` and `YYYY-MM-DD`, and for a text that is no such day, whatever is printed so.
///
/// A year BC is printed as the same year AD (DCH_to_char of formatting.c, 15 to 19). Years of more than four digits are printed with all
/// of them, and an infinite date as nothing.
pub fn days(pattern: &str, text: &str) -> Option<Vec<RangeInclusive<i32>>> {
    let lengths: &[usize] = match pattern {
        "YYYY" => &[4],
        "YYYY-MM" => &[4, 2],
        "YYYY-MM-DD" => &[4, 2, 2],
        _ => return None,
    };
    let pieces: Vec<&str> = text.split('-').collect();
    let is_number =
        |(piece, length): (&&str, &usize)| piece.len() == *length && piece.bytes().all(|b| b.is_ascii_digit());
    if pieces.len() != lengths.len() || !pieces.iter().zip(lengths).all(is_number) {
        return None;
    }
    let year: i32 = pieces.first()?.parse().ok()?;
    let number = |index: usize| pieces.get(index).map(|piece| piece.parse::<u8>().ok());
    let (month, of_month) = (number(1), number(2));
    let range = |year: i32| {
        let (first_month, last_month) = month.map_or(Some((1, 12)), |month| Some((month?, month?)))?;
        let last = days_of_month(year, last_month);
        let (first_day, last_day) = of_month.map_or(Some((1, last)), |day| Some((day?, day?)))?;
        Some((first_month, first_day, last_month, last_day))
    };
    let after_christ = {
        let (first_month, first_day, last_month, last_day) = range(year)?;
        day(year, first_month, first_day)?..=day(year, last_month, last_day)?
    };
    // Days that are not among dates are left out. Of the outermost moments some are on one in some time zones.
    let before_christ = range(-year).and_then(|(first_month, first_day, last_month, last_day)| {
        let last = day(-year, last_month, last_day);
        let first = day(-year, first_month, first_day);
        let is_outermost = year == 4_714;
        let (first, last) =
            (first.or(is_outermost.then_some(FIRST_DATE))?, last.or(is_outermost.then_some(FIRST_DATE))?);
        Some(first..=last)
    });
    Some(std::iter::once(after_christ).chain(before_christ).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_text_is_printed_of_days_of_two_years() {
        let of = |year, month, of_month| day(year, month, of_month).unwrap();
        assert_eq!(
            days("YYYY", "2026").unwrap(),
            [of(2026, 1, 1)..=of(2026, 12, 31), of(-2026, 1, 1)..=of(-2026, 12, 31)]
        );
        assert_eq!(
            days("YYYY-MM", "2024-02").unwrap(),
            [of(2024, 2, 1)..=of(2024, 2, 29), of(-2024, 2, 1)..=of(-2024, 2, 28)]
        );
        assert_eq!(
            days("YYYY-MM-DD", "2026-03-31").unwrap(),
            [of(2026, 3, 31)..=of(2026, 3, 31), of(-2026, 3, 31)..=of(-2026, 3, 31)]
        );
        // There was no such day.
        assert_eq!(days("YYYY-MM-DD", "2024-02-29").unwrap(), [of(2024, 2, 29)..=of(2024, 2, 29)]);
        assert_eq!(days("YYYY", "9999").unwrap(), [of(9999, 1, 1)..=of(9999, 12, 31)]);
        assert_eq!(days("YYYY", "4714").unwrap(), [of(4714, 1, 1)..=of(4714, 12, 31), FIRST_DATE..=of(-4714, 12, 31)]);
        assert_eq!(
            days("YYYY-MM-DD", "4714-11-23").unwrap(),
            [of(4714, 11, 23)..=of(4714, 11, 23), FIRST_DATE..=FIRST_DATE]
        );
    }

    #[test]
    fn what_is_no_day_is_left_alone() {
        for (pattern, text) in [
            ("YYYY", "0000"),
            ("YYYY", "226"),
            ("YYYY", "02026"),
            ("YYYY", "12026"),
            ("YYYY", "-2026"),
            ("YYYY", "+202"),
            ("YYYY", " 202"),
            ("YYYY", ""),
            ("YYYY", "2026-03"),
            ("YYYY", "\u{ff12}\u{ff10}"),
            ("YYYY-MM", "2026"),
            ("YYYY-MM", "2026-13"),
            ("YYYY-MM", "2026-00"),
            ("YYYY-MM", "2026-3"),
            ("YYYY-MM", "2026/03"),
            ("YYYY-MM", "2026-03-"),
            ("YYYY-MM-DD", "2026-02-29"),
            ("YYYY-MM-DD", "2026-04-31"),
            ("YYYY-MM-DD", "2026-04-00"),
            ("YYYY-MM-DD", "2026-04"),
            ("YYYY-MM-DD", "0001-02-29"),
            ("yyyy", "2026"),
            ("FMYYYY", "2026"),
            ("YYYY ", "2026"),
            ("IYYY", "2026"),
            ("YYYYMM", "202603"),
            ("", ""),
        ] {
            assert_eq!(days(pattern, text), None, "{pattern} {text}");
        }
    }
}
