//! What all backends know of the log: one value in shared memory, which whoever adds an entry holds locked.

use crate::audit::{Frontier, LogId};
use crate::pgx::shmem::value::SharedValue;
use crate::reason::Reason;

/// Microseconds.
pub const DAY: i64 = 86_400_000_000;
/// Microseconds.
pub const HOUR: i64 = 3_600_000_000;

/// The log as it is.
#[derive(Clone, Copy)]
pub struct State {
    /// Whether it can be written to.
    pub status: Status,
    /// Its id.
    pub log: LogId,
    /// A log that the server gave up, and does not go on with.
    pub given_up: Option<LogId>,
    /// The tree over its entries.
    pub frontier: Frontier,
    /// The files that entries go to.
    pub segment: Segment,
    /// The file of the tenants' last entries.
    pub heads: Heads,
    /// Bytes of all files.
    pub stored: u64,
    /// Entries below this number are on disk.
    pub durable: u64,
    /// The last note.
    pub noted: Noted,
    /// Entries that could not be written.
    pub gap: Gap,
    /// The settings that the log was last told of.
    pub told: Told,
    /// Refused calls of the second that runs.
    pub refused: Refused,
}

/// Whether the log can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nobody has tried since the server started.
    Closed,
    /// It can.
    Open,
    /// It could not.
    Failed(Failed),
}

/// A log that could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Whether it had no room.
    pub is_full: bool,
}

/// One file of entries and its file of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Number of its first entry.
    pub first: u64,
    /// Bytes of entries.
    pub bytes: u64,
    /// Bytes of texts.
    pub texts: u64,
    /// Days since 1970 of its first entry.
    pub day: i64,
}

/// The file of the tenants' last entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Places in it.
    pub capacity: u64,
    /// Places taken.
    pub count: u64,
    /// Changes when another file takes its place.
    pub generation: u64,
}

/// The last signed checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// Hours since 1970.
    pub hour: i64,
    /// Entries under it.
    pub size: u64,
}

/// Entries that could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Since the last entry that could.
    pub entries: u64,
    /// When the first of those was, in microseconds since 1970.
    pub since: i64,
    /// Since the server started.
    pub total: u64,
}

/// Settings that the log was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// `splitplane.audit` and `splitplane.audit_text`, as numbers.
    pub settings: [u8; 2],
    /// When whoever told it had read the configuration, in PostgreSQL's microseconds.
    pub read_at: i64,
}

/// Different (reason, key) that are counted apart in one second.
pub const COUNTED: usize = 32;
/// Bytes of a key's id.
pub const KEY_BYTES: usize = 64;

/// Calls of one second that layer 1 refused.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// Seconds since 1970.
    pub second: i64,
    /// Of which an entry each was written.
    pub single: u32,
    /// The others.
    pub many: [Counted; COUNTED],
    /// Of more reasons and keys than have a place.
    pub rest: u64,
}

/// Calls that were refused for one reason with one key.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// Why.
    pub reason: Reason,
    /// The id of the key that they claim, cut to its longest.
    pub key: [u8; KEY_BYTES],
    /// How many; 0 for a place that is free.
    pub count: u64,
}

impl Refused {
    /// None in a second.
    pub const fn none(second: i64) -> Self {
        let free = Counted { reason: Reason::Internal, key: [0; KEY_BYTES], count: 0 };
        Refused { second, single: 0, many: [free; COUNTED], rest: 0 }
    }

    /// Counts one more.
    pub fn count(&mut self, reason: Reason, key_id: &str) {
        let mut key = [0; KEY_BYTES];
        key.iter_mut().zip(key_id.bytes()).for_each(|(to, from)| *to = from);
        let known = self.many.iter_mut().find(|one| one.count == 0 || (one.reason == reason && one.key == key));
        match known {
            Some(one) => *one = Counted { reason, key, count: one.count.saturating_add(1) },
            None => self.rest = self.rest.saturating_add(1),
        }
    }

    /// Whether any was counted.
    pub fn has_many(&self) -> bool {
        self.many.iter().any(|one| one.count > 0)
    }
}

impl State {
    /// Of a log that nobody has looked at.
    pub const CLOSED: State = State {
        status: Status::Closed,
        log: LogId([0; 16]),
        given_up: None,
        frontier: Frontier::new(),
        segment: Segment { first: 0, bytes: 0, texts: 0, day: 0 },
        heads: Heads { capacity: 0, count: 0, generation: 0 },
        stored: 0,
        durable: 0,
        noted: Noted { hour: 0, size: 0 },
        gap: Gap { entries: 0, since: 0, total: 0 },
        told: Told { settings: [u8::MAX; 2], read_at: i64::MIN },
        refused: Refused::none(0),
    };
}

/// The log of this server.
pub static STATE: SharedValue<State> = SharedValue::new(c"splitplane audit log", c"splitplane_audit");
