//! Relations that data servers keep: in the fence stands not the directory but the foreign table that has the tenant's rows, so that
//! joins and aggregates over it can run where the rows are.

use super::{Claims, Fence, Known, binding};
use crate::catalog::plane::{PlaneColumn, PlaneRelation, ScopeBinding};
use crate::catalog::remotes;
use crate::error::{Refusal, StageResult, State};
use crate::pgx::foreign::RemoteTable;
use crate::pgx::foreign::directory::{self, Found, Leaf};
use crate::pgx::parameters::Parameters;
use crate::pgx::pg_try;
use std::rc::Rc;

/// The relation as the fence names it: itself, or the foreign table of the tenant's data server under the same name in the plane.
pub(super) fn directed(
    relation: &Rc<PlaneRelation>,
    known: Known<'_>,
    parameters: &mut Parameters<'_>,
) -> StageResult<Rc<PlaneRelation>> {
    if !relation.is_remote {
        return Ok(Rc::clone(relation));
    }
    let [scope] = relation.scope.as_slice() else {
        return Err(Refusal::proof("a relation of data servers has not one scope column"));
    };
    let unfit = |reason: &str| {
        Refusal::new(State::Unsafe, "a table of data servers is not set up: splitplane.doctor() says what to do")
            .with_detail(format!("{}: {reason}", relation.name))
    };
    if scope.or_null || scope.claim != "tenant" || !relation.links.is_empty() {
        return Err(unfit("its scope is more than the tenant"));
    }
    let parameter = binding::bind(scope, known.claims, parameters)?;
    let value = parameters.datum(parameter);
    if value.is_none() && matches!(known.claims, Claims::Of(_)) {
        return Err(no_server(&relation.name));
    }
    let leaf = match directory::find(relation.oid, scope.column.attribute, scope.base_type, value) {
        Found::Leaf(leaf) => leaf,
        Found::Nothing => return Err(no_server(&relation.name)),
        Found::Unfit(reason) => return Err(unfit(reason)),
    };
    let column = |column: &PlaneColumn| -> StageResult<(PlaneColumn, String)> {
        let found = directory::column(&leaf, &column.name).filter(|found| found.type_oid == column.type_oid);
        let found = found.ok_or_else(|| unfit("a partition of it has other columns"))?;
        Ok((PlaneColumn { attribute: found.attribute, ..column.clone() }, found.remote_name))
    };
    let columns = relation.columns.iter().map(column).collect::<StageResult<Vec<_>>>()?;
    let (tenant, tenant_column) = column(&scope.column)?;
    let Leaf { table, schema, name, server, server_name, remote_schema, remote_name } = leaf.clone();
    let form = remotes::form(&server_name)?;
    let remote = RemoteTable { server, server_name, schema: remote_schema, table: remote_name, tenant_column, form };
    Ok(Rc::new(PlaneRelation {
        oid: table,
        schema,
        table: name,
        columns: columns.into_iter().map(|(column, _)| column).collect(),
        scope: vec![ScopeBinding { column: tenant, ..scope.clone() }],
        remote: Some(Rc::new(remote)),
        ..PlaneRelation::clone(relation)
    }))
}

fn no_server(relation: &str) -> Refusal {
    pg_try::debug(&format!("no partition of {relation} has the tenant"));
    Refusal::new(State::Unsafe, "no data server keeps rows of this tenant")
}

/// All foreign tables of a statement are of one server.
pub(super) fn check_servers<'f>(fences: impl Iterator<Item = &'f Fence>) -> StageResult<()> {
    let mut servers = fences.filter_map(|fence| fence.relation.remote.as_ref()).map(|remote| remote.server);
    let Some(first) = servers.next() else { return Ok(()) };
    if servers.all(|server| server == first) {
        return Ok(());
    }
    Err(Refusal::new(
        State::NotAdmitted,
        "a statement over tables that several data servers keep is not admitted in the plane",
    ))
}
