//! `splitplane.in_scope(value, claim)`: the row-level security condition of a plane relation.
//!
//! True when the value is (one of) those that the claim of the running call holds, false in every other case and outside
//! a call. It is leakproof: what it answers depends on the row, whether it fails does not. It is declared as free and as
//! keeping every row, since the plane's own condition on the same column has counted both already: PostgreSQL then plans as
//! if it were not there, and puts it before any other condition on the scan.

use super::interface::exported;
use super::stored::{plain, unblanked, uuid};
use super::support;
use crate::error::{Refusal, State};
use crate::identity::principal::Claim;
use crate::pgx::pg_try::raise;
use crate::pgx::routines;
use crate::pgx::section::claims;
use crate::pgx::types;
use pgrx::{FromDatum, PgList, PgMemoryContexts, pg_guard, pg_sys};
use std::collections::HashSet;
use std::sync::OnceLock;

/// Whether the planner is told that `in_scope` costs nothing; a build for tests may say no.
static IS_FREE: OnceLock<fn() -> bool> = OnceLock::new();

/// Whether it is asked of each row, also where an index was searched for the value that it wants.
static IS_ASKED_OF_EACH: OnceLock<fn() -> bool> = OnceLock::new();

/// Takes both; called once from `_PG_init`.
pub fn init(is_free: fn() -> bool, is_asked_of_each: fn() -> bool) {
    IS_FREE.get_or_init(|| is_free);
    IS_ASKED_OF_EACH.get_or_init(|| is_asked_of_each);
}

/// Whether it is asked of each row, also where an index was searched for the value that it wants.
pub(in crate::pgx) fn is_asked_of_each() -> bool {
    IS_ASKED_OF_EACH.get().is_none_or(|is_asked| is_asked())
}

exported!(in_scope = in_scope_wrapper);
exported!(in_scope_support = in_scope_support_wrapper);

/// How values of a scope column's type are compared.
#[derive(Clone, Copy)]
enum Form {
    Small,
    Integer,
    Big,
    /// An enum's values are OIDs.
    Label,
    Uuid,
    Bytes,
    Text,
    /// Blanks at the end do not count.
    Blanked,
    /// One number has several forms on disk, so PostgreSQL compares.
    Numeric,
}

/// What a claim holds, in the form of the column's type.
enum Members {
    Integers(Set<i64>),
    Bytes(Set<Box<[u8]>>),
    /// In the memory of the function's call information.
    Numbers(Vec<pg_sys::Datum>),
}

/// One member is the most frequent case by far.
enum Set<T> {
    One(T),
    Many(HashSet<T>),
}

impl<T: std::hash::Hash + Eq> Set<T> {
    fn of(members: Vec<T>) -> Self {
        let many: HashSet<T> = members.into_iter().collect();
        if many.len() > 1 {
            return Set::Many(many);
        }
        many.into_iter().next().map_or_else(|| Set::Many(HashSet::new()), Set::One)
    }
}

/// Kept between the rows of one execution.
struct LearntClaim {
    /// The call whose claims these are.
    generation: u64,
    form: Form,
    members: Members,
}

/// `in_scope(anyelement, text) RETURNS boolean`, strict.
#[pg_guard]
unsafe extern "C-unwind" fn in_scope_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let generation = claims::generation();
    if generation == 0 {
        return pg_sys::Datum::from(false);
    }
    // SAFETY: PostgreSQL calls with the two arguments of the declaration, neither NULL; `fn_extra` is ours alone.
    let is_member = unsafe {
        let arguments = (*call).args.as_ptr();
        let information = (*call).flinfo;
        let mut known = (*information).fn_extra.cast::<LearntClaim>();
        if known.is_null() || (*known).generation != generation {
            known = learn((*arguments.add(1)).value, generation, information);
            // The policies' own calls name a claim by a constant; any other is looked up for each row.
            if is_constant_call(information) {
                (*information).fn_extra = known.cast();
            }
        }
        holds(&*known, (*arguments).value)
    };
    pg_sys::Datum::from(is_member)
}

/// Whether the fence of a column of that type is true of a value in the call that runs.
///
/// # Safety
/// A value of that type, not NULL.
pub(in crate::pgx) unsafe fn is_true_of(value: pg_sys::Datum, type_oid: pg_sys::Oid, claim: &str) -> bool {
    let generation = claims::generation();
    let Some(form) = form(type_oid).filter(|_| generation != 0) else { return false };
    // SAFETY: the caller's promise.
    unsafe {
        let members = members(form, type_oid, &texts_of(claim));
        holds(&LearntClaim { generation, form, members }, value)
    }
}

