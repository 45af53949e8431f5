//! The keys of parents' rows that the running call may see: one set for each link that its statement needs.
//!
//! Collected in the confined section, before the statement runs and under the same snapshot, by a query on the parent that passes
//! its own fences. `splitplane.in_parent()` looks keys up. A backend has the sets in its memory; for its parallel workers it puts
//! them into a segment of shared memory that ends with the section.

use crate::error::{Refusal, StageResult, State};
use crate::key_set::{self, KeySet};
use crate::pgx::shmem::claims_slots;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static HELD: RefCell<BTreeMap<i32, KeySet>> = const { RefCell::new(BTreeMap::new()) };
    /// The part of each parent's keys that its set has.
    static SHARES: RefCell<BTreeMap<i32, f64>> = const { RefCell::new(BTreeMap::new()) };
    /// A worker's view of its leader's segment.
    static MAPPED: RefCell<Option<&'static [u64]>> = const { RefCell::new(None) };
}

/// Keeps a set until `clear`.
pub(super) fn hold(link: i32, set: KeySet, share: f64) -> StageResult<()> {
    HELD.with(|held| match held.try_borrow_mut() {
        Ok(mut held) => {
            held.insert(link, set);
            SHARES.with(|shares| shares.borrow_mut().insert(link, share));
            Ok(())
        }
        Err(_) => Err(Refusal::proof("the keys of a call are in use")),
    })
}

/// Forgets all sets, with the claims.
pub(super) fn clear() {
    HELD.with(|held| {
        if let Ok(mut held) = held.try_borrow_mut() {
            held.clear();
            SHARES.with(|shares| shares.borrow_mut().clear());
        }
    });
}

/// The words of a link's set; `None` when the call has collected none for it.
///
/// # Safety
/// They are there until the call whose claims are held ends: not to be used under another `claims::generation()`.
pub(in crate::pgx) unsafe fn words(link: i32) -> Option<&'static [u64]> {
    if claims_slots::is_worker() {
        return mapped().and_then(|segment| key_set::within(segment, link));
    }
    HELD.with(|held| {
        let held = held.try_borrow().ok()?;
        let words = held.get(&link)?.words();
        // SAFETY: the words lie on the heap, where they stay if the map moves the set; the caller's promise for how long.
        Some(unsafe { std::slice::from_raw_parts(words.as_ptr(), words.len()) })
    })
}

/// The part of a parent's keys that the call may see; all where that is not known.
pub(in crate::pgx) fn share_of(link: i32) -> f64 {
    SHARES.with(|shares| shares.borrow().get(&link).copied()).unwrap_or(1.0)
}

/// Puts the sets where parallel workers find them. Must be called in the section, before a plan with workers runs.
pub(in crate::pgx) fn share() {
    let segment = HELD.with(|held| held.try_borrow().map(|held| key_set::joined(&held)).unwrap_or_default());
    if segment.is_empty() {
        return;
    }
    // SAFETY: a segment of that many bytes, which belongs to the section's resource owner and ends with it; the address is aligned
    // for words. There being no segment to be had is an ERROR: a worker without keys would lose rows.
    let handle = unsafe {
        let made = pg_sys::dsm_create(segment.len() * size_of::<u64>(), 0);
        let address = pg_sys::dsm_segment_address(made).cast::<u64>();
        address.copy_from_nonoverlapping(segment.as_ptr(), segment.len());
        pg_sys::dsm_segment_handle(made)
    };
    claims_slots::write_keys(handle);
}

/// The segment of this worker's leader, for the rest of the worker's life.
fn mapped() -> Option<&'static [u64]> {
    MAPPED.with(|mapped| {
        let mut mapped = mapped.try_borrow_mut().ok()?;
        if mapped.is_none() {
            let handle = claims_slots::leaders_keys()?;
            // SAFETY: attaches the leader's segment, or gives NULL; pinned, the mapping stays until the worker ends.
            *mapped = unsafe {
                let segment = pg_sys::dsm_attach(handle);
                if segment.is_null() {
                    return None;
                }
                pg_sys::dsm_pin_mapping(segment);
                let words = pg_sys::dsm_segment_map_length(segment) / size_of::<u64>();
                Some(std::slice::from_raw_parts(pg_sys::dsm_segment_address(segment).cast::<u64>(), words))
            };
        }
        *mapped
    })
}

/// Raised where a policy asks for keys that the call has not collected: to see no row there would be a wrong answer.
pub(in crate::pgx) fn missing() -> Refusal {
    Refusal::new(
        State::Unsafe,
        "the keys of a parent were not collected: a statement must name the table itself that a function in it reads",
    )
}
