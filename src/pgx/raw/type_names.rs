//! `pg_typeof`, whose value names an object of the catalog: it is admitted where a text is made of it.

use super::{RawNode, RawResultTarget, RawSelect, nodes, palloc_text, strings};
use pgrx::{PgList, pg_sys};

/// Functions that take their arguments' text, whatever the type.
const TAKE_TEXT: [&str; 9] = [
    "concat",
    "concat_ws",
    "format",
    "to_json",
    "to_jsonb",
    "json_build_object",
    "jsonb_build_object",
    "json_build_array",
    "jsonb_build_array",
];

impl<'t> RawNode<'t> {
    /// Whether this is a plain call of `pg_typeof`.
    fn is_type_of(self) -> bool {
        if self.tag() != pg_sys::NodeTag::T_FuncCall {
            return false;
        }
        let call = self.cast::<pg_sys::FuncCall>();
        let names = strings(call.funcname);
        let is_named = match names.as_slice() {
            [name] => name == "pg_typeof",
            [schema, name] => schema == "pg_catalog" && name == "pg_typeof",
            _ => false,
        };
        is_named
            && nodes(call.args).len() == 1
            && call.agg_order.is_null()
            && call.agg_filter.is_null()
            && call.over.is_null()
            && !(call.agg_within_group || call.agg_star || call.agg_distinct || call.func_variadic)
    }

    /// The argument of `pg_typeof(argument)::text`, if this is that.
    pub fn type_named(self) -> Option<RawNode<'t>> {
        if self.tag() != pg_sys::NodeTag::T_TypeCast {
            return None;
        }
        let cast = self.cast::<pg_sys::TypeCast>();
        let call = RawNode::from_pointer(cast.arg).filter(|call| call.is_type_of())?;
        // SAFETY: a cast has a type name.
        let name = unsafe { cast.typeName.as_ref() }?;
        let names = strings(name.names);
        let is_text = match names.as_slice() {
            [name] => name == "text",
            [schema, name] => schema == "pg_catalog" && name == "text",
            _ => false,
        };
        let is_plain = name.typmods.is_null() && name.arrayBounds.is_null() && !name.setof && !name.pct_type;
        (is_text && is_plain).then(|| nodes(call.cast::<pg_sys::FuncCall>().args).first().copied()).flatten()
    }

    /// Makes a text of each call of `pg_typeof` below that stands where one is made of it anyhow.
    pub fn name_types(self) {
        match self.tag() {
            pg_sys::NodeTag::T_FuncCall => {
                let call = self.cast::<pg_sys::FuncCall>();
                if strings(call.funcname).last().is_some_and(|name| TAKE_TEXT.contains(&name.as_str())) {
                    name_types_in(call.args);
                }
            }
            pg_sys::NodeTag::T_A_Expr => {
                let expression = self.as_pointer().cast::<pg_sys::A_Expr>();
                // SAFETY: the tag was just looked at; the tree is this backend's alone.
                unsafe {
                    if matches!(strings((*expression).name).as_slice(), [name] if name == "||") {
                        (*expression).lexpr = as_text((*expression).lexpr);
                        (*expression).rexpr = as_text((*expression).rexpr);
                    }
                }
            }
            _ => {}
        }
        // The visitor never refuses.
        let _ = self.children(&mut |child| {
            child.name_types();
            Ok(())
        });
    }
}

impl RawSelect<'_> {
    /// The same for what the statement answers: the select list, with what groups and orders by it.
    pub fn name_output_types(self) {
        let stmt = self.stmt();
        if stmt.op != pg_sys::SetOperation::SETOP_NONE {
            for arm in [stmt.larg, stmt.rarg] {
                if let Some(arm) = RawNode::from_pointer(arm.cast()) {
                    RawSelect::new(arm).name_output_types();
                }
            }
            return;
        }
        for target in nodes(stmt.targetList) {
            let entry = target.as_pointer().cast::<pg_sys::ResTarget>();
            // SAFETY: items of a select list are ResTargets of a tree that this backend alone holds.
            let value = unsafe { (*entry).val };
            if RawNode::from_pointer(value).is_some_and(RawNode::is_type_of) {
                let target = RawResultTarget::new(target);
                if let Some(name) = target.default_name() {
                    target.set_name(&name);
                }
                // SAFETY: as above.
                unsafe { (*entry).val = as_text(value) };
            }
        }
        name_types_in(stmt.groupClause);
        name_types_in(stmt.distinctClause);
        for item in nodes(stmt.sortClause) {
            if item.tag() == pg_sys::NodeTag::T_SortBy {
                let sort = item.as_pointer().cast::<pg_sys::SortBy>();
                // SAFETY: the tag was just looked at.
                unsafe { (*sort).node = as_text((*sort).node) };
            }
        }
    }
}

fn name_types_in(list: *mut pg_sys::List) {
    // SAFETY: the parser's lists of nodes are pointer lists or NIL.
    let mut list = unsafe { PgList::<pg_sys::Node>::from_pg(list) };
    for index in 0..list.len() {
        if let Some(item) = list.get_ptr(index) {
            // SAFETY: the index is one of the list's.
            unsafe { list.replace_ptr(index, as_text(item)) };
        }
    }
    // The list is the tree's, not ours to free.
    let _ = list.into_pg();
}

/// `pg_typeof(..)::text` of a call of `pg_typeof`; any other node as it is.
fn as_text(node: *mut pg_sys::Node) -> *mut pg_sys::Node {
    if !RawNode::from_pointer(node).is_some_and(RawNode::is_type_of) {
        return node;
    }
    // SAFETY: nodes of PostgreSQL's constructors and pgrx, in the current memory context; alloc_node zeroes them.
    unsafe {
        let names = ["pg_catalog", "text"].into_iter().map(|part| pg_sys::makeString(palloc_text(part)).cast());
        let cast = pgrx::PgBox::<pg_sys::TypeCast>::alloc_node(pg_sys::NodeTag::T_TypeCast).into_pg();
        (*cast).arg = node;
        (*cast).typeName = pg_sys::makeTypeNameFromNameList(super::kept::list(names));
        (*cast).location = -1;
        cast.cast()
    }
}
