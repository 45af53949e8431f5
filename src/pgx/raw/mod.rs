//! PostgreSQL's raw parse tree as safe, typed views.
//!
//! `attach` decides over these views; nothing here decides anything. Nodes live in the memory context of the confinement that
//! parsed them, and the views borrow that confinement's lifetime `'t`. What changes a tree is in edit.rs.

use crate::error::{Refusal, StageResult};
use crate::pgx::interrupts;
use crate::pgx::node::{self, TreeNode, Typed};
use pgrx::{pg_guard, pg_sys};
use std::ffi::{CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

mod edit;
mod expressions;
mod made;
mod names;
mod populate;
mod select;
mod type_names;

pub use edit::RawTree;
pub use made::RowColumn;
pub use names::{RawColumnRef, RawFunction, RawJoin, RawRangeVar};
pub use populate::{POPULATES, RawPopulate, RowField};
pub use select::{Placed, RawExpression, RawSelect};

/// One node of a raw parse tree.
#[derive(Clone, Copy)]
pub struct RawNode<'t> {
    pointer: NonNull<pg_sys::Node>,
    tree: PhantomData<&'t ()>,
}

/// A literal in quotes.
pub struct TextConstant {
    /// Where it stands in the text that was parsed, in bytes.
    pub place: i32,
    /// Its characters, escapes resolved.
    pub value: String,
}

/// What a node is, as far as there is more to it than its tag and its children.
pub enum RawKind<'t> {
    /// A whole SELECT, VALUES or set operation.
    Select(RawSelect<'t>),
    /// A name in FROM.
    RangeVar(RawRangeVar<'t>),
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
    /// A function in FROM; `is_cast`: a conversion stands in its place.
    RangeFunction { is_cast: bool },
    /// An expression of a SELECT list.
    ResultTarget(RawResultTarget<'t>),
    /// A column of a column definition list that carries more than a name and a type.
    ColumnWithOptions,
    /// Any other node, by its tag.
    Other(pg_sys::NodeTag),
}

/// A type name as written.
pub struct RawTypeName<'t> {
    node: Typed<RawNode<'t>, pg_sys::TypeName>,
    /// Qualified parts; none of a name that we put there.
    pub names: Vec<String>,
    /// `SETOF` or `%TYPE`.
    pub exotic: bool,
}

impl RawTypeName<'_> {
    /// Whether it is one that we put there: no text makes a type name without a name.
    pub fn is_ours(&self) -> bool {
        self.names.is_empty() && self.node.read().typeOid != pg_sys::InvalidOid
    }

    /// Whether an array of it is written.
    pub fn is_array(&self) -> bool {
        !self.node.read().arrayBounds.is_null()
    }
}

// pgrx has no bindings for parser/parse_target.h. Raises and allocates nothing.
unsafe extern "C" {
    fn FigureColname(node: *mut pg_sys::Node) -> *mut std::ffi::c_char;
}

/// An expression of a SELECT list.
#[derive(Clone, Copy)]
pub struct RawResultTarget<'t>(Typed<RawNode<'t>, pg_sys::ResTarget>);

impl<'t> RawResultTarget<'t> {
    /// The name that PostgreSQL gives to the column, where the statement gives none; `None` as well where it finds none, or
    /// would take it from a subquery, whose own columns have theirs by then.
    pub fn default_name(self) -> Option<String> {
        let target = self.0.read();
        let value = target.val().filter(|value| target.name.is_null() && !value.is_named_by_subquery())?;
        // SAFETY: an expression of a raw tree whose type names are as they were written; a name comes back.
        let name = unsafe { node::text(FigureColname(value.as_pointer())) };
        name.filter(|name| name != "?column?")
    }

    /// The name of the column, the statement's or the one that PostgreSQL gives; `None` for a star, and where PostgreSQL may
    /// take it from a subquery, which it names before.
    fn name(self) -> Option<String> {
        let (_, value) = self.value()?;
        if let Some(name) = self.0.read().name() {
            return Some(name);
        }
        let is_known = !value.is_star() && !value.is_named_by_subquery();
        is_known.then(|| self.default_name().unwrap_or_else(|| "?column?".to_owned()))
    }

