//! Parts of a raw tree that are ours: what stands for a column or a row that GROUP BY's key determines.

use super::{RawColumnRef, RawNode, nodes, palloc_text};
use pgrx::{PgBox, PgList, pg_sys};

/// Where no text puts a node: what tells our own calls from the statement's.
const OUR_LOCATION: i32 = -77;

/// A column of a row that `kept_row` makes.
#[derive(Debug, Clone, Copy)]
pub struct RowColumn<'c> {
    /// Its name.
    pub name: &'c str,
    /// Whether it stands in GROUP BY; any other is kept by the aggregate.
    pub is_grouped: bool,
}

/// Whether a call was made here.
pub(super) fn is_ours(call: &pg_sys::FuncCall) -> bool {
    call.location == OUR_LOCATION
}

impl RawColumnRef<'_> {
    /// Becomes `splitplane.kept(alias.column)`.
    pub fn keep(&self, alias: &str, column: &str) {
        self.become_node(kept(alias, column));
    }

    /// Becomes `(SELECT alias FROM (SELECT alias.a AS a, .. WHERE alias.key IS NOT NULL) AS alias)`: the whole row, and NULL where
    /// an outer join has none.
    pub fn keep_row(&self, alias: &str, columns: &[RowColumn<'_>], key: &str) {
        let targets = columns.iter().map(|column| {
            let value = if column.is_grouped { column_ref(&[alias, column.name]) } else { kept(alias, column.name) };
            target(value, Some(column.name))
        });
        // SAFETY: nodes of PostgreSQL's constructors and pgrx, in the current memory context; alloc_node zeroes them.
        let row = unsafe {
            let test = PgBox::<pg_sys::NullTest>::alloc_node(pg_sys::NodeTag::T_NullTest).into_pg();
            (*test).arg = column_ref(&[alias, key]).cast();
            (*test).nulltesttype = pg_sys::NullTestType::IS_NOT_NULL;
            (*test).location = -1;
            let inner = select(list(targets), std::ptr::null_mut(), test.cast());
            let source = PgBox::<pg_sys::RangeSubselect>::alloc_node(pg_sys::NodeTag::T_RangeSubselect).into_pg();
            (*source).subquery = inner;
            (*source).alias = pg_sys::makeAlias(palloc_text(alias).cast_const(), std::ptr::null_mut());
            let outer = select(
                list(std::iter::once(target(column_ref(&[alias]), None))),
                list(std::iter::once(source.cast())),
                std::ptr::null_mut(),
            );
            let link = PgBox::<pg_sys::SubLink>::alloc_node(pg_sys::NodeTag::T_SubLink).into_pg();
            (*link).subLinkType = pg_sys::SubLinkType::EXPR_SUBLINK;
            (*link).subselect = outer;
            (*link).location = -1;
            link.cast()
        };
        self.become_node(row);
    }

    /// Becomes `alias.column`, in the place of `(alias).column`.
    pub(super) fn become_field(&self, column: &str) {
        let reference = self.node().as_pointer().cast::<pg_sys::ColumnRef>();
        // SAFETY: a ColumnRef of a tree that this backend alone holds; its list of names gets one more.
        unsafe {
            (*reference).fields = pg_sys::lappend((*reference).fields, pg_sys::makeString(palloc_text(column)).cast())
        };
    }

    /// Puts another expression where the reference stands: an indirection without steps, which is its argument, until `settle`
    /// takes it away.
    fn become_node(&self, expression: *mut pg_sys::Node) {
        const { assert!(size_of::<pg_sys::ColumnRef>() == size_of::<pg_sys::A_Indirection>()) };
        let indirection = pg_sys::A_Indirection {
            type_: pg_sys::NodeTag::T_A_Indirection,
            arg: expression,
            indirection: std::ptr::null_mut(),
        };
        // SAFETY: both node types have one size, so the reference can be overwritten where its parents point. The tree is this
        // backend's alone.
        unsafe { self.node().as_pointer().cast::<pg_sys::A_Indirection>().write(indirection) };
    }
}

impl<'t> RawNode<'t> {
    /// Takes the indirections without steps out of the lists below: PostgreSQL looks at the last step of an item of a list.
    pub fn settle(self) {
        match self.tag() {
            pg_sys::NodeTag::T_List => {
                // SAFETY: the parser's lists of nodes are pointer lists.
                let mut list = unsafe { PgList::<pg_sys::Node>::from_pg(self.as_pointer().cast()) };
                for index in 0..list.len() {
                    let held = list.get_ptr(index).and_then(RawNode::from_pointer).and_then(RawNode::stepless);
                    if let Some(held) = held {
                        // SAFETY: the index is one of the list's.
                        unsafe { list.replace_ptr(index, held.as_pointer()) };
                    }
                }
                // The list is the tree's, not ours to free.
                let _ = list.into_pg();
            }
            pg_sys::NodeTag::T_ResTarget => {
                let target = self.as_pointer().cast::<pg_sys::ResTarget>();
                // SAFETY: the tag was just looked at; the tree is this backend's alone.
                unsafe {
                    if let Some(held) = RawNode::from_pointer((*target).val).and_then(RawNode::stepless) {
                        (*target).val = held.as_pointer();
                    }
                }
            }
            _ => {}
        }
        // The visitor never refuses.
        let _ = self.children(&mut |child| {
            child.settle();
            Ok(())
        });
    }

