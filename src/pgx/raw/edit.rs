//! What may be changed in a raw tree, and by whom: whoever holds the tree itself. The views of its nodes change nothing.

use super::{
    Placed, RawColumnRef, RawFunction, RawNode, RawPopulate, RawRangeVar, RawResultTarget, RawSelect, RawTypeName,
    RowColumn, RowField, made, palloc_text,
};
use crate::error::{Refusal, StageResult};
use crate::pgx::node::TreeNode;
use pgrx::pg_sys;

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

    /// A copy in which every text constant is NULL. Analysis finds the same operators and functions for it, since both are of an
    /// unknown type, and reads no text.
    #[must_use]
    pub fn without_texts(&self) -> RawTree<'t> {
        // SAFETY: a whole tree; the copy lives in the memory that is current, as the tree does.
        let copy = unsafe { RawNode::from_pointer(pg_sys::copyObjectImpl(self.root.as_pointer().cast()).cast()) };
        let copy = RawTree { root: copy.unwrap_or(self.root) };
        blank(copy.root);
        copy
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
            (*var).catalogname = std::ptr::null_mut();
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

    /// Gives the items of a SELECT list the names that PostgreSQL would find for them, to be kept when they are replaced.
    pub fn name_targets(&mut self, select: RawSelect<'t>) {
        for target in select.result_targets() {
            let is_star =
                target.value().is_some_and(|(_, value)| RawColumnRef::of(value).is_some_and(|it| it.is_star()));
            if let Some(name) = target.default_name().filter(|_| !is_star) {
                self.set_name(target, &name);
            }
        }
    }

    /// Replaces items of a SELECT list that are all columns of `alias`, as `is_all` says of an item's value, by the columns.
    pub fn expand(
        &mut self,
        select: RawSelect<'t>,
        is_all: &dyn Fn(RawNode<'t>) -> bool,
        alias: &str,
        columns: &[&str],
    ) {
        let items = select.result_targets();
        let is_star = |item: &RawResultTarget<'t>| item.value().is_some_and(|(_, value)| is_all(value));
        if !items.iter().any(is_star) {
            return;
        }
        let column = |name: &&str| made::target(made::column_ref(&[alias, name]), Some(name));
        let expanded = made::list(items.into_iter().flat_map(|item| {
            if is_star(&item) { columns.iter().map(column).collect() } else { vec![item.0.node().as_pointer()] }
        }));
        // SAFETY: a SelectStmt of a tree that nothing else looks at now; the list holds its own items and new ones.
        unsafe { (*select.stmt_pointer()).targetList = expanded };
    }

    /// Replaces members of a row that are all columns of `alias`, as `is_all` says, by the columns.
    pub fn expand_row(
        &mut self,
        row: RawNode<'t>,
        is_all: &dyn Fn(RawNode<'t>) -> bool,
        alias: &str,
        columns: &[&str],
    ) {
        let Some(row) = row.typed::<pg_sys::RowExpr>() else { return };
        let members = row.read().args();
        if !members.iter().any(|member| is_all(*member)) {
            return;
        }
        let column = |name: &&str| made::column_ref(&[alias, name]);
        let expanded = made::list(members.into_iter().flat_map(|member| {
            if is_all(member) { columns.iter().map(column).collect() } else { vec![member.as_pointer()] }
        }));
        // SAFETY: a RowExpr of a tree that nothing else looks at now; the list holds its own members and new ones.
        unsafe { (*row.as_pointer()).args = expanded };
    }

    /// Adds the column `alias.column` to GROUP BY.
    pub fn add_group_column(&mut self, select: RawSelect<'t>, alias: &str, column: &str) {
        let stmt = select.stmt_pointer();
        // SAFETY: a SelectStmt of a tree that nothing else looks at now; the list is NIL or a list of nodes.
        unsafe {
            (*stmt).groupClause = pg_sys::lappend((*stmt).groupClause, made::column_ref(&[alias, column]).cast());
        }
    }

    /// Puts `splitplane.kept(alias.column)` in the place of a reference to the column.
    pub fn keep(&mut self, place: Placed<'t>, alias: &str, column: &str) {
        self.put(place, || made::kept(alias, column));
    }

    /// Puts a row of these columns of `alias` in the place of a reference to the whole row. The key is not NULL where there is
    /// a row.
    pub fn keep_row(&mut self, place: Placed<'t>, alias: &str, columns: &[RowColumn<'_>], key: &str) {
        self.put(place, || made::kept_row(alias, columns, key));
    }

    /// Makes `alias.column` of `(alias).column`, the further steps staying. Gives what stands in the place then.
    pub fn read_field(&mut self, place: Placed<'t>) -> Placed<'t> {
        let (Some(indirection), Some((reference, name))) =
            (place.node.typed::<pg_sys::A_Indirection>(), place.node.field())
        else {
            return place;
        };
        let read = if indirection.read().indirection().len() > 1 {
            // SAFETY: an A_Indirection of a tree that nothing else looks at now; list_delete_first keeps the rest of the steps.
            unsafe {
                let steps = &raw mut (*indirection.as_pointer()).indirection;
                *steps = pg_sys::list_delete_first(*steps);
            }
            place
        } else if self.put(place, || reference.0.node().as_pointer()) {
            Placed { node: reference.0.node(), ..place }
        } else {
            return place;
        };
        let reference = reference.0.as_pointer();
        // SAFETY: a ColumnRef of a tree that nothing else looks at now; its list of names gets one more.
        unsafe {
            let name = pg_sys::makeString(palloc_text(&name)).cast();
            (*reference).fields = pg_sys::lappend((*reference).fields, name);
        }
        read
    }

    /// Makes a text of each call of `pg_typeof` that stands where one is made of it anyhow: in a text, and in what the statement
    /// answers, with what groups and orders by it.
    pub fn name_types(&mut self) {
        self.name_types_below(self.root);
        if let Some(select) = RawSelect::of(self.root) {
            self.name_output_types(select);
        }
    }

    fn name_types_below(&mut self, node: RawNode<'t>) {
        node.taken_as_text().into_iter().for_each(|place| self.name_type(place));
        // The visitor never refuses.
        let _ = node.children(&mut |child| {
            self.name_types_below(child);
            Ok(())
        });
    }

    fn name_output_types(&mut self, select: RawSelect<'t>) {
        let arms = select.arms();
        if !arms.is_empty() {
            arms.into_iter().for_each(|arm| self.name_output_types(arm));
            return;
        }
        for target in select.result_targets() {
            target
                .value()
                .into_iter()
                .flat_map(|(_, value)| value.listed_types())
                .for_each(|place| self.name_type(place));
            let Some((parent, node)) = target.value().filter(|(_, value)| value.is_type_of()) else { continue };
            if let Some(name) = target.default_name() {
                self.set_name(target, &name);
            }
            self.name_type(Placed { parent, node });
        }
        select.ordering_places().into_iter().for_each(|place| self.name_type(place));
    }

    /// Puts `pg_typeof(..)::text` in the place of a call of `pg_typeof`.
    fn name_type(&mut self, place: Placed<'t>) {
        if place.node.is_type_of() {
            self.put(place, || made::as_text(place.node.as_pointer()));
        }
    }

    /// Makes a call that fills rows of a relation's type one without the relation, and with its columns. They stand beside the
    /// call, as in ROWS FROM, where WITH ORDINALITY and other functions may be as well.
    pub fn read_as(&mut self, populate: &RawPopulate<'t>, fields: &[RowField]) {
        let (item, call) = (populate.item.as_pointer(), populate.call.as_pointer());
        let function = populate.function.replace("_populate_", "_to_");
        let columns =
            fields.iter().map(|(name, type_oid, modifier)| made::column_definition(name, *type_oid, *modifier));
        let columns = made::list(columns);
        let arguments = made::list(std::iter::once(populate.json.as_pointer()));
        // SAFETY: a RangeFunction, a pair in it and its FuncCall, of a tree that nothing else looks at now; what they get was just
        // made, but for the argument, which was the call's.
        unsafe {
            (*call).funcname = made::name(&["pg_catalog", &function]);
            (*call).args = arguments;
            if let Some(place) = places(populate.pair).get(1) {
                **place = columns.cast();
            }
            if populate.is_first && (*item).alias.is_null() {
                (*item).alias = pg_sys::makeAlias(palloc_text(&populate.function).cast_const(), std::ptr::null_mut());
            }
        }
    }

    /// Puts what `make` gives where the node stands that is above it. `make` gives a node; it is not asked for one if that is no
    /// place of an expression.
    fn put(&mut self, at: Placed<'t>, make: impl FnOnce() -> *mut pg_sys::Node) -> bool {
        let old = at.node.as_pointer();
        // SAFETY: the places are those of a node of a tree that nothing else looks at now, and each holds NULL or a node.
        unsafe {
            let place = places(at.parent).into_iter().find(|place| **place == old);
            place.map(|place| *place = make()).is_some()
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

/// Makes the text constants below a node NULL, but for the modifiers of types, which are words and no values.
fn blank(node: RawNode<'_>) {
    match node.tag() {
        pg_sys::NodeTag::T_TypeName => {}
        pg_sys::NodeTag::T_A_Const => {
            let constant = node.as_pointer().cast::<pg_sys::A_Const>();
            // SAFETY: by its tag an A_Const, of a tree that nothing else looks at now; every member of the union is a node that
            // begins with its tag.
            unsafe {
                if !(*constant).isnull && (*constant).val.node.type_ == pg_sys::NodeTag::T_String {
                    (*constant).isnull = true;
                }
            }
        }
        _ => {
            // Nothing is refused here.
            let _ = node.children(&mut |child| {
                blank(child);
                Ok(())
            });
        }
    }
}
