//! PostgreSQL's raw parse tree as safe, typed views.
//!
//! `plane` decides over these views; nothing here decides anything. Nodes live in the memory context of the
//! confinement that parsed them, and the views borrow that confinement's lifetime `'t`.

use crate::error::{Refusal, StageResult};
use pgrx::{PgList, pg_guard, pg_sys};
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// One node of a raw parse tree.
#[derive(Clone, Copy)]
pub struct RawNode<'t> {
    pointer: NonNull<pg_sys::Node>,
    tree: PhantomData<&'t ()>,
}

/// What a node is, for the walk that admits or refuses it. A tag that is not listed becomes `Unknown`.
pub enum RawKind<'t> {
    /// A whole SELECT, VALUES or set operation.
    Select(RawSelect<'t>),
    /// A name in FROM.
    RangeVar(RawRangeVar<'t>),
    /// A subquery in FROM.
    RangeSubselect,
    /// A join in FROM.
    Join,
    /// A WITH clause.
    With,
    /// A common table expression; the marks of its CYCLE clause are expressions that PostgreSQL's walker passes by.
    CommonTable { cycle_marks: Vec<RawNode<'t>> },
    /// A function call.
    Function(RawFunction<'t>),
    /// A type name.
    Type(RawTypeName),
    /// An operator with its possibly qualified name.
    Operator(Vec<String>),
    /// A column reference.
    ColumnRef(RawColumnRef<'t>),
    /// `(x).a[1]`: the field names in it.
    Indirection(Vec<String>),
    /// COLLATE with its possibly qualified name.
    Collate(Vec<String>),
    /// ORDER BY .. USING operator.
    SortUsing,
    /// CURRENT_USER and the like, by PostgreSQL's own numbering: dates and times, or session facts.
    SqlValue { is_time: bool },
    /// A constant; `Some(n)` for an integer.
    Constant(Option<i32>),
    /// Grouping sets, cube, rollup.
    GroupingSet,
    /// A call in FROM, with its column definition list as children.
    RangeFunction,
    /// A column of a column definition list that carries more than a name and a type.
    ColumnWithOptions,
    /// A node that holds nothing to check but its children.
    Plain,
    /// A construct that is refused, by the name a user knows it by.
    Refused(&'static str),
    /// A tag that is on no list.
    Unknown(u32),
}

/// A type name as written.
pub struct RawTypeName {
    /// Qualified parts, at least one.
    pub names: Vec<String>,
    /// `SETOF` or `%TYPE`.
    pub exotic: bool,
}

struct Visit<'a, 't> {
    visitor: &'a mut dyn FnMut(RawNode<'t>) -> StageResult<()>,
    refusal: Option<Refusal>,
}

#[pg_guard]
unsafe extern "C-unwind" fn visit_child(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    let Some(pointer) = NonNull::new(node) else { return false };
    // SAFETY: `context` is the `Visit` that `children` below keeps on its stack for the length of the walk.
    let visit = unsafe { &mut *context.cast::<Visit>() };
    match (visit.visitor)(RawNode { pointer, tree: PhantomData }) {
        Ok(()) => false,
        Err(refusal) => {
            visit.refusal = Some(refusal);
            true
        }
    }
}

impl<'t> RawNode<'t> {
    /// A view of a node that PostgreSQL's parser made; `None` for NULL.
    pub(super) fn from_pointer(node: *mut pg_sys::Node) -> Option<Self> {
        NonNull::new(node).map(|pointer| RawNode { pointer, tree: PhantomData })
    }

    pub(super) fn as_pointer(self) -> *mut pg_sys::Node {
        self.pointer.as_ptr()
    }

    fn tag(self) -> pg_sys::NodeTag {
        // SAFETY: every parse tree node begins with its tag.
        unsafe { (*self.as_pointer()).type_ }
    }

    fn cast<T>(self) -> &'t T {
        // SAFETY: callers match the tag first; the node lives as long as the confinement's memory context ('t).
        unsafe { &*self.as_pointer().cast::<T>() }
    }

    /// Calls `visitor` on each direct child, as PostgreSQL's own raw walker finds them.
    pub fn children(self, visitor: &mut dyn FnMut(RawNode<'t>) -> StageResult<()>) -> StageResult<()> {
        let mut visit = Visit { visitor, refusal: None };
        // SAFETY: the node is a raw parse node, and `visit` outlives the call.
        unsafe {
            pg_sys::raw_expression_tree_walker(self.as_pointer(), Some(visit_child), (&raw mut visit).cast::<c_void>())
        };
        visit.refusal.map_or(Ok(()), Err)
    }

    /// What this node is.
    pub fn kind(self) -> RawKind<'t> {
        use pg_sys::NodeTag as T;
        match self.tag() {
            T::T_SelectStmt => RawKind::Select(RawSelect(self)),
            T::T_RangeVar => RawKind::RangeVar(RawRangeVar(self)),
            T::T_RangeSubselect => RawKind::RangeSubselect,
            T::T_JoinExpr => RawKind::Join,
            T::T_WithClause => RawKind::With,
            T::T_FuncCall => RawKind::Function(RawFunction(self)),
            T::T_TypeName => {
                let name = self.cast::<pg_sys::TypeName>();
                RawKind::Type(RawTypeName { names: strings(name.names), exotic: name.setof || name.pct_type })
            }
            T::T_A_Expr => RawKind::Operator(strings(self.cast::<pg_sys::A_Expr>().name)),
            T::T_SubLink => RawKind::Operator(strings(self.cast::<pg_sys::SubLink>().operName)),
            T::T_ColumnRef => RawKind::ColumnRef(RawColumnRef(self)),
            T::T_A_Indirection => RawKind::Indirection(strings(self.cast::<pg_sys::A_Indirection>().indirection)),
            T::T_CollateClause => RawKind::Collate(strings(self.cast::<pg_sys::CollateClause>().collname)),
            T::T_SortBy if !self.cast::<pg_sys::SortBy>().useOp.is_null() => RawKind::SortUsing,
            T::T_SQLValueFunction => {
                use pg_sys::SQLValueFunctionOp as Op;
                let op = self.cast::<pg_sys::SQLValueFunction>().op;
                RawKind::SqlValue { is_time: op <= Op::SVFOP_LOCALTIMESTAMP_N }
            }
            T::T_A_Const => RawKind::Constant(integer_constant(self)),
            T::T_GroupingSet => RawKind::GroupingSet,
            T::T_RangeFunction => RawKind::RangeFunction,
            T::T_ColumnDef => {
                let column = self.cast::<pg_sys::ColumnDef>();
                let bare = column.raw_default.is_null()
                    && column.cooked_default.is_null()
                    && column.constraints.is_null()
                    && column.collClause.is_null()
                    && column.fdwoptions.is_null();
                if bare { RawKind::Plain } else { RawKind::ColumnWithOptions }
            }
            T::T_CommonTableExpr => {
                let cte = self.cast::<pg_sys::CommonTableExpr>();
                // SAFETY: a cycle clause, when there is one, is a node of the same tree.
                let cycle = unsafe { cte.cycle_clause.as_ref() };
                let marks = cycle.map(|clause| [clause.cycle_mark_value, clause.cycle_mark_default]);
                let marks = marks.into_iter().flatten().filter_map(RawNode::from_pointer).collect();
                RawKind::CommonTable { cycle_marks: marks }
            }
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
            | T::T_GroupingFunc
            | T::T_MinMaxExpr
            | T::T_NamedArgExpr
            | T::T_NullTest
            | T::T_ResTarget
            | T::T_RowExpr
            | T::T_SortBy
            | T::T_TypeCast
            | T::T_WindowDef => RawKind::Plain,
            T::T_ParamRef => RawKind::Refused("a parameter such as $1"),
            T::T_RangeTableSample => RawKind::Refused("TABLESAMPLE"),
            T::T_RangeTableFunc => RawKind::Refused("XMLTABLE"),
            T::T_XmlExpr | T::T_XmlSerialize => RawKind::Refused("XML"),
            T::T_LockingClause => RawKind::Refused("a locking clause such as FOR UPDATE"),
            T::T_IntoClause => RawKind::Refused("SELECT INTO"),
            T::T_CurrentOfExpr => RawKind::Refused("WHERE CURRENT OF"),
            T::T_SetToDefault => RawKind::Refused("DEFAULT"),
            T::T_InsertStmt => RawKind::Refused("INSERT"),
            T::T_UpdateStmt => RawKind::Refused("UPDATE"),
            T::T_DeleteStmt => RawKind::Refused("DELETE"),
            T::T_MergeStmt => RawKind::Refused("MERGE"),
            T::T_ExplainStmt => RawKind::Refused("EXPLAIN"),
            T::T_CopyStmt => RawKind::Refused("COPY"),
            T::T_VariableSetStmt => RawKind::Refused("SET"),
            T::T_TransactionStmt => RawKind::Refused("a transaction command"),
            other => RawKind::Unknown(other as u32),
        }
    }
}

fn integer_constant(node: RawNode<'_>) -> Option<i32> {
    let constant = node.cast::<pg_sys::A_Const>();
    if constant.isnull {
        return None;
    }
    let value = &constant.val;
    // SAFETY: every member of the union is a node that begins with its tag.
    let tag = unsafe { value.node.type_ };
    if tag != pg_sys::NodeTag::T_Integer {
        return None;
    }
    // SAFETY: the tag says that the union holds an Integer.
    Some(unsafe { value.ival.ival })
}

/// The String nodes of a list, in order; other nodes (subscripts, stars) are left out.
fn strings(list: *mut pg_sys::List) -> Vec<String> {
    nodes(list)
        .into_iter()
        .filter(|node: &RawNode| node.tag() == pg_sys::NodeTag::T_String)
        .map(|node| text(node.cast::<pg_sys::String>().sval))
        .collect()
}

fn nodes<'t>(list: *mut pg_sys::List) -> Vec<RawNode<'t>> {
    // SAFETY: the parser's lists of nodes are pointer lists or NIL.
    let list = unsafe { PgList::<pg_sys::Node>::from_pg(list) };
    list.iter_ptr().filter_map(RawNode::from_pointer).collect()
}

fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the parser's strings are NUL-terminated and live in the tree's memory context.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

fn optional_text(pointer: *const c_char) -> Option<String> {
    (!pointer.is_null()).then(|| text(pointer))
}

/// A copy in the current memory context. A NUL byte cannot come from a name of the catalog or the parser.
pub(super) fn palloc_text(value: &str) -> *mut c_char {
    let owned = CString::new(value).unwrap_or_default();
    // SAFETY: pstrdup copies a NUL-terminated string.
    unsafe { pg_sys::pstrdup(owned.as_ptr()) }
}

/// A SELECT, VALUES or set operation.
#[derive(Clone, Copy)]
pub struct RawSelect<'t>(RawNode<'t>);

impl<'t> RawSelect<'t> {
    fn stmt(self) -> &'t pg_sys::SelectStmt {
        self.0.cast()
    }

    /// The node itself.
    pub fn node(self) -> RawNode<'t> {
        self.0
    }

    /// The common table expressions, as (name, query), and whether WITH is RECURSIVE.
    pub fn with(self) -> (Vec<(String, RawNode<'t>)>, bool) {
        let Some(clause) = RawNode::from_pointer(self.stmt().withClause.cast()) else {
            return (Vec::new(), false);
        };
        let clause = clause.cast::<pg_sys::WithClause>();
        let expressions = nodes(clause.ctes)
            .into_iter()
            .map(|cte| (text(cte.cast::<pg_sys::CommonTableExpr>().ctename), cte))
            .collect();
        (expressions, clause.recursive)
    }

    /// INTO and locking clauses, by name. `FOR UPDATE` on a CTE leaves no trace in the analysed tree.
    pub fn refused_clause(self) -> Option<&'static str> {
        if !self.stmt().intoClause.is_null() {
            Some("SELECT INTO")
        } else if !self.stmt().lockingClause.is_null() {
            Some("a locking clause such as FOR UPDATE")
        } else {
            None
        }
    }

    /// Items of the select list.
    pub fn targets(self) -> Vec<RawNode<'t>> {
        nodes(self.stmt().targetList)
            .into_iter()
            .filter_map(|target| RawNode::from_pointer(target.cast::<pg_sys::ResTarget>().val))
            .collect()
    }

    /// Items of the select list that are columns renamed with AS, as (output name, column).
    pub fn output_names(self) -> Vec<(Option<String>, RawNode<'t>)> {
        nodes(self.stmt().targetList)
            .into_iter()
            .filter_map(|target| {
                let target = target.cast::<pg_sys::ResTarget>();
                RawNode::from_pointer(target.val).map(|value| (optional_text(target.name), value))
            })
            .collect()
    }

    /// Items of GROUP BY.
    pub fn group_items(self) -> Vec<RawNode<'t>> {
        nodes(self.stmt().groupClause)
    }

    /// Items of FROM.
    pub fn sources(self) -> Vec<RawNode<'t>> {
        nodes(self.stmt().fromClause)
    }

    /// HAVING, ORDER BY, DISTINCT ON and WINDOW items: the places beside the select list that read grouped columns.
    pub fn grouped_places(self) -> Vec<RawNode<'t>> {
        let stmt = self.stmt();
        let mut places = nodes(stmt.sortClause);
        places.extend(nodes(stmt.windowClause));
        places.extend(nodes(stmt.distinctClause));
        places.extend(RawNode::from_pointer(stmt.havingClause));
        places
    }

    /// Names the select list's bare columns, so that they keep their names when the references are replaced.
    pub fn name_targets(self) {
        for target in nodes(self.stmt().targetList) {
            let entry = target.cast::<pg_sys::ResTarget>();
            let Some(value) = RawNode::from_pointer(entry.val) else { continue };
            let RawKind::ColumnRef(reference) = value.kind() else { continue };
            let names = reference.names();
            let (true, Some(name), false) = (entry.name.is_null(), names.last(), reference.is_star()) else { continue };
            let entry = target.as_pointer().cast::<pg_sys::ResTarget>();
            // SAFETY: the target is a ResTarget of a tree that this backend alone holds.
            unsafe { (*entry).name = palloc_text(name) };
        }
    }

    /// Adds the column `alias.column` to GROUP BY.
    pub fn add_group_column(self, alias: &str, column: &str) {
        let fields = [alias, column];
        // SAFETY: makeNode-like allocation in the current context; the lists are NIL or lists of nodes of this tree.
        unsafe {
            let reference = pgrx::PgBox::<pg_sys::ColumnRef>::alloc_node(pg_sys::NodeTag::T_ColumnRef).into_pg();
            let mut list = PgList::<pg_sys::Node>::new();
            for field in fields {
                list.push(pg_sys::makeString(palloc_text(field)).cast());
            }
            (*reference).fields = list.into_pg();
            (*reference).location = -1;
            let stmt = self.0.as_pointer().cast::<pg_sys::SelectStmt>();
            (*stmt).groupClause = pg_sys::lappend((*stmt).groupClause, reference.cast());
        }
    }
}

