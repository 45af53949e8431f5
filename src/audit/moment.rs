//! Times as an entry has them: RFC 3339, UTC, six decimals, and no other form.

const DAY: i64 = 86_400_000_000;
/// The last microsecond of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;

/// Microseconds since 1970-01-01 UTC as `YYYY-MM-DDTHH:MM:SS.ffffffZ`. What the form cannot name becomes the nearest that it can.
pub(super) fn rfc3339(microseconds: i64) -> String {
    let at = microseconds.clamp(0, LAST);
    let (year, month, day) = civil_from_days(at.div_euclid(DAY));
    let of_day = at.rem_euclid(DAY);
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// The inverse of [`rfc3339`]: `None` for every text that it does not write.
pub(super) fn parse(text: &str) -> Option<i64> {
    let number = |from: usize, digits: usize| -> Option<i64> {
        let digits = text.get(from..from.checked_add(digits)?)?;
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let days = days_from_civil(number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let seconds = number(11, 2)? * 3600 + number(14, 2)? * 60 + number(17, 2)?;
    let at = days.checked_mul(DAY)?.checked_add(seconds * 1_000_000)?.checked_add(number(20, 6)?)?;
    // Days that do not exist, other separators, more text: none of them comes back as it was.
    (rfc3339(at) == text).then_some(at)
}

/// Days since 1970-01-01 of a date. Source: Howard Hinnant, `chrono`-compatible low-level date algorithms.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
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
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
