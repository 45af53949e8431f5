//! What is counted, in shared memory and on disk.
//!
//! The file is written under the lock before anything is spent that it does not cover, so that a crash never forgets what was used.
//! While it cannot be read nothing is granted.

use super::amount::Measure;
use super::file::{self, Kept};
use super::table::{self, Key, Shortage, Slot, Table, Wish};
use super::window::Window;
use crate::error::{Refusal, StageResult, State};
use crate::pgx::shmem::budgets::{self, Content, Locked};
use crate::pgx::{pg_try, server};
use crate::reason::Reason;
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static SLOTS: OnceLock<fn() -> usize> = OnceLock::new();

/// Asks for the shared memory. `slots`: how many at most; `at_exit` is called when a backend ends that has reserved anything.
pub(super) fn init(slots: fn() -> usize, at_exit: fn()) {
    SLOTS.get_or_init(|| slots);
    budgets::init(Content { words: || table::words(most()), first: restore, at_exit });
}

fn most() -> usize {
    SLOTS.get().map_or(0, |slots| slots())
}

/// Whose amount it is, in this database.
pub(super) fn key(tenant: &str, measure: Measure) -> Key {
    let digest = Sha256::new()
        .chain_update(server::database_oid().to_be_bytes())
        .chain_update(measure.as_str())
        .chain_update([0])
        .chain_update(tenant);
    file::key_of(&digest.finalize().into())
}

fn kept_file() -> PathBuf {
    Path::new(&server::data_directory()).join("splitplane.budgets")
}

fn directory() -> io::Result<u64> {
    fs::metadata(server::data_directory()).map(|found| found.ino())
}

/// What an earlier life of the server has counted.
fn restore(words: &mut [u64]) {
    let Some(mut table) = Table::over(words, most()) else { return };
    let now = server::timestamp_now();
    let problem = match kept() {
        Ok(slots) if table.restore(slots.iter().copied().filter(|slot| !slot.window.is_over(now))) => return,
        Ok(_) => "splitplane.budget_slots is smaller than what it holds".to_owned(),
        Err(problem) => problem,
    };
    table.close(true);
    pg_try::log(&format!(
        "splitplane.budgets in the data directory cannot be used, and no tenant with a budget is answered: {problem}"
    ));
}

fn kept() -> Result<Vec<Slot>, String> {
    let text = match fs::read_to_string(kept_file()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| error.to_string())?,
    };
    let Kept { directory: written_in, slots } = file::decode(&text).ok_or("it is damaged")?;
    if written_in == directory().map_err(|error| error.to_string())? {
        return Ok(slots);
    }
    pg_try::log(
        "splitplane.budgets was copied from another data directory: this server counts for itself, from nothing",
    );
    Ok(Vec::new())
}

/// Renamed into place, so a reader sees the old or the new; under the lock, so one writer at a time.
fn write(table: &Table<'_>) -> io::Result<()> {
    let target = kept_file();
    let temporary = target.with_extension("budgets.tmp");
    let text = file::encode(directory()?, table.slots()).ok_or(io::ErrorKind::OutOfMemory)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, &target)?;
    // The rename itself must survive a power loss.
    fs::File::open(server::data_directory())?.sync_all()
}

fn lock() -> StageResult<Locked> {
    budgets::lock().ok_or_else(|| {
        Refusal::new(State::Unsafe, "splitplane must be in shared_preload_libraries; add it and restart the server")
    })
}

fn uncounted(detail: impl Into<String>) -> Refusal {
    Refusal::new(State::Unsafe, "budgets cannot be counted: splitplane.doctor() or the server log says why")
        .because(Reason::Budget)
        .with_detail(detail)
}

/// Grants all wishes or none. Gives the place of the first that cannot be granted, why, and the moment.
///
/// # Errors
/// 55000 while nothing can be counted.
pub(super) fn reserve(wishes: &[Wish]) -> StageResult<Result<(), (usize, Shortage, i64)>> {
    let mut locked = lock()?;
    let Some(mut table) = Table::over(locked.words(), most()) else { return Err(uncounted("there is no memory")) };
    if table.is_closed() {
        // An administrator has moved it away.
        let is_gone = matches!(kept_file().try_exists(), Ok(false));
        if !(is_gone && table.restore([])) {
            return Err(uncounted("the file splitplane.budgets in the data directory cannot be used"));
        }
    }
    let now = server::timestamp_now();
    match table.reserve(wishes, now) {
        Err((place, shortage)) => return Ok(Err((place, shortage, now))),
        Ok(false) => return Ok(Ok(())),
        Ok(true) => {}
    }
    if let Err(error) = write(&table) {
        table.withdraw(wishes);
        return Err(uncounted(format!("the file splitplane.budgets cannot be written: {error}")));
    }
    table.mark_kept();
    Ok(Ok(()))
}

/// Gives reservations back, each less what was used of it. Does not fail: a file that cannot be written says too much, not too little,
/// as long as no more is used than was reserved.
pub(super) fn settle(all: &[(Key, u64, u64)]) {
    let Ok(mut locked) = lock() else { return };
    let Some(mut table) = Table::over(locked.words(), most()) else { return };
    let now = server::timestamp_now();
    let mut is_to_be_kept = false;
    for (key, reserved, used) in all {
        is_to_be_kept |= table.settle(key, *reserved, *used, now);
    }
    if is_to_be_kept && !table.is_closed() && write(&table).is_ok() {
        table.mark_kept();
    }
}

/// What is used and reserved of a budget, in millionths, and when its window ends, in microseconds since 2000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Used.
    pub used: u64,
    /// Reserved.
    pub reserved: u64,
    /// When it begins anew.
    pub resets_at: i64,
}

/// That of a tenant of this database, in windows of so many microseconds.
///
/// # Errors
/// 55000 without shared memory.
pub fn use_of(tenant: &str, measure: Measure, period: i64) -> StageResult<Use> {
    let key = key(tenant, measure);
    let now = server::timestamp_now();
    let found = Table::over(lock()?.words(), most()).and_then(|table| table.get(&key));
    let window = Window::at(now, period);
    let unused = Use { used: 0, reserved: 0, resets_at: window.end() };
    Ok(found.map_or(unused, |slot| {
        if slot.window.period == window.period && slot.window.start >= window.start {
            Use { used: slot.used, reserved: slot.reserved, resets_at: slot.window.end() }
        } else {
            Use { reserved: slot.reserved, ..unused }
        }
    }))
}

/// Why nothing can be counted, for `doctor()`.
pub fn problem() -> Option<&'static str> {
    let is_closed = Table::over(budgets::lock()?.words(), most()).is_none_or(|table| table.is_closed());
    (is_closed && !matches!(kept_file().try_exists(), Ok(false))).then_some(
        "The file splitplane.budgets in the data directory is damaged, cannot be read, or holds more than \
         splitplane.budget_slots: every tenant with a budget is refused (55000).",
    )
}
