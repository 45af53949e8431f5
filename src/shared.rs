//! The replay ledger: which contexts were used, across all backends, in shared memory.
//!
//! The rules of forgetting are `identity::replay`'s; this file applies them under the map's lock. Nothing here is
//! transactional: a context used in a transaction that was rolled back is used.

use crate::error::{Refusal, StageResult, State};
use crate::identity::{VerifiedIdentity, replay};
use crate::pgx::shared_map::{self, Entry};

/// Asks for the shared memory; called once from `_PG_init` in the postmaster.
pub fn init() {
    shared_map::init();
}

fn not_preloaded() -> Refusal {
    Refusal::new(State::Unsafe, "splitplane must be in shared_preload_libraries; add it and restart the server")
}

/// Contexts dated at or before this second are refused.
pub fn horizon() -> StageResult<i64> {
    let mut map = shared_map::lock().ok_or_else(not_preloaded)?;
    Ok(map.header().horizon)
}

/// Counts one use of a verified context, or refuses. `now` and `skew` in seconds.
pub fn use_once(identity: &VerifiedIdentity, now: i64, skew: i64) -> StageResult<()> {
    let mut map = shared_map::lock().ok_or_else(not_preloaded)?;
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

/// Forgets what cannot verify any more; at most once a second, since it walks the whole ledger under the lock.
fn sweep(map: &mut shared_map::LockedMap, now: i64) {
    if map.header().swept >= now {
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
