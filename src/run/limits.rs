//! What the gate lets through.

use crate::gate::Limits;
use crate::pgx::server;
use crate::settings;

/// The limits of this server and session.
pub(super) fn limits() -> Limits {
    Limits { max_bytes: settings::max_sql_bytes(), major: server::version_number() / 10_000, ..Limits::default() }
}
