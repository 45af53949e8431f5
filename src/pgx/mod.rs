//! Everything that touches PostgreSQL's C interface, and the only module with `unsafe`.
//!
//! Each file wraps one facility in a safe form; none of them decides what untrusted SQL may do.
#![allow(unsafe_code)]

pub mod alarm;
mod allocator;
pub mod behind;
pub mod bounded;
pub mod catch;
pub mod ceiling;
pub mod checked;
pub mod claims;
pub mod claims_slots;
pub mod configured;
pub mod confine;
pub mod deadline;
pub mod definers;
pub mod entry;
mod extent;
pub mod in_scope;
pub mod index_order;
pub mod interrupts;
pub mod invalidation;
pub mod lookup;
pub mod operation;
pub mod origin;
pub mod parse;
mod pin;
pub mod plan_tree;
pub mod query;
pub mod raw;
mod retired;
pub mod run;
pub mod server;
mod session;
pub mod shared_map;
mod shared_memory;
mod stack;
pub mod store;
pub mod values;
mod version_1;
pub mod wait;
pub mod watch;
mod worker_settings;
mod wrap;
pub mod zones;
