//! The analysed tree in forms that may run: bounds on costly operators, and expressions that may raise an error behind the
//! fence.

mod cost;
pub mod cost_bounds;
pub mod leakproof;
pub mod leaks;
mod patterns;
mod size;
mod zones;
