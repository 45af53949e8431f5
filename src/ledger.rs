//! The replay ledger: which contexts were used, across all backends, in shared memory.
//!
//! The rules of forgetting are `identity::replay`'s; this file applies them under the maps' locks. Nothing here is
//! transactional: a context used in a transaction that was rolled back is used.
//!
//! A key is a key of one database. While the ledger is less than half full any key may use it; above that each is held to
//! its share, so that one application cannot shut out the others.

use crate::error::{Refusal, StageResult, State};
use crate::identity::{VerifiedIdentity, replay};
use crate::pgx::server;
use crate::pgx::shmem::map::{self, Content, Entry, Header, LockedMap};
use crate::reason::Reason;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Seconds by which a date ahead of the clock is written ahead, so that a fast clock does not cost a write for every call.
const AHEAD: i64 = 5;

/// How many entries each map holds at most; looked at when the server starts.
pub struct Capacities {
    /// Contexts that were used.
    pub ledger: fn() -> usize,
    /// Keys that they are of.
    pub holders: fn() -> usize,
    /// Questions that were found clear and in scope.
    pub verdicts: fn() -> usize,
}

/// Asks for the shared memory; called once from `_PG_init` in the postmaster.
pub fn init(capacities: &Capacities) {
    let (ledger, holders, verdicts) = (capacities.ledger, capacities.holders, capacities.verdicts);
    map::init(
        Content { capacity: ledger, first: first_uses, on_lost: refuse_everyone },
        Content { capacity: holders, first: || (Header::EMPTY, kept().holders), on_lost: refuse_everyone },
        Content { capacity: verdicts, first: || (Header::EMPTY, Vec::new()), on_lost: || {} },
    );
}

/// No context is known to have been used; also after a crash: the memory is new and has forgotten, so what is dated up to now
/// is refused. Dates have whole seconds: the second that is running is waited out, so that a context signed as soon as the
/// server answers is dated after the horizon.
fn first_uses() -> (Header, Vec<Entry>) {
    let horizon = server::now();
    server::wait_for_next_second();
    (Header { horizon: horizon.max(kept().horizon), ..Header::EMPTY }, Vec::new())
}

/// The dates of keys that cannot be kept apart are refused to every key.
fn refuse_everyone() {
    if let Some(mut map) = map::LEDGER.lock() {
        map.header().horizon = i64::MAX;
    }
}

fn not_preloaded() -> Refusal {
    Refusal::new(State::Unsafe, "splitplane must be in shared_preload_libraries; add it and restart the server")
}

/// How full the ledger of the server is.
pub struct LedgerFigures {
    /// Contexts that it remembers.
    pub used: i64,
    /// How many it can remember.
    pub capacity: i64,
    /// Keys that they are of.
    pub keys: i64,
    /// Contexts dated at or before this second are refused; `i64::MAX` where all are.
    pub horizon: i64,
}

/// What there is to say of it.
///
/// # Errors
/// Not preloaded.
pub fn figures() -> StageResult<LedgerFigures> {
    let mut map = map::LEDGER.lock().ok_or_else(not_preloaded)?;
    let header = *map.header();
    Ok(LedgerFigures { used: map.count(), capacity: map.capacity(), keys: header.holders, horizon: header.horizon })
}

/// Contexts dated at or before this second are refused.
pub fn horizon() -> StageResult<i64> {
    let mut map = map::LEDGER.lock().ok_or_else(not_preloaded)?;
    Ok(map.header().horizon)
}

