//! What the server must be for the fences to hold.

use crate::budget;
use crate::catalog::{shared, version};
use crate::error::{Refusal, SHUT_MESSAGE, StageResult, State};
use crate::llm::Provider;
use crate::llm::endpoint::Endpoint;
#[cfg(feature = "old_minors")]
use crate::pgx::pg_try;
use crate::pgx::server;
use crate::releases;
use crate::settings;
use crate::settings::model::Narrate;
use crate::statistics::{self, checks};
use crate::texts;
use crate::tripwire;

/// One thing that is wrong with the server.
pub struct ServerProblem {
    /// `critical` closes the plane.
    pub severity: &'static str,
    /// What it is about.
    pub object: &'static str,
    /// One sentence.
    pub finding: String,
    /// SQL that fixes it.
    pub fix: &'static str,
}

/// Everything that is wrong with the server, and with what is installed in this database.
pub fn problems() -> Vec<ServerProblem> {
    let mut found = server_problems();
    found.extend(version_problem());
    found.extend(model_problems());
    found.extend(zone_problem(texts::is_zone));
    found.extend(room_problem(shared::without_room()));
    found.extend(statistics_problem(statistics::is_counted()));
    found.extend(budget::problem().map(|finding| ServerProblem {
        severity: "warning",
        object: "splitplane.budgets",
        finding: finding.to_owned(),
        fix: "-- move the file splitplane.budgets in the data directory away: what was used up to then is forgotten",
    }));
    #[cfg(feature = "ablation")]
    found.push(ServerProblem {
        severity: "warning",
        object: "splitplane.ablate",
        finding: crate::ablation::finding(),
        fix: "-- install a build without the feature ablation and restart",
    });
    found
}

