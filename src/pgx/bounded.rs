//! `splitplane.bounded(value, most)`: hands its value on, unless it is large; and the calls of an analysed tree.
//!
//! It also heeds a cancel, so that many calls in one expression cannot add up beyond the deadline. Its sister
//! `splitplane.counted(value, most)` looks at how often it was called, for aggregates that sort at their end.

use super::catch::raise;
use super::extent;
use super::query::{QueryNode, nodes, oids};
use super::values;
use super::version_1::version_1;
use crate::error::{Refusal, State};
use pgrx::{FromDatum, pg_guard, pg_sys};

version_1!(pg_finfo_bounded_wrapper);
version_1!(pg_finfo_counted_wrapper);

/// An array may hold one element for each so many bytes that it may take: NULLs take next to none.
const BYTES_PER_ELEMENT: usize = 4;

/// `bounded(anyelement, integer) RETURNS anyelement`, strict; the type is one of variable length.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn bounded_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pgrx::check_for_interrupts!();
    // SAFETY: PostgreSQL calls with the arguments of the declaration, neither NULL.
    let (value, most) = unsafe { value_and_most(call) };
    // SAFETY: only the guard makes calls, and of types of variable length alone.
    if unsafe { is_over(value, most, (*call).flinfo) } {
        raise(Refusal::new(State::Limit, "a value is too large for the function or operator that is to read it"));
    }
    value
}

unsafe fn value_and_most(call: pg_sys::FunctionCallInfo) -> (pg_sys::Datum, usize) {
    // SAFETY: the caller's promise: two arguments, the second an int4.
    unsafe {
        let [value, most] = (*call).args.as_slice(2) else {
            raise(Refusal::proof("a bound was called with other arguments than its own"))
        };
        let most = i32::from_datum(most.value, false).unwrap_or_default();
        (value.value, usize::try_from(most).unwrap_or_default())
    }
}

unsafe fn is_over(value: pg_sys::Datum, most: usize, information: *mut pg_sys::FmgrInfo) -> bool {
    // SAFETY: the caller's promise; a value is unpacked only once it is known to be small.
    unsafe {
        let type_oid = pg_sys::get_fn_expr_argtype(information, 0);
        if extent::extended_size(value, type_oid) > most {
            return true;
        }
        if pg_sys::get_element_type(type_oid) == pg_sys::InvalidOid {
            return false;
        }
        let array = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let dimensions = array.add(1).cast::<i32>();
        let elements = pg_sys::ArrayGetNItems((*array).ndim, dimensions);
        usize::try_from(elements).unwrap_or(usize::MAX) > most / BYTES_PER_ELEMENT
    }
}

/// Bytes of a value that count like one more row.
const BYTES_PER_ROW: usize = 16;

/// `counted(anyelement, integer) RETURNS anyelement`, strict: as `bounded`, but for the rows of an aggregate and the sizes
/// of their values together.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn counted_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the arguments of the declaration, neither NULL.
    let (value, most) = unsafe { value_and_most(call) };
    // SAFETY: `fn_extra` is ours alone, and holds the count itself; a value of variable length is measured as it is stored.
    let count = unsafe {
        let information = (*call).flinfo;
        let type_oid = pg_sys::get_fn_expr_argtype(information, 0);
        let bytes = if pg_sys::get_typlen(type_oid) == -1 { pg_sys::toast_raw_datum_size(value) } else { 0 };
        let before = (*information).fn_extra.addr();
        let count = before.saturating_add(bytes / BYTES_PER_ROW).saturating_add(1);
        (*information).fn_extra = std::ptr::without_provenance_mut(count);
        count
    };
    if count > most {
        raise(Refusal::new(State::Limit, "an aggregate would read more rows than it may, or larger values"));
    }
    value
}

/// A call of a function, operator, comparison, aggregate, window function or type's input function.
pub struct Operation<'t> {
    /// The function, also of an operator; of a conversion from text the type's, or its elements', input function.
    pub function: pg_sys::Oid,
    /// Its arguments in order.
    pub arguments: Vec<QueryNode<'t>>,
    /// `operator ANY (array)` or `ALL`: one call for each element.
    pub is_list: bool,
    /// An aggregate or window function, between whose rows a cancel is heeded.
    pub is_over_rows: bool,
}

impl<'t> QueryNode<'t> {
    /// The calls that evaluating this node itself makes.
    pub fn operations(self) -> Vec<Operation<'t>> {
        use pg_sys::NodeTag as T;
        let (function, arguments) = match self.tag() {
            T::T_FuncExpr => {
                let call = self.cast::<pg_sys::FuncExpr>();
                (call.funcid, nodes(call.args))
            }
            T::T_OpExpr | T::T_DistinctExpr | T::T_NullIfExpr => {
                let call = self.cast::<pg_sys::OpExpr>();
                (values::operator_function(call.opno), nodes(call.args))
            }
            T::T_ScalarArrayOpExpr => {
                let call = self.cast::<pg_sys::ScalarArrayOpExpr>();
                (values::operator_function(call.opno), nodes(call.args))
            }
            T::T_MinMaxExpr => {
                let call = self.cast::<pg_sys::MinMaxExpr>();
                let compared = values::comparison_function(call.minmaxtype).unwrap_or(pg_sys::InvalidOid);
                (compared, nodes(call.args))
            }
            T::T_RowCompareExpr => return self.pairs(),
            T::T_Aggref => {
                let call = self.cast::<pg_sys::Aggref>();
                (call.aggfnoid, nodes(call.args))
            }
            T::T_WindowFunc => {
                let call = self.cast::<pg_sys::WindowFunc>();
                (call.winfnoid, nodes(call.args))
            }
            T::T_CoerceViaIO => {
                let type_oid = self.expression_type();
                let read = values::element_type(type_oid).unwrap_or(type_oid);
                let argument = QueryNode::from_pointer(self.cast::<pg_sys::CoerceViaIO>().arg.cast());
                (values::input_function(read), argument.into_iter().collect())
            }
            _ => return Vec::new(),
        };
        vec![Operation {
            function,
            arguments: arguments.into_iter().filter_map(QueryNode::argument).collect(),
            is_list: self.tag() == T::T_ScalarArrayOpExpr,
            is_over_rows: matches!(self.tag(), T::T_Aggref | T::T_WindowFunc),
        }]
    }

    /// The comparisons of two rows, field by field.
    fn pairs(self) -> Vec<Operation<'t>> {
        let comparison = self.cast::<pg_sys::RowCompareExpr>();
        let sides = nodes(comparison.largs).into_iter().zip(nodes(comparison.rargs));
        let operators = oids(comparison.opnos).into_iter().map(values::operator_function);
        operators
            .zip(sides)
            .map(|(function, (left, right))| Operation {
                function,
                arguments: vec![left, right],
                is_list: false,
                is_over_rows: false,
            })
            .collect()
    }

    /// The expression of an argument: that of an aggregate stands in a target entry, a named one in a node of its own.
    fn argument(self) -> Option<Self> {
        match self.tag() {
            pg_sys::NodeTag::T_TargetEntry => QueryNode::from_pointer(self.cast::<pg_sys::TargetEntry>().expr.cast()),
            pg_sys::NodeTag::T_NamedArgExpr => QueryNode::from_pointer(self.cast::<pg_sys::NamedArgExpr>().arg.cast()),
            _ => Some(self),
        }
    }
}