/// Counts one use of a verified context, or refuses. `now` and `skew` in seconds.
pub fn use_once(identity: &VerifiedIdentity, now: i64, skew: i64) -> StageResult<()> {
    let mut ledger = Ledger::lock()?;
    let holder = holder(server::database_oid(), identity.key_id());
    if !replay::admits(ledger.uses.header().horizon, identity.dated())
        || !replay::admits(ledger.refused_until(&holder), identity.dated())
    {
        return Err(Refusal::identity(Reason::ReplayHorizon, "x-amz-date is not after the replay horizon"));
    }
    if let Some(entry) = ledger.uses.get(identity.signature()) {
        if entry.uses >= identity.max_uses() {
            return Err(Refusal::identity(Reason::Replayed, "the context was used before"));
        }
        entry.uses = entry.uses.saturating_add(1);
        return Ok(());
    }
    if ledger.uses.is_half_full() {
        ledger.sweep(now);
        ledger.check_share(&holder)?;
    }
    if identity.dated() > now {
        ledger.keep_durably(&holder, identity.dated(), now)?;
    }
    let entry = Entry {
        key: *identity.signature(),
        dated: identity.dated(),
        keep_until: replay::keep_until(identity.dated(), skew),
        uses: 1,
        holder,
    };
    ledger.enter(entry)
}

/// What a key of a database is called here.
fn holder(database: u32, key_id: &str) -> [u8; 32] {
    Sha256::new().chain_update(database.to_be_bytes()).chain_update(key_id.as_bytes()).finalize().into()
}

/// Both maps, locked in this order. An entry of `holders` has, as `dated`, the date up to which an earlier life of the
/// server may have seen contexts of the key, and, as `keep_until`, the date that is on disk for the next life.
struct Ledger {
    uses: LockedMap,
    holders: LockedMap,
}

impl Ledger {
    fn lock() -> StageResult<Self> {
        let uses = map::LEDGER.lock().ok_or_else(not_preloaded)?;
        let holders = map::HOLDERS.lock().ok_or_else(not_preloaded)?;
        Ok(Ledger { uses, holders })
    }

    fn refused_until(&mut self, holder: &[u8; 32]) -> i64 {
        self.holders.get(holder).map_or(i64::MIN, |known| known.dated)
    }

    /// Forgets what cannot verify any more; at most once a second, since it walks the whole ledger under the lock. A sweep of
    /// the future was made under a clock that has been set back since, and must not keep this one from being made.
    fn sweep(&mut self, now: i64) {
        if self.uses.header().swept == now {
            return;
        }
        let mut horizon = self.uses.header().horizon;
        let mut left = 0;
        let holders = &mut self.holders;
        self.uses.remove_where(|entry| {
            let evict = replay::may_evict(now, entry.keep_until);
            if evict {
                horizon = replay::horizon_after_eviction(horizon, entry.dated);
                left += i64::from(leave(holders, &entry.holder, now));
            }
            evict
        });
        let header = self.uses.header();
        header.horizon = horizon;
        header.swept = now;
        header.holders = header.holders.saturating_sub(left);
    }

    /// Above half, a key may hold as many places as there would be if all keys that hold any held as many.
    fn check_share(&mut self, holder: &[u8; 32]) -> StageResult<()> {
        if !self.uses.is_half_full() || self.uses.is_full() {
            return Ok(());
        }
        let held = self.holders.get(holder).map_or(0, |known| known.uses);
        let holders = self.uses.header().holders.saturating_add(i64::from(held == 0)).max(1);
        if i64::from(held) >= self.uses.capacity() / holders {
            return Err(Refusal::identity(
                Reason::LedgerFull,
                "the key holds its share of the replay ledger; raise splitplane.ledger_size",
            ));
        }
        Ok(())
    }

    fn enter(&mut self, entry: Entry) -> StageResult<()> {
        let full = || Refusal::identity(Reason::LedgerFull, "the replay ledger is full; raise splitplane.ledger_size");
        if self.uses.is_full() {
            return Err(full());
        }
        let is_first = match self.holders.get(&entry.holder) {
            Some(known) => {
                known.uses = known.uses.saturating_add(1);
                known.uses == 1
            }
            None => {
                let first =
                    Entry { key: entry.holder, dated: i64::MIN, keep_until: i64::MIN, uses: 1, holder: [0; 32] };
                if self.holders.is_full() || !self.holders.insert(first) {
                    return Err(full());
                }
                true
            }
        };
        let header = self.uses.header();
        header.holders = header.holders.saturating_add(i64::from(is_first));
        if self.uses.insert(entry) { Ok(()) } else { Err(full()) }
    }

