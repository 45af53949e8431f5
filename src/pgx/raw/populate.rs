//! `json_populate_record(NULL::orders, ..)` in FROM, over a relation of the plane: there is no type of its rows, but the same
//! comes of `json_to_record(..)` with the plane's columns.

use super::{RawNode, strings};
use crate::pgx::node::{TreeNode, Typed};
use pgrx::pg_sys;

/// A call in FROM that fills rows of a relation's type.
pub struct RawPopulate<'t> {
    pub(super) item: Typed<RawNode<'t>, pg_sys::RangeFunction>,
    pub(super) call: Typed<RawNode<'t>, pg_sys::FuncCall>,
    /// The relation, with its qualification.
    pub relation: Vec<String>,
    pub(super) function: String,
}

/// A column of the rows: its name, type and type modifier.
pub type RowField = (String, pg_sys::Oid, i32);

impl<'t> RawNode<'t> {
    /// An item of FROM as such a call, if it is one.
    pub fn populates(self) -> Option<RawPopulate<'t>> {
        let item = self.typed::<pg_sys::RangeFunction>()?;
        let fields = item.read();
        let functions = fields.functions();
        let (false, true, [pair]) = (fields.is_rowsfrom, fields.coldeflist.is_null(), functions.as_slice()) else {
            return None;
        };
        let call = pair.elements().first()?.typed::<pg_sys::FuncCall>()?;
        let function = call.read();
        let names = strings(function.funcname());
        let name = match names.as_slice() {
            [name] => name,
            [schema, name] if schema == "pg_catalog" => name,
            _ => return None,
        };
        let is_populate = matches!(
            name.as_str(),
            "json_populate_record" | "jsonb_populate_record" | "json_populate_recordset" | "jsonb_populate_recordset"
        );
        let arguments = function.args()?.elements();
        let (true, [base, _]) = (is_populate, arguments.as_slice()) else { return None };
        let base = base.downcast::<pg_sys::TypeCast>()?;
        let is_null = base.arg()?.downcast::<pg_sys::A_Const>()?.isnull;
        let type_name = base.typeName()?.downcast::<pg_sys::TypeName>()?;
        let is_plain = type_name.arrayBounds.is_null() && type_name.typmods.is_null();
        let is_plain = is_plain && !type_name.setof && !type_name.pct_type;
        (is_null && is_plain).then(|| RawPopulate {
            item,
            call,
            relation: strings(type_name.names()),
            function: name.clone(),
        })
    }
}
