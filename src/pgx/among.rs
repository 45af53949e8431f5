//! `splitplane.among(value, list)`: the policy's form of a list scope.
//!
//! `column = ANY ($list)` in the policy would be counted twice beside the fence's own and compared one element at a
//! time. This function looks the value up in a hash set, and its planner support function answers selectivity 1, since
//! the fence's condition on the same column has counted the rows already.

use pgrx::{FromDatum, PgList, PgMemoryContexts, pg_guard, pg_sys};
use std::collections::HashSet;

/// A value by its bytes: integers as themselves, everything else as PostgreSQL stores it.
#[derive(PartialEq, Eq, Hash)]
enum Value {
    Integer(i64),
    Bytes(Box<[u8]>),
}

/// The list of one execution, taken apart once.
struct Members {
    list: pg_sys::Datum,
    type_oid: pg_sys::Oid,
    values: HashSet<Value>,
}

macro_rules! version_1 {
    ($name:ident) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn $name() -> &'static pg_sys::Pg_finfo_record {
            static RECORD: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
            &RECORD
        }
    };
}
pub(super) use version_1;

version_1!(pg_finfo_among_wrapper);
version_1!(pg_finfo_among_support_wrapper);

/// `among(anyelement, anyarray) RETURNS boolean`, strict.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn among_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with two arguments, neither NULL; `fn_extra` is ours alone.
    let is_member = unsafe {
        let arguments = (*call).args.as_ptr();
        let (value, list) = ((*arguments).value, (*arguments.add(1)).value);
        let information = (*call).flinfo;
        let known = (*information).fn_extra.cast::<Members>();
        // The policy's list is the value of an InitPlan without parameters: one datum for the whole execution that this
        // `flinfo` belongs to. A list that is computed for each row may have the address of the one before.
        if !is_fixed(information) {
            let type_oid = pg_sys::get_fn_expr_argtype(information, 0);
            return pg_sys::Datum::from(members(list, type_oid).contains(&read(value, type_oid)));
        }
        let members = if known.is_null() || (*known).list != list {
            let type_oid = pg_sys::get_fn_expr_argtype(information, 0);
            let members = Members { list, type_oid, values: members(list, type_oid) };
            let kept = PgMemoryContexts::For((*information).fn_mcxt).leak_and_drop_on_delete(members);
            (*information).fn_extra = kept.cast();
            &*kept
        } else {
            &*known
        };
        members.values.contains(&read(value, members.type_oid))
    };
    pg_sys::Datum::from(is_member)
}

/// Whether the list is a constant or a parameter of the plan.
unsafe fn is_fixed(information: *mut pg_sys::FmgrInfo) -> bool {
    // SAFETY: the call expression is NULL or a node, and its arguments are nodes.
    unsafe {
        let call = (*information).fn_expr.cast::<pg_sys::FuncExpr>();
        if call.is_null() || (*call).xpr.type_ != pg_sys::NodeTag::T_FuncExpr {
            return false;
        }
        let arguments = PgList::<pg_sys::Node>::from_pg((*call).args);
        arguments
            .get_ptr(1)
            .is_some_and(|list| matches!((*list).type_, pg_sys::NodeTag::T_Param | pg_sys::NodeTag::T_Const))
    }
}

unsafe fn members(list: pg_sys::Datum, type_oid: pg_sys::Oid) -> HashSet<Value> {
    let mut length = 0i16;
    let mut by_value = false;
    let mut alignment: std::ffi::c_char = 0;
    let mut values: *mut pg_sys::Datum = std::ptr::null_mut();
    let mut nulls: *mut bool = std::ptr::null_mut();
    let mut count = 0;
    // SAFETY: an array of `type_oid`; all results go to valid places.
    unsafe {
        pg_sys::get_typlenbyvalalign(type_oid, &raw mut length, &raw mut by_value, &raw mut alignment);
        let array = pg_sys::pg_detoast_datum(list.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        pg_sys::deconstruct_array(
            array,
            type_oid,
            i32::from(length),
            by_value,
            alignment,
            &raw mut values,
            &raw mut nulls,
            &raw mut count,
        );
        (0..usize::try_from(count).unwrap_or(0))
            .filter(|index| !*nulls.add(*index))
            .map(|index| read(*values.add(index), type_oid))
            .collect()
    }
}

unsafe fn read(value: pg_sys::Datum, type_oid: pg_sys::Oid) -> Value {
    // SAFETY: the datum is of the type that is matched on.
    unsafe {
        match type_oid {
            pg_sys::INT2OID => Value::Integer(i64::from(i16::from_datum(value, false).unwrap_or_default())),
            pg_sys::INT4OID => Value::Integer(i64::from(i32::from_datum(value, false).unwrap_or_default())),
            pg_sys::INT8OID => Value::Integer(i64::from_datum(value, false).unwrap_or_default()),
            pg_sys::UUIDOID => Value::Bytes(std::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), 16).into()),
            pg_sys::TEXTOID | pg_sys::VARCHAROID => {
                let text = pg_sys::pg_detoast_datum_packed(value.cast_mut_ptr());
                Value::Bytes(pgrx::varlena::varlena_to_byte_slice(text).into())
            }
            _ => pgrx::error!("splitplane.among does not know this type"),
        }
    }
}

/// Planner support of `among`: selectivity 1.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn among_support_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the planner passes one request node.
    unsafe {
        let request = (*(*call).args.as_ptr()).value.cast_mut_ptr::<pg_sys::Node>();
        if !request.is_null() && (*request).type_ == pg_sys::NodeTag::T_SupportRequestSelectivity {
            (*request.cast::<pg_sys::SupportRequestSelectivity>()).selectivity = 1.0;
            return pg_sys::Datum::from(request);
        }
    }
    pg_sys::Datum::from(0usize)
}
