//! One tenant's entries with their proofs, for that tenant.

use super::note::VerifyingKey;
use super::statement::Checkpoint;
use super::verify::{Finding, ReadError};
use std::io::{BufRead, Write};
use std::path::Path;

/// Which tenant.
#[derive(Debug, Clone, Copy)]
pub struct Tenant<'a> {
    /// The database's OID; `None`: the only one in which this tenant has entries.
    pub database: Option<u32>,
    /// The tenant.
    pub tenant: &'a str,
}

/// Writes the export of a tenant as docs/audit.md has it: entries, proofs, `checkpoint` (a signed note over a size that the
/// log has). `log` is the log's own folder. Gives the number of entries.
pub fn export(log: &Path, tenant: Tenant<'_>, checkpoint: &str, to: &mut dyn Write) -> Result<u64, ReadError> {
    let _ = (log, tenant, checkpoint, to);
    Err(ReadError::Form("not there yet"))
}

/// Verifies an export; gives its checkpoint.
pub fn verify_export(
    from: &mut dyn BufRead,
    key: &VerifyingKey,
    found: &mut dyn FnMut(Finding),
) -> Result<Checkpoint, ReadError> {
    let _ = (from, key, found);
    Err(ReadError::Form("not there yet"))
}
