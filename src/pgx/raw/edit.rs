//! What may be changed in a raw tree, and by whom: whoever holds the tree itself. The views of its nodes change nothing.

use super::{RawColumnRef, RawFunction, RawNode, RawRangeVar, RawResultTarget, RawSelect, RawTypeName, palloc_text};
use crate::error::{Refusal, StageResult};
use crate::pgx::node::TreeNode;
use pgrx::{PgList, pg_sys};

/// A raw parse tree of one statement, which nothing else holds. What it is told to change is a node of its own; one of another
/// tree of the same section would be changed as well, and do no harm to memory.
pub struct RawTree<'t> {
    root: RawNode<'t>,
}

impl<'t> RawTree<'t> {
    /// The tree below a node that PostgreSQL's parser just made.
    pub(in crate::pgx) fn new(root: RawNode<'t>) -> Self {
        RawTree { root }
    }

    /// The statement.
    pub fn root(&self) -> RawNode<'t> {
        self.root
    }

    /// Makes a type name mean a type, or an array of it if that is what is written, whatever its schema: the reader need have no
    /// privilege on that. PostgreSQL can then no more name a column after the cast: see `RawResultTarget`.
    pub fn resolve(&mut self, name: &RawTypeName<'t>, type_oid: pg_sys::Oid) {
        let name = name.node.as_pointer();
        // SAFETY: a TypeName of a tree that nothing else looks at now.
        unsafe {
            let is_array = !(*name).arrayBounds.is_null();
            (*name).typeOid = if is_array { pg_sys::get_array_type(type_oid) } else { type_oid };
            (*name).names = std::ptr::null_mut();
            (*name).arrayBounds = std::ptr::null_mut();
        }
    }

    /// Names a column of a SELECT list.
    pub fn set_name(&mut self, target: RawResultTarget<'t>, name: &str) {
        // SAFETY: a ResTarget of a tree that nothing else looks at now.
        unsafe { (*target.0.as_pointer()).name = palloc_text(name) };
    }

    /// Points a name in FROM at the common table expression `name`, under the alias it had.
    pub fn point_at(&mut self, variable: RawRangeVar<'t>, name: &str) {
        let alias = variable.alias();
        let var = variable.0.as_pointer();
        // SAFETY: a RangeVar of a tree that nothing else looks at now; strings are copied into its context.
        unsafe {
            if (*var).alias.is_null() {
                (*var).alias = pg_sys::makeAlias(palloc_text(&alias).cast_const(), std::ptr::null_mut());
            }
            (*var).schemaname = std::ptr::null_mut();
            (*var).relname = palloc_text(name);
        }
    }

    /// Qualifies the unqualified name of a function with `schema`.
    pub fn qualify(&mut self, function: RawFunction<'t>, schema: &str) {
        let call = function.0.as_pointer();
        // SAFETY: a FuncCall of a tree that nothing else looks at now.
        unsafe {
            let qualifier = pg_sys::makeString(palloc_text(schema)).cast();
            (*call).funcname = pg_sys::lcons(qualifier, (*call).funcname);
        }
    }

    /// Drops the first name of a column reference: `public.orders.total` becomes `orders.total`.
    pub fn drop_qualifier(&mut self, column: RawColumnRef<'t>) {
        let reference = column.0.as_pointer();
        // SAFETY: a ColumnRef of a tree that nothing else looks at now; list_delete_first keeps the rest.
        unsafe { (*reference).fields = pg_sys::list_delete_first((*reference).fields) };
    }

    /// Names the bare columns of a SELECT list, so that they keep their names when the references are replaced.
    pub fn name_targets(&mut self, select: RawSelect<'t>) {
        for target in select.result_targets() {
            let entry = target.0.read();
            let Some(reference) = entry.val().and_then(RawColumnRef::of) else { continue };
            let names = reference.names();
            if let (true, Some(name), false) = (entry.name.is_null(), names.last(), reference.is_star()) {
                self.set_name(target, name);
            }
        }
    }

    /// Adds the column `alias.column` to GROUP BY.
    pub fn add_group_column(&mut self, select: RawSelect<'t>, alias: &str, column: &str) {
        let stmt = select.stmt_pointer();
        // SAFETY: makeNode-like allocation in the current context; the lists are NIL or lists of nodes of this tree.
        unsafe {
            let reference = pgrx::PgBox::<pg_sys::ColumnRef>::alloc_node(pg_sys::NodeTag::T_ColumnRef).into_pg();
            let mut list = PgList::<pg_sys::Node>::new();
            for field in [alias, column] {
                list.push(pg_sys::makeString(palloc_text(field)).cast());
            }
            (*reference).fields = list.into_pg();
            (*reference).location = -1;
            (*stmt).groupClause = pg_sys::lappend((*stmt).groupClause, reference.cast());
        }
    }

    /// Puts `(array_agg(column))[1]` where `parent` has the column reference.
    pub fn take_any(&mut self, parent: RawNode<'t>, column: RawColumnRef<'t>) {
        let old = column.0.node().as_pointer();
        // SAFETY: the places are those of a node of a tree that nothing else looks at now, and each holds NULL or a node.
        unsafe {
            if let Some(place) = places(parent).into_iter().find(|place| **place == old) {
                *place = first_of_group(old);
            }
        }
    }

    /// Points FROM's derived table `answer` of the parsed skeleton at the untrusted query.
    ///
    /// The skeleton is `WITH .. SELECT * FROM (SELECT 1) AS answer`, parsed from our own text.
    pub(in crate::pgx) fn graft(&mut self, untrusted: RawTree<'t>) -> StageResult<()> {
        let outer = RawSelect::of(self.root).ok_or_else(|| Refusal::proof("the skeleton is not a SELECT"))?;
        let items = outer.sources();
        let [item] = items.as_slice() else {
            return Err(Refusal::proof("the skeleton does not have exactly one FROM item"));
        };
        let Some(table) = item.typed::<pg_sys::RangeSubselect>() else {
            return Err(Refusal::proof("the skeleton's FROM item is not a derived table"));
        };
        // SAFETY: a RangeSubselect; both trees live in the same memory context, and nothing else looks at them now.
        unsafe { (*table.as_pointer()).subquery = untrusted.root.as_pointer() };
        Ok(())
    }
}

