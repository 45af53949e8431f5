//! The tripwire: rows of a reserved tenant that no honest statement can touch, and what happens when one is touched.
//!
//! The first touch raises a flag that every backend of the database sees and keeps it in a file of the data directory, so
//! that neither an abort nor a restart takes it back. While it is up every confined section there refuses (55000); only an
//! administrator's `splitplane.reopen()` in that database lowers it. Nothing here writes to the database: a standby is shut
//! separately.

use crate::error::{Refusal, SHUT_MESSAGE, StageResult, State};
use crate::pgx::functions::interface::exported;
use crate::pgx::hooks::tripwire_scan;
use crate::pgx::pg_try::{log, raise};
use crate::pgx::section::claims;
use crate::pgx::shmem::flag;
use crate::pgx::shmem::flag::Raised;
use crate::pgx::{names, server};
use crate::reason::Reason;
use pgrx::prelude::*;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static REOPENING: OnceLock<fn() -> StageResult<()>> = OnceLock::new();

/// Takes up its places; called once from `_PG_init` in the postmaster.
///
/// `reopening` is called by an administrator's `reopen()` before it does anything, and may refuse.
pub fn init(reopening: fn() -> StageResult<()>) {
    REOPENING.get_or_init(|| reopening);
    flag::init(was_shut);
    tripwire_scan::init(touched);
}

/// Refuses (55000) while the plane is shut.
pub fn check() -> StageResult<()> {
    if is_shut() { Err(shut()) } else { Ok(()) }
}

/// Whether the plane of this database is shut.
pub fn is_shut() -> bool {
    flag::is_raised(server::database_oid())
}

/// A reserved row left the scan of a relation.
fn touched(relation: pg_sys::Oid) -> Refusal {
    // First of all, so that it holds even if the rest fails.
    flag::raise(server::database_oid());
    let place = format!("{} of database {}", names::relation_name(relation), server::database_name());
    let asker = claims::holder().unwrap_or_else(|| "a parallel worker".to_owned());
    log(&format!("TRIPWIRE: a statement of tenant {asker} read a reserved row in {place}; the plane is shut"));
    if let Err(error) = keep(&place) {
        log(&format!("TRIPWIRE: could not write the file that keeps the plane shut after a restart: {error}"));
    }
    shut()
}

fn shut() -> Refusal {
    Refusal::new(State::Unsafe, SHUT_MESSAGE).because(Reason::Tripwire)
}

/// Which planes an earlier life of the server left shut, by their files. What cannot be read shuts all of them, and so
/// does the file of versions up to 0.1.0, which named no database.
fn was_shut() -> Raised {
    let mut raised = Raised { all: false, databases: Vec::new() };
    let Ok(entries) = fs::read_dir(server::data_directory()) else { return Raised { all: true, ..raised } };
    for entry in entries {
        let Ok(entry) = entry else { return Raised { all: true, ..raised } };
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(FILE)) else { continue };
        match rest.strip_prefix('.').and_then(|oid| oid.parse().ok()) {
            Some(oid) => raised.databases.push(oid),
            None => raised.all = true,
        }
    }
    raised
}

/// In the data directory; each database's file has its OID behind the name.
const FILE: &str = "splitplane.tripwire";

fn file() -> PathBuf {
    Path::new(&server::data_directory()).join(format!("{FILE}.{}", server::database_oid()))
}

/// Several backends and workers may come here at once: each writes the file whole, and any of them will do.
fn keep(place: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file())?;
    writeln!(file, "{} {}", server::now(), place.replace(char::is_control, " "))?;
    file.sync_all()?;
    fs::File::open(server::data_directory())?.sync_all()
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

exported!(reopen = reopen_plane_wrapper);

/// Opens the plane of this database again; answers whether it was shut. The file goes first: if it cannot, the plane stays
/// shut.
#[pg_extern(sql = false)]
fn reopen_plane() -> bool {
    if let Some(Err(refusal)) = REOPENING.get().map(|reopening| reopening()) {
        raise(refusal);
    }
    let removed = remove(&file())
        .and_then(|()| remove(&Path::new(&server::data_directory()).join(FILE)))
        .and_then(|()| fs::File::open(server::data_directory())?.sync_all());
    if let Err(error) = removed {
        raise(
            Refusal::new(State::Unsafe, "the file splitplane.tripwire in the data directory cannot be removed")
                .with_detail(error.to_string()),
        );
    }
    let was_shut = flag::lower(server::database_oid());
    if was_shut {
        log(&format!("TRIPWIRE: the plane of database {} was reopened", server::database_name()));
    }
    was_shut
}
