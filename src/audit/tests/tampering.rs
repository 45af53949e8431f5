//! Every change must be found. The control of each: the same log is sound before.

use crate::audit::files::{HASHES, NOTES, entries_first, entries_name, texts_first};
use crate::audit::hash::leaf_hash;
use crate::audit::testing::{Log, Shape};
use crate::audit::verify::Severity;
use proptest::prelude::*;
use std::fs;

fn is_covered(name: &str) -> bool {
    name == HASHES || name == NOTES || entries_first(name).is_some()
}

fn assert_found(log: &Log, checkpoint: Option<&str>, what: &str) {
    assert_eq!(log.gravest(checkpoint), Some(Severity::Critical), "{what}");
}

/// The lines of all files as one, written back as one file.
fn rewrite(log: &Log, change: impl FnOnce(&mut Vec<String>)) {
    for name in log.names().iter().filter(|name| entries_first(name).is_some() || texts_first(name).is_some()) {
        fs::remove_file(log.path().join(name)).unwrap();
    }
    let mut lines = log.lines.clone();
    change(&mut lines);
    log.put(&entries_name(0), (lines.join("\n") + "\n").as_bytes());
}

/// As who can write all files would do it: the hashes are those of the lines, and only notes signed before remain.
fn rehash(log: &Log, lines: &[String]) {
    let hashes: Vec<u8> = lines.iter().flat_map(|line| leaf_hash(line.as_bytes())).collect();
    log.put(HASHES, &hashes);
}

#[test]
fn every_changed_byte_is_found() {
    let log = Log::write(Shape { per_file: 3, note_every: 3, ..Shape::of(4) });
    assert_eq!(log.gravest(None), None, "control");
    let mut bytes = 0;
    for name in log.names().iter().filter(|name| is_covered(name)) {
        let whole = log.read(name);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            log.put(name, &changed);
            assert_found(&log, None, &format!("byte {at} of {name}"));
            bytes += 1;
        }
        log.put(name, &whole);
    }
    assert_eq!(log.gravest(None), None, "control");
    assert!(bytes > 2000, "{bytes}");
}

#[test]
fn every_changed_byte_of_texts_is_seen() {
    let log = Log::write(Shape { per_file: 3, note_every: 3, ..Shape::of(4) });
    for name in log.names().iter().filter(|name| texts_first(name).is_some()) {
        let whole = log.read(name);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            log.put(name, &changed);
            assert!(log.gravest(None) >= Some(Severity::Warning), "byte {at} of {name}");
        }
        log.put(name, &whole);
    }
}

#[test]
fn files_that_are_gone_are_found() {
    let whole = Log::write(Shape::of(28));
    for name in whole.names().iter().filter(|name| *name != &entries_name(0) && !name.starts_with("texts")) {
        let log = Log::write(Shape::of(28));
        fs::remove_file(log.path().join(name)).unwrap();
        let checkpoint = log.checkpoint();
        match name.as_str() {
            // Entries tell of the checkpoints in it.
            NOTES => assert_eq!(log.gravest(Some(&checkpoint)), Some(Severity::Warning)),
            _ => assert_found(&log, Some(&checkpoint), name),
        }
    }
}

#[test]
fn a_forged_entry_in_a_chain_is_found_without_hashes_and_notes_that_tell() {
    let log = Log::write(Shape { note_every: 0, ..Shape::of(30) });
    // A tenant's entry is edited, and all hashes made anew: the next entry of the tenant tells.
    let mut lines = log.lines.clone();
    lines[1] = lines[1].replace("\"rows\":2", "\"rows\":3");
    assert_ne!(lines, log.lines);
    rewrite(&log, |all| all.clone_from(&lines));
    rehash(&log, &lines);
    assert_found(&log, None, "an edited entry of a chain");
    // One of no chain is found by what was signed alone.
    let log = Log::write(Shape { note_every: 0, ..Shape::of(30) });
    let mut lines = log.lines.clone();
    lines[3] = lines[3].replace("\"count\":12", "\"count\":1");
    assert_ne!(lines, log.lines);
    rewrite(&log, |all| all.clone_from(&lines));
    rehash(&log, &lines);
    assert_ne!(log.gravest(None), Some(Severity::Critical), "control: nothing was signed");
    assert_found(&log, Some(&log.checkpoint()), "against a checkpoint");
}

#[test]
fn another_key_or_log_is_found() {
    use crate::audit::files::LogId;
    use crate::audit::note::SigningKey;
    use crate::audit::testing::{LOG, SEED, verified};
    let log = Log::write(Shape::of(9));
    for key in [SigningKey::from_seed(LOG, &[8; 32]).unwrap(), SigningKey::from_seed(LogId([1; 16]), &SEED).unwrap()] {
        assert!(verified(log.path(), key.verifying(), None).0.critical > 0);
    }
    // Notes that somebody else signed.
    let other = SigningKey::from_seed(LOG, &[8; 32]).unwrap();
    let forged = other.sign(log.key.verifying().open(&log.checkpoint()).unwrap());
    assert_found(&log, Some(&forged), "a note of another key");
}

