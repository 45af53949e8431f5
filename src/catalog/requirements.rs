//! What the server must be for the fences to hold.

use crate::error::{Refusal, StageResult, State};
use crate::pgx::server;

/// Oldest minor of each major without CVE-2026-116327, through which an error message carried a row past row-level
/// security. `server_version_num` of each.
const FLOORS: [u32; 4] = [150_020, 160_016, 170_012, 180_006];

/// One thing that is wrong with the server.
pub struct ServerProblem {
    /// `critical` closes the plane.
    pub severity: &'static str,
    /// What it is about.
    pub object: &'static str,
    /// One sentence.
    pub finding: String,
    /// What mends it.
    pub fix: &'static str,
}

/// Everything that is wrong with the server now.
pub fn problems() -> Vec<ServerProblem> {
    let mut found = Vec::new();
    if !server::is_preloaded() {
        found.push(ServerProblem {
            severity: "critical",
            object: "shared_preload_libraries",
            finding: "splitplane is not in shared_preload_libraries.".to_owned(),
            fix: "ALTER SYSTEM SET shared_preload_libraries = 'splitplane'; -- beside what is there, then restart",
        });
    }
    let version = server::version_number();
    if !is_new_enough(version) {
        found.push(ServerProblem {
            severity: "critical",
            object: "server_version",
            finding: format!(
                "PostgreSQL {}.{} lets an error message carry a row past row-level security (CVE-2026-116327).",
                version / 10_000,
                version % 10_000
            ),
            fix: "-- install the current minor release of PostgreSQL and restart",
        });
    }
    if !server::is_utf8() {
        found.push(ServerProblem {
            severity: "critical",
            object: "server_encoding",
            finding: "The encoding of this database is not UTF8.".to_owned(),
            fix: "-- CREATE DATABASE .. ENCODING 'UTF8' and move the data there",
        });
    }
    if server::had_backtrace() {
        found.push(ServerProblem {
            severity: "warning",
            object: "RUST_BACKTRACE",
            finding: "RUST_BACKTRACE was in the server's environment; splitplane took it out at load.".to_owned(),
            fix: "-- remove RUST_BACKTRACE from the service's environment and restart",
        });
    }
    found
}

/// Refuses (55000) on a server that cannot hold the fences.
pub fn check() -> StageResult<()> {
    match problems().into_iter().find(|problem| problem.severity == "critical") {
        None => Ok(()),
        Some(problem) => Err(Refusal::new(State::Unsafe, problem.finding.trim_end_matches('.').to_owned())),
    }
}

fn is_new_enough(version: u32) -> bool {
    FLOORS.iter().any(|floor| floor / 10_000 == version / 10_000 && version >= *floor)
}