/// `(pg_catalog.array_agg(value))[1]`.
unsafe fn first_of_group(value: RawNode<'_>) -> pg_sys::A_Indirection {
    // SAFETY: node constructors of PostgreSQL and pgrx, in the current memory context.
    unsafe {
        let mut name = PgList::<pg_sys::Node>::new();
        name.push(pg_sys::makeString(palloc_text("pg_catalog")).cast());
        name.push(pg_sys::makeString(palloc_text("array_agg")).cast());
        let mut arguments = PgList::<pg_sys::Node>::new();
        arguments.push(value.as_pointer());
        let form = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
        let call = pg_sys::makeFuncCall(name.into_pg(), arguments.into_pg(), form, -1);
        let one = pgrx::PgBox::<pg_sys::A_Const>::alloc_node(pg_sys::NodeTag::T_A_Const).into_pg();
        (*one).val.ival = pg_sys::Integer { type_: pg_sys::NodeTag::T_Integer, ival: 1 };
        (*one).location = -1;
        let index = pgrx::PgBox::<pg_sys::A_Indices>::alloc_node(pg_sys::NodeTag::T_A_Indices).into_pg();
        (*index).uidx = one.cast();
        let mut indirection = PgList::<pg_sys::Node>::new();
        indirection.push(index.cast());
        pg_sys::A_Indirection {
            type_: pg_sys::NodeTag::T_A_Indirection,
            arg: call.cast(),
            indirection: indirection.into_pg(),
        }
    }
}

