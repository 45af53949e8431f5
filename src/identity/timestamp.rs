//! `x-amz-date`: one UTC second, `YYYYMMDDTHHMMSSZ`, and no other form that a date parser might accept.

use super::ContextError;

/// A timestamp as text and as seconds since 1970, which say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timestamp {
    text: String,
    seconds: i64,
}

/// The last second that four digits of a year can name.
const LAST_SECOND: i64 = 253_402_300_799;
const SECONDS_PER_DAY: i64 = 86_400;

impl Timestamp {
    /// Reads `YYYYMMDDTHHMMSSZ`: digits and the two letters exactly, a day that exists, from 1970 on, no leap second.
    pub(super) fn parse(text: &str) -> Result<Self, ContextError> {
        const FORMAT: ContextError = ContextError::Timestamp("not of the form YYYYMMDDTHHMMSSZ");
        let bytes: &[u8; 16] = text.as_bytes().try_into().map_err(|_| FORMAT)?;
        let [y0, y1, y2, y3, m0, m1, d0, d1, b'T', h0, h1, i0, i1, s0, s1, b'Z'] = bytes else {
            return Err(FORMAT);
        };
        let number = |digits: &[&u8]| -> Result<i64, ContextError> {
            digits.iter().try_fold(0, |value, digit| {
                if digit.is_ascii_digit() { Ok(value * 10 + i64::from(**digit - b'0')) } else { Err(FORMAT) }
            })
        };
        let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
        let (hour, minute, second) = (number(&[h0, h1])?, number(&[i0, i1])?, number(&[s0, s1])?);
        if year < 1970 || day < 1 || day > days_in_month(year, month) {
            return Err(ContextError::Timestamp("no such day"));
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err(ContextError::Timestamp("no such time of day"));
        }
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        Ok(Self { text: text.to_owned(), seconds })
    }

    /// The timestamp of a second since 1970; a second that the format cannot name becomes the nearest one that it can.
    pub(super) fn from_seconds(seconds: i64) -> Self {
        let seconds = seconds.clamp(0, LAST_SECOND);
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        Self { text: format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"), seconds }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The day, `YYYYMMDD`, as the credential scope has it.
    pub(super) fn day(&self) -> &str {
        self.text.split('T').next().unwrap_or_default()
    }

    /// Seconds since 1970-01-01 00:00 UTC.
    pub(super) fn seconds(&self) -> i64 {
        self.seconds
    }
}

/// Days of a month of the Gregorian calendar, 0 for a month that does not exist.
fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. The year is taken to begin in March, so that the leap day is
/// the last of it, and counted within its era of 400 years (146,097 days).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_known_seconds() {
        for (text, seconds) in [
            ("19700101T000000Z", 0),
            ("20150830T123600Z", 1_440_938_160),
            ("20000229T235959Z", 951_868_799),
            ("20240229T000000Z", 1_709_164_800),
            ("20261122T052401Z", 1_795_325_041),
            ("99991231T235959Z", LAST_SECOND),
        ] {
            let read = Timestamp::parse(text).unwrap();
            assert_eq!(read.seconds(), seconds, "{text}");
            assert_eq!(read.day(), text.get(..8).unwrap());
            assert_eq!(Timestamp::from_seconds(seconds), read);
        }
    }

    #[test]
    fn rejects_everything_else() {
        for text in [
            "",
            "infinity",
            "now",
            "epoch",
            "20261122T120000+0000",
            "20261122T120000z",
            "20261122t120000Z",
            "20261122T115960Z",
            "20261122T240000Z",
            "20261122T126000Z",
            "20261322T120000Z",
            "20260022T120000Z",
            "20261100T120000Z",
            "20261131T120000Z",
            "20260229T120000Z",
            "21000229T120000Z",
            "19691231T235959Z",
            "2026112T1200000Z",
            "+0261122T120000Z",
            "20261122T12-100Z",
            " 0261122T120000Z",
            "20261122T120000Z ",
            "2026-11-22T12:00Z",
            "٢٠٢٦١١٢٢",
        ] {
            assert!(matches!(Timestamp::parse(text), Err(ContextError::Timestamp(_))), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn writes_what_it_reads(seconds in 0..=LAST_SECOND) {
            let written = Timestamp::from_seconds(seconds);
            prop_assert_eq!(Timestamp::parse(written.text()).unwrap(), written);
        }

        #[test]
        fn never_panics(text in ".{0,20}", seconds in any::<i64>()) {
            let _ = Timestamp::parse(&text);
            let _ = Timestamp::from_seconds(seconds);
        }
    }
}
