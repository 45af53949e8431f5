//! Names of time zones, as pg_timezone_names has them, and the ones in a text that is read as a date or time.
//!
//! PostgreSQL also takes POSIX rules (`ABC+3`) for zones, and keeps each that it was ever given for as long as the session
//! lives, some 20 kB apiece. A statement can make as many as it likes. Names and offsets on the hour or its quarters are few.

use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::{CStr, CString, c_char, c_int};

// pgrx has no bindings for timezone/pgtz.h. Raises nothing.
unsafe extern "C" {
    fn pg_open_tzfile(name: *const c_char, canonical: *mut c_char) -> c_int;
}

thread_local! {
    /// Names found so far, in lower case: no more than there are files.
    static FOUND: RefCell<HashSet<String>> = RefCell::new(HashSet::new());
}

/// Longest name that PostgreSQL looks at.
const LONGEST: usize = 255;

/// What lies among the zones and is none: the machine's own, a placeholder, and copies of the whole tree.
const NO_NAMES: [&str; 3] = ["localtime", "posixrules", "factory"];
const NO_FOLDERS: [&str; 2] = ["posix/", "right/"];

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
    if text.is_empty() || text.len() > LONGEST || !text.is_ascii() {
        return false;
    }
    let name = text.to_ascii_lowercase();
    if NO_NAMES.contains(&name.as_str()) || NO_FOLDERS.iter().any(|folder| name.starts_with(folder)) {
        return false;
    }
    FOUND.with(|found| {
        if found.borrow().contains(&name) {
            return true;
        }
        let exists = has_file(&name);
        if exists {
            found.borrow_mut().insert(name);
        }
        exists
    })
}

/// Whether the server's database of zones has a file of that name, as PostgreSQL looks it up.
fn has_file(name: &str) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // With room for the name as the file system spells it PostgreSQL looks into each folder itself, and passes hidden ones by.
    let mut canonical = [0 as c_char; LONGEST + 1];
    // SAFETY: a NUL-terminated name that is no longer than the buffer; the descriptor is ours to close.
    unsafe {
        let file = pg_open_tzfile(name.as_ptr(), canonical.as_mut_ptr());
        if file < 0 {
            return false;
        }
        // Tables of places and of leap seconds lie there too; a folder cannot be read.
        let mut head = [0u8; 4];
        let read = libc::read(file, head.as_mut_ptr().cast(), head.len());
        libc::close(file);
        read == 4 && head == *b"TZif"
    }
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

/// A piece of a date or time, as PostgreSQL's own reader finds it, in lower case.
struct Piece {
    text: String,
    kind: u32,
    /// Not a word that ends the reading, since it stands for nothing in a date.
    is_read: bool,
}

impl Piece {
    /// A word with digits or signs in it, which is a month's or a zone's.
    fn is_mixed_word(&self) -> bool {
        self.kind == pg_sys::DTK_DATE && self.text.starts_with(|first: char| first.is_ascii_alphabetic())
    }

    /// At least so many digits of a date or time that is written without signs.
    fn is_run_together(&self, shortest: usize) -> bool {
        // Behind a point there are fractions of a second.
        let digits = self.text.bytes().take_while(u8::is_ascii_digit).count();
        self.kind == pg_sys::DTK_NUMBER && digits >= shortest
    }
}

/// One date or time. A zone stands behind either, or before one that is written without signs.
fn in_value(text: &str, reading: Reading) -> Option<String> {
    let pieces = pieces(text)?;
    let shortest = if reading == Reading::Anything { SHORT_TIME + 1 } else { SHORT_TIME };
    let mut is_dated = false;
    for (index, piece) in pieces.iter().enumerate() {
        if reading != Reading::Date && !piece.is_read {
            return None;
        }
        let may_be_zone = piece.is_mixed_word() || NO_NAMES.contains(&piece.text.as_str());
        let is_before_time = pieces.iter().enumerate().skip(index.saturating_add(1)).any(|(place, later)| {
            // A time that stands second makes the first word a date: Feb-7-1997 15:23.
            later.is_run_together(shortest) || later.kind == pg_sys::DTK_TIME && (index, place) != (0, 1)
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
        return digits >= shortest || word.contains(['-', '/', '.', ':']);
    }
    WORDS.contains(&word) || starts_with_month(word)
}

/// The pieces that PostgreSQL's reader of dates finds; `None` for a text that it does not read, and for one so long that none
/// of its types does.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    const FIELDS: usize = pg_sys::MAXDATEFIELDS as usize;
    const BUFFER: usize = pg_sys::MAXDATELEN as usize + FIELDS;
    let text = CString::new(text).ok()?;
    let mut buffer = [0 as c_char; BUFFER];
    let mut fields = [std::ptr::null_mut::<c_char>(); FIELDS];
    let mut kinds = [0 as c_int; FIELDS];
    let mut count = 0;
    // SAFETY: buffers of the sizes that are told; the reader raises nothing and allocates nothing.
    let status = unsafe {
        pg_sys::ParseDateTime(
            text.as_ptr(),
            buffer.as_mut_ptr(),
            BUFFER,
            fields.as_mut_ptr(),
            kinds.as_mut_ptr(),
            pg_sys::MAXDATEFIELDS as c_int,
            &raw mut count,
        )
    };
    if status != 0 {
        return None;
    }
    let found = fields.iter().zip(kinds).take(usize::try_from(count).unwrap_or(0));
    let pieces = found.enumerate().map(|(index, (field, kind))| {
        // SAFETY: the reader's fields are NUL-terminated texts in the buffer.
        let word = unsafe { CStr::from_ptr(*field) };
        let kind = u32::try_from(kind).unwrap_or_default();
        let text = word.to_string_lossy().into_owned();
        let is_read = kind != pg_sys::DTK_STRING || is_known_word(index, word) || is_zone(&text);
        Piece { text, kind, is_read }
    });
    Some(pieces.collect())
}

/// Whether a word of letters means something in a date: a month, `pm`, `tomorrow`, an abbreviation of a zone.
fn is_known_word(index: usize, word: &CStr) -> bool {
    let Ok(field) = c_int::try_from(index) else { return false };
    let unknown = pg_sys::UNKNOWN_FIELD as c_int;
    let mut value = 0;
    let mut offset = 0;
    let mut zone = std::ptr::null_mut();
    // SAFETY: PostgreSQL's own look-ups of a NUL-terminated word in lower case, which they do not change; `field` chooses a
    // place of their caches, of which there are as many as a text has pieces.
    unsafe {
        #[cfg(feature = "pg15")]
        let abbreviation = {
            let word = word.as_ptr().cast_mut();
            if pg_sys::DecodeSpecial(field, word, &raw mut value) != unknown {
                return true;
            }
            pg_sys::DecodeTimezoneAbbrev(field, word, &raw mut offset, &raw mut zone)
        };
        #[cfg(not(feature = "pg15"))]
        let abbreviation = {
            let word = word.as_ptr();
            if pg_sys::DecodeSpecial(field, word, &raw mut value) != unknown {
                return true;
            }
            let (mut kind, mut extra) = (unknown, pg_sys::DateTimeErrorExtra::default());
            pg_sys::DecodeTimezoneAbbrev(field, word, &raw mut kind, &raw mut offset, &raw mut zone, &raw mut extra);
            kind
        };
        abbreviation != unknown
    }
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
/// that values are not told apart here: where there is any date, each word with digits or signs in it must be a zone.
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
