//! When `splitplane.check_model()` was run last, and with what result, by database: in shared memory, so that it works on a
//! standby and `doctor()` calls no model. A restart forgets it.

use crate::llm::ModelSettings;
use crate::pgx::server;
use crate::pgx::shmem::value::SharedValue;
use sha2::{Digest, Sha256};

/// Databases of which the last run is kept; with more, the oldest goes.
const DATABASES: usize = 32;
/// Longest detail that is kept, in bytes; what is longer is cut there.
const DETAIL: usize = 240;

/// What is checked, in the order of the rows.
pub const PURPOSES: [&str; 5] = ["validate", "write", "narrate", "shadow", "guardrail"];

/// What became of one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// One of [`PURPOSES`].
    pub purpose: &'static str,
    /// Whether the reply could be used.
    pub ok: bool,
    /// What came, or why nothing did.
    pub detail: String,
}

/// The last run.
pub struct Last {
    /// In seconds since 1970.
    pub at: i64,
    /// Whether the models are still configured as they were.
    pub is_current: bool,
    /// What failed.
    pub failed: Vec<Checked>,
}

#[derive(Clone, Copy)]
struct Failure {
    /// 0 where there is none.
    length: usize,
    detail: [u8; DETAIL],
}

#[derive(Clone, Copy)]
struct Run {
    /// 0 for a free place.
    database: u32,
    at: i64,
    settings: [u8; 32],
    failures: [Failure; PURPOSES.len()],
}

#[derive(Clone, Copy)]
struct Table([Run; DATABASES]);

const NONE: Failure = Failure { length: 0, detail: [0; DETAIL] };
const FREE: Run = Run { database: 0, at: i64::MIN, settings: [0; 32], failures: [NONE; PURPOSES.len()] };

static TABLE: SharedValue<Table> = SharedValue::new(c"splitplane checks of models", c"splitplane_checks");

/// Asks for the memory; called from `_PG_init` in the postmaster.
pub fn init() {
    TABLE.init(|| Table([FREE; DATABASES]));
}

fn digest(settings: &ModelSettings, shadow: Option<&str>) -> [u8; 32] {
    // Plain values, and no secret among them.
    Sha256::digest(format!("{settings:?} {shadow:?}").as_bytes()).into()
}

fn failure(detail: &str) -> Failure {
    // A failure without words would be none.
    let detail = if detail.is_empty() { "?" } else { detail };
    let length = (0..=DETAIL.min(detail.len())).rev().find(|end| detail.is_char_boundary(*end)).unwrap_or(0);
    let mut kept = Failure { length, ..NONE };
    kept.detail.iter_mut().zip(detail.bytes().take(length)).for_each(|(place, byte)| *place = byte);
    kept
}

/// Keeps a run of this database. `shadow`: the model beside those of the settings.
pub fn keep(settings: &ModelSettings, shadow: Option<&str>, rows: &[Checked]) {
    let settings = digest(settings, shadow);
    let mut run = Run { database: server::database_oid(), at: server::now(), settings, ..FREE };
    for (purpose, place) in PURPOSES.into_iter().zip(&mut run.failures) {
        let failed = rows.iter().find(|row| row.purpose == purpose && !row.ok);
        *place = failed.map_or(NONE, |row| failure(&row.detail));
    }
    let Some(mut table) = TABLE.lock() else { return };
    let own = table.0.iter().position(|known| known.database == run.database);
    let oldest = || table.0.iter().enumerate().min_by_key(|(_, known)| known.at).map(|(place, _)| place);
    if let Some(place) = own.or_else(oldest).and_then(|place| table.0.get_mut(place)) {
        *place = run;
    }
}

/// The last run in this database; `None` where there was none since the server started.
pub fn last(settings: &ModelSettings, shadow: Option<&str>) -> Option<Last> {
    let database = server::database_oid();
    let run = *TABLE.lock()?.0.iter().find(|known| known.database == database)?;
    let failed = PURPOSES.into_iter().zip(&run.failures).filter(|(_, failure)| failure.length > 0);
    let failed = failed.map(|(purpose, failure)| {
        let detail = failure.detail.get(..failure.length).unwrap_or_default();
        Checked { purpose, ok: false, detail: String::from_utf8_lossy(detail).into_owned() }
    });
    Some(Last { at: run.at, is_current: run.settings == digest(settings, shadow), failed: failed.collect() })
}