    /// What an indirection without steps holds.
    fn stepless(self) -> Option<Self> {
        let is_indirection = self.tag() == pg_sys::NodeTag::T_A_Indirection;
        let indirection = is_indirection.then(|| self.cast::<pg_sys::A_Indirection>())?;
        let held = indirection.indirection.is_null().then(|| RawNode::from_pointer(indirection.arg)).flatten()?;
        Some(held.stepless().unwrap_or(held))
    }

    /// Whether this is a list of nodes.
    pub fn is_list(self) -> bool {
        self.tag() == pg_sys::NodeTag::T_List
    }

    /// Whether this is `(alias).*`, where `is_row` says yes of the reference.
    pub fn is_all_of(self, is_row: &dyn Fn(&RawColumnRef<'t>) -> bool) -> bool {
        if self.tag() != pg_sys::NodeTag::T_A_Indirection {
            return false;
        }
        let indirection = self.cast::<pg_sys::A_Indirection>();
        let steps = nodes(indirection.indirection);
        let is_star = matches!(steps.as_slice(), [step] if step.tag() == pg_sys::NodeTag::T_A_Star);
        let reference =
            RawNode::from_pointer(indirection.arg).filter(|node| node.tag() == pg_sys::NodeTag::T_ColumnRef);
        is_star && reference.is_some_and(|reference| is_row(&RawColumnRef::new(reference)))
    }

    /// `(alias).column`: becomes `alias.column`, the further steps staying, if `is_row` says so of the reference and
    /// `is_column` of the name. Without further steps it is to be settled.
    pub fn read_field(self, is_row: &dyn Fn(&RawColumnRef<'t>) -> bool, is_column: &dyn Fn(&str) -> bool) -> bool {
        if self.tag() != pg_sys::NodeTag::T_A_Indirection {
            return false;
        }
        let indirection = self.as_pointer().cast::<pg_sys::A_Indirection>();
        // SAFETY: the tag was just looked at.
        let (argument, steps) = unsafe { ((*indirection).arg, (*indirection).indirection) };
        let Some(argument) = RawNode::from_pointer(argument) else { return false };
        let first = nodes(steps).first().copied();
        let Some(first) = first.filter(|step: &RawNode<'_>| step.tag() == pg_sys::NodeTag::T_String) else {
            return false;
        };
        if argument.tag() != pg_sys::NodeTag::T_ColumnRef {
            return false;
        }
        let (reference, name) = (RawColumnRef::new(argument), super::text(first.cast::<pg_sys::String>().sval));
        let is_field = is_row(&reference) && is_column(&name);
        if is_field {
            reference.become_field(&name);
            // SAFETY: the list holds the step just read; list_delete_first keeps the rest.
            unsafe { (*indirection).indirection = pg_sys::list_delete_first(steps) };
        }
        is_field
    }
}

/// An item of a select list.
pub(super) fn target(value: *mut pg_sys::Node, name: Option<&str>) -> *mut pg_sys::Node {
    // SAFETY: alloc_node zeroes the node; the name is copied into the current memory context.
    unsafe {
        let target = PgBox::<pg_sys::ResTarget>::alloc_node(pg_sys::NodeTag::T_ResTarget).into_pg();
        (*target).name = name.map_or(std::ptr::null_mut(), palloc_text);
        (*target).val = value;
        (*target).location = -1;
        target.cast()
    }
}

/// `a.b`.
pub(super) fn column_ref(names: &[&str]) -> *mut pg_sys::Node {
    // SAFETY: as in `target`.
    unsafe {
        let reference = PgBox::<pg_sys::ColumnRef>::alloc_node(pg_sys::NodeTag::T_ColumnRef).into_pg();
        (*reference).fields = list(names.iter().map(|name| pg_sys::makeString(palloc_text(name)).cast()));
        (*reference).location = -1;
        reference.cast()
    }
}

fn kept(alias: &str, column: &str) -> *mut pg_sys::Node {
    // SAFETY: as in `target`.
    unsafe {
        let name = list(["splitplane", "kept"].into_iter().map(|part| pg_sys::makeString(palloc_text(part)).cast()));
        let arguments = list(std::iter::once(column_ref(&[alias, column])));
        let form = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
        pg_sys::makeFuncCall(name, arguments, form, OUR_LOCATION).cast()
    }
}

fn select(targets: *mut pg_sys::List, sources: *mut pg_sys::List, condition: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: alloc_node zeroes the node, which makes it a plain SELECT.
    unsafe {
        let select = PgBox::<pg_sys::SelectStmt>::alloc_node(pg_sys::NodeTag::T_SelectStmt).into_pg();
        (*select).targetList = targets;
        (*select).fromClause = sources;
        (*select).whereClause = condition;
        select.cast()
    }
}

pub(super) fn list(items: impl Iterator<Item = *mut pg_sys::Node>) -> *mut pg_sys::List {
    let mut list = PgList::<pg_sys::Node>::new();
    for item in items {
        list.push(item);
    }
    list.into_pg()
}