/// A name in FROM.
#[derive(Clone, Copy)]
pub struct RawRangeVar<'t>(RawNode<'t>);

impl RawRangeVar<'_> {
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
            (*var).schemaname = std::ptr::null_mut();
            (*var).relname = palloc_text(name);
        }
    }
}

/// A function call.
#[derive(Clone, Copy)]
pub struct RawFunction<'t>(RawNode<'t>);

impl RawFunction<'_> {
    /// Its possibly qualified name.
    pub fn names(&self) -> Vec<String> {
        strings(self.0.cast::<pg_sys::FuncCall>().funcname)
    }

    /// Whether it is called over a window.
    pub fn is_windowed(&self) -> bool {
        !self.0.cast::<pg_sys::FuncCall>().over.is_null()
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

impl RawColumnRef<'_> {
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

    /// Becomes `(array_agg(column))[1]`.
    pub fn take_any(&self) {
        const { assert!(size_of::<pg_sys::ColumnRef>() == size_of::<pg_sys::A_Indirection>()) };
        // SAFETY: both node types have one size, so the reference can be overwritten where its parents point; its copy
        // lives on as the argument. The tree is this backend's alone.
        unsafe {
            let copy = pgrx::PgBox::<pg_sys::ColumnRef>::alloc_node(pg_sys::NodeTag::T_ColumnRef).into_pg();
            copy.write(*self.0.as_pointer().cast::<pg_sys::ColumnRef>());
            if let Some(copy) = RawNode::from_pointer(copy.cast()) {
                self.0.as_pointer().cast::<pg_sys::A_Indirection>().write(first_of_group(copy));
            }
        }
    }

    /// Drops the first name: `public.orders.total` becomes `orders.total`.
    pub fn drop_qualifier(&self) {
        let reference = self.0.as_pointer().cast::<pg_sys::ColumnRef>();
        // SAFETY: the list holds the names just read; list_delete_first keeps the rest.
        unsafe { (*reference).fields = pg_sys::list_delete_first((*reference).fields) };
    }
}

/// Points FROM's derived table `answer` of the parsed skeleton at the untrusted query.
///
/// `skeleton` is `WITH .. SELECT * FROM (SELECT 1) AS answer`, parsed from our own text.
pub(super) fn graft(skeleton: RawNode<'_>, untrusted: RawNode<'_>) -> StageResult<()> {
    let RawKind::Select(outer) = skeleton.kind() else {
        return Err(Refusal::proof("the skeleton is not a SELECT"));
    };
    let items = outer.sources();
    let [item] = items.as_slice() else {
        return Err(Refusal::proof("the skeleton has not exactly one FROM item"));
    };
    if item.tag() != pg_sys::NodeTag::T_RangeSubselect {
        return Err(Refusal::proof("the skeleton's FROM item is no derived table"));
    }
    // SAFETY: the tag was just checked; both trees live in the same memory context.
    unsafe { (*item.as_pointer().cast::<pg_sys::RangeSubselect>()).subquery = untrusted.as_pointer() };
    Ok(())
}
