//! What a plan reads of data servers: foreign tables of the fences alone, of one server, and in the SQL that is sent the tenant's
//! condition for each of them. What the data server does beside it hangs on its form: its row-level security with the claim of the
//! call, the order of conditions, or nothing, and then the tenant's condition is the only one that is sent.

use crate::attach::Fence;
use crate::error::{Refusal, StageResult};
use crate::pgx::parameters::Parameters;
use crate::pgx::plan_tree::ForeignScan;
use crate::remote::{Form, RemoteName, sent};
use std::collections::BTreeMap;

/// Each foreign table is a fence's, and is scanned under its tenant's constant.
pub(super) fn prove_scan(scan: &ForeignScan, fences: &[Fence], parameters: &Parameters<'_>) -> StageResult<()> {
    if !scan.is_select || scan.tables.is_empty() {
        return Err(Refusal::proof("the plan does something on a data server that is no scan"));
    }
    let mut wanted: BTreeMap<(RemoteName, String), usize> = BTreeMap::new();
    for table in &scan.tables {
        let fence = fences.iter().find(|fence| Some(fence.relation.oid) == *table);
        let remote = fence.and_then(|fence| fence.relation.remote.as_ref());
        let (Some(fence), Some(remote)) = (fence, remote) else {
            return Err(Refusal::proof("the plan reads a foreign table outside the fences"));
        };
        if remote.server != scan.server {
            return Err(Refusal::proof("the plan reads a foreign table of another data server"));
        }
        let [condition] = fence.scan.conditions.as_slice() else {
            return Err(Refusal::proof("the fence of a foreign table has not one condition"));
        };
        let number = usize::try_from(condition.parameter).unwrap_or_default();
        // A condition that compares with NULL is false, and nothing is sent.
        let value = parameters.written(number).ok_or_else(|| Refusal::proof("a data server is asked for nobody"))?;
        let name = RemoteName {
            schema: remote.schema.clone(),
            table: remote.table.clone(),
            column: remote.tenant_column.clone(),
        };
        if remote.form == Form::Materialized && !(scan.tables.len() == 1 && sent::is_bare(&scan.sql, &name, &value)) {
            return Err(Refusal::proof(format!("more than the tenant's rows of {} is asked for", name.table)));
        }
        let places = wanted.entry((name, value)).or_default();
        *places = places.saturating_add(1);
    }
    match wanted.iter().find(|((table, value), places)| !sent::binds(&scan.sql, table, **places, value)) {
        None => Ok(()),
        Some(((table, _), _)) => Err(Refusal::proof(format!("the tenant of {} is not in what is sent", table.table))),
    }
}
