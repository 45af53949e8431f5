//! Logs for tests: whole ones in a folder of their own, written with the pure code as a server would write them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::entry::{Chain, Database, Entry, Event, Link, Place};
use super::files::{HASHES, LogId, NOTES, entries_name, texts_name};
use super::hash::{Hash, leaf_hash};
use super::note::{SigningKey, VerifyingKey};
use super::receipt::answer_hash;
use super::statement::{Checkpoint, TenantHead};
use super::text::KeptTexts;
use super::tree::Frontier;
use super::verify::{Finding, Request, Severity, Summary, verify};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub const LOG: LogId = LogId(*b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff");
pub const SEED: [u8; 32] = [7; 32];
pub const COLUMNS: &str = r#"[{"name": "city", "type": "text"}, {"name": "paid", "type": "numeric"}]"#;
pub const ROWS: &str = r#"[["Chicago", 12.50], ["Köln", 1e2]]"#;

/// A folder that goes when this does.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("splitplane-audit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What kind of log.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub entries: u64,
    pub per_file: u64,
    /// A checkpoint and a tenant's note after each of so many entries; 0: none.
    pub note_every: u64,
    /// From this entry on the log tells of something else: two logs of one shape fork here.
    pub forks_at: u64,
}

impl Shape {
    pub fn of(entries: u64) -> Self {
        Self { entries, per_file: 5, note_every: 4, forks_at: u64::MAX }
    }
}

/// A log as it is written.
pub struct Log {
    pub folder: Folder,
    pub lines: Vec<String>,
    pub tree: Frontier,
    pub key: SigningKey,
    pub heads: BTreeMap<(u32, String), Link>,
}

impl Log {
    pub fn write(shape: Shape) -> Self {
        let key = SigningKey::from_seed(LOG, &SEED).unwrap();
        let mut log =
            Self { folder: Folder::new(), lines: Vec::new(), tree: Frontier::new(), key, heads: BTreeMap::new() };
        let (mut notes, mut hashes) = (String::new(), Vec::new());
        let mut files: BTreeMap<u64, (String, String)> = BTreeMap::new();
        let mut told = None;
        for sequence in 0..shape.entries {
            let file = files.entry(sequence / shape.per_file * shape.per_file).or_default();
            let entry = match told.take() {
                Some(checkpoint) => tells(sequence, &checkpoint),
                None => entry(sequence, sequence >= shape.forks_at, &mut file.1),
            };
            log.add(&entry, sequence);
            file.0.push_str(log.lines.last().unwrap());
            file.0.push('\n');
            hashes.extend_from_slice(&log.hash(sequence));
            if shape.note_every > 0 && (sequence + 1).is_multiple_of(shape.note_every) {
                let of_tenants = log.heads.keys().filter(|(oid, _)| *oid == 5);
                for note in of_tenants.map(|(_, tenant)| log.tenant_note(tenant)).chain([log.checkpoint()]) {
                    notes.push_str(&format!("{note}\n"));
                }
                told = Some(Checkpoint { log: LOG, size: sequence + 1, root: log.tree.root() });
            }
        }
        for (first, (entries, texts)) in files {
            fs::write(log.path().join(entries_name(first)), entries).unwrap();
            fs::write(log.path().join(texts_name(first)), texts).unwrap();
        }
        fs::write(log.path().join(HASHES), hashes).unwrap();
        fs::write(log.path().join(NOTES), notes).unwrap();
        log
    }

    fn add(&mut self, entry: &Entry, sequence: u64) {
        let key = entry.chain_key().map(|(oid, tenant)| (oid, tenant.to_owned()));
        let chain = match &key {
            None => Chain::None,
            Some(key) => self.heads.get(key).map_or(Chain::First, |link| Chain::After(*link)),
        };
        let at = 1_796_000_000_000_000 + i64::try_from(sequence).unwrap() * 1_234_567;
        let line = entry.line(&Place { sequence, at, chain });
        let hash = leaf_hash(line.as_bytes());
        if let Some(key) = key {
            self.heads.insert(key, Link { sequence, hash });
        }
        self.tree.push(hash);
        self.lines.push(line);
    }

    pub fn path(&self) -> &Path {
        &self.folder.0
    }

    pub fn hash(&self, sequence: u64) -> Hash {
        leaf_hash(self.lines[usize::try_from(sequence).unwrap()].as_bytes())
    }

