//! The names of a log's files. What is in each stands in docs/audit.md.

use super::hash::from_hex;
use std::fmt;

/// `size` hashes of 32 bytes each, in order, and nothing else.
pub const HASHES: &str = "hashes";
/// Signed notes, an empty line after each.
pub const NOTES: &str = "notes";

/// The random id of a log, which its folder, its origin and its key's name have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId(pub [u8; 16]);

impl LogId {
    /// The id of exactly 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// The origin of the log's checkpoints, which is its key's name: no blank, no plus.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{ORIGIN}{self}")
    }

    /// The id in an origin; `None` for every other text.
    #[must_use]
    pub fn from_origin(origin: &str) -> Option<Self> {
        Self::parse(origin.strip_prefix(ORIGIN)?)
    }
}

const ORIGIN: &str = "splitplane-audit/";

impl fmt::Display for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The file of the entries from this number on.
#[must_use]
pub fn entries_name(first: u64) -> String {
    format!("entries-{first:020}.jsonl")
}

/// The file of the texts of the entries that [`entries_name`] has.
#[must_use]
pub fn texts_name(first: u64) -> String {
    format!("texts-{first:020}.jsonl")
}

/// The number in a name of [`entries_name`]; `None` for other names.
#[must_use]
pub fn entries_first(name: &str) -> Option<u64> {
    let first = name.strip_prefix("entries-")?.strip_suffix(".jsonl")?.parse().ok()?;
    (entries_name(first) == name).then_some(first)
}

/// The number in a name of [`texts_name`]; `None` for other names.
#[must_use]
pub fn texts_first(name: &str) -> Option<u64> {
    let first = name.strip_prefix("texts-")?.strip_suffix(".jsonl")?.parse().ok()?;
    (texts_name(first) == name).then_some(first)
}
