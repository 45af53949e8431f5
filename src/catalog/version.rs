//! Whether the library and the extension's objects in this database are of one version.
//!
//! A new library runs in every database of a server as soon as that is restarted, the SQL of the new version in each only
//! after ALTER EXTENSION there.

use super::row::first_text;
use crate::error::{Refusal, StageResult, State};
use crate::pgx::spi::read::Lookup;

/// The version of this library.
const LIBRARY: &str = env!("CARGO_PKG_VERSION");

const INSTALLED_SQL: &str =
    "SELECT extversion FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'splitplane'";

thread_local! {
    static INSTALLED: Lookup = const { Lookup::new(INSTALLED_SQL, 0) };
}

/// The difference in words and the SQL that fixes it, or `None`. Must be called as the extension's owner.
pub fn problem() -> StageResult<Option<(String, &'static str)>> {
    let installed = first_text(&INSTALLED.with(|lookup| lookup.rows(&[]))?).unwrap_or_default();
    if installed == LIBRARY {
        return Ok(None);
    }
    let finding = format!(
        "The library of this server is splitplane {LIBRARY}, the objects in this database are of version {installed}."
    );
    Ok(Some((
        finding,
        "-- restart the server if it runs since before the upgrade, then: ALTER EXTENSION splitplane UPDATE;",
    )))
}

/// Refuses where there is one.
///
/// # Errors
/// 55000 with the difference and what to do.
pub fn check() -> StageResult<()> {
    match problem()? {
        None => Ok(()),
        Some((finding, _)) => {
            Err(Refusal::new(State::Unsafe, format!("{finding} Run ALTER EXTENSION splitplane UPDATE")))
        }
    }
}
