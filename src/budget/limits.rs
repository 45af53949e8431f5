//! The budgets of a tenant: its own, and the defaults for the rest. Kept for as long as the plane is, which any change of them ends.

use super::amount::Measure;
use super::counted;
use super::table::{Key, Wish};
use crate::catalog::{self, budgets};
use crate::error::{Refusal, StageResult};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Most tenants of which a session remembers the budgets.
const MOST_KNOWN: usize = 256;

/// The default of every tenant.
const ANY: &str = "*";

/// The limits of each tenant that was asked for.
type ByTenant = HashMap<String, Rc<[Limit]>>;

thread_local! {
    static KNOWN: RefCell<(u64, ByTenant)> = RefCell::new((0, HashMap::new()));
}

/// One budget of a tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Of what.
    pub(super) measure: Measure,
    key: Key,
    amount: u64,
    period: i64,
}

impl Limit {
    /// So much of it.
    pub(super) fn wish(&self, want: u64) -> Wish {
        let Limit { measure, key, amount, period } = *self;
        Wish { key, amount, period, block: measure.block(amount), want, is_spent: measure == Measure::Calls }
    }
}

/// Those of a tenant.
///
/// # Errors
/// XX000 where they cannot be read.
pub(super) fn of(tenant: &str) -> StageResult<Rc<[Limit]>> {
    let Some(generation) = catalog::generation_with_budgets()? else { return Ok(Rc::default()) };
    let known = KNOWN.with_borrow(|(of, known)| known.get(tenant).filter(|_| *of == generation).cloned());
    if let Some(known) = known {
        return Ok(known);
    }
    let mut limits = Vec::new();
    for row in budgets::of(tenant)?.into_iter().chain(budgets::of(ANY)?) {
        let unreadable = || Refusal::internal("a row of splitplane.budget_limits cannot be read");
        let measure = Measure::named(&row.measure).ok_or_else(unreadable)?;
        let amount = u64::try_from(row.amount).map_err(|_| unreadable())?;
        if row.period <= 0 {
            return Err(unreadable());
        }
        // The tenant's own come first.
        if !limits.iter().any(|limit: &Limit| limit.measure == measure) {
            limits.push(Limit { measure, key: counted::key(tenant, measure), amount, period: row.period });
        }
    }
    limits.sort_by_key(|limit| limit.measure);
    let limits: Rc<[Limit]> = limits.into();
    KNOWN.with_borrow_mut(|(of, known)| {
        if *of != generation || known.len() >= MOST_KNOWN {
            known.clear();
        }
        *of = generation;
        known.insert(tenant.to_owned(), Rc::clone(&limits));
    });
    Ok(limits)
}
