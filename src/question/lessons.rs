//! What was learned of model endpoints, in shared memory, so that any backend profits: a table of fixed size, for an hour.
//!
//! Keys are digests of endpoint, model and purpose: nothing of a database or a tenant is in them. Where there is no room,
//! no memory or no lock, nothing is kept, and a call that is refused is sent twice again.

use crate::llm::variation::{Lessons, Variation};
use crate::pgx::server;
use crate::pgx::shmem::value::SharedValue;

/// Lessons of all databases together: three purposes of some ten models.
const PLACES: usize = 32;
/// Seconds.
const LIFETIME: i64 = 3_600;

/// One lesson.
#[derive(Debug, Clone, Copy)]
struct Lesson {
    key: [u8; 32],
    /// When it was learned, in seconds since 1970; `i64::MIN` for a free place.
    learned: i64,
    bits: u8,
}

#[derive(Debug, Clone, Copy)]
struct Table([Lesson; PLACES]);

static TABLE: SharedValue<Table> = SharedValue::new(c"splitplane lessons of models", c"splitplane_lessons");

/// Asks for the memory; called from `_PG_init` in the postmaster.
pub fn init() {
    TABLE.init(|| Table([Lesson { key: [0; 32], learned: i64::MIN, bits: 0 }; PLACES]));
}

impl Table {
    fn recall(&self, key: &[u8; 32], now: i64) -> Option<Variation> {
        let known = self.0.iter().find(|lesson| lesson.key == *key && lesson.learned != i64::MIN)?;
        // One of the future was learned under a clock that has been set back since.
        let is_fresh = known.learned <= now && now.saturating_sub(known.learned) < LIFETIME;
        Variation::from_bits(known.bits).filter(|_| is_fresh)
    }

    fn forget(&mut self, key: &[u8; 32]) {
        if let Some(lesson) = self.0.iter_mut().find(|lesson| lesson.key == *key) {
            lesson.learned = i64::MIN;
        }
    }

    /// In the place of the same key, or else of the oldest.
    fn keep(&mut self, key: &[u8; 32], variation: Variation, now: i64) {
        let place = self.0.iter().position(|lesson| lesson.key == *key);
        let oldest = || self.0.iter().enumerate().min_by_key(|(_, lesson)| lesson.learned).map(|(place, _)| place);
        if let Some(lesson) = place.or_else(oldest).and_then(|place| self.0.get_mut(place)) {
            *lesson = Lesson { key: *key, learned: now, bits: variation.to_bits() };
        }
    }
}

/// The lessons of this server.
pub(super) struct Shared;

impl Lessons for Shared {
    fn recall(&self, key: &[u8; 32]) -> Option<Variation> {
        TABLE.lock().and_then(|table| table.recall(key, server::now()))
    }

    fn keep(&self, key: &[u8; 32], variation: Variation) {
        if let Some(mut table) = TABLE.lock() {
            table.keep(key, variation, server::now());
        }
    }

    fn forget(&self, key: &[u8; 32]) {
        if let Some(mut table) = TABLE.lock() {
            table.forget(key);
        }
    }
}
