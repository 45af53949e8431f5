//! Whether an answer is the registered one: rows compared by value, and rows that are another tenant's. Pure, and tested without a
//! server.

mod columns;
mod decimal;
mod table;

#[cfg(test)]
mod tests;

pub use columns::{Comparison, compare};
pub use table::{Column, Table, Unreadable, foreign_rows};
