//! Defects for the controls. A fuzzer that finds nothing proves nothing unless it finds these.
//!
//! `SPLITPLANE_FUZZ_PLANT` names one: then the target with that name holds its own answer against a broken one, or
//! `control` misbehaves. Unset, nothing is planted.

use std::sync::OnceLock;

static PLANT: OnceLock<String> = OnceLock::new();

/// Whether the run is the control with this name.
#[must_use]
pub fn is(name: &str) -> bool {
    PLANT.get_or_init(|| std::env::var("SPLITPLANE_FUZZ_PLANT").unwrap_or_default()) == name
}
