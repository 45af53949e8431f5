//! What the file in the data directory says: a line for each budget that counts, and a digest at the end, by which a file that was
//! damaged or cut is known.

use super::table::{Key, Slot};
use super::window::Window;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const TITLE: &str = "splitplane budgets 1";

/// Bytes of a key, five numbers and what is between them.
const LONGEST_LINE: usize = 64 + 5 * 21 + 1;

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// The inode of the data directory that it was written in.
    pub directory: u64,
    /// What is counted; what was reserved counts as used.
    pub slots: Vec<Slot>,
}

/// The text of a file; `None` where memory is out.
#[must_use]
pub fn encode(directory: u64, slots: impl Iterator<Item = Slot> + Clone) -> Option<String> {
    let lines = slots.clone().count().checked_add(2)?;
    let mut text = String::new();
    text.try_reserve_exact(lines.checked_mul(LONGEST_LINE)?).ok()?;
    // Writing to a text does not fail.
    let _ = writeln!(text, "{TITLE} {directory}");
    for slot in slots {
        for word in slot.key {
            let _ = write!(text, "{word:016x}");
        }
        let Window { start, period } = slot.window;
        let _ = writeln!(text, " {start} {period} {} {} {}", slot.next_kept(), slot.block, slot.amount);
    }
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    let _ = writeln!(text, "{digest}");
    Some(text)
}

/// Reads it; `None` if it is not whole.
#[must_use]
pub fn decode(text: &str) -> Option<Kept> {
    let (body, digest) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let body = text.get(..body.len().checked_add(1)?)?;
    if hex::encode(Sha256::digest(body.as_bytes())) != digest {
        return None;
    }
    let mut lines = body.lines();
    let directory = lines.next()?.strip_prefix(TITLE)?.strip_prefix(' ')?.parse().ok()?;
    Some(Kept { directory, slots: lines.map(slot).collect::<Option<_>>()? })
}

fn slot(line: &str) -> Option<Slot> {
    let mut fields = line.split(' ');
    let key = key(fields.next()?)?;
    let mut number = || fields.next()?.parse::<i64>().ok();
    let window = Window { start: number()?, period: number().filter(|period| *period > 0)? };
    let mut amount = || fields.next()?.parse::<u64>().ok();
    let (used, block, amount) = (amount()?, amount()?, amount()?);
    (fields.next().is_none() && key != [0; 4]).then_some(Slot {
        key,
        window,
        used,
        reserved: 0,
        kept: used,
        block,
        amount,
    })
}

fn key(text: &str) -> Option<Key> {
    let bytes: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
    Some(key_of(&bytes))
}

/// A digest as a key.
#[must_use]
pub fn key_of(digest: &[u8; 32]) -> Key {
    let mut key = [0; 4];
    let (words, _) = digest.as_chunks::<8>();
    for (place, word) in key.iter_mut().zip(words) {
        *place = u64::from_be_bytes(*word);
    }
    key
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slots() -> impl Strategy<Value = Vec<Slot>> {
        let slot = (any::<[u8; 32]>(), any::<i64>(), 1_i64.., any::<u64>(), any::<u64>(), any::<u64>());
        prop::collection::vec(slot, 0..20).prop_map(|slots| {
            let slot = |(digest, start, period, used, block, amount)| {
                let window = Window { start, period };
                Slot { key: key_of(&digest), window, used, reserved: 0, kept: used, block, amount }
            };
            slots.into_iter().map(slot).collect()
        })
    }

    proptest! {
        #[test]
        fn says_what_was_written(directory in any::<u64>(), slots in slots()) {
            let kept = decode(&encode(directory, slots.iter().copied()).unwrap()).unwrap();
            prop_assert_eq!(kept.directory, directory);
            for (read, written) in kept.slots.iter().zip(&slots) {
                prop_assert_eq!(read, &Slot { used: written.next_kept(), kept: written.next_kept(), ..*written });
            }
            prop_assert_eq!(kept.slots.len(), slots.len());
        }

        #[test]
        fn is_known_for_damaged(slots in slots(), place in any::<prop::sample::Index>(), bit in 0_u8..7) {
            let mut bytes = encode(7, slots.into_iter()).unwrap().into_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert!(String::from_utf8(bytes).ok().and_then(|text| decode(&text)).is_none());
        }

        #[test]
        fn is_known_for_cut(slots in slots(), end in any::<prop::sample::Index>()) {
            let text = encode(7, slots.into_iter()).unwrap();
            prop_assert_eq!(decode(&text[..end.index(text.len())]), None);
        }
    }

    #[test]
    fn refuses_what_is_no_file_of_ours() {
        for text in ["", "\n", "splitplane budgets 1 7\n", "x\ny\n"] {
            assert_eq!(decode(text), None);
        }
        let other = |body: &str| format!("{body}{}\n", hex::encode(Sha256::digest(body.as_bytes())));
        assert!(decode(&other("splitplane budgets 1 7\n")).is_some(), "the control");
        for body in ["splitplane budgets 2 7\n", "splitplane budgets 1 7\n1 2 3\n", "splitplane budgets 1 -7\n"] {
            assert_eq!(decode(&other(body)), None);
        }
    }
}
