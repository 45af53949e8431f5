//! What is registered: keys and principals (read anew for every call), the plane with its verified queries and metrics
//! (cached, with invalidation), and the file that seals the signing secrets.

mod allowlist;
// Read by the answers to questions in words alone.
pub mod description;
pub mod key_file;
mod load;
pub mod plane;
pub mod questions;
pub mod register;
pub mod requirements;
mod types;
mod version;

pub use load::current as current_plane;
