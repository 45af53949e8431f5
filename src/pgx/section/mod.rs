//! The confined section and what holds in it: claims, deadline, memory, stack.

pub mod address_space_limit;
pub(super) mod allocator;
mod claim_text;
pub mod claims;
pub mod confine;
pub mod deadline;
pub(in crate::pgx) mod key_sets;
pub mod pin;
pub mod process_end;
pub mod process_memory;
pub(super) mod session_growth;
pub(super) mod stack;
pub(super) mod stage;
pub mod token;
pub mod travel;
