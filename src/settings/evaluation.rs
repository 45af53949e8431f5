//! The settings of feedback and evaluation.

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};

static RATING_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(604_800);

/// Defines them; called once by `settings::init`.
pub(super) fn define() {
    GucRegistry::define_int_guc(
        c"splitplane.rating_retention",
        c"How long answered questions and their SQL are kept for rate() and promote().",
        c"0 keeps none.",
        &RATING_RETENTION,
        0,
        31_536_000,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
}

/// Seconds; `None` when no answer is kept.
pub fn rating_retention() -> Option<i32> {
    let seconds = RATING_RETENTION.get();
    (seconds > 0).then_some(seconds)
}
