//! Which nodes of an analysed tree and of a plan are admitted without a look of their own at them, and what each of the others
//! is called.
//!
//! A node of a kind that the walk looks at itself (a query, a column, a call) is admitted or refused there. Every other one is
//! on a list here by its tag, or it is refused.

use crate::error::{Refusal, StageResult};
use pgrx::pg_sys::NodeTag;

/// What is left to be checked of a node that is admitted.
pub(super) enum Admitted {
    /// An expression: the type of its value, and the functions that it calls.
    Expression,
    /// Its children alone.
    Children,
}

/// Admits a node of an analysed tree, or refuses it by the name that a user knows it by.
pub(super) fn check(tag: NodeTag) -> StageResult<Admitted> {
    use NodeTag as T;
    let name = match tag {
        T::T_Const
        | T::T_Aggref
        | T::T_GroupingFunc
        | T::T_WindowFunc
        | T::T_SubscriptingRef
        | T::T_NamedArgExpr
        | T::T_OpExpr
        | T::T_DistinctExpr
        | T::T_NullIfExpr
        | T::T_ScalarArrayOpExpr
        | T::T_BoolExpr
        | T::T_SubLink
        | T::T_FieldSelect
        | T::T_RelabelType
        | T::T_ArrayCoerceExpr
        | T::T_CaseExpr
        | T::T_CaseTestExpr
        | T::T_ArrayExpr
        | T::T_RowExpr
        | T::T_RowCompareExpr
        | T::T_CoalesceExpr
        | T::T_MinMaxExpr
        | T::T_NullTest
        | T::T_BooleanTest => return Ok(Admitted::Expression),
        T::T_List
        | T::T_CaseWhen
        | T::T_TargetEntry
        | T::T_FromExpr
        | T::T_JoinExpr
        | T::T_RangeTblRef
        | T::T_GroupingSet
        | T::T_CTESearchClause
        | T::T_CommonTableExpr => return Ok(Admitted::Children),
        T::T_CoerceToDomainValue => "the value of a domain's check",
        T::T_ConvertRowtypeExpr | T::T_FieldStore => "a conversion of a whole row",
        T::T_NextValueExpr => "a sequence",
        T::T_XmlExpr | T::T_TableFunc => "XML",
        T::T_TableSampleClause => "TABLESAMPLE",
        T::T_CurrentOfExpr => "WHERE CURRENT OF",
        T::T_SetToDefault => "DEFAULT",
        other => {
            return Err(
                Refusal::construct("a construct of this statement").with_detail(format!("node tag {}", other as u32))
            );
        }
    };
    Err(Refusal::construct(name))
}

/// Admits a node of a plan that computes on what other nodes, functions, value lists and common table expressions give, or
/// refuses it by the name that a DBA knows it by.
pub(super) fn check_plan(tag: NodeTag) -> StageResult<()> {
    use NodeTag as T;
    let name = match tag {
        T::T_Result
        | T::T_ProjectSet
        | T::T_Append
        | T::T_MergeAppend
        | T::T_RecursiveUnion
        | T::T_BitmapAnd
        | T::T_BitmapOr
        // Read through the heap scan above it.
        | T::T_BitmapIndexScan
        | T::T_SubqueryScan
        | T::T_FunctionScan
        | T::T_ValuesScan
        | T::T_CteScan
        | T::T_WorkTableScan
        | T::T_NestLoop
        | T::T_MergeJoin
        | T::T_HashJoin
        | T::T_Material
        | T::T_Memoize
        | T::T_Sort
        | T::T_IncrementalSort
        | T::T_Group
        | T::T_Agg
        | T::T_WindowAgg
        | T::T_Unique
        | T::T_Gather
        | T::T_GatherMerge
        | T::T_Hash
        | T::T_SetOp
        | T::T_Limit => return Ok(()),
        T::T_ModifyTable => "a plan that changes rows",
        T::T_LockRows => "a plan that locks rows",
        T::T_SampleScan => "TABLESAMPLE",
        T::T_TidScan | T::T_TidRangeScan => "a scan by row address",
        T::T_TableFuncScan => "XMLTABLE",
        T::T_NamedTuplestoreScan => "a transition table",
        T::T_ForeignScan => "the scan of a foreign table",
        T::T_CustomScan => "a plan node of another extension",
        other => {
            return Err(Refusal::construct("a plan of this kind")
                .with_detail(format!("unknown plan node: tag {}", other as u32)));
        }
    };
    Err(Refusal::construct(name))
}
