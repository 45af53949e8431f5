//! splitplane: ask a shared multi-tenant PostgreSQL database, and never see another tenant's row.
//!
//! What stands without `cfg` builds without a server; everything else is the server side.
#![deny(unsafe_code)]

pub mod anomaly;
pub mod answer_text;
pub mod audit;
pub mod budget;
pub mod calendar;
mod characters;
pub mod cluster;
pub mod evaluate;
pub mod gate;
pub mod histogram;
pub mod identity;
mod json;
pub mod key_set;
pub mod llm;
pub mod numbers;
pub mod reason;
pub mod releases;
pub mod remote;
pub mod shares;

#[cfg(feature = "server")]
mod ablation;
#[cfg(feature = "server")]
mod api;
#[cfg(feature = "server")]
mod attach;
#[cfg(feature = "server")]
mod audit_log;
#[cfg(feature = "server")]
mod authenticate;
#[cfg(feature = "server")]
mod calls;
#[cfg(feature = "server")]
mod catalog;
#[cfg(feature = "server")]
mod error;
#[cfg(feature = "server")]
mod install;
#[cfg(feature = "server")]
mod ledger;
#[cfg(feature = "server")]
mod pgx;
#[cfg(feature = "server")]
mod preflight;
#[cfg(feature = "server")]
mod prove;
#[cfg(feature = "server")]
mod question;
#[cfg(feature = "server")]
mod run;
#[cfg(feature = "server")]
mod settings;
#[cfg(feature = "server")]
mod statistics;
#[cfg(feature = "server")]
mod texts;
#[cfg(feature = "server")]
mod timings;
#[cfg(feature = "server")]
mod tripwire;
#[cfg(feature = "server")]
mod trust;

#[cfg(all(feature = "server", feature = "pg_test"))]
#[path = "../pg_test/backend/mod.rs"]
mod backend_tests;

#[cfg(any(feature = "pg13", feature = "pg14"))]
compile_error!("PostgreSQL 15 is the oldest that splitplane runs on");

#[cfg(all(feature = "server", not(all(target_os = "linux", target_env = "gnu"))))]
compile_error!("splitplane reads /proc and uses interfaces of glibc: it is built for Linux with glibc only");

#[cfg(feature = "server")]
::pgrx::pg_module_magic!(name, version);