    /// Over all entries.
    pub fn checkpoint(&self) -> String {
        self.key.sign(&Checkpoint { log: LOG, size: self.tree.size(), root: self.tree.root() }.text())
    }

    /// Of the tenant in the first database.
    pub fn tenant_note(&self, tenant: &str) -> String {
        let last = self.heads[&(5, tenant.to_owned())];
        let database = Database { name: "shop".to_owned(), oid: 5 };
        self.key
            .sign(&TenantHead { log: LOG, database, tenant: tenant.to_owned(), last, size: self.tree.size() }.text())
    }

    /// The contents of a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    pub fn put(&self, name: &str, contents: &[u8]) {
        fs::write(self.path().join(name), contents).unwrap();
    }

    /// The names of its files.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn verify(&self, checkpoint: Option<&str>) -> (Summary, Vec<Finding>) {
        verified(self.path(), self.key.verifying(), checkpoint)
    }

    /// The gravest finding.
    pub fn gravest(&self, checkpoint: Option<&str>) -> Option<Severity> {
        self.verify(checkpoint).1.iter().map(|finding| finding.severity).max()
    }
}

pub fn verified(path: &Path, key: &VerifyingKey, checkpoint: Option<&str>) -> (Summary, Vec<Finding>) {
    let mut findings = Vec::new();
    let request = Request { key, checkpoint, tenant: None };
    let summary = verify(path, &request, &mut |finding| findings.push(finding)).unwrap();
    let critical = findings.iter().filter(|finding| finding.severity == Severity::Critical).count();
    assert_eq!(summary.critical > 0, critical > 0);
    (summary, findings)
}

fn random(sequence: u64) -> [u8; 16] {
    let mut random = [0xa5; 16];
    random[..8].copy_from_slice(&sequence.to_be_bytes());
    random
}

fn tells(sequence: u64, checkpoint: &Checkpoint) -> Entry {
    let mut entry = Entry::new(Event::Checkpoint, random(sequence));
    entry.details.insert("size".to_owned(), json!(checkpoint.size));
    entry.details.insert("root".to_owned(), json!(hex::encode(checkpoint.root)));
    entry
}

/// An entry that depends on its number alone: of three tenants, two databases, refusals and more.
fn entry(sequence: u64, forked: bool, texts: &mut String) -> Entry {
    let mut entry = match sequence {
        0 => Entry::new(Event::Started, random(0)),
        _ if sequence % 7 == 3 => Entry::new(Event::RefusedMany, random(sequence)),
        _ => Entry::new(Event::Call, random(sequence)),
    };
    if sequence == 0 {
        entry.details.insert("format".to_owned(), json!(1));
        entry.details.insert("log".to_owned(), json!(LOG.to_string()));
        entry.details.insert("host".to_owned(), json!("db-1"));
        return entry;
    }
    if entry.event == Event::RefusedMany {
        entry.details.insert("refusals".to_owned(), json!([{"reason": "unknown key", "count": 12}]));
        return entry;
    }
    entry.database = Some(Database { name: "shop".to_owned(), oid: if sequence.is_multiple_of(5) { 6 } else { 5 } });
    entry.tenant = Some(["a", "b", "ç\u{2028}\"\\"][usize::try_from(sequence % 3).unwrap()].to_owned());
    entry.verified = Some(sequence % 11 != 8);
    entry.outcome = Some(if forked { "refused" } else { "answered" }.to_owned());
    entry.relations = Some(vec!["public.orders".to_owned()]);
    (entry.rows, entry.bytes, entry.microseconds) = (Some(2), Some(99), Some(1_234_005));
    entry.answer = Some(answer_hash(&entry.random, COLUMNS, ROWS).unwrap());
    let mut key = [1; 32];
    key[..8].copy_from_slice(&sequence.to_be_bytes());
    let question = sequence.is_multiple_of(2).then(|| format!("How many orders on day {sequence}?"));
    let sql = Some("SELECT count(*)\nFROM orders".to_owned());
    let kept = KeptTexts { key, question, sql };
    entry.question = kept.question.as_ref().map(|text| kept.hash(text));
    entry.sql = kept.sql.as_ref().map(|text| kept.hash(text));
    texts.push_str(&kept.line(sequence));
    texts.push('\n');
    entry
}