/// The places of a node in which an expression may stand. What is not among them keeps its column, and PostgreSQL then says
/// that it must appear in GROUP BY.
fn places(parent: RawNode<'_>) -> Vec<*mut *mut pg_sys::Node> {
    use pg_sys::NodeTag as T;
    /// Fields of one type of nodes, which are all pointers to nodes.
    macro_rules! fields {
        ($name:ident: $($field:ident),*) => {{
            let node = parent.as_pointer().cast::<pg_sys::$name>();
            vec![$((&raw mut (*node).$field).cast()),*]
        }};
    }
    // SAFETY: the tag says of which type the node is; the places are made of its own address and are not looked at here.
    unsafe {
        match parent.tag() {
            T::T_List => {
                let list = parent.as_pointer().cast::<pg_sys::List>();
                let count = usize::try_from((*list).length).unwrap_or(0);
                (0..count).map(|index| (&raw mut (*(*list).elements.add(index)).ptr_value).cast()).collect()
            }
            T::T_A_Expr => fields!(A_Expr: lexpr, rexpr),
            T::T_A_Indices => fields!(A_Indices: lidx, uidx),
            T::T_A_Indirection => fields!(A_Indirection: arg),
            T::T_BooleanTest => fields!(BooleanTest: arg),
            // PostgreSQL's walker passes by the WHENs themselves.
            T::T_CaseExpr => {
                let whens = parent.downcast::<pg_sys::CaseExpr>().map(|case| case.args()).unwrap_or_default();
                fields!(CaseExpr: arg, defresult).into_iter().chain(whens.into_iter().flat_map(places)).collect()
            }
            T::T_CaseWhen => fields!(CaseWhen: expr, result),
            T::T_CollateClause => fields!(CollateClause: arg),
            T::T_FuncCall => fields!(FuncCall: agg_filter),
            T::T_JoinExpr => fields!(JoinExpr: quals),
            T::T_NamedArgExpr => fields!(NamedArgExpr: arg),
            T::T_NullTest => fields!(NullTest: arg),
            T::T_ResTarget => fields!(ResTarget: val),
            T::T_SelectStmt => fields!(SelectStmt: whereClause, havingClause, limitOffset, limitCount),
            T::T_SortBy => fields!(SortBy: node),
            T::T_SubLink => fields!(SubLink: testexpr),
            T::T_TypeCast => fields!(TypeCast: arg),
            T::T_WindowDef => fields!(WindowDef: startOffset, endOffset),
            _ => Vec::new(),
        }
    }
}

/// `(pg_catalog.array_agg(value))[1]`.
unsafe fn first_of_group(value: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: node constructors of PostgreSQL and pgrx, in the current memory context.
    unsafe {
        let mut name = PgList::<pg_sys::Node>::new();
        name.push(pg_sys::makeString(palloc_text("pg_catalog")).cast());
        name.push(pg_sys::makeString(palloc_text("array_agg")).cast());
        let mut arguments = PgList::<pg_sys::Node>::new();
        arguments.push(value);
        let form = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
        let call = pg_sys::makeFuncCall(name.into_pg(), arguments.into_pg(), form, -1);
        let one = pgrx::PgBox::<pg_sys::A_Const>::alloc_node(pg_sys::NodeTag::T_A_Const).into_pg();
        (*one).val.ival = pg_sys::Integer { type_: pg_sys::NodeTag::T_Integer, ival: 1 };
        (*one).location = -1;
        let index = pgrx::PgBox::<pg_sys::A_Indices>::alloc_node(pg_sys::NodeTag::T_A_Indices).into_pg();
        (*index).uidx = one.cast();
        let mut indirection = PgList::<pg_sys::Node>::new();
        indirection.push(index.cast());
        let first = pgrx::PgBox::<pg_sys::A_Indirection>::alloc_node(pg_sys::NodeTag::T_A_Indirection).into_pg();
        (*first).arg = call.cast();
        (*first).indirection = indirection.into_pg();
        first.cast()
    }
}
