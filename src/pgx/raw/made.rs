//! Nodes that are ours, to be put into a raw tree by edit.rs: what stands for a column or a row that GROUP BY's key determines,
//! and what goes with it.
//!
//! Each is made in the current memory context, which is that of the tree, and holds nothing of any tree but what it is given.

use super::palloc_text;
use crate::pgx::node::NodeType;
use pgrx::{PgBox, PgList, pg_sys};

/// Where no text puts a node: what tells our own calls from the statement's.
pub(super) const OUR_LOCATION: i32 = -77;

/// A column of a row that stands for a relation's.
#[derive(Clone, Copy)]
pub struct RowColumn<'c> {
    /// Its name in FROM.
    pub name: &'c str,
    /// Its name in the row: the relation's own, whatever an alias calls it.
    pub output: &'c str,
    /// Whether it stands in GROUP BY; any other is kept by the aggregate.
    pub is_grouped: bool,
}

/// A node of a type, its fields zero.
fn node<T: NodeType + pg_sys::PgNode>() -> *mut T {
    // SAFETY: the tag is that of the type, whose size is allocated and zeroed.
    unsafe { PgBox::<T>::alloc_node(T::TAG) }.into_pg()
}

/// A list of nodes.
pub(super) fn list(items: impl Iterator<Item = *mut pg_sys::Node>) -> *mut pg_sys::List {
    let mut list = PgList::<pg_sys::Node>::new();
    items.for_each(|item| list.push(item));
    list.into_pg()
}

/// A name of one or more parts.
pub(super) fn name(parts: &[&str]) -> *mut pg_sys::List {
    // SAFETY: the constructor of PostgreSQL, of a text that is in the same memory context.
    list(parts.iter().map(|part| unsafe { pg_sys::makeString(palloc_text(part)) }.cast()))
}

/// `a.b`.
pub(super) fn column_ref(names: &[&str]) -> *mut pg_sys::Node {
    let reference = node::<pg_sys::ColumnRef>();
    // SAFETY: the node was just made.
    unsafe {
        (*reference).fields = name(names);
        (*reference).location = -1;
    }
    reference.cast()
}

/// An item of a select list.
pub(super) fn target(value: *mut pg_sys::Node, name: Option<&str>) -> *mut pg_sys::Node {
    let target = node::<pg_sys::ResTarget>();
    // SAFETY: the node was just made.
    unsafe {
        (*target).name = name.map_or(std::ptr::null_mut(), palloc_text);
        (*target).val = value;
        (*target).location = -1;
    }
    target.cast()
}

/// `splitplane.kept(alias.column)`.
pub(super) fn kept(alias: &str, column: &str) -> *mut pg_sys::Node {
    let arguments = list(std::iter::once(column_ref(&[alias, column])));
    let form = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
    // SAFETY: the constructor of PostgreSQL, of lists that were just made.
    unsafe { pg_sys::makeFuncCall(name(&["splitplane", "kept"]), arguments, form, OUR_LOCATION) }.cast()
}

/// `(SELECT alias FROM (SELECT alias.a AS a, .. WHERE alias.key IS NOT NULL) AS alias)`: the whole row, and NULL where an outer
/// join has none.
pub(super) fn kept_row(alias: &str, columns: &[RowColumn<'_>], key: &str) -> *mut pg_sys::Node {
    let targets = list(columns.iter().map(|column| {
        let value = if column.is_grouped { column_ref(&[alias, column.name]) } else { kept(alias, column.name) };
        target(value, Some(column.output))
    }));
    let test = node::<pg_sys::NullTest>();
    let source = node::<pg_sys::RangeSubselect>();
    let link = node::<pg_sys::SubLink>();
    // SAFETY: the nodes were just made.
    unsafe {
        (*test).arg = column_ref(&[alias, key]).cast();
        (*test).nulltesttype = pg_sys::NullTestType::IS_NOT_NULL;
        (*test).location = -1;
        (*source).subquery = select(targets, std::ptr::null_mut(), test.cast());
        (*source).alias = pg_sys::makeAlias(palloc_text(alias).cast_const(), std::ptr::null_mut());
        (*link).subLinkType = pg_sys::SubLinkType::EXPR_SUBLINK;
        (*link).subselect = select(
            list(std::iter::once(target(column_ref(&[alias]), None))),
            list(std::iter::once(source.cast())),
            std::ptr::null_mut(),
        );
        (*link).location = -1;
    }
    link.cast()
}

fn select(targets: *mut pg_sys::List, sources: *mut pg_sys::List, condition: *mut pg_sys::Node) -> *mut pg_sys::Node {
    let select = node::<pg_sys::SelectStmt>();
    // SAFETY: the node was just made; all zero it is a plain SELECT.
    unsafe {
        (*select).targetList = targets;
        (*select).fromClause = sources;
        (*select).whereClause = condition;
    }
    select.cast()
}

/// `value::pg_catalog.text`.
pub(super) fn as_text(value: *mut pg_sys::Node) -> *mut pg_sys::Node {
    let cast = node::<pg_sys::TypeCast>();
    // SAFETY: the node was just made; the constructor of PostgreSQL, of a list that was just made.
    unsafe {
        (*cast).arg = value;
        (*cast).typeName = pg_sys::makeTypeNameFromNameList(name(&["pg_catalog", "text"]));
        (*cast).location = -1;
    }
    cast.cast()
}

/// A column of a column definition list.
pub(super) fn column_definition(name: &str, type_oid: pg_sys::Oid, modifier: i32) -> *mut pg_sys::Node {
    let column = node::<pg_sys::ColumnDef>();
    // SAFETY: the node was just made; the constructor of PostgreSQL.
    unsafe {
        (*column).colname = palloc_text(name);
        (*column).typeName = pg_sys::makeTypeNameFromOid(type_oid, modifier);
        (*column).is_local = true;
        (*column).location = -1;
    }
    column.cast()
}