    /// A context from a clock that runs ahead is dated after a restart that follows its use, and shared memory will have
    /// forgotten it. So the latest such date of its key is kept on disk before the use counts, and the next life of the
    /// server refuses that key's contexts up to there, and no other key's.
    fn keep_durably(&mut self, holder: &[u8; 32], dated: i64, now: i64) -> StageResult<()> {
        let known = self.holders.get(holder).map_or(i64::MIN, |known| known.keep_until);
        if known >= dated {
            return Ok(());
        }
        let latest = dated.saturating_add(AHEAD);
        let mut lines = String::new();
        self.holders.remove_where(|known| {
            if known.key != *holder && known.keep_until > now {
                // Writing to a text does not fail.
                let _ = writeln!(lines, "{} {}", hex::encode(known.key), known.keep_until);
            }
            known.uses == 0 && known.keep_until <= now && known.dated <= now
        });
        let _ = writeln!(lines, "{} {latest}", hex::encode(holder));
        write_kept(&lines).map_err(|error| {
            Refusal::identity(Reason::LedgerFull, format!("the replay horizon cannot be kept: {error}"))
        })?;
        match self.holders.get(holder) {
            Some(known) => known.keep_until = latest,
            None => {
                let first = Entry { key: *holder, dated: i64::MIN, keep_until: latest, uses: 0, holder: [0; 32] };
                if self.holders.is_full() || !self.holders.insert(first) {
                    return Err(Refusal::identity(
                        Reason::LedgerFull,
                        "the replay ledger knows too many keys; raise splitplane.ledger_size",
                    ));
                }
            }
        }
        Ok(())
    }
}

/// One place of a key less; whether it holds none now. What is still to be known of it stays.
fn leave(holders: &mut LockedMap, holder: &[u8; 32], now: i64) -> bool {
    let Some(known) = holders.get(holder) else { return false };
    known.uses = known.uses.saturating_sub(1);
    let is_out = known.uses == 0;
    if is_out && known.keep_until <= now && known.dated <= now {
        holders.remove(holder);
    }
    is_out
}

/// What an earlier life of the server left on disk.
struct Kept {
    /// Contexts dated up to here are refused, with any key; `i64::MAX` when what is there cannot be read.
    horizon: i64,
    /// Entries of the map of keys.
    holders: Vec<Entry>,
}

/// Reads it. A file that cannot be read is as bad as a wrong clock: every context
/// is refused until an administrator intervenes.
fn kept() -> Kept {
    let unreadable = || Kept { horizon: i64::MAX, holders: Vec::new() };
    match fs::read_to_string(kept_file()) {
        Ok(text) => read_kept(&text).unwrap_or_else(unreadable),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Kept { horizon: i64::MIN, holders: Vec::new() },
        Err(_) => unreadable(),
    }
}

fn read_kept(text: &str) -> Option<Kept> {
    // Up to 0.1.0 one number for all keys.
    if let Ok(horizon) = text.trim().parse() {
        return Some(Kept { horizon, holders: Vec::new() });
    }
    // It is never written without a line.
    if text.trim().is_empty() {
        return None;
    }
    let holders = text
        .lines()
        .map(|line| {
            let (key, date) = line.split_once(' ')?;
            let key = hex::decode(key).ok()?.try_into().ok()?;
            let date = date.parse().ok()?;
            Some(Entry { key, dated: date, keep_until: date, uses: 0, holder: [0; 32] })
        })
        .collect::<Option<Vec<Entry>>>()?;
    Some(Kept { horizon: i64::MIN, holders })
}

fn kept_file() -> PathBuf {
    Path::new(&server::data_directory()).join("splitplane.horizon")
}

/// Under the maps' locks, so one writer at a time; renamed into place, so a reader sees the old or the new.
fn write_kept(lines: &str) -> io::Result<()> {
    let target = kept_file();
    let temporary = target.with_extension("horizon.tmp");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, &target)?;
    // The rename itself must survive a power loss.
    fs::File::open(server::data_directory())?.sync_all()
}
