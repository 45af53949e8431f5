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
}

/// It has come so far.
pub(in crate::pgx) fn set(stage: Stage) {
    STAGE.set(stage);
}

/// How far the statement of this section came; the next one begins anew.
pub(in crate::pgx) fn reached() -> Stage {
    STAGE.replace(Stage::Parsing)
}
