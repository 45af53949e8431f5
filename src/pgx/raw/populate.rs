//! `json_populate_record(NULL::orders, ..)` in FROM, over a relation of the plane: there is no type of its rows, but the same
//! comes of `json_to_record(..)` with the plane's columns.

use super::{RawNode, kept, nodes, palloc_text, strings};
use pgrx::{PgBox, pg_sys};

/// A call in FROM that fills rows of a relation's type.
pub struct RawPopulate<'t> {
    item: RawNode<'t>,
    call: RawNode<'t>,
    /// The relation, with its qualification.
    pub relation: Vec<String>,
    function: String,
}

/// A column of the rows: its name, type and type modifier.
pub type RowField = (String, pg_sys::Oid, i32);

impl<'t> RawNode<'t> {
    /// An item of FROM as such a call, if it is one.
    pub fn populates(self) -> Option<RawPopulate<'t>> {
        if self.tag() != pg_sys::NodeTag::T_RangeFunction {
            return None;
        }
        let item = self.cast::<pg_sys::RangeFunction>();
        let functions = nodes(item.functions);
        let (false, true, [pair]) = (item.is_rowsfrom, item.coldeflist.is_null(), functions.as_slice()) else {
            return None;
        };
        let call = *nodes(pair.as_pointer().cast()).first()?;
        if call.tag() != pg_sys::NodeTag::T_FuncCall {
            return None;
        }
        let function = call.cast::<pg_sys::FuncCall>();
        let names = strings(function.funcname);
        let name = match names.as_slice() {
            [name] => name,
            [schema, name] if schema == "pg_catalog" => name,
            _ => return None,
        };
        let is_populate = matches!(
            name.as_str(),
            "json_populate_record" | "jsonb_populate_record" | "json_populate_recordset" | "jsonb_populate_recordset"
        );
        let arguments = nodes(function.args);
        let (true, [base, _]) = (is_populate, arguments.as_slice()) else { return None };
        if base.tag() != pg_sys::NodeTag::T_TypeCast {
            return None;
        }
        let base = base.cast::<pg_sys::TypeCast>();
        let value = RawNode::from_pointer(base.arg)?;
        let is_null = value.tag() == pg_sys::NodeTag::T_A_Const && value.cast::<pg_sys::A_Const>().isnull;
        // SAFETY: a cast has a type name.
        let type_name = unsafe { base.typeName.as_ref() }?;
        let is_plain = type_name.arrayBounds.is_null() && type_name.typmods.is_null();
        let is_plain = is_plain && !type_name.setof && !type_name.pct_type;
        (is_null && is_plain).then(|| RawPopulate {
            item: self,
            call,
            relation: strings(type_name.names),
            function: name.clone(),
        })
    }
}

impl RawPopulate<'_> {
    /// Becomes the call without the relation, and with its columns.
    pub fn read_as(&self, fields: &[RowField]) {
        let item = self.item.as_pointer().cast::<pg_sys::RangeFunction>();
        let call = self.call.as_pointer().cast::<pg_sys::FuncCall>();
        let columns = fields.iter().map(|(name, type_oid, modifier)| {
            // SAFETY: as below.
            unsafe {
                let column = PgBox::<pg_sys::ColumnDef>::alloc_node(pg_sys::NodeTag::T_ColumnDef).into_pg();
                (*column).colname = palloc_text(name);
                (*column).typeName = pg_sys::makeTypeNameFromOid(*type_oid, *modifier);
                (*column).is_local = true;
                (*column).location = -1;
                column.cast()
            }
        });
        // SAFETY: nodes of PostgreSQL's constructors and pgrx, in the current memory context; the tree is this backend's alone.
        unsafe {
            let name = self.function.replace("_populate_", "_to_");
            let names = ["pg_catalog", &name].into_iter().map(|part| pg_sys::makeString(palloc_text(part)).cast());
            (*call).funcname = kept::list(names);
            (*call).args = pg_sys::list_delete_first((*call).args);
            (*item).coldeflist = kept::list(columns);
            if (*item).alias.is_null() {
                (*item).alias = pg_sys::makeAlias(palloc_text(&self.function).cast_const(), std::ptr::null_mut());
            }
        }
    }
}
