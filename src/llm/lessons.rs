//! What was learned of model endpoints, for an hour: a table of fixed size. Keys are digests of endpoint, model and purpose.

use super::variation::Variation;

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

/// The lessons. Times are seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Table([Lesson; PLACES]);

impl Default for Table {
    fn default() -> Self {
        Self([Lesson { key: [0; 32], learned: i64::MIN, bits: 0 }; PLACES])
    }
}

impl Table {
    /// What was learned under `key` within the hour before `now`.
    #[must_use]
    pub fn recall(&self, key: &[u8; 32], now: i64) -> Option<Variation> {
        let known = self.0.iter().find(|lesson| lesson.key == *key && lesson.learned != i64::MIN)?;
        // One of the future was learned under a clock that has been set back since.
        let is_fresh = known.learned <= now && now.saturating_sub(known.learned) < LIFETIME;
        Variation::from_bits(known.bits).filter(|_| is_fresh)
    }

    /// A lesson that did not serve.
    pub fn forget(&mut self, key: &[u8; 32]) {
        if let Some(lesson) = self.0.iter_mut().find(|lesson| lesson.key == *key) {
            lesson.learned = i64::MIN;
        }
    }

    /// In the place of the same key, or else of the oldest.
    pub fn keep(&mut self, key: &[u8; 32], variation: Variation, now: i64) {
        let place = self.0.iter().position(|lesson| lesson.key == *key);
        let oldest = || self.0.iter().enumerate().min_by_key(|(_, lesson)| lesson.learned).map(|(place, _)| place);
        if let Some(lesson) = place.or_else(oldest).and_then(|place| self.0.get_mut(place)) {
            *lesson = Lesson { key: *key, learned: now, bits: variation.to_bits() };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn key(number: usize) -> [u8; 32] {
        let mut key = [7; 32];
        key[0] = u8::try_from(number).unwrap();
        key
    }

    fn warm() -> Variation {
        Variation { omits_temperature: true, ..Variation::default() }
    }

    #[test]
    fn a_lesson_lasts_an_hour() {
        let mut table = Table::default();
        assert_eq!(table.recall(&key(1), NOW), None);
        table.keep(&key(1), warm(), NOW);
        assert_eq!(table.recall(&key(1), NOW), Some(warm()));
        assert_eq!(table.recall(&key(1), NOW + LIFETIME - 1), Some(warm()));
        assert_eq!(table.recall(&key(1), NOW + LIFETIME), None);
        assert_eq!(table.recall(&key(2), NOW), None);
    }

    #[test]
    fn a_lesson_of_the_future_is_none() {
        let mut table = Table::default();
        table.keep(&key(1), warm(), NOW);
        assert_eq!(table.recall(&key(1), NOW - 1), None);
        assert_eq!(table.recall(&key(1), i64::MIN), None);
    }

    #[test]
    fn the_same_key_is_kept_once() {
        let mut table = Table::default();
        table.keep(&key(1), warm(), NOW);
        table.keep(&key(1), Variation { omits_cache_point: true, ..warm() }, NOW + 5);
        assert_eq!(table.recall(&key(1), NOW + 5), Some(Variation { omits_cache_point: true, ..warm() }));
        table.forget(&key(1));
        assert_eq!(table.recall(&key(1), NOW + 5), None);
    }

    #[test]
    fn a_full_table_loses_its_oldest() {
        let mut table = Table::default();
        for number in 0..PLACES {
            table.keep(&key(number), warm(), NOW + i64::try_from(number).unwrap());
        }
        // Used again, the first is the youngest now.
        table.keep(&key(0), warm(), NOW + 100);
        table.keep(&key(PLACES), warm(), NOW + 101);
        let known = |number: usize| table.recall(&key(number), NOW + 101).is_some();
        assert!(known(0) && known(PLACES) && !known(1));
        assert!((2..PLACES).all(known));
    }

    #[test]
    fn a_place_that_was_forgotten_is_taken_first() {
        let mut table = Table::default();
        for number in 0..PLACES {
            table.keep(&key(number), warm(), NOW + i64::try_from(number).unwrap());
        }
        table.forget(&key(9));
        table.keep(&key(PLACES), warm(), NOW + 100);
        assert!((0..=PLACES).all(|number| table.recall(&key(number), NOW + 100).is_some() == (number != 9)));
    }
}
