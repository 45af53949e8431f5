//! `splitplane.bounded(value, most)`: hands its value on, unless it is large; and how it gets into an analysed tree.
//!
//! It also heeds a cancel, so that many calls in one expression cannot add up beyond the deadline. Its sister
//! `splitplane.counted(value, most)` looks at how often it was called, for aggregates that sort at their end.

use super::catch::raise;
use super::query::QueryNode;
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
    // SAFETY: only `bound_argument` makes calls, and of types of variable length alone.
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
        if pg_sys::toast_raw_datum_size(value) > most {
            return true;
        }
        let type_oid = pg_sys::get_fn_expr_argtype(information, 0);
        if pg_sys::get_element_type(type_oid) == pg_sys::InvalidOid {
            return false;
        }
        let array = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let dimensions = array.add(1).cast::<i32>();
        let elements = pg_sys::ArrayGetNItems((*array).ndim, dimensions);
        usize::try_from(elements).unwrap_or(usize::MAX) > most / BYTES_PER_ELEMENT
    }
}

/// `counted(anyelement, integer) RETURNS anyelement`, strict: as `bounded`, but for the number of calls.
#[doc(hidden)]
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn counted_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: PostgreSQL calls with the arguments of the declaration, neither NULL.
    let (value, most) = unsafe { value_and_most(call) };
    // SAFETY: `fn_extra` is ours alone, and holds the count itself.
    let count = unsafe {
        let information = (*call).flinfo;
        let count = (*information).fn_extra.addr().saturating_add(1);
        (*information).fn_extra = std::ptr::without_provenance_mut(count);
        count
    };
    if count > most {
        raise(Refusal::new(State::Limit, "an aggregate would read more rows than it may"));
    }
    value
}

/// A call of a function, operator, aggregate, window function or type's input function, whose arguments may be bounded.
pub struct Operation<'t> {
    /// The function, also of an operator; of a conversion from text the type's, or its elements', input function.
    pub function: pg_sys::Oid,
    /// Its arguments in order.
    pub arguments: Vec<QueryNode<'t>>,
    /// `operator ANY (array)` or `ALL`: one call for each element.
    pub is_list: bool,
    /// An aggregate or window function, between whose rows a cancel is heeded.
    pub is_over_rows: bool,
    /// Where the tree keeps each argument.
    slots: Vec<*mut *mut pg_sys::Node>,
}

