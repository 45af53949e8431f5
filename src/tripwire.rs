//! The tripwire: rows of a reserved tenant that no honest statement can touch, and what happens when one is touched.
//!
//! The first touch raises a flag that every backend of the server sees and keeps it in a file of the data directory, so
//! that neither an abort nor a restart takes it back. While it is up every confined section refuses (55000); only an
//! administrator's `splitplane.reopen()` lowers it. Nothing here writes to the database: a standby is shut alike, for
//! itself.

use crate::error::{Refusal, SHUT_MESSAGE, StageResult, State};
use crate::pgx::catch::{log, raise};
use crate::pgx::{alarm, claims, server, watch};
use pgrx::prelude::*;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Takes up its places; called once from `_PG_init` in the postmaster.
pub fn init() {
    alarm::init(was_shut);
    watch::init(touched);
}

/// Refuses (55000) while the plane is shut.
pub fn check() -> StageResult<()> {
    if alarm::is_raised() { Err(Refusal::new(State::Unsafe, SHUT_MESSAGE)) } else { Ok(()) }
}

/// A reserved row left the scan of a relation.
fn touched(relation: pg_sys::Oid) -> Refusal {
    // First of all, and whatever becomes of the rest.
    alarm::set(true);
    let place = format!("{} of database {}", server::relation_name(relation), server::database_name());
    let asker = claims::holder().unwrap_or_else(|| "a parallel worker".to_owned());
    log(&format!("TRIPWIRE: a statement of tenant {asker} read a reserved row in {place}; the plane is shut"));
    if let Err(error) = keep(&place) {
        log(&format!("TRIPWIRE: the file that keeps the plane shut over a restart cannot be written: {error}"));
    }
    Refusal::new(State::Unsafe, SHUT_MESSAGE)
}

/// Whether an earlier life of the server left the plane shut. A file that cannot be looked at counts as one that is there.
fn was_shut() -> bool {
    !matches!(fs::symlink_metadata(file()), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

fn file() -> PathBuf {
    Path::new(&server::data_directory()).join("splitplane.tripwire")
}

/// Several backends and workers may come here at once: each writes the file whole, and any of them will do.
fn keep(place: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file())?;
    writeln!(file, "{} {}", server::now(), place.replace(char::is_control, " "))?;
    file.sync_all()?;
    fs::File::open(server::data_directory())?.sync_all()
}

/// Opens the plane again; answers whether it was shut. The file goes first: if it cannot, the plane stays shut.
#[pg_extern(sql = false)]
fn reopen() -> bool {
    let removed = fs::remove_file(file()).and_then(|()| fs::File::open(server::data_directory())?.sync_all());
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => raise(
            Refusal::new(State::Unsafe, "the file splitplane.tripwire in the data directory cannot be removed")
                .with_detail(error.to_string()),
        ),
        Err(_) | Ok(()) => {}
    }
    let was_shut = alarm::set(false);
    if was_shut {
        log("TRIPWIRE: the plane was reopened");
    }
    was_shut
}
