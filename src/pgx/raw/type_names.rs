//! `pg_typeof`, whose value names an object of the catalog: it is admitted where a text is made of it, and where a text does as
//! well: two types are the same if their names are.

use super::select::members;
use super::{Placed, RawNode, RawSelect, strings};
use crate::pgx::node::TreeNode;
use pgrx::pg_sys;

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
    pub(super) fn is_type_of(self) -> bool {
        let Some(call) = self.downcast::<pg_sys::FuncCall>() else { return false };
        let names = strings(call.funcname());
        let is_named = match names.as_slice() {
            [name] => name == "pg_typeof",
            [schema, name] => schema == "pg_catalog" && name == "pg_typeof",
            _ => false,
        };
        is_named
            && call.args().is_some_and(|arguments| arguments.elements().len() == 1)
            && call.agg_order.is_null()
            && call.agg_filter.is_null()
            && call.over.is_null()
            && !(call.agg_within_group || call.agg_star || call.agg_distinct || call.func_variadic)
    }

    /// The argument of `pg_typeof(argument)::text`, if this is that.
    pub fn type_named(self) -> Option<RawNode<'t>> {
        let cast = self.downcast::<pg_sys::TypeCast>()?;
        let call = cast.arg().filter(|call| call.is_type_of())?;
        let name = cast.typeName()?.downcast::<pg_sys::TypeName>()?;
        let names = strings(name.names());
        let is_text = match names.as_slice() {
            [name] => name == "text",
            [schema, name] => schema == "pg_catalog" && name == "text",
            _ => false,
        };
        let is_plain = name.typmods.is_null() && name.arrayBounds.is_null() && !name.setof && !name.pct_type;
        let arguments = call.downcast::<pg_sys::FuncCall>().filter(|_| is_text && is_plain)?.args()?;
        arguments.elements().first().copied()
    }

    /// Whether this type's values are texts that PostgreSQL makes of a type's name as it does of the text of that.
    fn is_text_like(self) -> bool {
        let Some(name) = self.downcast::<pg_sys::TypeName>() else { return false };
        let names = strings(name.names());
        let known = match names.as_slice() {
            [name] => name,
            [schema, name] if schema == "pg_catalog" => name,
            _ => return false,
        };
        let is_plain = name.arrayBounds.is_null() && !name.setof && !name.pct_type;
        is_plain && ["varchar", "bpchar", "name"].contains(&known.as_str())
    }

    /// Of this node's operands or arguments those whose text it takes, whatever their type, or may take as well.
    pub(super) fn taken_as_text(self) -> Vec<Placed<'t>> {
        if let Some(cast) = self.downcast::<pg_sys::TypeCast>() {
            let value = cast.arg().filter(|_| cast.typeName().is_some_and(RawNode::is_text_like));
            return value.into_iter().map(|node| Placed { parent: self, node }).collect();
        }
        if let Some(test) = self.downcast::<pg_sys::NullTest>() {
            return test.arg().into_iter().map(|node| Placed { parent: self, node }).collect();
        }
        if let Some(call) = self.downcast::<pg_sys::FuncCall>() {
            let takes_text = strings(call.funcname()).last().is_some_and(|name| TAKE_TEXT.contains(&name.as_str()));
            return if takes_text { members(call.args()) } else { Vec::new() };
        }
        let Some(expression) = self.downcast::<pg_sys::A_Expr>() else { return Vec::new() };
        let operands: Vec<_> = [expression.lexpr(), expression.rexpr()].into_iter().flatten().collect();
        let takes_text = match strings(expression.name()).as_slice() {
            [name] if name == "||" => true,
            // Of two types; one with a literal is compared as PostgreSQL reads that, which may be another spelling of the name.
            [name] if ["=", "<>"].contains(&name.as_str()) => {
                use pg_sys::A_Expr_Kind as K;
                [K::AEXPR_OP, K::AEXPR_DISTINCT, K::AEXPR_NOT_DISTINCT].contains(&expression.kind)
                    && operands.iter().all(|operand| operand.is_type_of())
            }
            _ => false,
        };
        let operands = operands.into_iter().filter(|_| takes_text);
        operands.map(|node| Placed { parent: self, node }).collect()
    }
}

impl<'t> RawNode<'t> {
    /// The elements of `ARRAY[..]` if all are calls of `pg_typeof`.
    pub(super) fn listed_types(self) -> Vec<Placed<'t>> {
        let elements = members(self.downcast::<pg_sys::A_ArrayExpr>().and_then(|array| array.elements()));
        if elements.iter().all(|element| element.node.is_type_of()) { elements } else { Vec::new() }
    }
}

impl<'t> RawSelect<'t> {
    /// What groups and orders by an item of the select list, or repeats it: items of GROUP BY, DISTINCT ON and ORDER BY.
    pub(super) fn ordering_places(self) -> Vec<Placed<'t>> {
        let stmt = self.stmt();
        let sorted = stmt.sortClause().map(TreeNode::elements).unwrap_or_default();
        let sorted = sorted.into_iter().filter_map(|parent| {
            let node = parent.downcast::<pg_sys::SortBy>()?.node()?;
            Some(Placed { parent, node })
        });
        members(stmt.groupClause()).into_iter().chain(members(stmt.distinctClause())).chain(sorted).collect()
    }

    /// The sides of a set operation; none of a plain SELECT.
    pub(super) fn arms(self) -> Vec<RawSelect<'t>> {
        let stmt = self.stmt();
        [stmt.larg(), stmt.rarg()].into_iter().flatten().filter_map(RawSelect::of).collect()
    }
}
