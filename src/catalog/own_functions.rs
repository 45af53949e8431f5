//! The extension's own functions that the stages `attach` and `trust` put into a tree, and the proof knows.

use super::row::{oid, text, unreadable};
use crate::error::StageResult;
use crate::pgx::order::Order;
use crate::pgx::spi::read::Lookup;
use crate::pgx::types;
use pgrx::pg_sys::{self, Oid};
use serde::{Deserialize, Serialize};

thread_local! {
    static POLICY: Lookup = const { Lookup::new(POLICY_SQL, 0) };
    static MOMENTS: Lookup = const { Lookup::new(MOMENTS_SQL, 0) };
    static COMPARISONS: Lookup = const { Lookup::new(COMPARISONS_SQL, 0) };
}

const POLICY_SQL: &str = "SELECT 'splitplane.in_scope(anyelement,text)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.in_parent(text,\"any\")'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.has_parent(text,\"any\")'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.bounded(anyelement,integer)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.counted(anyelement,integer)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.behind(anyelement)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.pattern(anyelement)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.zone(text)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.dated(anyelement)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.kept(anyelement)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.beside(boolean)'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text, \
     'splitplane.drawn()'::pg_catalog.regprocedure::pg_catalog.oid::pg_catalog.text";

/// (name, result type, type of the first argument, function)
const MOMENTS_SQL: &str = "SELECT p.proname::pg_catalog.text, p.prorettype::pg_catalog.oid::pg_catalog.text, \
     p.proargtypes[0]::pg_catalog.oid::pg_catalog.text, p.oid::pg_catalog.text FROM pg_catalog.pg_proc AS p \
     WHERE p.pronamespace OPERATOR(pg_catalog.=) 'splitplane'::pg_catalog.regnamespace::pg_catalog.oid \
     AND (p.proname OPERATOR(pg_catalog.=) 'moved' \
     OR p.proname OPERATOR(pg_catalog.~) '^(date|timestamp|timestamptz)_(at_least|at_most|equal_to|first|last|before|after)$')";

/// (type of the arguments, name behind it, function)
const COMPARISONS_SQL: &str = "SELECT p.proargtypes[0]::pg_catalog.oid::pg_catalog.text, \
     pg_catalog.substr(p.proname::pg_catalog.text, pg_catalog.strpos(p.proname::pg_catalog.text, '_') OPERATOR(pg_catalog.+) 1), \
     p.oid::pg_catalog.text FROM pg_catalog.pg_proc AS p \
     WHERE p.pronamespace OPERATOR(pg_catalog.=) 'splitplane'::pg_catalog.regnamespace::pg_catalog.oid \
     AND p.prosupport::pg_catalog.oid OPERATOR(pg_catalog.=) \
     'splitplane.comparison_support(internal)'::pg_catalog.regprocedure::pg_catalog.oid";

/// The extension's own functions that the proof looks for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct PolicyFunctions {
    /// `splitplane.in_scope`.
    pub in_scope: Oid,
    /// `splitplane.in_parent`.
    pub in_parent: Oid,
    /// `splitplane.has_parent`, the same in the plane's own condition.
    pub has_parent: Oid,
    /// `splitplane.bounded`, in no policy: the stage `trust` puts it around arguments.
    pub bounded: Oid,
    /// `splitplane.counted`, likewise.
    pub counted: Oid,
    /// `splitplane.behind`, likewise.
    pub behind: Oid,
    /// `splitplane.pattern`, likewise.
    pub pattern: Oid,
    /// `splitplane.zone`, likewise.
    pub zone: Oid,
    /// `splitplane.dated`, likewise.
    pub dated: Oid,
    /// `splitplane.kept`, an aggregate: the stage `attach` puts it around columns that GROUP BY's key determines.
    pub kept: Oid,
    /// `splitplane.beside`, around conditions that stand beside others of the stage `trust`.
    pub beside: Oid,
    /// `splitplane.drawn`: the stage `trust` puts it in the place of `random()`. No wrapper: it is proved by its place.
    pub drawn: Oid,
}

impl PolicyFunctions {
    /// Whether a function is one of those that `attach` and `trust` put into the tree. No text can name them: the raw walk refuses
    /// their names.
    pub fn is_wrapper(&self, function: Oid) -> bool {
        [self.bounded, self.counted, self.behind, self.pattern, self.zone, self.dated, self.kept, self.beside]
            .contains(&function)
    }
}

impl PolicyFunctions {
    /// Whether a function is one of those that the conditions of fences call.
    pub fn is_condition(&self, function: Oid) -> bool {
        [self.in_scope, self.in_parent, self.has_parent].contains(&function)
    }
}

