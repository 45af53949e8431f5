//! What PostgreSQL calls on its way: analysis, the executor, the planner, log-in, commits, the catalog's invalidation; and the settings that
//! bring a confined call's limits to its parallel workers.

pub mod analysis;
pub mod commits;
pub mod configured;
pub mod endings;
pub mod index_order;
pub mod invalidation;
pub mod node_fence;
mod node_plan;
pub mod security_definer;
pub mod statistics;
pub mod tripwire_scan;
pub(super) mod worker_settings;
