//! What is registered: keys and principals (read anew for every call), the plane with its verified queries and metrics
//! (cached, with invalidation), and the file that seals the signing secrets.

mod allowlist;
pub mod key_file;
mod load;
pub mod own_functions;
pub mod plane;
pub mod principals;
pub(crate) mod row;
mod types;
pub(crate) mod version;
pub mod views;

pub use load::current as current_plane;

/// Refuses (55000) while the plane is closed.
pub fn refuse_if_closed() -> crate::error::StageResult<()> {
    current_plane().map(|_| ())
}
