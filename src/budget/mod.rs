//! Budgets: how much each tenant may ask for in a window of time, reserved before it is spent.
//!
//! `amount`, `window`, `table` and `file` are arithmetic and know nothing of PostgreSQL. `counted` applies them to shared memory and
//! the file of the data directory, `limits` says what is set for a tenant, and `held` is what the running call has reserved. Nothing
//! here is transactional: a rollback gives nothing back.

pub mod amount;
pub mod file;
pub mod table;
pub mod window;

#[cfg(feature = "server")]
mod counted;
#[cfg(feature = "server")]
mod held;
#[cfg(feature = "server")]
mod limits;

#[cfg(feature = "server")]
pub use counted::{Use, problem, use_of};
#[cfg(feature = "server")]
pub use held::{Request, admit, meter, needs, reserve, settle};

/// Asks for the shared memory; called once from `_PG_init` in the postmaster. `slots`: how many budgets are counted at most.
#[cfg(feature = "server")]
pub fn init(slots: fn() -> usize) {
    counted::init(slots, held::settle_all);
}
