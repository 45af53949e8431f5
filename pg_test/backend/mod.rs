//! What only a backend can show and SQL cannot reach: each layer on its own, with the others taken away.
//!
//! Run by tools/run_pg_tests.py, each test in a backend of its own and a transaction that is rolled back. pgrx finds the
//! tests in inline modules named `tests` only, and makes one SQL function `tests.<name>()` of each.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity,
    clippy::undocumented_unsafe_blocks
)]

mod allowlist;
mod allowlist_majors;
mod budgets;
mod comparisons;
mod conditions;
mod confinement;
mod definers;
mod encoders;
mod extension_answers;
mod extensions;
mod gated;
mod grouped;
mod in_scope;
mod jsonb_form;
mod kept;
mod leaks;
mod ledger;
mod moments;
mod numbers;
mod parameters;
mod plan;
mod planted;
mod private_columns;
mod proof;
mod proof_walk;
mod questions;
mod row_security;
mod server_errors;
mod settings;
mod shared_plane;
mod sizes;
mod statistics;
mod support;
mod tripwire;
mod views;
mod walk;
mod walk_weight;
mod years;
mod zones;
