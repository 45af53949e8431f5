//! Texts that the gate has admitted in this session. It is the same for a text that comes again from the same tenant: the gate
//! depends on nothing but the text and its limits. Another tenant's text is never found, or the time that the gate takes would tell
//! that it was sent. The places are shared by all tenants of the session, by `shares`: what time tells of that is that others were
//! active in it.

use crate::gate::{self, GateError, Gated, Limits};
use crate::shares::{Held, Room};
use std::cell::RefCell;
use std::rc::Rc;

/// Most texts that are kept.
const MOST: usize = 32;
/// Longest text that is kept, in bytes: none of the caps that a longer one is held to lets it through quicker.
const LONGEST: usize = 8 * 1_024;
/// What there is room for.
const ROOM: Room = Room { entries: MOST, bytes: MOST * LONGEST };

/// A text that the gate has let through.
pub(crate) struct Admitted {
    /// It.
    pub(crate) gated: Rc<Gated>,
    /// Whether it came before.
    pub(crate) was_known: bool,
}

struct Known {
    tenant: String,
    limits: Limits,
    gated: Rc<Gated>,
}

impl Known {
    fn is_of(&self, tenant: &str, sql: &str, limits: &Limits) -> bool {
        self.gated.sql() == sql && self.tenant == tenant && self.limits == *limits
    }
}

thread_local! {
    /// The last one used is the last.
    static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// Which of the texts goes first for another.
fn leaver(known: &[Known], newcomer: Held<'_>) -> Option<usize> {
    let held: Vec<Held<'_>> =
        known.iter().map(|known| Held { tenant: &known.tenant, bytes: known.gated.sql().len() }).collect();
    ROOM.leaver(&held, newcomer)
}

/// Takes a tenant's text through the gate; nothing is kept of a text of nobody's.
///
/// # Errors
/// Those of the gate, which are found anew each time.
pub(crate) fn admit(sql: &str, tenant: Option<&str>, limits: Limits) -> Result<Admitted, GateError> {
    let Some(tenant) = tenant.filter(|_| sql.len() <= LONGEST) else {
        let gated = Rc::new(gate::admit(sql, &limits)?);
        return Ok(Admitted { gated, was_known: false });
    };
    let known = KNOWN.with(|known| {
        let mut known = known.borrow_mut();
        let place = known.iter().rposition(|known| known.is_of(tenant, sql, &limits))?;
        let found = known.remove(place);
        let gated = Rc::clone(&found.gated);
        known.push(found);
        Some(gated)
    });
    if let Some(gated) = known {
        return Ok(Admitted { gated, was_known: true });
    }
    let gated = gate::admit(sql, &limits).map(Rc::new)?;
    KNOWN.with(|known| {
        let mut known = known.borrow_mut();
        let newcomer = Held { tenant, bytes: sql.len() };
        while let Some(place) = leaver(&known, newcomer) {
            known.remove(place);
        }
        known.push(Known { tenant: tenant.to_owned(), limits, gated: Rc::clone(&gated) });
    });
    Ok(Admitted { gated, was_known: false })
}
