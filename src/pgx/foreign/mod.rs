//! Foreign tables of postgres_fdw: which leaf of a directory has a value, and what a data server answers before a statement runs.

pub mod directory;
pub mod greeting;

use crate::remote::Form;
use pgrx::pg_sys::Oid;

/// A table of a data server.
#[derive(Debug, Clone)]
pub struct RemoteTable {
    /// The foreign server.
    pub server: Oid,
    /// Its name.
    pub server_name: String,
    /// The table's schema there.
    pub schema: String,
    /// Its name there.
    pub table: String,
    /// The name of the tenant's column there.
    pub tenant_column: String,
    /// What the server does for its fences.
    pub form: Form,
}
