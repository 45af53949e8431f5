//! What all targets share: the watch over each unit's memory, time and stack, and the planted defects of the controls.
//!
//! A target calls [`watch::begin`] once and [`watch::unit`] for each input. A finding is a panic or an abort, for which
//! libFuzzer keeps the input.

pub mod json;
pub mod planted;
#[allow(unsafe_code)]
pub mod watch;
