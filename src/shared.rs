//! The replay ledger: which contexts were used, across all backends, in shared memory.
//!
//! The rules of forgetting are `identity::replay`'s; this file applies them under the map's lock. Nothing here is
//! transactional: a context used in a transaction that was rolled back is used.

use crate::error::{Refusal, StageResult, State};
use crate::identity::{VerifiedIdentity, replay};
use crate::pgx::server;
use crate::pgx::shared_map::{self, Entry};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Seconds by which the durable horizon is written ahead, so that a fast clock does not cost a write for every call.
const AHEAD: i64 = 5;

/// Asks for the shared memory; called once from `_PG_init` in the postmaster.
pub fn init() {
    shared_map::init(durable_horizon);
}

fn not_preloaded() -> Refusal {
    Refusal::new(State::Unsafe, "splitplane must be in shared_preload_libraries; add it and restart the server")
}

/// Contexts dated at or before this second are refused.
pub fn horizon() -> StageResult<i64> {
    let mut map = shared_map::LEDGER.lock().ok_or_else(not_preloaded)?;
    Ok(map.header().horizon)
}

/// Counts one use of a verified context, or refuses. `now` and `skew` in seconds.
pub fn use_once(identity: &VerifiedIdentity, now: i64, skew: i64) -> StageResult<()> {
    let mut map = shared_map::LEDGER.lock().ok_or_else(not_preloaded)?;
    if !replay::admits(map.header().horizon, identity.dated()) {
        return Err(Refusal::identity("x-amz-date is not after the replay horizon"));
    }
    if let Some(entry) = map.get(identity.signature()) {
        if entry.uses >= identity.max_uses() {
            return Err(Refusal::identity("the context was used before"));
        }
        entry.uses = entry.uses.saturating_add(1);
        return Ok(());
    }
    if map.is_full() {
        sweep(&mut map, now);
    }
    if identity.dated() > now {
        keep_durably(&mut map, identity.dated())?;
    }
    let entry = Entry {
        key: *identity.signature(),
        dated: identity.dated(),
        keep_until: replay::keep_until(identity.dated(), skew),
        uses: 1,
    };
    if map.is_full() || !map.insert(entry) {
        return Err(Refusal::identity("the replay ledger is full; raise splitplane.ledger_size"));
    }
    Ok(())
}

/// Forgets what cannot verify any more; at most once a second, since it walks the whole ledger under the lock. A sweep of
/// the future was made under a clock that has been set back since, and must not keep this one from being made.
fn sweep(map: &mut shared_map::LockedMap, now: i64) {
    if map.header().swept == now {
        return;
    }
    let mut horizon = map.header().horizon;
    map.remove_where(|entry| {
        let evict = replay::may_evict(now, entry.keep_until);
        if evict {
            horizon = replay::horizon_after_eviction(horizon, entry.dated);
        }
        evict
    });
    let header = map.header();
    header.horizon = horizon;
    header.swept = now;
}

/// A context from a clock that runs ahead is dated after a restart that follows its use, and shared memory will have
/// forgotten it. So the latest such date is kept on disk before the use counts, and the next start begins there.
fn keep_durably(map: &mut shared_map::LockedMap, dated: i64) -> StageResult<()> {
    if map.header().durable >= dated {
        return Ok(());
    }
    let horizon = dated.saturating_add(AHEAD);
    write_horizon(horizon).map_err(|error| Refusal::identity(format!("the replay horizon cannot be kept: {error}")))?;
    map.header().durable = horizon;
    Ok(())
}

/// The horizon that an earlier life of the server left on disk; the lowest when there is none. One that cannot be read
/// is as bad as a wrong clock: `i64::MAX` refuses every context until somebody looks.
fn durable_horizon() -> i64 {
    match fs::read_to_string(horizon_file()) {
        Ok(text) => text.trim().parse().unwrap_or(i64::MAX),
        Err(error) if error.kind() == io::ErrorKind::NotFound => i64::MIN,
        Err(_) => i64::MAX,
    }
}

fn horizon_file() -> PathBuf {
    Path::new(&server::data_directory()).join("splitplane.horizon")
}

/// Under the map's lock, so one writer at a time; renamed into place, so a reader sees the old or the new.
fn write_horizon(horizon: i64) -> io::Result<()> {
    let target = horizon_file();
    let temporary = target.with_extension("horizon.tmp");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    writeln!(file, "{horizon}")?;
    file.sync_all()?;
    fs::rename(&temporary, &target)?;
    // The rename itself must survive a power loss.
    fs::File::open(server::data_directory())?.sync_all()
}
