//! A set of keys in one block of words, so that a parallel worker can read it from shared memory as it is.
//!
//! Keys are whole numbers, or texts of bytes. The block holds a header, a table of slots with open addressing, and for bytes the
//! keys themselves. Where in the table a key lies depends on a seed that is drawn for each set: who chooses the keys cannot choose
//! where they collide. Numbers that lie close together are a bit each.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

/// Words of the header: kind, number of keys, number of slots less one, seed, whether `EMPTY` is a key itself. Of bits the seed is the
/// least key.
const HEADER: usize = 5;
const INTEGERS: u64 = 1;
const TEXTS: u64 = 2;
const BITS: u64 = 3;
/// What only a build for the ablation tests has: every key is in it.
#[cfg(feature = "ablation")]
const EVERY: u64 = 4;
/// A slot of numbers that holds none.
const EMPTY: u64 = i64::MIN.cast_unsigned();
/// Bits of a slot that say where a key lies; the others are of its hash.
const PLACE: u64 = (1 << 40) - 1;

/// Collects keys for a set.
#[derive(Debug)]
pub enum KeySetBuilder {
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Texts of bytes, one after the other, with the place where each ends.
    Texts {
        /// The bytes.
        bytes: Vec<u8>,
        /// The ends.
        ends: Vec<usize>,
    },
}

impl KeySetBuilder {
    /// An empty one, of numbers or of bytes.
    pub fn new(is_of_integers: bool) -> Self {
        if is_of_integers {
            KeySetBuilder::Integers(Vec::new())
        } else {
            KeySetBuilder::Texts { bytes: Vec::new(), ends: Vec::new() }
        }
    }

    /// Adds a number; of no effect on a set of bytes.
    pub fn add_integer(&mut self, key: i64) {
        if let KeySetBuilder::Integers(keys) = self {
            keys.push(key);
        }
    }

    /// Adds bytes; of no effect on a set of numbers.
    pub fn add_text(&mut self, key: &[u8]) {
        if let KeySetBuilder::Texts { bytes, ends } = self {
            bytes.extend_from_slice(key);
            ends.push(bytes.len());
        }
    }

    /// Bytes that the set will take, at most.
    pub fn size(&self) -> usize {
        let (keys, words) = match self {
            KeySetBuilder::Integers(keys) => (keys.len(), 0),
            KeySetBuilder::Texts { bytes, ends } => (ends.len(), bytes.len() / 8 + 2 * ends.len()),
        };
        8 * (HEADER + slots(keys) + words)
    }

    /// The set.
    pub fn finish(self, seed: u64) -> KeySet {
        match self {
            KeySetBuilder::Integers(keys) => of_integers(&keys, seed),
            KeySetBuilder::Texts { bytes, ends } => of_texts(&bytes, &ends, seed),
        }
    }
}

/// A set of keys.
#[derive(Debug)]
pub struct KeySet {
    words: Vec<u64>,
}

impl KeySet {
    /// The block.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// A set that has every key, to show what holds without one.
    #[cfg(feature = "ablation")]
    pub fn of_every_key() -> Self {
        KeySet { words: header(EVERY, 0, 1, 0, false).into_iter().chain([0]).collect() }
    }

    /// To look keys up.
    pub fn view(&self) -> Option<KeySetView<'_>> {
        KeySetView::of(&self.words)
    }
}

/// A set of keys where it lies.
#[derive(Debug, Clone, Copy)]
pub struct KeySetView<'w> {
    kind: u64,
    has_empty: bool,
    mask: usize,
    seed: u64,
    slots: &'w [u64],
    keys: &'w [u64],
}

impl<'w> KeySetView<'w> {
    /// Reads the header; `None` for words that are no set.
    pub fn of(words: &'w [u64]) -> Option<Self> {
        let (header, rest) = words.split_at_checked(HEADER)?;
        let [kind, _, mask, seed, has_empty] = *header else { return None };
        let mask = usize::try_from(mask).ok()?;
        let (slots, keys) = rest.split_at_checked(mask.checked_add(1)?)?;
        #[cfg(feature = "ablation")]
        if kind == EVERY {
            return Some(KeySetView { kind, has_empty: false, mask, seed, slots, keys });
        }
        let is_set = kind == BITS || matches!(kind, INTEGERS | TEXTS) && slots.len().is_power_of_two();
        is_set.then_some(KeySetView { kind, has_empty: has_empty != 0, mask, seed, slots, keys })
    }

