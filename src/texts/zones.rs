//! Names of time zones, as pg_timezone_names has them, and the ones in a text that is read as a date or time.
//!
//! PostgreSQL also takes POSIX rules (`ABC+3`) for zones, and keeps each that it was ever given for as long as the session
//! lives, some 20 kB apiece. A statement can make as many as it likes. Names and offsets on the hour or its quarters are few.

use crate::error::{Refusal, State};
use crate::pgx::zones::{self, Kind, Piece};

/// What lies among the zones and is none: the machine's own, a placeholder, and copies of the whole tree.
const NO_NAMES: [&str; 3] = ["localtime", "posixrules", "factory"];
const NO_FOLDERS: [&str; 2] = ["posix/", "right/"];

/// What is wrong with a text that is to name a time zone.
///
/// # Errors
/// 22023.
pub fn check_zone(name: &str) -> Result<(), Refusal> {
    if is_zone(name) { Ok(()) } else { Err(no_zone(name)) }
}

/// What is wrong with a text that is read as a date or time, or that may be.
///
/// # Errors
/// 22023.
pub fn check_date(text: &str, reading: Reading) -> Result<(), Refusal> {
    foreign_zone(text, reading).map_or(Ok(()), |zone| Err(no_zone(&zone)))
}

/// What is wrong with a JSON value that becomes rows: each text in it may become a date, if it belongs to a column of such
/// a type.
///
/// # Errors
/// 22023; 53400 for a value that cannot be read.
pub fn check_json(text: &str) -> Result<(), Refusal> {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return Err(Refusal::new(
            State::Limit,
            "a JSON value is nested too deeply, or has too large a number in it, to be read as rows with dates",
        ));
    };
    let mut open = vec![&value];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::String(text) => check_date(text, Reading::Perhaps)?,
            serde_json::Value::Array(values) => open.extend(values),
            serde_json::Value::Object(values) => open.extend(values.values()),
            _ => {}
        }
    }
    Ok(())
}

fn no_zone(name: &str) -> Refusal {
    let name: String = name.chars().take(64).collect();
    Refusal::new(State::Argument, format!("\"{name}\" is no name of pg_timezone_names and no fixed offset"))
}

/// Whether a text names a zone: by a name of pg_timezone_names in any case, or by a fixed offset.
pub fn is_zone(text: &str) -> bool {
    is_offset(text) || is_name(text)
}

/// `Z`, or hours with or without minutes: `+5`, `-03`, `+05:30`, `-0930`.
fn is_offset(text: &str) -> bool {
    const MOST_HOURS: u32 = 15;
    if text.eq_ignore_ascii_case("z") {
        return true;
    }
    let Some(digits) = text.strip_prefix(['+', '-']) else { return false };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() > 2 => digits.split_at(digits.len().saturating_sub(2)),
        None => (digits, "00"),
    };
    let is_hours = matches!(hours.len(), 1 | 2) && hours.bytes().all(|byte| byte.is_ascii_digit());
    is_hours && hours.parse().is_ok_and(|hours: u32| hours <= MOST_HOURS) && ["00", "15", "30", "45"].contains(&minutes)
}

fn is_name(text: &str) -> bool {
    let name = text.to_ascii_lowercase();
    !NO_NAMES.contains(&name.as_str())
        && !NO_FOLDERS.iter().any(|folder| name.starts_with(folder))
        && zones::has_file(&name)
}

/// What a text is read as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A date, a time, or an array, range or row of them.
    Date,
    /// That or something else: what stands for itself is taken for something else.
    Perhaps,
    /// Likewise, but probably something else: four digits are a year.
    Anything,
}

/// What PostgreSQL would take for a zone in a text that it reads, and is none.
pub fn foreign_zone(text: &str, reading: Reading) -> Option<String> {
    match text.trim_start().bytes().next() {
        Some(b'{' | b'[' | b'(') if reading == Reading::Date || may_hold_dates(text) => in_container(text, reading),
        Some(b'{' | b'[' | b'(') => None,
        _ => in_value(text, reading),
    }
}

/// Whether a text that may be anything, such as `Model-X5 2024`, would name a zone if it were read as a time.
pub fn is_foreign_as_time(text: &str) -> bool {
    foreign_zone(text, Reading::Anything).is_none() && foreign_zone(text, Reading::Perhaps).is_some()
}

/// Fewest digits of a time, or of a date, that is written without signs: 1030.
const SHORT_TIME: usize = 4;

impl Piece {
    /// A word with digits or signs in it, which is a month's or a zone's.
    fn is_mixed_word(&self) -> bool {
        self.kind == Kind::Date && self.text.starts_with(|first: char| first.is_ascii_alphabetic())
    }

    /// At least so many digits of a date or time that is written without signs.
    fn is_run_together(&self, shortest: usize) -> bool {
        // Behind a point there are fractions of a second.
        let digits = self.text.bytes().take_while(u8::is_ascii_digit).count();
        self.kind == Kind::Number && digits >= shortest
    }

