//! The settings of feedback and evaluation.

use super::text;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CString;

static EVALUATION_TIME: GucSetting<i32> = GucSetting::<i32>::new(600);
static RATING_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(604_800);
static SHADOW_MODEL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static SHADOW_SHARE: GucSetting<f64> = GucSetting::<f64>::new(0.0);

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
    GucRegistry::define_string_guc(
        c"splitplane.shadow_model",
        c"Second model that is put a share of the questions, for comparison.",
        c"Of the same provider. Its SQL is run after the answer is complete, and nothing of it reaches the caller. Empty \
          means none.",
        &SHADOW_MODEL,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_float_guc(
        c"splitplane.shadow_share",
        c"Which share of the questions is also put to splitplane.shadow_model.",
        c"0 is none of them, 1 is all.",
        &SHADOW_SHARE,
        0.0,
        1.0,
        GucContext::Suset,
        GucFlags::default(),
    );
}

/// Seconds; `None` when no answer is kept.
pub fn rating_retention() -> Option<i32> {
    let seconds = RATING_RETENTION.get();
    (seconds > 0).then_some(seconds)
}

/// A model, and the share of questions that it is put, above 0; `None` where there is none.
pub fn shadow() -> Option<(String, f64)> {
    let (model, share) = (shadow_model()?, SHADOW_SHARE.get());
    (share > 0.0).then_some((model, share))
}

/// A model; `None` where there is none.
pub fn shadow_model() -> Option<String> {
    Some(text(&SHADOW_MODEL)).filter(|model| !model.is_empty())
}