    /// Whether a number is in the set.
    #[inline]
    pub fn has_integer(&self, key: i64) -> bool {
        #[cfg(feature = "ablation")]
        if self.kind == EVERY {
            return true;
        }
        let key = key.cast_unsigned();
        if self.kind == BITS {
            // A key below the least one wraps to a place beyond all words.
            let at = key.wrapping_sub(self.seed);
            return self.slots.get(narrow(at / 64)).is_some_and(|word| word >> (at % 64) & 1 == 1);
        }
        if self.kind != INTEGERS {
            return false;
        }
        if key == EMPTY {
            return self.has_empty;
        }
        let mut place = place_of(key, self.seed) & self.mask;
        // There is always an empty slot; the bound is for words that are no set of ours.
        for _ in 0..=self.mask {
            match self.slots.get(place) {
                Some(slot) if *slot == key => return true,
                Some(slot) if *slot != EMPTY => place = (place + 1) & self.mask,
                _ => return false,
            }
        }
        false
    }

    /// Whether bytes are in the set.
    pub fn has_text(&self, key: &[u8]) -> bool {
        #[cfg(feature = "ablation")]
        if self.kind == EVERY {
            return true;
        }
        if self.kind != TEXTS {
            return false;
        }
        let hash = hash(key, self.seed);
        let mut place = narrow(hash) & self.mask;
        for _ in 0..=self.mask {
            match self.slots.get(place).copied() {
                None | Some(0) => return false,
                Some(slot) if slot & !PLACE == hash & !PLACE && self.is_at(narrow(slot & PLACE), key) => return true,
                Some(_) => place = (place + 1) & self.mask,
            }
        }
        false
    }

    /// Whether the key whose place, counted from 1, is `place` has these bytes.
    fn is_at(&self, place: usize, key: &[u8]) -> bool {
        let Some((length, stored)) = place.checked_sub(1).and_then(|at| self.keys.get(at..)?.split_first()) else {
            return false;
        };
        // `stored` reaches to the end of the block; words that are no set of ours may end too soon.
        narrow(*length) == key.len()
            && stored.len() >= key.len().div_ceil(8)
            && key.chunks(8).zip(stored).all(|(chunk, word)| packed(chunk) == *word)
    }
}

/// Several sets in one block, each with a number: how many they are, then (number, place, length) of each, then their words. Nothing
/// for none.
pub fn joined(sets: &BTreeMap<i32, KeySet>) -> Vec<u64> {
    if sets.is_empty() {
        return Vec::new();
    }
    let mut place = 1 + 3 * sets.len();
    let mut words = vec![sets.len() as u64];
    for (number, set) in sets {
        words.extend([u64::from(number.cast_unsigned()), place as u64, set.words.len() as u64]);
        place += set.words.len();
    }
    sets.values().for_each(|set| words.extend_from_slice(&set.words));
    words
}

/// The words of the set with this number in such a block.
pub fn within(block: &[u64], number: i32) -> Option<&[u64]> {
    let (count, rest) = block.split_first()?;
    let mut entries = rest.chunks_exact(3).take(usize::try_from(*count).ok()?);
    let entry = entries.find(|entry| entry.first() == Some(&u64::from(number.cast_unsigned())))?;
    let [_, place, length] = *entry else { return None };
    let (place, length) = (usize::try_from(place).ok()?, usize::try_from(length).ok()?);
    block.get(place..place.checked_add(length)?)
}

/// Twice as many as there are keys, at least: chains stay short.
fn slots(keys: usize) -> usize {
    (keys.max(2) * 2).next_power_of_two()
}

fn header(kind: u64, keys: usize, slots: usize, seed: u64, has_empty: bool) -> Vec<u64> {
    let mut words = Vec::with_capacity(HEADER + slots);
    words.extend([kind, keys as u64, slots as u64 - 1, seed, u64::from(has_empty)]);
    words
}

/// As bits, unless a table takes fewer words: it does where there is less than one key among some 128 numbers
/// from the least to the greatest.
fn as_bits(keys: &[i64]) -> Option<KeySet> {
    let least = *keys.iter().min()?;
    let place = |key: i64| key.wrapping_sub(least).cast_unsigned();
    let count = usize::try_from(place(*keys.iter().max()?) / 64).ok()?.checked_add(1)?;
    if count > slots(keys.len()) {
        return None;
    }
    let mut words = header(BITS, keys.len(), count, least.cast_unsigned(), false);
    words.resize(HEADER + count, 0);
    let (_, table) = words.split_at_mut(HEADER);
    for at in keys.iter().copied().map(place) {
        if let Some(word) = table.get_mut(narrow(at / 64)) {
            *word |= 1 << (at % 64);
        }
    }
    Some(KeySet { words })
}

