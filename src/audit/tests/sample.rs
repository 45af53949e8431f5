//! The log in pg_test/audit/sample, on which verifiers of others are tried, is what this version writes, byte by byte.
//!
//! After a change of the format, SPLITPLANE_WRITE_SAMPLE=1 in the environment of this test writes it anew.

use crate::audit::entry::Link;
use crate::audit::export::{Export, export};
use crate::audit::receipt::reference;
use crate::audit::testing::{COLUMNS, LOG, Log, ROWS, Shape};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn sample() -> BTreeMap<String, Vec<u8>> {
    let log = Log::write(Shape { per_file: 10, note_every: 8, ..Shape::of(27) });
    let mut files = BTreeMap::new();
    for name in log.names() {
        files.insert(format!("{LOG}/{name}"), log.read(&name));
    }
    let (checkpoint, note) = (log.checkpoint(), log.tenant_note("a"));
    let key = log.key.verifying();
    let what = Export { key, database: Some(5), tenant: "a", checkpoint: &checkpoint, head: Some(&note) };
    let mut exported = Vec::new();
    export(log.path(), &what, &mut exported).unwrap();
    let audit = reference(&LOG, &Link { sequence: 7, hash: log.hash(7) });
    let document =
        format!("{{\"rows\": {ROWS}, \"audit\": {audit}, \"columns\": {COLUMNS}, \"outcome\": \"answered\"}}\n");
    files.insert("key".to_owned(), format!("{}\n", key.line()).into_bytes());
    files.insert("key.pem".to_owned(), key.spki_pem().into_bytes());
    files.insert("checkpoint".to_owned(), checkpoint.into_bytes());
    files.insert("tenant-note".to_owned(), note.into_bytes());
    files.insert("document.json".to_owned(), document.into_bytes());
    files.insert("export".to_owned(), exported);
    files
}

#[test]
fn the_sample_is_what_this_version_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pg_test/audit/sample");
    let is_written = std::env::var_os("SPLITPLANE_WRITE_SAMPLE").is_some();
    for (name, contents) in sample() {
        let path = folder.join(&name);
        if is_written {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &contents).unwrap();
        }
        assert!(fs::read(&path).unwrap() == contents, "{name} is another");
    }
}
