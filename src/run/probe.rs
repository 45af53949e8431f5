//! What doctor() and selftest() ask of data servers, in a confined section as any statement: as the reader, through its user mapping.

use super::{claimed, confined};
use crate::catalog::plane::Plane;
use crate::catalog::remotes;
use crate::error::{Refusal, StageResult, State};
use crate::pgx::foreign::RemoteTable;
use crate::pgx::foreign::directory::{self, Found, Leaf};
use crate::pgx::foreign::greeting;
use crate::pgx::names::quote_identifier;
use crate::pgx::parameters::Parameters;
use crate::pgx::types;
use crate::remote::Form;
use crate::settings;
use pgrx::pg_sys::Oid;

/// How many rows of a table are seen.
pub struct Seen {
    /// Before any claim was presented; `None` where none are taken.
    pub unclaimed: Option<i64>,
    /// Of the tenant, once its claim was; where no claims are taken, of the tenant then, too.
    pub own: i64,
    /// Of others, then.
    pub others: i64,
}

/// Why the fences of a foreign table are not as they must be on its data server; `None` if they are.
///
/// # Errors
/// 08006 where it cannot be reached.
pub fn problem(plane: &Plane, table: Oid, tenant_column: &str) -> StageResult<Option<String>> {
    confined(plane, None, settings::deadline(), |_| {
        let leaf = directory::leaf(table).ok_or_else(|| unfit("it is no foreign table of postgres_fdw"))?;
        claimed::problem(&remote(&leaf, tenant_column)?)
    })
}

/// What is seen of a directory's table with and without the claim of a tenant, past the condition that a fence would have.
///
/// # Errors
/// 08006 where its data server cannot be reached, 55000 where the claim is not taken.
pub fn seen(plane: &Plane, parent: Oid, tenant_column: &str, tenant: &str) -> StageResult<Seen> {
    confined(plane, None, settings::deadline(), |confinement| {
        let relation = plane.of_table(parent).filter(|relation| relation.is_remote);
        let relation = relation.ok_or_else(|| unfit("no data server keeps it"))?;
        let binding = relation.scope.first().ok_or_else(|| unfit("it has no scope"))?;
        let mut parameters = Parameters::new(confinement);
        let number = parameters.add(binding.base_type, tenant.to_owned())?;
        let value = parameters.datum(number);
        let leaf = match directory::find(parent, binding.column.attribute, binding.base_type, value) {
            Found::Leaf(leaf) => leaf,
            Found::Nothing => return Err(unfit("no partition has the tenant")),
            Found::Unfit(reason) => return Err(unfit(reason)),
        };
        let table = remote(&leaf, tenant_column)?;
        let from = format!("{}.{}", quote_identifier(&leaf.schema), quote_identifier(&leaf.name));
        let count = |condition: String, argument| {
            let sql = format!("SELECT count(*)::pg_catalog.text FROM {from}{condition}");
            let counted = greeting::one_text(&sql, argument)?;
            counted.parse::<i64>().map_err(|_| unfit("a count is no number"))
        };
        let column = quote_identifier(tenant_column);
        let own = types::shown_name(binding.base_type);
        let takes_claims = table.form == Form::Claimed;
        let unclaimed = if takes_claims { Some(count(String::new(), None)?) } else { None };
        if takes_claims {
            claimed::claim(table.server, &table.server_name, tenant)?;
        }
        let is_own = format!("{column} IS DISTINCT FROM $1::{own}");
        let others = count(format!(" WHERE {is_own}"), Some(tenant))?;
        let all = count(String::new(), None)?;
        Ok(Seen { unclaimed, own: all.saturating_sub(others), others })
    })
}

fn remote(leaf: &Leaf, tenant_column: &str) -> StageResult<RemoteTable> {
    let column = directory::column(leaf, tenant_column).ok_or_else(|| unfit("it has lost the tenant's column"))?;
    Ok(RemoteTable {
        server: leaf.server,
        server_name: leaf.server_name.clone(),
        schema: leaf.remote_schema.clone(),
        table: leaf.remote_name.clone(),
        tenant_column: column.remote_name,
        form: remotes::form(&leaf.server_name)?,
    })
}

fn unfit(reason: &str) -> Refusal {
    Refusal::new(State::Unsafe, format!("a table of data servers is not as it must be: {reason}"))
}
