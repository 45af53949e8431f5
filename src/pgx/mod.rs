//! Everything that touches PostgreSQL's C interface, and the only module with `unsafe`.
//!
//! Each file wraps one facility in a safe form; none of them decides what untrusted SQL may do.
#![allow(unsafe_code)]

pub(crate) mod encoders;
pub mod entry;
mod flags;
pub mod foreign;
pub mod functions;
pub mod hooks;
pub mod interrupts;
mod jsonb;
pub mod kept;
pub mod key_forms;
pub mod key_sink;
pub mod names;
mod node;
pub(crate) mod options;
pub mod order;
mod own_tree;
pub mod parameters;
pub mod parse;
pub mod pg_try;
pub mod plan;
mod plan_conditions;
mod plan_fences;
pub mod plan_tree;
pub mod query;
pub mod raw;
pub mod routines;
pub mod rows;
pub mod section;
pub mod server;
pub mod server_errors;
pub mod shmem;
pub mod sink;
pub(crate) mod skeletons;
pub mod spi;
pub mod types;
mod unpacked;
pub mod wait;
pub mod zones;
