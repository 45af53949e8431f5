//! SQL functions in C: what policies, wrapped expressions and the views of the running call name.

pub mod behind;
mod beside;
pub mod bounded;
pub mod checked;
mod comparison;
mod drawn;
pub(super) mod extent;
mod in_parent;
pub mod in_scope;
pub mod interface;
mod keep;
mod moments;
mod retired;
pub(super) mod stored;
mod support;
mod years;