fn server_problems() -> Vec<ServerProblem> {
    let mut found = Vec::new();
    if !server::is_preloaded() {
        found.push(ServerProblem {
            severity: "critical",
            object: "shared_preload_libraries",
            finding: "splitplane is not in shared_preload_libraries.".to_owned(),
            fix: "ALTER SYSTEM SET shared_preload_libraries = 'splitplane'; -- added to what is there; then restart",
        });
    }
    found.extend(release_problem());
    if !server::is_utf8() {
        found.push(ServerProblem {
            severity: "critical",
            object: "server_encoding",
            finding: "The encoding of this database is not UTF8.".to_owned(),
            fix: "-- CREATE DATABASE .. ENCODING 'UTF8' and move the data there",
        });
    }
    if tripwire::is_shut() {
        found.push(ServerProblem {
            severity: "critical",
            object: "tripwire",
            finding: sentence(SHUT_MESSAGE),
            fix: "SELECT splitplane.reopen(); -- once the server log (TRIPWIRE) is understood and the fence is fixed",
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

/// A message as a sentence: with a capital and a full stop.
fn sentence(message: &str) -> String {
    let mut rest = message.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).chain(['.']).collect()
}

/// Names that tzdata keeps for compatibility, and that Debian 13 has moved to a separate package.
pub(crate) fn zone_problem(is_zone: impl Fn(&str) -> bool) -> Option<ServerProblem> {
    let has_old_names = is_zone("US/Pacific") && is_zone("Japan");
    (!has_old_names).then(|| ServerProblem {
        severity: "warning",
        object: "time zones",
        finding: "The server's time zones lack old names such as US/Pacific and Japan: where one is stored, statements that read it \
            are refused (22023)."
            .to_owned(),
        fix: "-- install the package tzdata-legacy, or store the new names: America/Los_Angeles, Asia/Tokyo",
    })
}

fn room_problem(times: u64) -> Option<ServerProblem> {
    (times > 0).then(|| ServerProblem {
        severity: "warning",
        object: "splitplane.shared_plane_size",
        finding: format!(
            "It had no room for what a session had read of a plane, {times} times since the server started: sessions read it \
             themselves, which takes 20 ms and more at their first call."
        ),
        fix: "ALTER SYSTEM SET splitplane.shared_plane_size = '64MB'; -- more than it is now; then restart",
    })
}

fn statistics_problem(is_counted: bool) -> Option<ServerProblem> {
    (!is_counted).then(|| ServerProblem {
        severity: "warning",
        object: "splitplane.stat_calls",
        finding: "More databases of the server are in use than figures are kept of (64): the views splitplane.stat_* are empty here."
            .to_owned(),
        fix: "-- drop databases that are not used any more: their places become free",
    })
}

fn version_problem() -> Option<ServerProblem> {
    let problem = |finding, fix| ServerProblem { severity: "critical", object: "extension splitplane", finding, fix };
    match version::problem() {
        Ok(found) => found.map(|(finding, fix)| problem(finding, fix)),
        Err(refusal) => {
            Some(problem(format!("Its version cannot be read: {}.", refusal.message), "-- see the server log"))
        }
    }
}

/// Settings of models that an administrator should review. None of it breaks isolation: layer 3 confines whatever a
/// model writes.
fn model_problems() -> Vec<ServerProblem> {
    let warning =
        |object, finding: &str, fix| ServerProblem { severity: "warning", object, finding: finding.to_owned(), fix };
    let model = settings::model::model();
    let mut found = Vec::new();
    if !settings::model::validation_is_required() {
        found.push(warning(
            "splitplane.validation",
            "Questions are answered without being validated: layer 2 is switched off.",
            "ALTER SYSTEM SET splitplane.validation = 'required'; SELECT pg_reload_conf();",
        ));
    }
    if model.provider != Provider::None
        && !model.endpoint.is_empty()
        && let Err(error) = Endpoint::parse(&model.endpoint)
    {
        found.push(warning(
            "splitplane.endpoint",
            &format!("The endpoint cannot be used: {error}."),
            "-- ALTER SYSTEM SET splitplane.endpoint = 'https://..'; SELECT pg_reload_conf();",
        ));
    }
    if model.provider != Provider::None && !model.names_a_model() {
        found.push(warning(
            "splitplane.model",
            "splitplane.provider is set and splitplane.model is not: questions that match no verified query are refused.",
            "-- ALTER SYSTEM SET splitplane.model = '..'; SELECT pg_reload_conf(); -- docs/models.md lists models",
        ));
    }
    if model.names_a_model() {
        found.push(check_problem(checks::last(&model, settings::evaluation::shadow_model().as_deref())));
    }
    if settings::model::narrate() == Narrate::Rows {
        found.push(ServerProblem {
            severity: "info",
            object: "splitplane.narrate",
            finding: "Rows of small results are sent to the model, so that it can answer in words.".to_owned(),
            fix: "-- splitplane.narrate = 'aggregate' or 'off' sends less; private columns are never sent",
        });
    }
    found
}

/// When the models were called last to see whether they answer. `doctor()` calls none itself.
fn check_problem(last: Option<checks::Last>) -> ServerProblem {
    let (severity, finding) = match last {
        None => ("info", "splitplane.check_model() has not been run here since the server started.".to_owned()),
        Some(last) if !last.is_current => (
            "info",
            format!("splitplane.check_model() was last run at {}, under other settings.", server::shown(last.at)),
        ),
        Some(last) if last.failed.is_empty() => (
            "info",
            format!("splitplane.check_model() was last run at {}: all models answered.", server::shown(last.at)),
        ),
        Some(last) => {
            let failed = last.failed.iter().map(|row| format!("{} ({})", row.purpose, row.detail));
            let failed = failed.collect::<Vec<_>>().join("; ");
            (
                "warning",
                format!("splitplane.check_model() was last run at {}, and failed: {failed}.", server::shown(last.at)),
            )
        }
    };
    ServerProblem { severity, object: "splitplane.model", finding, fix: "SELECT * FROM splitplane.check_model();" }
}

/// Refuses (55000) on a server that cannot hold the fences.
pub fn check() -> StageResult<()> {
    // The same message as the statement that touched it got.
    tripwire::check()?;
    // Before a context is spent: nothing confined can run there.
    if server::is_in_parallel() {
        return Err(Refusal::new(
            State::Unsafe,
            "ask cannot run in a parallel query: mark the function that calls it PARALLEL UNSAFE",
        ));
    }
    match server_problems().into_iter().find(|problem| problem.severity == "critical") {
        None => Ok(()),
        Some(problem) => Err(Refusal::new(State::Unsafe, problem.finding.trim_end_matches('.').to_owned())),
    }
}

#[cfg(not(feature = "old_minors"))]
fn release_problem() -> Option<ServerProblem> {
    let text = server::option(c"server_version").unwrap_or_default();
    releases::problem(server::version_number(), &text).map(|finding| ServerProblem {
        severity: "critical",
        object: "server_version",
        finding,
        fix: "-- install the current minor release of PostgreSQL and restart",
    })
}

/// Of a build for tests on minors that no package brings up to the floor. What `doctor()` says is compared there.
#[cfg(feature = "old_minors")]
fn release_problem() -> Option<ServerProblem> {
    None
}

/// Says in the server log that a build takes any minor, so that nobody takes it for another. Once, from `_PG_init`. The suites
/// `ablation` and `packages` look for this sentence in the library that ships.
#[cfg(feature = "old_minors")]
pub fn note_build() {
    let text = server::option(c"server_version").unwrap_or_default();
    let problem = releases::problem(server::version_number(), &text).unwrap_or_default();
    pg_try::log(&format!("This build takes any minor release, for tests. {problem}"));
}
