//! Budgets and prices, as they are set. The table is read where the plane says that there are any.

use crate::error::{Refusal, StageResult};
use crate::pgx::rows::{self, Key, Row};
use crate::pgx::server;

const LIMITS: &std::ffi::CStr = c"budget_limits";

/// A row of `splitplane.budget_limits`.
pub struct BudgetRow {
    /// Of what.
    pub measure: String,
    /// Millionths.
    pub amount: i64,
    /// Microseconds.
    pub period: i64,
}

fn unreadable() -> Refusal {
    Refusal::internal("the budgets cannot be read")
}

/// Whether any budget is set.
pub(super) fn are_there_any() -> bool {
    server::own_relation(LIMITS).is_some_and(rows::has_rows)
}

/// Those of a tenant by its name; `*` for the default of every tenant.
pub fn of(tenant: &str) -> StageResult<Vec<BudgetRow>> {
    let read = |row: &Row| {
        Ok(BudgetRow {
            measure: row.text("measure")?.ok_or_else(unreadable)?,
            amount: row.large_number("amount")?.ok_or_else(unreadable)?,
            period: row.large_number("microseconds")?.ok_or_else(unreadable)?,
        })
    };
    rows::find_own(LIMITS, &[(1, Key::Text(tenant))], read)
}

/// What a model costs, in millionths for a million tokens that it reads, and that it writes.
pub fn price(model: &str) -> StageResult<Option<(i64, i64)>> {
    let read = |row: &Row| {
        Ok((row.large_number("input")?.ok_or_else(unreadable)?, row.large_number("output")?.ok_or_else(unreadable)?))
    };
    Ok(rows::find_own(c"prices", &[(1, Key::Text(model))], read)?.into_iter().next())
}
