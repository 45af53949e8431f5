//! PostgreSQL's raw parse tree as safe, typed views.
//!
//! `plane` decides over these views; nothing here decides anything. Nodes live in the memory context of the
//! confinement that parsed them, and the views borrow that confinement's lifetime `'t`.

use crate::error::{Refusal, StageResult};
use crate::pgx::interrupts;
use pgrx::{PgList, pg_guard, pg_sys};
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

mod kept;
mod names;
mod populate;
mod select;
mod type_names;

pub use kept::RowColumn;
pub use names::{RawColumnRef, RawFunction, RawJoin, RawRangeVar};
pub use populate::{RawPopulate, RowField};
pub use select::RawSelect;
pub(in crate::pgx) use select::graft;

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
    Join(RawJoin<'t>),
    /// A WITH clause.
    With,
    /// A common table expression; the marks of its CYCLE clause are expressions that PostgreSQL's walker passes by.
    CommonTable { cycle_marks: Vec<RawNode<'t>> },
    /// A function call.
    Function(RawFunction<'t>),
    /// A type name.
    Type(RawTypeName<'t>),
    /// An operator with its possibly qualified name.
    Operator(Vec<String>),
    /// A column reference.
    ColumnRef(RawColumnRef<'t>),
    /// `(x).a[1]`: the field names in it.
    Indirection { names: Vec<String>, of_constant: bool },
    /// COLLATE with its possibly qualified name.
    Collate(Vec<String>),
    /// ORDER BY .. USING operator.
    SortUsing,
    /// CURRENT_USER and the like, by PostgreSQL's own numbering: dates and times, or session facts.
    SqlValue { is_time: bool },
    /// A constant; `Some(n)` for an integer.
    Constant(Option<i32>),
    /// A literal in quotes.
    Text(String),
    /// One that is cast, with the last name of the type.
    TypedText(String, String),
    /// Grouping sets, cube, rollup.
    GroupingSet,
    /// A call in FROM, with its column definition list as children.
    /// A function in FROM; `is_cast`: a conversion stands in its place.
    RangeFunction { is_cast: bool },
    /// An expression of a SELECT list.
    ResultTarget(RawResultTarget<'t>),
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
pub struct RawTypeName<'t> {
    node: RawNode<'t>,
    /// Qualified parts, at least one.
    pub names: Vec<String>,
    /// `SETOF` or `%TYPE`.
    pub exotic: bool,
}

impl RawTypeName<'_> {
    /// Whether it is one that we put there: no text makes a type name without a name.
    pub fn is_ours(&self) -> bool {
        self.names.is_empty() && self.node.cast::<pg_sys::TypeName>().typeOid != pg_sys::InvalidOid
    }

    /// Whether an array of it is written.
    pub fn is_array(&self) -> bool {
        !self.node.cast::<pg_sys::TypeName>().arrayBounds.is_null()
    }

    /// Makes the name mean a type, or an array of it if that is what is written, whatever its schema: the reader need have no
    /// privilege on that. PostgreSQL can then no more name a column after the cast: see `RawResultTarget`.
    pub fn resolve(&self, type_oid: pg_sys::Oid) {
        let name = self.node.as_pointer().cast::<pg_sys::TypeName>();
        // SAFETY: the node is a TypeName of a tree that this backend alone holds.
        unsafe {
            let is_array = !(*name).arrayBounds.is_null();
            (*name).typeOid = if is_array { pg_sys::get_array_type(type_oid) } else { type_oid };
            (*name).names = std::ptr::null_mut();
            (*name).arrayBounds = std::ptr::null_mut();
        }
    }
}

// pgrx has no bindings for parser/parse_target.h. Raises and allocates nothing.
unsafe extern "C" {
    fn FigureColname(node: *mut pg_sys::Node) -> *mut std::ffi::c_char;
}

/// An expression of a SELECT list.
#[derive(Clone, Copy)]
pub struct RawResultTarget<'t>(RawNode<'t>);

impl<'t> RawResultTarget<'t> {
    pub(super) fn new(target: RawNode<'t>) -> Self {
        RawResultTarget(target)
    }

    /// The name that PostgreSQL gives to the column, where the statement gives none; `None` as well where it finds none, or
    /// would take it from a subquery, whose own columns have theirs by then.
    pub fn default_name(self) -> Option<String> {
        let target = self.0.cast::<pg_sys::ResTarget>();
        // SAFETY: an expression of a raw tree whose type names are as they were written.
        let name = (target.name.is_null() && !target.val.is_null()).then(|| unsafe { text(FigureColname(target.val)) });
        name.filter(|name| name != "?column?")
    }

    /// Names the column.
    pub fn set_name(self, name: &str) {
        // SAFETY: a ResTarget of a tree that this backend alone holds.
        unsafe { (*self.0.as_pointer().cast::<pg_sys::ResTarget>()).name = palloc_text(name) };
    }
}

struct Visit<'a, 't> {
    visitor: &'a mut dyn FnMut(RawNode<'t>) -> StageResult<()>,
    refusal: Option<Refusal>,
}

#[pg_guard]
unsafe extern "C-unwind" fn visit_child(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    let Some(pointer) = NonNull::new(node) else { return false };
    interrupts::check();
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

    /// The name under which an item of FROM is known, if it has one.
    pub fn source_name(self) -> Option<String> {
        use pg_sys::NodeTag as T;
        let alias = match self.tag() {
            T::T_RangeVar => return Some(RawRangeVar::new(self).alias()),
            T::T_RangeSubselect => self.cast::<pg_sys::RangeSubselect>().alias,
            T::T_RangeFunction => self.cast::<pg_sys::RangeFunction>().alias,
            T::T_JoinExpr => self.cast::<pg_sys::JoinExpr>().alias,
            _ => return None,
        };
        // SAFETY: an alias, when there is one, is a node of the same tree.
        unsafe { alias.as_ref() }.map(|alias| text(alias.aliasname))
    }

    /// What this node is.
    pub fn kind(self) -> RawKind<'t> {
        use pg_sys::NodeTag as T;
        match self.tag() {
            T::T_SelectStmt => RawKind::Select(RawSelect::new(self)),
            T::T_RangeVar => RawKind::RangeVar(RawRangeVar::new(self)),
            T::T_RangeSubselect => RawKind::RangeSubselect,
            T::T_JoinExpr => RawKind::Join(RawJoin::new(self)),
            T::T_WithClause => RawKind::With,
            T::T_FuncCall => RawKind::Function(RawFunction::new(self)),
            T::T_TypeName => {
                let name = self.cast::<pg_sys::TypeName>();
                let exotic = name.setof || name.pct_type;
                RawKind::Type(RawTypeName { node: self, names: strings(name.names), exotic })
            }
            T::T_A_Expr => RawKind::Operator(strings(self.cast::<pg_sys::A_Expr>().name)),
            T::T_SubLink => RawKind::Operator(strings(self.cast::<pg_sys::SubLink>().operName)),
            T::T_ColumnRef => RawKind::ColumnRef(RawColumnRef::new(self)),
            T::T_A_Indirection => {
                let indirection = self.cast::<pg_sys::A_Indirection>();
                let argument = RawNode::from_pointer(indirection.arg);
                RawKind::Indirection {
                    names: strings(indirection.indirection),
                    of_constant: argument.is_some_and(|argument| argument.tag() == T::T_A_Const),
                }
            }
            T::T_CollateClause => RawKind::Collate(strings(self.cast::<pg_sys::CollateClause>().collname)),
            T::T_SortBy if !self.cast::<pg_sys::SortBy>().useOp.is_null() => RawKind::SortUsing,
            T::T_SQLValueFunction => {
                use pg_sys::SQLValueFunctionOp as Op;
                let op = self.cast::<pg_sys::SQLValueFunction>().op;
                RawKind::SqlValue { is_time: op <= Op::SVFOP_LOCALTIMESTAMP_N }
            }
            T::T_TypeCast => typed_text(self),
            T::T_A_Const => match text_constant(self) {
                Some(text) => RawKind::Text(text),
                None => RawKind::Constant(integer_constant(self)),
            },
            T::T_GroupingSet => RawKind::GroupingSet,
            T::T_RangeFunction => RawKind::RangeFunction { is_cast: has_cast(self) },
            T::T_ResTarget => RawKind::ResultTarget(RawResultTarget(self)),
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
            | T::T_RowExpr
            | T::T_SortBy
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

/// Whether any of the functions is a conversion: the first of each pair of function and column definitions.
fn has_cast(range: RawNode<'_>) -> bool {
    nodes(range.cast::<pg_sys::RangeFunction>().functions).into_iter().any(|pair| {
        let pair: Vec<RawNode> = nodes(pair.as_pointer().cast());
        pair.first().is_some_and(|function| function.tag() == pg_sys::NodeTag::T_TypeCast)
    })
}

fn typed_text(cast: RawNode<'_>) -> RawKind<'_> {
    let cast = cast.cast::<pg_sys::TypeCast>();
    let argument = RawNode::from_pointer(cast.arg).filter(|argument| argument.tag() == pg_sys::NodeTag::T_A_Const);
    let type_name = RawNode::from_pointer(cast.typeName.cast());
    let name = type_name.and_then(|name| strings(name.cast::<pg_sys::TypeName>().names).pop());
    match (argument.and_then(text_constant), name) {
        (Some(text), Some(name)) => RawKind::TypedText(text, name),
        _ => RawKind::Plain,
    }
}

fn text_constant(node: RawNode<'_>) -> Option<String> {
    let constant = node.cast::<pg_sys::A_Const>();
    let value = &constant.val;
    // SAFETY: every member of the union is a node that begins with its tag, which says what the union holds.
    unsafe {
        let is_text = !constant.isnull && value.node.type_ == pg_sys::NodeTag::T_String;
        is_text.then(|| text(value.sval.sval))
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