/// What a claim holds.
fn texts_of(claim: &str) -> Vec<String> {
    match claims::named(claim) {
        Some(Claim::Scalar(value)) => vec![value],
        Some(Claim::List(values)) => values,
        None => Vec::new(),
    }
}

/// Whether the claim's name is a constant.
unsafe fn is_constant_call(information: *mut pg_sys::FmgrInfo) -> bool {
    // SAFETY: the call expression is NULL or a node, and its arguments are nodes.
    unsafe {
        let call = (*information).fn_expr.cast::<pg_sys::FuncExpr>();
        if call.is_null() || (*call).xpr.type_ != pg_sys::NodeTag::T_FuncExpr {
            return false;
        }
        let arguments = PgList::<pg_sys::Node>::from_pg((*call).args);
        arguments.get_ptr(1).is_some_and(|name| (*name).type_ == pg_sys::NodeTag::T_Const)
    }
}

/// Reads the claim, once for each execution and call.
#[cold]
unsafe fn learn(name: pg_sys::Datum, generation: u64, information: *mut pg_sys::FmgrInfo) -> *mut LearntClaim {
    // SAFETY: the caller's arguments; what is made lives as long as the call information.
    unsafe {
        let name = String::from_datum(name, false).unwrap_or_default();
        let type_oid = pg_sys::get_fn_expr_argtype(information, 0);
        let Some(form) = form(type_oid) else {
            raise(Refusal::new(State::NotAdmitted, "a value of this type cannot carry a scope"))
        };
        let texts = texts_of(&name);
        let mut memory = PgMemoryContexts::For((*information).fn_mcxt);
        let members = memory.switch_to(|_| members(form, type_oid, &texts));
        memory.leak_and_drop_on_delete(LearntClaim { generation, form, members })
    }
}

fn form(type_oid: pg_sys::Oid) -> Option<Form> {
    Some(match type_oid {
        pg_sys::INT2OID => Form::Small,
        pg_sys::INT4OID | pg_sys::DATEOID => Form::Integer,
        pg_sys::INT8OID => Form::Big,
        pg_sys::UUIDOID => Form::Uuid,
        pg_sys::BYTEAOID => Form::Bytes,
        pg_sys::TEXTOID | pg_sys::VARCHAROID => Form::Text,
        pg_sys::BPCHAROID => Form::Blanked,
        pg_sys::NUMERICOID => Form::Numeric,
        _ if types::is_enum(type_oid) => Form::Label,
        _ => return None,
    })
}

unsafe fn members(form: Form, type_oid: pg_sys::Oid, texts: &[String]) -> Members {
    // SAFETY: the datums are of the type whose input function made them.
    unsafe {
        let datums = || texts.iter().map(|text| types::from_text(type_oid, text));
        match form {
            Form::Small | Form::Integer | Form::Big | Form::Label => {
                Members::Integers(Set::of(datums().map(|datum| integer(form, datum)).collect()))
            }
            Form::Uuid => Members::Bytes(Set::of(datums().map(|datum| uuid(datum).into()).collect())),
            Form::Bytes => Members::Bytes(Set::of(texts.iter().filter_map(|text| types::bytes_of_id(text)).collect())),
            Form::Text => Members::Bytes(Set::of(texts.iter().map(|text| text.as_bytes().into()).collect())),
            Form::Blanked => {
                Members::Bytes(Set::of(texts.iter().map(|text| unblanked(text.as_bytes()).into()).collect()))
            }
            Form::Numeric => Members::Numbers(datums().collect()),
        }
    }
}

#[inline]
unsafe fn holds(known: &LearntClaim, value: pg_sys::Datum) -> bool {
    // SAFETY: the datum is of the type that `form` stands for.
    unsafe {
        match &known.members {
            Members::Integers(Set::One(only)) => integer(known.form, value) == *only,
            Members::Integers(Set::Many(many)) => many.contains(&integer(known.form, value)),
            Members::Bytes(members) => match known.form {
                Form::Uuid => members.holds(uuid(value)),
                _ => {
                    let stored = plain(value);
                    let bytes = pgrx::varlena::varlena_to_byte_slice(stored);
                    let is_member =
                        members.holds(if matches!(known.form, Form::Blanked) { unblanked(bytes) } else { bytes });
                    if !std::ptr::eq(stored, value.cast_mut_ptr()) {
                        pg_sys::pfree(stored.cast());
                    }
                    is_member
                }
            },
            Members::Numbers(numbers) => numbers.iter().any(|number| is_same_number(*number, value)),
        }
    }
}

impl Set<Box<[u8]>> {
    #[inline]
    fn holds(&self, bytes: &[u8]) -> bool {
        match self {
            Set::One(only) => **only == *bytes,
            Set::Many(many) => many.contains(bytes),
        }
    }
}

