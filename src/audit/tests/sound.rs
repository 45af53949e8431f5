//! Logs that nobody touched, and those that a crash or age left.

use crate::audit::files::{HASHES, NOTES, entries_name, texts_name};
use crate::audit::testing::{Log, Shape};
use crate::audit::text::erased;
use crate::audit::verify::{Request, Severity, verify};
use std::fs;

#[test]
fn logs_of_all_sizes_are_sound() {
    for entries in 1..30 {
        for per_file in [1, 4, 100] {
            let log = Log::write(Shape { per_file, ..Shape::of(entries) });
            let checkpoint = log.checkpoint();
            let (summary, findings) = log.verify(Some(&checkpoint));
            assert_eq!(findings, [], "{entries} entries");
            assert_eq!((summary.size, summary.root, summary.first), (entries, log.tree.root(), 0));
            let notes = String::from_utf8(log.read(NOTES)).unwrap();
            assert_eq!(summary.notes, notes.matches("\n\n\u{2014} ").count() as u64);
            if log.heads.contains_key(&(5, "a".to_owned())) {
                assert_eq!(log.verify(Some(&log.tenant_note("a"))).1, []);
            }
        }
    }
}

#[test]
fn a_tenant_is_summed_up() {
    let log = Log::write(Shape::of(30));
    let sentences = |tenant| {
        let mut said = Vec::new();
        let request = Request { key: log.key.verifying(), checkpoint: None, tenant: Some(tenant) };
        verify(log.path(), &request, &mut |finding| said.push((finding.severity, finding.sentence))).unwrap();
        said
    };
    let said = sentences("a");
    assert_eq!(said.len(), 2, "in two databases: {said:?}");
    assert!(said[0].1.starts_with("Database 5: ") && said[1].1.starts_with("Database 6: "));
    assert_eq!(sentences("nobody")[0].0, Severity::Warning);
}

#[test]
fn what_was_removed_by_age_is_told_and_no_more() {
    let log = Log::write(Shape::of(28));
    for first in [0, 5, 10] {
        fs::remove_file(log.path().join(entries_name(first))).unwrap();
        // Texts may go later than entries, or sooner.
        if first != 0 {
            fs::remove_file(log.path().join(texts_name(first))).unwrap();
        }
        let (summary, findings) = log.verify(Some(&log.checkpoint()));
        assert_eq!(summary.first, first + 5);
        assert_eq!(summary.root, log.tree.root());
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].severity, Severity::Info);
    }
    fs::remove_file(log.path().join(texts_name(15))).unwrap();
    assert_eq!(log.gravest(None), Some(Severity::Info));
    // In the middle it is no age.
    fs::remove_file(log.path().join(entries_name(20))).unwrap();
    assert_eq!(log.gravest(None), Some(Severity::Critical));
}

#[test]
fn an_empty_new_file_of_entries_is_sound() {
    let log = Log::write(Shape::of(10));
    log.put(&entries_name(10), b"");
    assert_eq!(log.verify(Some(&log.checkpoint())).1, []);
    log.put(&entries_name(12), b"");
    assert_eq!(log.gravest(None), Some(Severity::Critical));
}

#[test]
fn what_a_crash_leaves_is_a_warning() {
    let shape = Shape { note_every: 0, ..Shape::of(9) };
    // A torn entry, whose hash was not written.
    let log = Log::write(shape);
    let mut entries = log.read(&entries_name(5));
    entries.extend_from_slice(b"{\"sequence\":9,\"at\":");
    log.put(&entries_name(5), &entries);
    let (_, findings) = log.verify(Some(&log.checkpoint()));
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].severity, findings[0].sequence), (Severity::Warning, Some(9)));
    // In a file that is not the last it is none.
    let mut entries = log.read(&entries_name(0));
    entries.extend_from_slice(b"{\"sequence\":5");
    log.put(&entries_name(0), &entries);
    assert_eq!(log.gravest(None), Some(Severity::Critical));

    // Entries without hashes, and a torn hash.
    let log = Log::write(shape);
    let hashes = log.read(HASHES);
    log.put(HASHES, &hashes[..hashes.len() - 40]);
    let (_, findings) = log.verify(None);
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:?}");
    // But not those that were signed.
    assert_eq!(log.gravest(Some(&log.checkpoint())), Some(Severity::Critical));

    // A torn note.
    let log = Log::write(Shape::of(9));
    let notes = log.read(NOTES);
    let last = notes[..notes.len() - 2].windows(2).rposition(|two| two == b"\n\n").unwrap();
    for end in last - 150..notes.len() {
        log.put(NOTES, &notes[..end]);
        let found = log.gravest(None);
        // The entry that tells of the checkpoint is there, and the note may not be any more.
        assert!(found <= Some(Severity::Warning), "{end} of {}: {found:?}", notes.len());
    }
}

#[test]
fn the_order_of_notes_says_nothing() {
    let log = Log::write(Shape::of(12));
    let notes = String::from_utf8(log.read(NOTES)).unwrap();
    let blocks: Vec<&str> = notes.split_inclusive("\n\n").collect();
    let turned: String = blocks.chunks(2).rev().flatten().copied().collect();
    assert_ne!(turned, notes);
    log.put(NOTES, turned.as_bytes());
    assert_eq!(log.verify(Some(&log.checkpoint())).1, []);
    // The control: what a note says still counts, wherever it stands.
    let other = Log::write(Shape { forks_at: 2, ..Shape::of(12) });
    log.put(NOTES, format!("{}{turned}", String::from_utf8(other.read(NOTES)).unwrap()).as_bytes());
    assert_eq!(log.gravest(None), Some(Severity::Critical));
}

#[test]
fn texts_can_be_erased() {
    let log = Log::write(Shape::of(9));
    let name = texts_name(5);
    let texts = String::from_utf8(log.read(&name)).unwrap();
    let line = texts.lines().next().unwrap();
    let without = texts.replacen(line, &erased(line.len()), 1);
    assert_eq!(without.len(), texts.len());
    log.put(&name, without.as_bytes());
    let (_, findings) = log.verify(Some(&log.checkpoint()));
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].severity, Severity::Info);
    // Taken out, and not erased.
    log.put(&name, texts.replacen(&format!("{line}\n"), "", 1).as_bytes());
    assert_eq!(log.gravest(None), Some(Severity::Warning));
}

#[test]
fn a_folder_without_a_log_cannot_be_verified() {
    let folder = crate::audit::testing::Folder::new();
    let log = Log::write(Shape::of(1));
    let request = Request { key: log.key.verifying(), checkpoint: None, tenant: None };
    assert!(verify(&folder.0, &request, &mut |_| panic!("nothing is found")).is_err());
    assert!(verify(&folder.0.join("none"), &request, &mut |_| panic!("nothing is found")).is_err());
}
