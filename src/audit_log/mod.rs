//! The audit log of this server: who writes it and when, what is brought to disk, and what is signed.
//!
//! Its format is `audit`'s. All backends write the same files, one after the other under one lock; nothing here takes part in any
//! transaction, so that what is recorded stays recorded, also on a standby and in a transaction that is rolled back.

pub mod administration;
mod appending;
pub mod calls;
pub mod failure;
mod files;
mod heads;
mod keys;
mod made;
pub mod notes;
mod open;
pub mod read;
mod reason;
mod recovery;
mod state;
mod write;

use crate::pgx::hooks::endings;
pub use write::Written;

/// Asks for the shared memory and takes its places; called once from `_PG_init` in the postmaster.
pub fn init() {
    state::STATE.init(|| {
        let state = open::at_start();
        notes::at_stop();
        state
    });
    endings::init(administration::LISTENER);
}
