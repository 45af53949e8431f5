//! One tenant's export.

use crate::audit::export::{Export, export};
use crate::audit::export_reader::verify_export;
use crate::audit::files::entries_name;
use crate::audit::testing::{Folder, Log, Shape};
use crate::audit::verify::Severity;
use proptest::prelude::*;
use std::fs;

fn exported(log: &Log, tenant: &str, with_note: bool) -> String {
    let (checkpoint, note) = (log.checkpoint(), log.tenant_note(tenant));
    let head = with_note.then_some(note.as_str());
    let what = Export { key: log.key.verifying(), database: Some(5), tenant, checkpoint: &checkpoint, head };
    let mut file = Vec::new();
    export(log.path(), &what, &mut file).unwrap();
    String::from_utf8(file).unwrap()
}

/// The gravest finding; an export that cannot be read counts as changed.
fn gravest(log: &Log, export: &str) -> Option<Severity> {
    let folder = Folder::new();
    let file = folder.0.join("export");
    fs::write(&file, export).unwrap();
    let mut gravest = None;
    let read = verify_export(&file, log.key.verifying(), &mut |finding| gravest = gravest.max(Some(finding.severity)));
    if read.is_err() { Some(Severity::Critical) } else { gravest }
}

#[test]
fn an_export_holds_one_tenant_and_proves_it() {
    let log = Log::write(Shape::of(60));
    for tenant in ["a", "b", "ç\u{2028}\"\\"] {
        let file = exported(&log, tenant, true);
        assert_eq!(gravest(&log, &file), None);
        assert_eq!(gravest(&log, &exported(&log, tenant, false)), Some(Severity::Info), "no note of its end");
        let own = log.lines.iter().filter(|line| {
            let key = crate::audit::parse_line(line.as_bytes()).unwrap().1;
            key.chain_key() == Some((5, tenant))
        });
        assert_eq!(file.lines().count(), 1 + own.count());
    }
    let file = exported(&log, "a", true);
    assert!(!file.contains("\\\"tenant\\\":\\\"b\\\"") && file.contains("\\\"tenant\\\":\\\"a\\\""));
    let mut nothing = Vec::new();
    let checkpoint = log.checkpoint();
    let what = Export { key: log.key.verifying(), database: None, tenant: "a", checkpoint: &checkpoint, head: None };
    assert!(export(log.path(), &what, &mut nothing).is_err(), "two databases");
    assert!(export(log.path(), &Export { tenant: "nobody", ..what }, &mut nothing).is_err());
    // A checkpoint that the log does not have.
    let forked = Log::write(Shape { forks_at: 1, ..Shape::of(60) }).checkpoint();
    let longer = Log::write(Shape::of(61)).checkpoint();
    for checkpoint in [&forked, &longer] {
        assert!(export(log.path(), &Export { database: Some(5), checkpoint, ..what }, &mut nothing).is_err());
    }
    assert!(nothing.is_empty());
}

#[test]
fn what_was_removed_by_age_is_told() {
    let log = Log::write(Shape::of(60));
    let whole = exported(&log, "a", true);
    fs::remove_file(log.path().join(entries_name(0))).unwrap();
    fs::remove_file(log.path().join(entries_name(5))).unwrap();
    let file = exported(&log, "a", true);
    assert!(file.lines().count() < whole.lines().count());
    assert_eq!(gravest(&log, &file), Some(Severity::Info));
}

#[test]
fn entries_that_are_left_out_are_found() {
    let log = Log::write(Shape::of(60));
    let file = exported(&log, "a", true);
    let lines: Vec<&str> = file.lines().collect();
    for gone in 1..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(gone);
        // The first line says how many there are: it may say so, too.
        let count = format!("\"entries\":{}", lines.len() - 1);
        let fewer = (fewer.join("\n") + "\n").replacen(&count, &format!("\"entries\":{}", lines.len() - 2), 1);
        let expected = if gone == 1 { Severity::Info } else { Severity::Critical };
        assert_eq!(gravest(&log, &fewer), Some(expected), "line {gone}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever is changed, what an export then says of entries is not more than what is true.
    #[test]
    fn any_change_of_an_entry_or_proof_is_found(at in any::<prop::sample::Index>(), by in 1_u8..128) {
        let log = Log::write(Shape::of(40));
        let file = exported(&log, "a", true);
        prop_assert_eq!(gravest(&log, &file), None);
        let begin = file.find('\n').unwrap() + 1;
        let mut changed = file.clone().into_bytes();
        let at = begin + at.index(file.len() - begin);
        changed[at] ^= by;
        prop_assume!(String::from_utf8(changed.clone()).is_ok());
        let changed = String::from_utf8(changed).unwrap();
        prop_assert_eq!(gravest(&log, &changed), Some(Severity::Critical), "byte {}", at);
    }
}
