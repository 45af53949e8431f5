//! The places of a raw tree where a name stands: FROM, function calls, column references.

use super::{RawNode, kept, nodes, optional_text, palloc_text, strings, text};
use pgrx::pg_sys;

/// A name in FROM.
#[derive(Clone, Copy)]
pub struct RawRangeVar<'t>(RawNode<'t>);

impl<'t> RawRangeVar<'t> {
    pub(super) fn new(node: RawNode<'t>) -> Self {
        RawRangeVar(node)
    }

    fn var(&self) -> &pg_sys::RangeVar {
        self.0.cast()
    }

    /// The database, when three parts are written.
    pub fn database(&self) -> Option<String> {
        optional_text(self.var().catalogname)
    }

    /// The schema, when written.
    pub fn schema(&self) -> Option<String> {
        optional_text(self.var().schemaname)
    }

    /// The name.
    pub fn name(&self) -> String {
        text(self.var().relname)
    }

    /// The alias, or the name: what columns are qualified with.
    pub fn alias(&self) -> String {
        // SAFETY: an alias, when there is one, is a node of the same tree.
        match unsafe { self.var().alias.as_ref() } {
            Some(alias) => text(alias.aliasname),
            None => self.name(),
        }
    }

    /// Whether the alias renames columns: `orders AS o (a, b)`.
    pub fn renames_columns(&self) -> bool {
        // SAFETY: as in `alias`.
        unsafe { self.var().alias.as_ref() }.is_some_and(|alias| !alias.colnames.is_null())
    }

    /// FROM ONLY.
    pub fn only(&self) -> bool {
        !self.var().inh
    }

    /// Points this reference at the common table expression `name`, under the alias it had.
    pub fn point_at(&self, name: &str) {
        let alias = self.alias();
        let var = self.0.as_pointer().cast::<pg_sys::RangeVar>();
        // SAFETY: the node is a RangeVar of a tree that this backend alone holds; strings are copied into its context.
        unsafe {
            if (*var).alias.is_null() {
                (*var).alias = pg_sys::makeAlias(palloc_text(&alias).cast_const(), std::ptr::null_mut());
            }
            (*var).catalogname = std::ptr::null_mut();
            (*var).schemaname = std::ptr::null_mut();
            (*var).relname = palloc_text(name);
        }
    }
}

/// A join in FROM.
#[derive(Clone, Copy)]
pub struct RawJoin<'t>(RawNode<'t>);

impl<'t> RawJoin<'t> {
    pub(super) fn new(node: RawNode<'t>) -> Self {
        RawJoin(node)
    }

    fn join(&self) -> &'t pg_sys::JoinExpr {
        self.0.cast()
    }

    /// Left and right side.
    pub fn sides(&self) -> (Option<RawNode<'t>>, Option<RawNode<'t>>) {
        (RawNode::from_pointer(self.join().larg), RawNode::from_pointer(self.join().rarg))
    }

    /// Whether it merges all columns that both sides have.
    pub fn is_natural(&self) -> bool {
        self.join().isNatural
    }

    /// The columns in USING, which it merges into one of both sides.
    pub fn merged_columns(&self) -> Vec<String> {
        strings(self.join().usingClause)
    }

    /// Whether a merged column is the left side's own: an inner or left join.
    pub fn keeps_left(&self) -> bool {
        matches!(self.join().jointype, pg_sys::JoinType::JOIN_INNER | pg_sys::JoinType::JOIN_LEFT)
    }

    /// Whether an alias hides the names of both sides.
    pub fn is_renamed(&self) -> bool {
        !self.join().alias.is_null()
    }
}

/// A function call.
#[derive(Clone, Copy)]
pub struct RawFunction<'t>(RawNode<'t>);

impl<'t> RawFunction<'t> {
    pub(super) fn new(node: RawNode<'t>) -> Self {
        RawFunction(node)
    }

    /// Its possibly qualified name.
    pub fn names(&self) -> Vec<String> {
        strings(self.0.cast::<pg_sys::FuncCall>().funcname)
    }

    /// Whether it is called over a window.
    pub fn is_windowed(&self) -> bool {
        !self.0.cast::<pg_sys::FuncCall>().over.is_null()
    }

    /// Whether the call is one that we put there; no text can make one.
    pub fn is_ours(&self) -> bool {
        kept::is_ours(self.0.cast())
    }

    /// Qualifies an unqualified name with `schema`.
    pub fn qualify(&self, schema: &str) {
        let call = self.0.as_pointer().cast::<pg_sys::FuncCall>();
        // SAFETY: the node is a FuncCall of a tree that this backend alone holds.
        unsafe {
            let qualifier = pg_sys::makeString(palloc_text(schema)).cast();
            (*call).funcname = pg_sys::lcons(qualifier, (*call).funcname);
        }
    }
}

/// A column reference.
#[derive(Clone, Copy)]
pub struct RawColumnRef<'t>(RawNode<'t>);

impl<'t> RawColumnRef<'t> {
    pub(super) fn new(node: RawNode<'t>) -> Self {
        RawColumnRef(node)
    }

    pub(super) fn node(&self) -> RawNode<'t> {
        self.0
    }

    fn reference(&self) -> &pg_sys::ColumnRef {
        self.0.cast()
    }

    /// The names in it, without a final star.
    pub fn names(&self) -> Vec<String> {
        strings(self.reference().fields)
    }

    /// Whether it ends in a star.
    pub fn is_star(&self) -> bool {
        nodes(self.reference().fields).last().is_some_and(|node| node.tag() == pg_sys::NodeTag::T_A_Star)
    }

    /// Drops the first name: `public.orders.total` becomes `orders.total`.
    pub fn drop_qualifier(&self) {
        let reference = self.0.as_pointer().cast::<pg_sys::ColumnRef>();
        // SAFETY: the list holds the names just read; list_delete_first keeps the rest.
        unsafe { (*reference).fields = pg_sys::list_delete_first((*reference).fields) };
    }
}