#[inline]
unsafe fn integer(form: Form, value: pg_sys::Datum) -> i64 {
    // SAFETY: the datum is of the type that `form` stands for, each of which is passed by value.
    unsafe {
        match form {
            Form::Small => i64::from(i16::from_datum(value, false).unwrap_or_default()),
            Form::Big => i64::from_datum(value, false).unwrap_or_default(),
            Form::Label => i64::from(u32::from_datum(value, false).unwrap_or_default()),
            _ => i64::from(i32::from_datum(value, false).unwrap_or_default()),
        }
    }
}

unsafe fn is_same_number(one: pg_sys::Datum, other: pg_sys::Datum) -> bool {
    // SAFETY: two numeric datums.
    unsafe {
        let same = pg_sys::DirectFunctionCall2Coll(Some(numeric_equality), pg_sys::InvalidOid, one, other);
        bool::from_datum(same, false).unwrap_or(false)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn numeric_equality(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called with two numeric datums.
    unsafe { pg_sys::numeric_eq(call) }
}

/// Planner support of `in_scope`: free, keeps every row; and for a type whose equality is not leakproof, which no
/// condition above the fence may use an index for, the index condition that the fence itself allows.
#[pg_guard]
unsafe extern "C-unwind" fn in_scope_support_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the planner passes one request node, of the type that its tag says.
    unsafe {
        let request = (*(*call).args.as_ptr()).value.cast_mut_ptr::<pg_sys::Node>();
        if request.is_null() {
            return pg_sys::Datum::from(0usize);
        }
        match (*request).type_ {
            pg_sys::NodeTag::T_SupportRequestSelectivity => {
                (*request.cast::<pg_sys::SupportRequestSelectivity>()).selectivity = 1.0;
                pg_sys::Datum::from(request)
            }
            pg_sys::NodeTag::T_SupportRequestCost if IS_FREE.get().is_none_or(|is_free| is_free()) => {
                let cost = request.cast::<pg_sys::SupportRequestCost>();
                (*cost).startup = 0.0;
                (*cost).per_tuple = 0.0;
                pg_sys::Datum::from(request)
            }
            pg_sys::NodeTag::T_SupportRequestIndexCondition => {
                let request = request.cast::<pg_sys::SupportRequestIndexCondition>();
                index_condition(&mut *request).map_or(pg_sys::Datum::from(0usize), pg_sys::Datum::from)
            }
            _ => pg_sys::Datum::from(0usize),
        }
    }
}

/// `column = claim('name')::type`, which the executor computes once when the scan starts. The fence stays behind it as
/// a filter.
unsafe fn index_condition(request: &mut pg_sys::SupportRequestIndexCondition) -> Option<*mut pg_sys::List> {
    // SAFETY: the node is the call of `in_scope` that the planner looks at; nodes are made in its memory.
    unsafe {
        let (function, column, name) = support::of_first_argument(request)?;
        let type_oid = pg_sys::exprType(column);
        let operator = types::equality_operator(type_oid)?;
        if (*name).type_ != pg_sys::NodeTag::T_Const
            || pg_sys::get_func_leakproof(routines::operator_function(operator))
            || !pg_sys::op_in_opfamily(operator, request.opfamily)
        {
            return None;
        }
        let claim = routines::function_named(pg_sys::get_func_namespace(function), c"claim", pg_sys::TEXTOID)?;
        let argument = pg_sys::copyObjectImpl(name.cast()).cast();
        let text = pg_sys::makeFuncExpr(
            claim,
            pg_sys::TEXTOID,
            pg_sys::lappend(std::ptr::null_mut(), argument),
            pg_sys::InvalidOid,
            pg_sys::DEFAULT_COLLATION_OID,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        );
        let value = pgrx::PgBox::<pg_sys::CoerceViaIO>::alloc_node(pg_sys::NodeTag::T_CoerceViaIO).into_pg();
        (*value).arg = text.cast();
        (*value).resulttype = type_oid;
        (*value).coerceformat = pg_sys::CoercionForm::COERCE_EXPLICIT_CAST;
        (*value).location = -1;
        let column = pg_sys::copyObjectImpl(column.cast()).cast();
        let condition = pg_sys::make_opclause(
            operator,
            pg_sys::BOOLOID,
            false,
            column,
            value.cast(),
            pg_sys::InvalidOid,
            pg_sys::InvalidOid,
        );
        request.lossy = true;
        Some(pg_sys::lappend(std::ptr::null_mut(), condition.cast()))
    }
}

exported!(in_call = in_call_wrapper);

/// `in_call() RETURNS boolean`: whether a call with claims is running.
#[pg_guard]
unsafe extern "C-unwind" fn in_call_wrapper(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pg_sys::Datum::from(claims::generation() != 0)
}