fn of_integers(keys: &[i64], seed: u64) -> KeySet {
    if let Some(bits) = as_bits(keys) {
        return bits;
    }
    let count = slots(keys.len());
    let mut words = header(INTEGERS, keys.len(), count, seed, keys.contains(&i64::MIN));
    words.resize(HEADER + count, EMPTY);
    let (_, table) = words.split_at_mut(HEADER);
    for key in keys.iter().map(|key| key.cast_unsigned()).filter(|key| *key != EMPTY) {
        let mut place = place_of(key, seed) & (count - 1);
        while let Some(slot) = table.get_mut(place) {
            if *slot == EMPTY || *slot == key {
                *slot = key;
                break;
            }
            place = (place + 1) & (count - 1);
        }
    }
    KeySet { words }
}

fn of_texts(bytes: &[u8], ends: &[usize], seed: u64) -> KeySet {
    let count = slots(ends.len());
    let mut table = vec![0_u64; count];
    let mut keys: Vec<u64> = Vec::new();
    let mut start = 0;
    for end in ends {
        let key = bytes.get(start..*end).unwrap_or_default();
        start = *end;
        let hash = hash(key, seed);
        let mut place = narrow(hash) & (count - 1);
        while let Some(slot) = table.get_mut(place) {
            if *slot == 0 {
                *slot = hash & !PLACE | (keys.len() as u64 + 1);
                keys.push(key.len() as u64);
                keys.extend(key.chunks(8).map(packed));
                break;
            }
            let known = KeySetView { kind: TEXTS, has_empty: false, mask: 0, seed, slots: &[], keys: &keys };
            if *slot & !PLACE == hash & !PLACE && known.is_at(narrow(*slot & PLACE), key) {
                break;
            }
            place = (place + 1) & (count - 1);
        }
    }
    let mut words = header(TEXTS, ends.len(), count, seed, false);
    words.append(&mut table);
    words.append(&mut keys);
    KeySet { words }
}

/// Where a number's chain begins, before it is cut to the table: a finaliser with full avalanche (SplitMix64's).
#[inline]
fn place_of(key: u64, seed: u64) -> usize {
    let mut mixed = key ^ seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    narrow(mixed ^ (mixed >> 31))
}

fn hash(key: &[u8], seed: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    hasher.write(key);
    hasher.finish()
}