    /// The target as a node, and its expression.
    pub fn value(self) -> Option<(RawNode<'t>, RawNode<'t>)> {
        self.0.read().val().map(|value| (self.0.node(), value))
    }
}

struct RawVisit<'a, 't> {
    visitor: &'a mut dyn FnMut(RawNode<'t>) -> StageResult<()>,
    refusal: Option<Refusal>,
}

#[pg_guard]
unsafe extern "C-unwind" fn visit_child(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    let Some(pointer) = NonNull::new(node) else { return false };
    interrupts::check();
    // SAFETY: `context` is the `RawVisit` that `children` below keeps on its stack for the length of the walk.
    let visit = unsafe { &mut *context.cast::<RawVisit>() };
    match (visit.visitor)(RawNode { pointer, tree: PhantomData }) {
        Ok(()) => false,
        Err(refusal) => {
            visit.refusal = Some(refusal);
            true
        }
    }
}

impl TreeNode for RawNode<'_> {
    unsafe fn from_pointer(node: *mut pg_sys::Node) -> Option<Self> {
        NonNull::new(node).map(|pointer| RawNode { pointer, tree: PhantomData })
    }

    fn as_pointer(self) -> *mut pg_sys::Node {
        self.pointer.as_ptr()
    }
}

impl<'t> RawNode<'t> {
    /// Where it is in memory: no two nodes of a tree are at one place.
    pub fn address(self) -> usize {
        self.as_pointer().addr()
    }

    /// Adds the literals in quotes at this node and below.
    pub(in crate::pgx) fn collect_texts(self, found: &mut Vec<TextConstant>) {
        if let (Some(value), Some(constant)) = (text_constant(self), self.downcast::<pg_sys::A_Const>()) {
            found.push(TextConstant { place: constant.location, value });
        }
        // The visitor never refuses.
        let _ = self.children(&mut |child| {
            child.collect_texts(found);
            Ok(())
        });
    }

    /// Calls `visitor` on each direct child, as PostgreSQL's own raw walker finds them.
    pub fn children(self, visitor: &mut dyn FnMut(RawNode<'t>) -> StageResult<()>) -> StageResult<()> {
        let mut visit = RawVisit { visitor, refusal: None };
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
            T::T_RangeVar => return self.typed().map(|variable| RawRangeVar(variable).alias()),
            T::T_RangeSubselect => self.downcast::<pg_sys::RangeSubselect>()?.alias(),
            T::T_RangeFunction => self.downcast::<pg_sys::RangeFunction>()?.alias(),
            T::T_JoinExpr => self.downcast::<pg_sys::JoinExpr>()?.alias(),
            _ => None,
        };
        alias?.downcast::<pg_sys::Alias>().map(|alias| alias.aliasname())
    }