    /// Not a word that ends the reading, since it stands for nothing in a date.
    fn is_read(&self) -> bool {
        self.kind != Kind::Word || self.is_known || is_zone(&self.text)
    }
}

/// One date or time. A zone stands behind either, or before one that is written without signs.
fn in_value(text: &str, reading: Reading) -> Option<String> {
    let pieces = zones::pieces(text)?;
    let shortest = if reading == Reading::Anything { SHORT_TIME + 1 } else { SHORT_TIME };
    let mut is_dated = false;
    for (index, piece) in pieces.iter().enumerate() {
        if reading != Reading::Date && !piece.is_read() {
            return None;
        }
        let may_be_zone = piece.is_mixed_word() || NO_NAMES.contains(&piece.text.as_str());
        let is_before_time = pieces.iter().enumerate().skip(index.saturating_add(1)).any(|(place, later)| {
            // A time that stands second makes the first word a date: Feb-7-1997 15:23.
            later.is_run_together(shortest) || later.kind == Kind::Time && (index, place) != (0, 1)
        });
        let is_month = starts_with_month(&piece.text) && !is_dated && !is_before_time;
        let counts = reading == Reading::Date && !is_month || is_dated || is_before_time;
        if may_be_zone && counts && !is_zone(&piece.text) {
            return Some(piece.text.clone());
        }
        is_dated = is_dated || is_date(&piece.text, shortest);
    }
    None
}

/// Whether a word is a month, or begins with one and goes on with digits or signs: `feb`, `feb-7`.
fn starts_with_month(word: &str) -> bool {
    const MONTHS: [&str; 24] = [
        "jan",
        "january",
        "feb",
        "february",
        "mar",
        "march",
        "apr",
        "april",
        "may",
        "jun",
        "june",
        "jul",
        "july",
        "aug",
        "august",
        "sep",
        "sept",
        "september",
        "oct",
        "october",
        "nov",
        "november",
        "dec",
        "december",
    ];
    let letters = word.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(word.len());
    word.get(..letters).is_some_and(|letters| MONTHS.contains(&letters))
}

/// A date, a time of day, or a word that stands for one or belongs to one.
fn is_date(word: &str, shortest: usize) -> bool {
    const WORDS: [&str; 7] = ["now", "today", "tomorrow", "yesterday", "epoch", "allballs", "j"];
    if word.starts_with(|first: char| first.is_ascii_digit()) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        // One point is that of a number, as in a list of them: 0.1, 1e40.
        let points = if shortest > SHORT_TIME { 2 } else { 1 };
        return digits >= shortest || word.contains(['-', '/', ':']) || word.matches('.').count() >= points;
    }
    WORDS.contains(&word) || starts_with_month(word)
}

/// Whether a text in brackets may be an array, a range or a multirange: no JSON but two plain values in brackets may.
fn may_hold_dates(text: &str) -> bool {
    use serde_json::Value;
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(values)) => {
            values.len() == 2 && !values.iter().any(|value| value.is_array() || value.is_object())
        }
        Ok(_) => false,
        Err(_) => true,
    }
}

/// An array, a range or a row as text. Quotes and backslashes may stand anywhere in its values and fall away when it is read, so
/// that values are not separated here: where there is any date, each word with digits or signs in it must be a zone.
fn in_container(text: &str, reading: Reading) -> Option<String> {
    let plain: String = text.chars().filter(|letter| !matches!(letter, '"' | '\\')).collect();
    let plain = plain.to_ascii_lowercase();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "+-/_.:".contains(letter);
    let words = || plain.split(|letter| !is_part(letter)).filter(|word| !word.is_empty());
    let is_dated = || words().any(|word| is_date(word, SHORT_TIME + 1));
    if reading == Reading::Date || is_dated() { words().find_map(zone_in_word) } else { None }
}

/// What may be a zone in a word such as `10:00PST8PDT` or `2026-01-01`.
fn zone_in_word(word: &str) -> Option<String> {
    // Letters between the digits of a date are a month: 2026-Jan-01.
    let start = word.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (before, zone) = word.split_at(start);
    if before.ends_with(['-', '/', '.']) && before.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let letters = zone.bytes().take_while(u8::is_ascii_alphabetic).count();
    let rest = zone.get(letters..).unwrap_or_default();
    // The T of ISO 8601 stands before the time.
    let is_plain = rest.is_empty() && !NO_NAMES.contains(&zone);
    let is_marked_time = letters == 1 && zone.starts_with('t') && is_time(rest);
    if is_plain || is_marked_time || is_zone(zone) { None } else { Some(zone.to_owned()) }
}

/// `10:00:00.5`, with or without an offset or a Z behind.
fn is_time(text: &str) -> bool {
    let time = text.trim_end_matches('z');
    time.starts_with(|first: char| first.is_ascii_digit())
        && time.bytes().all(|byte| byte.is_ascii_digit() || b":.+-".contains(&byte))
}
