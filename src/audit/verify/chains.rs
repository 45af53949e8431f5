//! The chains of tenants: each entry names the one before it.

use super::super::entry::{Chain, Link};
use super::super::hash::Hash;
use super::finding::Findings;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone, Copy)]
struct State {
    entries: u64,
    first: Link,
    last: Link,
}

/// The last entry of each (database, tenant) up to here.
#[derive(Default)]
pub(super) struct Chains {
    by_tenant: HashMap<String, BTreeMap<u32, State>>,
}

impl Chains {
    /// Adds an entry. `kept`: the first entry that is still there; `before`: the recorded hash of an entry that is named and
    /// is not there.
    pub(super) fn add(
        &mut self,
        oid: u32,
        tenant: &str,
        chain: Chain,
        link: Link,
        kept: u64,
        before: Option<Hash>,
    ) -> Result<(), &'static str> {
        let known = self.last(oid, tenant);
        let verdict = match (known, chain) {
            (Some(last), Chain::After(named)) if named == last => Ok(()),
            (Some(_), _) => Err("The entry does not name its tenant's entry before it."),
            (None, Chain::After(named)) if named.sequence < kept => {
                if before == Some(named.hash) {
                    Ok(())
                } else {
                    Err("The entry names another hash than its tenant's entry before it has.")
                }
            }
            (None, Chain::After(_)) => Err("The entry names an entry before it that is not its tenant's."),
            (None, _) => Ok(()),
        };
        // One finding for one break: the chain goes on from here.
        if !self.by_tenant.contains_key(tenant) {
            self.by_tenant.insert(tenant.to_owned(), BTreeMap::new());
        }
        if let Some(databases) = self.by_tenant.get_mut(tenant) {
            let state = databases.entry(oid).or_insert(State { entries: 0, first: link, last: link });
            state.entries = state.entries.saturating_add(1);
            state.last = link;
        }
        verdict
    }

    /// The last entry of a tenant that was added.
    pub(super) fn last(&self, oid: u32, tenant: &str) -> Option<Link> {
        self.by_tenant.get(tenant)?.get(&oid).map(|state| state.last)
    }

    /// Says how much there is of a tenant.
    pub(super) fn sum_up(&self, tenant: &str, findings: &mut Findings<'_>) {
        match self.by_tenant.get(tenant) {
            None => findings.warning(None, "The log has no entry of this tenant.".to_owned()),
            Some(databases) => {
                for (oid, state) in databases {
                    let said = format!(
                        "Database {oid}: {} entries of this tenant, from {} to {}, whose hash is {}.",
                        state.entries,
                        state.first.sequence,
                        state.last.sequence,
                        hex::encode(state.last.hash)
                    );
                    findings.info(Some(state.last.sequence), said);
                }
            }
        }
    }
}