    /// `(x).*`: the column reference x.
    pub fn all_of(self) -> Option<RawColumnRef<'t>> {
        let indirection = self.downcast::<pg_sys::A_Indirection>()?;
        let steps = indirection.indirection();
        let is_star = matches!(steps.as_slice(), [step] if step.tag() == pg_sys::NodeTag::T_A_Star);
        RawColumnRef::of(indirection.arg().filter(|_| is_star)?)
    }

    /// `(x).name`, with or without further steps: the column reference x, and the name.
    pub fn field(self) -> Option<(RawColumnRef<'t>, String)> {
        let indirection = self.downcast::<pg_sys::A_Indirection>()?;
        let name = indirection.indirection().first()?.downcast::<pg_sys::String>()?.sval();
        Some((RawColumnRef::of(indirection.arg()?)?, name))
    }

    /// The columns of a derived table by their names; `None` where those cannot be known yet.
    pub fn derived_columns(self) -> Option<Vec<String>> {
        let table = self.downcast::<pg_sys::RangeSubselect>()?;
        let mut columns = RawSelect::of(table.subquery()?)?.column_names()?;
        let alias = table.alias().and_then(|alias| alias.downcast::<pg_sys::Alias>());
        let renamed = alias.map_or_else(Vec::new, |alias| strings(alias.colnames()));
        columns.drain(..renamed.len().min(columns.len()));
        Some(renamed.into_iter().chain(columns).collect())
    }

    /// The members of `(a, b)`, which in GROUP BY is no row but a list.
    pub fn grouped_list(self) -> Option<Vec<RawNode<'t>>> {
        let row = self.downcast::<pg_sys::RowExpr>()?;
        (row.row_format == pg_sys::CoercionForm::COERCE_IMPLICIT_CAST).then(|| row.args())
    }

    /// What the sets of GROUP BY are made of, one of which is taken at a time, and whether that of nothing is among them.
    pub fn grouping_sets(self) -> Option<(Vec<RawNode<'t>>, bool)> {
        let set = self.downcast::<pg_sys::GroupingSet>()?;
        Some((set.content(), set.kind != pg_sys::GroupingSetKind::GROUPING_SET_SETS))
    }

    /// Whether it ends in a star, and so may be more columns than one.
    pub fn is_star(self) -> bool {
        let last = self.downcast::<pg_sys::A_Indirection>().and_then(|steps| steps.indirection().last().copied());
        last.is_some_and(|step| step.tag() == pg_sys::NodeTag::T_A_Star)
            || RawColumnRef::of(self).is_some_and(|reference| reference.is_star())
    }

    /// Whether PostgreSQL takes a column's name from a subquery, through what it looks through: that is analysed by then.
    fn is_named_by_subquery(self) -> bool {
        use pg_sys::NodeTag as T;
        let mut node = self;
        loop {
            let inner = match node.tag() {
                T::T_SubLink => {
                    let link = node.downcast::<pg_sys::SubLink>();
                    return link.is_some_and(|link| link.subLinkType == pg_sys::SubLinkType::EXPR_SUBLINK);
                }
                T::T_A_Indirection => node.downcast::<pg_sys::A_Indirection>().and_then(|steps| steps.arg()),
                T::T_CaseExpr => node.downcast::<pg_sys::CaseExpr>().and_then(|case| case.defresult()),
                T::T_CollateClause => node.downcast::<pg_sys::CollateClause>().and_then(|clause| clause.arg()),
                T::T_TypeCast => node.downcast::<pg_sys::TypeCast>().and_then(|cast| cast.arg()),
                _ => None,
            };
            let Some(inner) = inner else { return false };
            node = inner;
        }
    }

    /// What this node is.
    pub fn kind(self) -> RawKind<'t> {
        self.view().unwrap_or(RawKind::Other(self.tag()))
    }

    fn view(self) -> Option<RawKind<'t>> {
        use pg_sys::NodeTag as T;
        Some(match self.tag() {
            T::T_SelectStmt => RawKind::Select(RawSelect::of(self)?),
            T::T_RangeVar => RawKind::RangeVar(RawRangeVar(self.typed()?)),
            T::T_JoinExpr => RawKind::Join(RawJoin(self.typed()?)),
            T::T_WithClause => RawKind::With,
            T::T_FuncCall => RawKind::Function(RawFunction(self.typed()?)),
            T::T_TypeName => {
                let node = self.typed::<pg_sys::TypeName>()?;
                let name = node.read();
                RawKind::Type(RawTypeName { node, names: strings(name.names()), exotic: name.setof || name.pct_type })
            }
            T::T_A_Expr => RawKind::Operator(strings(self.downcast::<pg_sys::A_Expr>()?.name())),
            T::T_SubLink => RawKind::Operator(strings(self.downcast::<pg_sys::SubLink>()?.operName())),
            T::T_ColumnRef => RawKind::ColumnRef(RawColumnRef::of(self)?),
            T::T_A_Indirection => {
                let indirection = self.downcast::<pg_sys::A_Indirection>()?;
                RawKind::Indirection {
                    names: strings(indirection.indirection()),
                    of_constant: indirection.arg().is_some_and(|argument| argument.tag() == T::T_A_Const),
                }
            }
            T::T_CollateClause => RawKind::Collate(strings(self.downcast::<pg_sys::CollateClause>()?.collname())),
            T::T_SortBy if !self.downcast::<pg_sys::SortBy>()?.useOp.is_null() => RawKind::SortUsing,
            T::T_SQLValueFunction => {
                use pg_sys::SQLValueFunctionOp as Op;
                let function = self.downcast::<pg_sys::SQLValueFunction>()?;
                RawKind::SqlValue { is_time: function.op <= Op::SVFOP_LOCALTIMESTAMP_N }
            }
            T::T_TypeCast => typed_text(self)?,
            T::T_A_Const => match text_constant(self) {
                Some(text) => RawKind::Text(text),
                None => RawKind::Constant(integer_constant(self)),
            },
            T::T_GroupingSet => RawKind::GroupingSet,
            T::T_RangeFunction => RawKind::RangeFunction { is_cast: has_cast(self) },
            T::T_ResTarget => RawKind::ResultTarget(RawResultTarget(self.typed()?)),
            T::T_ColumnDef => {
                let column = self.downcast::<pg_sys::ColumnDef>()?;
                let is_bare = column.raw_default.is_null()
                    && column.cooked_default.is_null()
                    && column.constraints.is_null()
                    && column.collClause.is_null()
                    && column.fdwoptions.is_null();
                if is_bare {
                    return None;
                }
                RawKind::ColumnWithOptions
            }
            T::T_CommonTableExpr => {
                let clause = self.downcast::<pg_sys::CommonTableExpr>()?.cycle_clause();
                let clause = clause.and_then(|clause| clause.downcast::<pg_sys::CTECycleClause>());
                let marks = clause.map(|clause| [clause.cycle_mark_value(), clause.cycle_mark_default()]);
                RawKind::CommonTable { cycle_marks: marks.into_iter().flatten().flatten().collect() }
            }
            _ => return None,
        })
    }
}

