//! What was learned of model endpoints, in shared memory, so that any backend profits. Nothing of a database or a tenant is in it.
//! Where there is no memory or no lock, nothing is kept, and a call that is refused is sent twice again.

use crate::llm::lessons::Table;
use crate::llm::variation::{Lessons, Variation};
use crate::pgx::server;
use crate::pgx::shmem::value::SharedValue;

static TABLE: SharedValue<Table> = SharedValue::new(c"splitplane lessons of models", c"splitplane_lessons");

/// Asks for the memory; called from `_PG_init` in the postmaster.
pub fn init() {
    TABLE.init(Table::default);
}

/// The lessons of this server.
pub(super) struct Shared;

impl Lessons for Shared {
    fn recall(&self, key: &[u8; 32]) -> Option<Variation> {
        TABLE.lock().and_then(|table| table.recall(key, server::now()))
    }

    fn keep(&self, key: &[u8; 32], variation: Variation) {
        if let Some(mut table) = TABLE.lock() {
            table.keep(key, variation, server::now());
        }
    }

    fn forget(&self, key: &[u8; 32]) {
        if let Some(mut table) = TABLE.lock() {
            table.forget(key);
        }
    }
}