/// Which of the dates or timestamps next to a value of another type, where a number stands for a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MomentFunction {
    /// The first that is not before it.
    AtLeast,
    /// The last that is not after it.
    AtMost,
    /// The one that equals it, or none.
    EqualTo,
    /// The first of a day, or of years from a number on.
    First,
    /// The last of a day, or of years up to a number.
    Last,
    /// The last of years before a number.
    Before,
    /// The first of years after a number.
    After,
    /// One that is some time away, of the same type.
    Moved,
}

/// The extension's own functions of that kind, which the stage `trust` puts around values. No text can name them either.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MomentFunctions(pub Vec<(MomentFunction, Oid, Oid, Oid)>);

impl MomentFunctions {
    /// The function from a value of type `from` to one of type `to`.
    pub fn of(&self, wanted: MomentFunction, to: Oid, from: Oid) -> Option<Oid> {
        let is_it = |known: &&(MomentFunction, Oid, Oid, Oid)| (known.0, known.1, known.2) == (wanted, to, from);
        self.0.iter().find(is_it).map(|known| known.3)
    }

    /// Whether a function is one of them.
    pub fn contains(&self, function: Oid) -> bool {
        self.0.iter().any(|known| known.3 == function)
    }
}

/// PostgreSQL's own comparisons as functions of ours, which are marked LEAKPROOF. The stage `trust` puts them beside comparisons of
/// a column. No text can name them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ComparisonFunctions(Vec<(Oid, Order, Oid)>);

impl ComparisonFunctions {
    /// The one that asks that of two values of a type.
    pub fn of(&self, order: Order, type_oid: Oid) -> Option<Oid> {
        let declared = if types::is_enum(type_oid) { pg_sys::ANYENUMOID } else { type_oid };
        self.0.iter().find(|known| (known.0, known.1) == (declared, order)).map(|known| known.2)
    }

    /// Whether a function is one of them.
    pub fn contains(&self, function: Oid) -> bool {
        self.0.iter().any(|known| known.2 == function)
    }
}

pub(super) fn policy() -> StageResult<PolicyFunctions> {
    let rows = POLICY.with(|lookup| lookup.rows(&[]))?;
    let Some([in_scope, in_parent, has_parent, bounded, counted, behind, pattern, zone, dated, kept, beside, drawn]) =
        rows.first().map(Vec::as_slice)
    else {
        return Err(unreadable());
    };
    Ok(PolicyFunctions {
        in_scope: oid(Some(in_scope))?,
        in_parent: oid(Some(in_parent))?,
        has_parent: oid(Some(has_parent))?,
        bounded: oid(Some(bounded))?,
        counted: oid(Some(counted))?,
        behind: oid(Some(behind))?,
        pattern: oid(Some(pattern))?,
        zone: oid(Some(zone))?,
        dated: oid(Some(dated))?,
        kept: oid(Some(kept))?,
        beside: oid(Some(beside))?,
        drawn: oid(Some(drawn))?,
    })
}

pub(super) fn moments() -> StageResult<MomentFunctions> {
    let read = |row: &Vec<Option<String>>| {
        let [name, to, from, function] = row.as_slice() else { return Err(unreadable()) };
        let name = text(name)?;
        let kind = match name.split_once('_').map_or(name.as_str(), |(_, kind)| kind) {
            "at_least" => MomentFunction::AtLeast,
            "at_most" => MomentFunction::AtMost,
            "equal_to" => MomentFunction::EqualTo,
            "first" => MomentFunction::First,
            "last" => MomentFunction::Last,
            "before" => MomentFunction::Before,
            "after" => MomentFunction::After,
            "moved" => MomentFunction::Moved,
            _ => return Err(unreadable()),
        };
        Ok((kind, oid(Some(to))?, oid(Some(from))?, oid(Some(function))?))
    };
    MOMENTS.with(|lookup| lookup.rows(&[]))?.iter().map(read).collect::<StageResult<Vec<_>>>().map(MomentFunctions)
}

pub(super) fn comparisons() -> StageResult<ComparisonFunctions> {
    let read = |row: &Vec<Option<String>>| {
        let [type_oid, name, function] = row.as_slice() else { return Err(unreadable()) };
        let order = Order::of_name(&text(name)?).ok_or_else(unreadable)?;
        Ok((oid(Some(type_oid))?, order, oid(Some(function))?))
    };
    COMPARISONS.with(|lookup| lookup.rows(&[]))?.iter().map(read).collect::<StageResult<_>>().map(ComparisonFunctions)
}
