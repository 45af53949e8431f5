//! How far the statement of a confined section has come.

use std::cell::Cell;

/// How far a statement has come: what an error speaks of depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::pgx) enum Stage {
    /// Its text is read.
    Parsing,
    /// Its names are looked up.
    Analysing,
    /// Policies are added, and it is planned and run.
    Beyond,
}

thread_local! {
    static STAGE: Cell<Stage> = const { Cell::new(Stage::Parsing) };
    static REMOTE: Cell<bool> = const { Cell::new(false) };
}

/// It has come so far.
pub(in crate::pgx) fn set(stage: Stage) {
    STAGE.set(stage);
}

/// How far the statement of this section came; the next one begins anew.
pub(in crate::pgx) fn reached() -> Stage {
    STAGE.replace(Stage::Parsing)
}

/// Data servers have part in this section from here on: an error may be one of theirs.
pub(in crate::pgx) fn set_remote() {
    REMOTE.set(true);
}

/// Whether they had; the next section begins without.
pub(in crate::pgx) fn was_remote() -> bool {
    REMOTE.replace(false)
}
