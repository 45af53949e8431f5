//! Aliases of tables and names of CTEs.

use sqlparser::ast::{TableAlias, TableAliasColumnDef};

use super::error::{GateResult, refuse_if};
use super::{names, types};

/// An alias of a table or the name of a CTE, with its columns.
pub(super) fn table_alias(alias: &TableAlias) -> GateResult<()> {
    let TableAlias { explicit: _, name, columns, at } = alias;
    refuse_if(at.is_some(), "AT after an alias")?;
    names::column(name)?;
    for TableAliasColumnDef { name, data_type } in columns {
        // A column definition list: PostgreSQL's raw tree walk checks its types again, before analysis.
        data_type.as_ref().map_or(Ok(()), types::admit)?;
        names::column(name)?;
    }
    Ok(())
}
