//! Which nodes of a raw tree the plane admits without a look of their own at them, and what each of the others is called.
//!
//! A node of a kind that the walk looks at itself (a name, a type, a function) is admitted or refused there. Every other one
//! is on this list by its tag, or it is refused.

use crate::error::{Refusal, StageResult};
use pgrx::pg_sys::NodeTag;

/// Admits a node that holds nothing to check but its children, or refuses it by the name that a user knows it by.
pub(super) fn check(tag: NodeTag) -> StageResult<()> {
    use NodeTag as T;
    match tag {
        T::T_List
        | T::T_String
        | T::T_Integer
        | T::T_Float
        | T::T_Boolean
        | T::T_BitString
        | T::T_A_Star
        | T::T_A_Indices
        | T::T_A_ArrayExpr
        | T::T_Alias
        | T::T_BoolExpr
        | T::T_BooleanTest
        | T::T_CaseExpr
        | T::T_CaseWhen
        | T::T_CoalesceExpr
        // Of a name and a type alone.
        | T::T_ColumnDef
        | T::T_GroupingFunc
        | T::T_MinMaxExpr
        | T::T_NamedArgExpr
        | T::T_NullTest
        | T::T_RangeSubselect
        | T::T_RowExpr
        // By ASC or DESC.
        | T::T_SortBy
        // Of anything but a literal.
        | T::T_TypeCast
        | T::T_WindowDef => Ok(()),
        other => match refused(other) {
            Some(name) => Err(Refusal::construct(name)),
            None => Err(Refusal::construct("a construct of this statement")
                .with_detail(format!("node tag {}", other as u32))),
        },
    }
}

/// What a construct that is refused is called, if it has a name of its own.
pub(super) fn refused(tag: NodeTag) -> Option<&'static str> {
    use NodeTag as T;
    Some(match tag {
        T::T_ParamRef => "a parameter such as $1",
        T::T_RangeTableSample => "TABLESAMPLE",
        T::T_RangeTableFunc => "XMLTABLE",
        T::T_XmlExpr | T::T_XmlSerialize => "XML",
        T::T_LockingClause => LOCKING,
        T::T_IntoClause => INTO,
        T::T_CurrentOfExpr => "WHERE CURRENT OF",
        T::T_SetToDefault => "DEFAULT",
        T::T_InsertStmt => "INSERT",
        T::T_UpdateStmt => "UPDATE",
        T::T_DeleteStmt => "DELETE",
        T::T_MergeStmt => "MERGE",
        T::T_ExplainStmt => "EXPLAIN",
        T::T_CopyStmt => "COPY",
        T::T_VariableSetStmt => "SET",
        T::T_TransactionStmt => "a transaction command",
        _ => return None,
    })
}

/// What a locking clause is called.
pub(super) const LOCKING: &str = "a locking clause such as FOR UPDATE";

/// What INTO is called.
pub(super) const INTO: &str = "SELECT INTO";
