//! `json_populate_record(NULL::orders, ..)` in FROM, over a relation of the plane: there is no type of its rows, but the same
//! comes of `json_to_record(..)` with the plane's columns.

use super::{RawNode, strings};
use crate::pgx::node::{TreeNode, Typed};
use pgrx::pg_sys;

/// A call in FROM that fills rows of a relation's type.
pub struct RawPopulate<'t> {
    pub(super) item: Typed<RawNode<'t>, pg_sys::RangeFunction>,
    /// The function and its column definitions, of which there are none.
    pub(super) pair: RawNode<'t>,
    /// Whether it is the first function of the item, whose name the item bears.
    pub(super) is_first: bool,
    pub(super) call: Typed<RawNode<'t>, pg_sys::FuncCall>,
    /// The value that the rows are made of.
    pub(super) json: RawNode<'t>,
    /// The relation, with its qualification.
    pub relation: Vec<String>,
    pub(super) function: String,
}

/// A column of the rows: its name, type and type modifier.
pub type RowField = (String, pg_sys::Oid, i32);

/// The functions that fill rows of a relation's type.
pub const POPULATES: [&str; 4] =
    ["json_populate_record", "jsonb_populate_record", "json_populate_recordset", "jsonb_populate_recordset"];

impl<'t> RawNode<'t> {
    /// Such calls in an item of FROM.
    pub fn populates(self) -> Vec<RawPopulate<'t>> {
        let Some(item) = self.typed::<pg_sys::RangeFunction>() else { return Vec::new() };
        let fields = item.read();
        if !fields.coldeflist.is_null() {
            return Vec::new();
        }
        let pairs = fields.functions().into_iter().enumerate();
        pairs.filter_map(|(place, pair)| self.populate(pair, place == 0)).collect()
    }

    fn populate(self, pair: RawNode<'t>, is_first: bool) -> Option<RawPopulate<'t>> {
        // A column definition list is redundant for PostgreSQL, and an error.
        let pair_members = pair.elements();
        let [function] = pair_members.as_slice() else { return None };
        let call = function.typed::<pg_sys::FuncCall>()?;
        let function = call.read();
        let names = strings(function.funcname());
        let name = match names.as_slice() {
            [name] => name,
            [schema, name] if schema == "pg_catalog" => name,
            _ => return None,
        };
        let arguments = function.args()?.elements();
        let [first, second] = arguments.as_slice() else { return None };
        let (base, json) = match (first.argument_name(), second.argument_name()) {
            (Some(json), Some(base)) if json == "from_json" && base == "base" => (second, first),
            (base, json)
                if base.as_deref().is_none_or(|name| name == "base")
                    && json.as_deref().is_none_or(|name| name == "from_json")
                    && (base.is_none() || json.is_some()) =>
            {
                (first, second)
            }
            _ => return None,
        };
        // Those over jsonb have no names for their arguments.
        if name.starts_with("jsonb") && second.argument_name().is_some() {
            return None;
        }
        let base = base.argument()?.downcast::<pg_sys::TypeCast>()?;
        let is_null = base.arg()?.downcast::<pg_sys::A_Const>()?.isnull;
        let type_name = base.typeName()?.downcast::<pg_sys::TypeName>()?;
        let is_plain = type_name.arrayBounds.is_null() && type_name.typmods.is_null();
        let is_plain = is_plain && !type_name.setof && !type_name.pct_type && !function.func_variadic;
        (POPULATES.contains(&name.as_str()) && is_null && is_plain).then_some(RawPopulate {
            item: self.typed()?,
            pair,
            is_first,
            call,
            json: json.argument()?,
            relation: strings(type_name.names()),
            function: name.clone(),
        })
    }

    /// The name that an argument is given by.
    fn argument_name(self) -> Option<String> {
        self.downcast::<pg_sys::NamedArgExpr>().map(|argument| argument.name())
    }

    /// The value of an argument, by name or not.
    fn argument(self) -> Option<RawNode<'t>> {
        match self.downcast::<pg_sys::NamedArgExpr>() {
            Some(named) => named.arg(),
            None => Some(self),
        }
    }
}
