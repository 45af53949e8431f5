//! PostgreSQL's database of time zones, and its reader of dates and times.

use super::flags;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::{CStr, CString, c_char, c_int};

// pgrx has no bindings for timezone/pgtz.h. Raises nothing.
unsafe extern "C" {
    fn pg_open_tzfile(name: *const c_char, canonical: *mut c_char) -> c_int;
}

/// Names that have no file, most of them words of a date or interval, such as `days`: to look for one reads a folder.
const MOST_MISSED: usize = 256;

thread_local! {
    /// Names found so far, in lower case: no more than there are files.
    static FOUND: RefCell<HashSet<String>> = RefCell::new(HashSet::new());
    /// Names looked for in vain since there were too many of them.
    static MISSED: RefCell<HashSet<String>> = RefCell::new(HashSet::new());
}

/// Longest name that PostgreSQL looks at.
const LONGEST: usize = 255;
/// Longest name that is remembered without a file; none of the database's is longer.
const LONGEST_MISSED: usize = 40;

/// Whether the server's database of zones has a file of that name, which is in lower case. What was not there once is not looked
/// for again by this session.
pub fn has_file(name: &str) -> bool {
    if name.is_empty() || name.len() > LONGEST || !name.is_ascii() {
        return false;
    }
    let is_in = |names: &RefCell<HashSet<String>>| names.borrow().contains(name);
    if FOUND.with(is_in) || MISSED.with(is_in) {
        return FOUND.with(is_in);
    }
    let exists = opens(name);
    if exists {
        FOUND.with(|found| found.borrow_mut().insert(name.to_owned()));
    } else if name.len() <= LONGEST_MISSED {
        MISSED.with(|missed| {
            let mut missed = missed.borrow_mut();
            if missed.len() >= MOST_MISSED {
                missed.clear();
            }
            missed.insert(name.to_owned());
        });
    }
    exists
}

/// The same, as PostgreSQL looks it up.
fn opens(name: &str) -> bool {
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

/// What PostgreSQL's reader takes a piece of a date or time for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Digits with signs between them, or letters with digits or signs.
    Date,
    /// Digits.
    Number,
    /// A time of day.
    Time,
    /// Letters.
    Word,
    /// Anything else.
    Other,
}

/// A piece of a date or time, in lower case.
pub struct Piece {
    /// Its text.
    pub text: String,
    /// What it looks like.
    pub kind: Kind,
    /// A word that means something in a date: a month, `pm`, `tomorrow`, an abbreviation of a zone.
    pub is_known: bool,
}

/// The pieces that PostgreSQL's reader of dates finds; `None` for a text that it does not read, and for one so long that none
/// of its types does.
pub fn pieces(text: &str) -> Option<Vec<Piece>> {
    const FIELDS: usize = pg_sys::MAXDATEFIELDS as usize;
    const BUFFER: usize = pg_sys::MAXDATELEN as usize + FIELDS;
    let text = CString::new(text).ok()?;
    let mut buffer = [0 as c_char; BUFFER];
    let mut fields = [std::ptr::null_mut::<c_char>(); FIELDS];
    let mut kinds = [0 as c_int; FIELDS];
    let mut count = 0;
    // SAFETY: buffers of the sizes that are passed; the reader raises nothing and allocates nothing.
    let status = unsafe {
        pg_sys::ParseDateTime(
            text.as_ptr(),
            buffer.as_mut_ptr(),
            BUFFER,
            fields.as_mut_ptr(),
            kinds.as_mut_ptr(),
            const { flags::c_int(pg_sys::MAXDATEFIELDS) },
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
        let kind = match u32::try_from(kind) {
            Ok(pg_sys::DTK_DATE) => Kind::Date,
            Ok(pg_sys::DTK_NUMBER) => Kind::Number,
            Ok(pg_sys::DTK_TIME) => Kind::Time,
            Ok(pg_sys::DTK_STRING) => Kind::Word,
            _ => Kind::Other,
        };
        let is_known = kind == Kind::Word && is_known_word(index, word);
        Piece { text: word.to_string_lossy().into_owned(), kind, is_known }
    });
    Some(pieces.collect())
}

/// Whether a word of letters means something in a date: a month, `pm`, `tomorrow`, an abbreviation of a zone.
fn is_known_word(index: usize, word: &CStr) -> bool {
    let Ok(field) = c_int::try_from(index) else { return false };
    let unknown = const { flags::c_int(pg_sys::UNKNOWN_FIELD) };
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

/// What the session's time zone, which the call has pinned, makes of local times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SessionZone {
    /// So many microseconds more than UTC, always.
    Fixed(i64),
    /// By a file of the server's database, with changes in the course of time.
    Changing,
    /// By rules that a setting spells out.
    Other,
}

/// Seconds from UTC that no place is further away; a rule may say that it is.
pub const FURTHEST: i64 = 86_400;

/// The session's time zone.
pub fn of_session() -> SessionZone {
    let mut seconds = 0;
    // SAFETY: the zone is set from the first moment of a session on; a valid place to write to; the name is NUL-terminated.
    unsafe {
        if pg_sys::pg_get_timezone_offset(pg_sys::session_timezone, &raw mut seconds) {
            let is_near = seconds.saturating_abs() <= FURTHEST;
            return if is_near { SessionZone::Fixed(seconds.saturating_mul(1_000_000)) } else { SessionZone::Other };
        }
        let name = CStr::from_ptr(pg_sys::pg_get_timezone_name(pg_sys::session_timezone));
        match name.to_str() {
            Ok(name) if has_file(&name.to_ascii_lowercase()) => SessionZone::Changing,
            _ => SessionZone::Other,
        }
    }
}
