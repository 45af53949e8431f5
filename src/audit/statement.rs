//! What a note says: a checkpoint of the log, or the head of one tenant's chain.

use super::entry::{Database, Link, quoted};
use super::files::LogId;
use super::hash::{EMPTY_ROOT, Hash, from_hex};
use super::note::NoteError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The first line of a tenant's note. It has blanks, which no origin of ours has, and the line after it is no number: nobody's
/// parser takes it for a checkpoint.
const TENANT_HEAD: &str = "splitplane audit tenant head";

/// A C2SP checkpoint: this log had this many entries, with this root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose it is.
    pub log: LogId,
    /// Number of entries.
    pub size: u64,
    /// The tree's root over them.
    pub root: Hash,
}

/// The last entry of a tenant's chain when the log had a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantHead {
    /// Whose log it is.
    pub log: LogId,
    /// The database of the tenant; its name at the time of the note.
    pub database: Database,
    /// The tenant.
    pub tenant: String,
    /// Its last entry.
    pub last: Link,
    /// Number of entries of the log.
    pub size: u64,
}

/// Either of them, told apart by the first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Of the log.
    Checkpoint(Checkpoint),
    /// Of a tenant.
    TenantHead(TenantHead),
}

impl Checkpoint {
    /// The note's text: three lines.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.log.origin(), self.size, STANDARD.encode(self.root))
    }

    /// Reads [`Checkpoint::text`] and nothing else: no extension lines, leading zeros, other roots, foreign origins. Of size 0
    /// only with the root of nothing.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        const WRONG: NoteError = NoteError::Statement("not three lines of origin, size and root");
        let [origin, size, root] = lines(text).ok_or(WRONG)?;
        let log = LogId::from_origin(origin).ok_or(NoteError::Statement("the origin is no log of splitplane"))?;
        let size = number(size).ok_or(NoteError::Statement("the size is no number without leading zeros"))?;
        let root = STANDARD.decode(root).ok().and_then(|root| Hash::try_from(root).ok());
        let root = root.ok_or(NoteError::Statement("the root is not 32 bytes in base64"))?;
        if size == 0 && root != EMPTY_ROOT {
            return Err(NoteError::Statement("size 0 with a root other than that of nothing"));
        }
        Ok(Self { log, size, root })
    }
}

impl TenantHead {
    /// The note's text: seven lines, all of ASCII.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{TENANT_HEAD}\nlog {}\ndatabase {} {}\ntenant {}\nsequence {}\nhash {}\nsize {}\n",
            self.log.origin(),
            self.database.oid,
            ascii(&self.database.name),
            ascii(&self.tenant),
            self.last.sequence,
            hex::encode(self.last.hash),
            self.size,
        )
    }

    /// Reads [`TenantHead::text`] and nothing else.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        Self::read(text)
            .filter(|head| head.text() == text && head.last.sequence < head.size)
            .ok_or(NoteError::Statement("not a tenant's head as this version writes it"))
    }

    fn read(text: &str) -> Option<Self> {
        let [_, log, database, tenant, sequence, hash, size] = lines(text)?;
        let (oid, name) = database.strip_prefix("database ")?.split_once(' ')?;
        Some(Self {
            log: LogId::from_origin(log.strip_prefix("log ")?)?,
            database: Database { name: serde_json::from_str(name).ok()?, oid: u32::try_from(number(oid)?).ok()? },
            tenant: serde_json::from_str(tenant.strip_prefix("tenant ")?).ok()?,
            last: Link {
                sequence: number(sequence.strip_prefix("sequence ")?)?,
                hash: from_hex(hash.strip_prefix("hash ")?)?,
            },
            size: number(size.strip_prefix("size ")?)?,
        })
    }
}

impl Statement {
    /// Reads either.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        if text.lines().next() == Some(TENANT_HEAD) {
            TenantHead::parse(text).map(Self::TenantHead)
        } else {
            Checkpoint::parse(text).map(Self::Checkpoint)
        }
    }

    /// Whose log it is about.
    #[must_use]
    pub fn log(&self) -> LogId {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.log,
            Self::TenantHead(head) => head.log,
        }
    }

    /// Number of entries that the log had.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.size,
            Self::TenantHead(head) => head.size,
        }
    }
}

/// Exactly N lines, each ended by a newline.
fn lines<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.strip_suffix('\n')?.split('\n').collect::<Vec<_>>().try_into().ok()
}

/// A decimal number without sign and leading zeros.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A JSON string of ASCII alone: readers of notes differ in what ends a line.
fn ascii(text: &str) -> String {
    let mut escaped = String::new();
    for character in quoted(text).chars() {
        match character {
            ' '..='~' => escaped.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    escaped
}