/// Up to eight bytes as one word.
fn packed(chunk: &[u8]) -> u64 {
    chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// The low bits: only they are used, or the value was a `usize` before.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
fn narrow(value: u64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn integers(keys: &[i64], seed: u64) -> KeySet {
        let mut builder = KeySetBuilder::new(true);
        keys.iter().for_each(|key| builder.add_integer(*key));
        let size = builder.size();
        let set = builder.finish(seed);
        assert!(set.words().len() * 8 <= size);
        set
    }

    fn texts(keys: &[Vec<u8>], seed: u64) -> KeySet {
        let mut builder = KeySetBuilder::new(false);
        keys.iter().for_each(|key| builder.add_text(key));
        let size = builder.size();
        let set = builder.finish(seed);
        assert!(set.words().len() * 8 <= size);
        set
    }

    fn has_integer(set: &KeySet, key: i64) -> Option<bool> {
        set.view().map(|view| view.has_integer(key))
    }

    fn has_text(set: &KeySet, key: &[u8]) -> Option<bool> {
        set.view().map(|view| view.has_text(key))
    }

    #[test]
    fn the_empty_set_has_nothing() {
        for seed in [0, 1, u64::MAX] {
            let (numbers, bytes) = (integers(&[], seed), texts(&[], seed));
            for key in [0, 1, -1, i64::MIN, i64::MAX] {
                assert_eq!(has_integer(&numbers, key), Some(false));
            }
            assert_eq!(has_text(&bytes, b""), Some(false));
            assert_eq!(has_text(&bytes, b"a"), Some(false));
        }
    }

    #[test]
    fn a_set_of_one_kind_has_nothing_of_the_other() {
        assert_eq!(has_text(&integers(&[7], 3), &7_i64.to_le_bytes()), Some(false));
        assert_eq!(has_integer(&texts(&[7_i64.to_le_bytes().to_vec()], 3), 7), Some(false));
    }

    #[test]
    fn zeros_at_the_end_are_part_of_a_text() {
        let set = texts(&[b"a".to_vec(), b"b\0".to_vec()], 9);
        let found = [&b"a"[..], b"b\0", b"a\0", b"b", b""].map(|key| has_text(&set, key));
        assert_eq!(found, [Some(true), Some(true), Some(false), Some(false), Some(false)]);
    }

    #[test]
    fn words_that_are_no_set_are_none_or_have_an_answer() {
        assert!(KeySetView::of(&[]).is_none());
        assert!(KeySetView::of(&[INTEGERS, 0, 8, 0, 0]).is_none());
        assert!(KeySetView::of(&[9, 0, 0, 0, 0, 0]).is_none());
        // A table without an empty slot, and places that lie outside.
        assert_eq!(KeySetView::of(&[INTEGERS, 2, 1, 0, 0, 5, 6]).map(|view| view.has_integer(7)), Some(false));
        let hash = hash(b"x", 0) & !PLACE;
        for words in [vec![TEXTS, 1, 0, 0, 0, hash | 99], vec![TEXTS, 1, 0, 0, 0, hash | 1, 1]] {
            assert_eq!(KeySetView::of(&words).map(|view| view.has_text(b"x")), Some(false));
        }
    }

    #[test]
    fn numbers_close_together_are_a_bit_each() {
        for least in [i64::MIN, -70, 0, i64::MAX - 140] {
            let keys: Vec<i64> = [0, 1, 63, 64, 127, 128, 140].map(|above| least + above).to_vec();
            let set = integers(&keys, 5);
            assert_eq!(set.words().first(), Some(&BITS));
            for key in (-3..=143).map(|above: i64| least.wrapping_add(above)) {
                assert_eq!(has_integer(&set, key), Some(keys.contains(&key)), "{key} with {least}");
            }
            assert_eq!(has_integer(&set, 0), Some(keys.contains(&0)));
        }
        // The controls: too far apart, and the whole range of the type.
        assert_eq!(integers(&[0, 1_000_000], 5).words().first(), Some(&INTEGERS));
        assert_eq!(integers(&[i64::MIN, i64::MAX], 5).words().first(), Some(&INTEGERS));
    }

    #[test]
    fn finds_each_set_in_a_block() {
        let sets = BTreeMap::from([(3, integers(&[1, 2], 4)), (7, integers(&[], 5)), (i32::MAX, texts(&[vec![5]], 6))]);
        let block = joined(&sets);
        let view = |number| within(&block, number).and_then(KeySetView::of);
        assert_eq!(view(3).map(|view| (view.has_integer(2), view.has_integer(5))), Some((true, false)));
        assert_eq!(view(7).map(|view| view.has_integer(1)), Some(false));
        assert_eq!(view(i32::MAX).map(|view| view.has_text(&[5])), Some(true));
        assert!(view(4).is_none() && view(-1).is_none());
        assert!(joined(&BTreeMap::new()).is_empty() && within(&[], 3).is_none());
        assert!(within(&[9, 3, 4, 5], 3).is_none());
    }

    proptest! {
        #[test]
        fn has_what_was_added_and_nothing_else(
            keys in prop::collection::vec(prop_oneof![any::<i64>(), -20..20_i64, Just(i64::MIN)], 0..200),
            others in prop::collection::vec(prop_oneof![any::<i64>(), -20..20_i64, Just(i64::MIN)], 0..200), seed in any::<u64>(),
        ) {
            let (set, known) = (integers(&keys, seed), keys.iter().copied().collect::<HashSet<i64>>());
            for key in keys.iter().chain(&others) {
                prop_assert_eq!(has_integer(&set, *key), Some(known.contains(key)));
            }
        }

        #[test]
        fn has_numbers_that_are_close_together(
            keys in prop::collection::vec(-300..300_i64, 0..100), others in prop::collection::vec(-400..400_i64, 0..100), base in any::<i64>(),
        ) {
            let keys: Vec<i64> = keys.into_iter().map(|key| base.wrapping_add(key)).collect();
            let (set, known) = (integers(&keys, 1), keys.iter().copied().collect::<HashSet<i64>>());
            for key in others.iter().map(|key| base.wrapping_add(*key)).chain(keys.iter().copied()) {
                prop_assert_eq!(has_integer(&set, key), Some(known.contains(&key)));
            }
        }

        #[test]
        fn has_the_bytes_that_were_added_and_nothing_else(
            keys in prop::collection::vec(prop::collection::vec(0..3_u8, 0..20), 0..100),
            others in prop::collection::vec(prop::collection::vec(0..3_u8, 0..20), 0..100), seed in any::<u64>(),
        ) {
            let (set, known) = (texts(&keys, seed), keys.iter().collect::<HashSet<_>>());
            for key in keys.iter().chain(&others) {
                prop_assert_eq!(has_text(&set, key), Some(known.contains(key)));
            }
        }

        #[test]
        fn no_words_make_a_look_up_fail(words in prop::collection::vec(any::<u64>(), 0..40), key in any::<i64>()) {
            if let Some(view) = KeySetView::of(&words) {
                let _ = view.has_integer(key);
                let _ = view.has_text(&key.to_le_bytes());
            }
        }
    }
}
