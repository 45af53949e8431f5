//! What is true of sound logs, and what is found in others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod entries;
mod exports;
mod forms;
mod notes;
mod sample;
mod sound;
mod tampering;
mod trees;
