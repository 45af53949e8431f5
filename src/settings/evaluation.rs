//! The settings of feedback and evaluation.

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};

static EVALUATION_TIME: GucSetting<i32> = GucSetting::<i32>::new(600);
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
    GucRegistry::define_int_guc(
        c"splitplane.evaluation_time",
        c"How long one call of evaluate() works.",
        c"The next call goes on where it has stopped.",
        &EVALUATION_TIME,
        1,
        86_400,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
}

/// Seconds; `None` when no answer is kept.
pub fn rating_retention() -> Option<i32> {
    let seconds = RATING_RETENTION.get();
    (seconds > 0).then_some(seconds)
}
