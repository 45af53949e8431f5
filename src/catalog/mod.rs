//! What is registered: keys and principals (read anew for every call), the plane with its verified queries and metrics
//! (cached, with invalidation), and the file that seals the signing secrets.

mod allowlist;
pub mod budgets;
pub mod cluster_keys;
mod current;
pub mod key_file;
mod load;
pub mod own_functions;
pub mod plane;
pub mod principals;
mod relation;
pub mod relations;
pub mod remotes;
pub(crate) mod row;
pub(crate) mod rows;
pub mod shared;
pub mod sorted;
mod types;
pub(crate) mod version;
pub mod views;

pub use current::{
    current as current_plane, if_current as if_current_plane, own as own_plane, renewed as renewed_plane,
};

/// A number that is another one when something has changed that the plane was made from; `None` where no budget is set.
///
/// # Errors
/// 55000 while the plane is closed.
pub fn generation_with_budgets() -> crate::error::StageResult<Option<u64>> {
    Ok(current_plane()?.has_budgets.then(current::generation))
}

/// Refuses (55000) while the plane is closed.
pub fn refuse_if_closed() -> crate::error::StageResult<()> {
    current_plane().map(|_| ())
}
