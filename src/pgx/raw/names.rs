//! The places of a raw tree where a name stands: FROM, function calls, column references.

use super::{RawNode, made, strings};
use crate::pgx::node::{Fields, TreeNode, Typed};
use pgrx::pg_sys;

/// A name in FROM.
#[derive(Clone, Copy)]
pub struct RawRangeVar<'t>(pub(super) Typed<RawNode<'t>, pg_sys::RangeVar>);

impl<'t> RawRangeVar<'t> {
    /// The database, when three parts are written.
    pub fn database(&self) -> Option<String> {
        self.0.read().catalogname()
    }

    /// The schema, when written.
    pub fn schema(&self) -> Option<String> {
        self.0.read().schemaname()
    }

    /// The name.
    pub fn name(&self) -> String {
        self.0.read().relname()
    }

    /// The alias, or the name: what columns are qualified with.
    pub fn alias(&self) -> String {
        self.written_alias().map_or_else(|| self.name(), |alias| alias.aliasname())
    }

    /// The names that the alias gives to the first columns: `orders AS o (a, b)`.
    pub fn column_names(&self) -> Vec<String> {
        self.written_alias().map_or_else(Vec::new, |alias| strings(alias.colnames()))
    }

    /// FROM ONLY.
    pub fn only(&self) -> bool {
        !self.0.read().inh
    }

    fn written_alias(&self) -> Option<Fields<RawNode<'t>, pg_sys::Alias>> {
        self.0.read().alias()?.downcast()
    }
}

/// A join in FROM.
#[derive(Clone, Copy)]
pub struct RawJoin<'t>(pub(super) Typed<RawNode<'t>, pg_sys::JoinExpr>);

impl<'t> RawJoin<'t> {
    /// Left and right side.
    pub fn sides(&self) -> (Option<RawNode<'t>>, Option<RawNode<'t>>) {
        let join = self.0.read();
        (join.larg(), join.rarg())
    }

    /// Whether it merges all columns that both sides have.
    pub fn is_natural(&self) -> bool {
        self.0.read().isNatural
    }

    /// The columns in USING, which it merges into one of both sides.
    pub fn merged_columns(&self) -> Vec<String> {
        strings(self.0.read().usingClause())
    }

    /// Whether a merged column is the left side's own: an inner or left join.
    pub fn keeps_left(&self) -> bool {
        matches!(self.0.read().jointype, pg_sys::JoinType::JOIN_INNER | pg_sys::JoinType::JOIN_LEFT)
    }

    /// Whether an alias hides the names of both sides.
    pub fn is_renamed(&self) -> bool {
        !self.0.read().alias.is_null()
    }
}

/// A function call.
#[derive(Clone, Copy)]
pub struct RawFunction<'t>(pub(super) Typed<RawNode<'t>, pg_sys::FuncCall>);

impl RawFunction<'_> {
    /// Its possibly qualified name.
    pub fn names(&self) -> Vec<String> {
        strings(self.0.read().funcname())
    }

    /// Whether it is called over a window.
    pub fn is_windowed(&self) -> bool {
        !self.0.read().over.is_null()
    }

    /// Whether the call is one that we put there; no text can make one.
    pub fn is_ours(&self) -> bool {
        self.0.read().location == made::OUR_LOCATION
    }
}

/// A column reference.
#[derive(Clone, Copy)]
pub struct RawColumnRef<'t>(pub(super) Typed<RawNode<'t>, pg_sys::ColumnRef>);

impl<'t> RawColumnRef<'t> {
    pub(super) fn of(node: RawNode<'t>) -> Option<Self> {
        node.typed().map(RawColumnRef)
    }

    /// The names in it, without a final star.
    pub fn names(&self) -> Vec<String> {
        strings(self.0.read().fields())
    }

    /// Whether it ends in a star.
    pub fn is_star(&self) -> bool {
        self.0.read().fields().last().is_some_and(|node| node.tag() == pg_sys::NodeTag::T_A_Star)
    }
}