impl<'t> QueryNode<'t> {
    /// This node as a call, if it is one.
    pub fn operation(self) -> Option<Operation<'t>> {
        use pg_sys::NodeTag as T;
        let (function, slots) = match self.tag() {
            T::T_FuncExpr => {
                let call = self.cast::<pg_sys::FuncExpr>();
                (call.funcid, slots(call.args))
            }
            T::T_OpExpr => {
                let call = self.cast::<pg_sys::OpExpr>();
                (values::operator_function(call.opno), slots(call.args))
            }
            T::T_ScalarArrayOpExpr => {
                let call = self.cast::<pg_sys::ScalarArrayOpExpr>();
                (values::operator_function(call.opno), slots(call.args))
            }
            T::T_Aggref => {
                let call = self.cast::<pg_sys::Aggref>();
                (call.aggfnoid, slots(call.args))
            }
            T::T_WindowFunc => {
                let call = self.cast::<pg_sys::WindowFunc>();
                (call.winfnoid, slots(call.args))
            }
            T::T_CoerceViaIO => {
                let call = self.as_pointer().cast::<pg_sys::CoerceViaIO>();
                // SAFETY: the tag was matched.
                let slot = unsafe { &raw mut (*call).arg };
                let type_oid = self.expression_type();
                let read = values::element_type(type_oid).unwrap_or(type_oid);
                (values::input_function(read), vec![slot.cast::<*mut pg_sys::Node>()])
            }
            _ => return None,
        };
        // SAFETY: slots of the tree hold nodes or NULL.
        let arguments = slots.iter().filter_map(|slot| QueryNode::from_pointer(unsafe { **slot })).collect::<Vec<_>>();
        let is_whole = arguments.len() == slots.len();
        is_whole.then_some(Operation {
            function,
            arguments,
            is_list: self.tag() == T::T_ScalarArrayOpExpr,
            is_over_rows: matches!(self.tag(), T::T_Aggref | T::T_WindowFunc),
            slots,
        })
    }

    /// Whether values of this expression's type vary in length; so do lists and branches, which have no type.
    pub fn varies_in_length(self) -> bool {
        if matches!(self.tag(), pg_sys::NodeTag::T_List | pg_sys::NodeTag::T_CaseWhen) {
            return true;
        }
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::get_typlen(self.expression_type()) == -1 }
    }

    /// Whether values of this expression's type can be of any size.
    pub fn may_be_large(self) -> bool {
        const OTHERS: [pg_sys::Oid; 3] = [pg_sys::NUMERICOID, pg_sys::RECORDOID, pg_sys::RECORDARRAYOID];
        self.varies_in_length() && !OTHERS.contains(&self.expression_type())
    }

    /// The size in bytes of a constant, as PostgreSQL keeps it.
    pub fn constant_size(self) -> Option<usize> {
        if self.tag() != pg_sys::NodeTag::T_Const {
            return None;
        }
        let constant = self.cast::<pg_sys::Const>();
        Some(match constant.constlen {
            _ if constant.constisnull => 0,
            // SAFETY: a constant of variable length that is not NULL.
            -1 => unsafe { pg_sys::toast_raw_datum_size(constant.constvalue) },
            length => usize::try_from(length).unwrap_or(usize::MAX),
        })
    }
}

/// The places of a list's expressions; those of an aggregate stand in target entries, named arguments in nodes of
/// their own.
fn slots(list: *mut pg_sys::List) -> Vec<*mut *mut pg_sys::Node> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: a list of nodes; its cells and entries stay where they are as long as the tree lives.
    unsafe {
        let count = usize::try_from((*list).length).unwrap_or(0);
        (0..count)
            .map(|index| {
                let cell = (&raw mut (*(*list).elements.add(index)).ptr_value).cast::<*mut pg_sys::Node>();
                match (**cell).type_ {
                    pg_sys::NodeTag::T_TargetEntry => {
                        (&raw mut (*(*cell).cast::<pg_sys::TargetEntry>()).expr).cast::<*mut pg_sys::Node>()
                    }
                    pg_sys::NodeTag::T_NamedArgExpr => {
                        (&raw mut (*(*cell).cast::<pg_sys::NamedArgExpr>()).arg).cast::<*mut pg_sys::Node>()
                    }
                    _ => cell,
                }
            })
            .collect()
    }
}

impl Operation<'_> {
    /// Puts `function(.., most)`, which is `bounded` or `counted`, around one argument, unless it stands there already.
    pub fn bound_argument(&self, index: usize, function: pg_sys::Oid, most: i32) {
        let (Some(argument), Some(slot)) = (self.arguments.get(index), self.slots.get(index)) else { return };
        let is_bounded =
            argument.tag() == pg_sys::NodeTag::T_FuncExpr && argument.cast::<pg_sys::FuncExpr>().funcid == function;
        if is_bounded {
            return;
        }
        let argument = argument.as_pointer();
        // SAFETY: the slot belongs to a call in a tree that is ours; type and collation stay as they were.
        unsafe {
            let most =
                pg_sys::makeConst(pg_sys::INT4OID, -1, pg_sys::InvalidOid, 4, pg_sys::Datum::from(most), false, true);
            let collation = pg_sys::exprCollation(argument);
            let call = pg_sys::makeFuncExpr(
                function,
                pg_sys::exprType(argument),
                pg_sys::lappend(pg_sys::lappend(std::ptr::null_mut(), argument.cast()), most.cast()),
                collation,
                collation,
                pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
            );
            **slot = call.cast();
        }
    }
}