/// Whether any of the functions is a conversion: the first of each pair of function and column definitions.
fn has_cast(range: RawNode<'_>) -> bool {
    let pairs = range.downcast::<pg_sys::RangeFunction>().map(|range| range.functions()).unwrap_or_default();
    pairs
        .into_iter()
        .any(|pair| pair.elements().first().is_some_and(|function| function.tag() == pg_sys::NodeTag::T_TypeCast))
}

fn typed_text(cast: RawNode<'_>) -> Option<RawKind<'_>> {
    let cast = cast.downcast::<pg_sys::TypeCast>()?;
    let text = text_constant(cast.arg()?)?;
    let name = strings(cast.typeName()?.downcast::<pg_sys::TypeName>()?.names()).pop()?;
    Some(RawKind::TypedText(text, name))
}

fn text_constant(node: RawNode<'_>) -> Option<String> {
    let constant = node.downcast::<pg_sys::A_Const>()?;
    let value = &constant.val;
    // SAFETY: every member of the union is a node that begins with its tag, which says what the union holds.
    unsafe {
        let is_text = !constant.isnull && value.node.type_ == pg_sys::NodeTag::T_String;
        is_text.then(|| node::text(value.sval.sval).unwrap_or_default())
    }
}

fn integer_constant(node: RawNode<'_>) -> Option<i32> {
    let constant = node.downcast::<pg_sys::A_Const>()?;
    let value = &constant.val;
    // SAFETY: as above.
    unsafe {
        let is_integer = !constant.isnull && value.node.type_ == pg_sys::NodeTag::T_Integer;
        is_integer.then_some(value.ival.ival)
    }
}

/// The String nodes among them, in order; other nodes (subscripts, stars) are left out.
fn strings(nodes: Vec<RawNode<'_>>) -> Vec<String> {
    nodes.into_iter().filter_map(|node| node.downcast::<pg_sys::String>()).map(|text| text.sval()).collect()
}

/// A copy in the current memory context. A NUL byte cannot come from a name of the catalog or the parser.
pub(super) fn palloc_text(value: &str) -> *mut c_char {
    let owned = CString::new(value).unwrap_or_default();
    // SAFETY: pstrdup copies a NUL-terminated string.
    unsafe { pg_sys::pstrdup(owned.as_ptr()) }
}
