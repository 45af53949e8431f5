//! Reads and writes of the extension's own tables.

pub mod read;
pub mod write;
