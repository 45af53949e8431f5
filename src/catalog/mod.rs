//! What is registered: keys and principals (read anew for every call), the plane (cached, with invalidation), and the
//! file that seals the signing secrets.

mod allowlist;
pub mod key_file;
mod load;
pub mod plane;
pub mod register;
pub mod requirements;

pub use load::current as current_plane;