fn logs() -> impl Strategy<Value = Shape> {
    (2_u64..40, 1_u64..12, 0_u64..9).prop_map(|(entries, per_file, note_every)| Shape {
        entries,
        per_file,
        note_every,
        forks_at: u64::MAX,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_change_of_a_byte_is_found(shape in logs(), file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(), by in 1_u8..=255)
    {
        let log = Log::write(shape);
        prop_assert_eq!(log.gravest(None), None);
        let names: Vec<String> = log.names().into_iter().filter(|name| is_covered(name) && !log.read(name).is_empty()).collect();
        let name = &names[file.index(names.len())];
        let mut contents = log.read(name);
        let at = at.index(contents.len());
        contents[at] ^= by;
        log.put(name, &contents);
        prop_assert_eq!(log.gravest(None), Some(Severity::Critical), "byte {} of {}", at, name);
    }

    /// Lines removed, doubled, exchanged, inserted from elsewhere: with the hashes as they are, and with hashes made anew.
    #[test]
    fn any_change_of_lines_is_found(shape in logs(), what in 0..5, rehashed in any::<bool>(),
        one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>())
    {
        let log = Log::write(shape);
        let checkpoint = log.checkpoint();
        prop_assert_eq!(log.gravest(Some(&checkpoint)), None);
        let foreign = Log::write(Shape { forks_at: 0, entries: shape.entries + 1, ..shape }).lines;
        let mut lines = log.lines.clone();
        let (one, other) = (one.index(lines.len()), other.index(lines.len()));
        match what {
            0 => drop(lines.remove(one)),
            1 => lines.insert(other, log.lines[one].clone()),
            2 => lines.swap(one, other),
            3 => lines.insert(one, foreign[one].clone()),
            _ => lines[one] = foreign[foreign.len() - 1].clone(),
        }
        prop_assume!(lines != log.lines);
        rewrite(&log, |all| all.clone_from(&lines));
        if rehashed {
            rehash(&log, &lines);
        }
        prop_assert_eq!(log.gravest(Some(&checkpoint)), Some(Severity::Critical));
        // Without what was kept elsewhere, too: numbers have gaps or repeat. But where the last entry and its hash are
        // gone and no note covers them, there is nothing to see.
        let is_cut = rehashed && lines == log.lines[..log.lines.len() - 1];
        prop_assume!(!is_cut || (shape.note_every > 0 && shape.entries % shape.note_every == 0));
        prop_assert_eq!(log.gravest(None), Some(Severity::Critical));
    }

    /// A cut end is found when a note reaches behind it, wherever that is kept, and never else.
    #[test]
    fn a_cut_end_is_found_behind_a_note(shape in logs(), at in any::<prop::sample::Index>(), signed in any::<prop::sample::Index>()) {
        let log = Log::write(Shape { note_every: 0, ..shape });
        let size = usize::try_from(shape.entries).unwrap();
        let kept = 1 + at.index(size - 1);
        let signed = 1 + signed.index(size);
        let note = Log::write(Shape { note_every: 0, entries: signed as u64, ..shape }).checkpoint();
        prop_assert_eq!(log.gravest(Some(&note)), None);
        rewrite(&log, |lines| lines.truncate(kept));
        prop_assert_eq!(log.gravest(None), Some(Severity::Critical), "the hashes are left");
        rehash(&log, &log.lines[..kept]);
        let seen = log.verify(Some(&note)).0.critical > 0;
        prop_assert_eq!(seen, signed > kept);
    }

    /// A log that was written anew from some entry on, whole in itself, with a key that the forger does not have.
    #[test]
    fn a_fork_is_found_by_any_note_behind_it(shape in logs(), at in any::<prop::sample::Index>(), signed in any::<prop::sample::Index>()) {
        let fork = 1 + at.index(usize::try_from(shape.entries).unwrap() - 1);
        let signed = 1 + signed.index(usize::try_from(shape.entries).unwrap());
        let note = Log::write(Shape { note_every: 0, entries: signed as u64, ..shape }).checkpoint();
        let forked = Log::write(Shape { note_every: 0, forks_at: fork as u64, ..shape });
        prop_assert_eq!(forked.gravest(None), None, "whole in itself");
        let differs = (fork..signed).any(|at| forked.lines[at] != Log::write(Shape { note_every: 0, ..shape }).lines[at]);
        prop_assert_eq!(forked.verify(Some(&note)).0.critical > 0, differs);
    }
}
