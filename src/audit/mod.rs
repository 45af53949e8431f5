//! The audit log's format: entries, their tree, signed notes, files, and what shows that any of them was changed.
//!
//! Pure Rust: who may write, when to flush and where keys come from is the server's affair (or the program's). The format is
//! that of docs/audit.md, from which others write verifiers: whoever changes one changes both.
//!
//! ```text
//! Entry --body--> text --Place::line--> line --leaf_hash--> Hash --Frontier::push--> root --Checkpoint--> signed note
//! ```
//!
//! Nothing here is secret but a signing seed and the keys of texts; both are zeroed when dropped where this module keeps them.

pub mod entry;
mod entry_reader;
pub mod export;
mod export_reader;
pub mod files;
pub mod hash;
mod json_form;
mod moment;
pub mod note;
mod read;
pub mod receipt;
pub mod statement;
pub mod text;
pub mod tree;
pub mod verify;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use entry::{Chain, Database, Entry, Event, Link, MAX_LINE_BYTES, Place};
pub use entry_reader::{EntryError, parse_line};
pub use export_reader::{ExportSummary, verify_export};
pub use files::LogId;
pub use hash::{Hash, leaf_hash};
pub use json_form::{Form, FormError, jsonb_form};
pub use note::{NoteError, SigningKey, VerifyingKey};
pub use read::{ReadError, entry_line};
pub use statement::{Checkpoint, TenantHead};
pub use tree::Frontier;
