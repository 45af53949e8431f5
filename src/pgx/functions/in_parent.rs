//! `splitplane.in_parent(links, key values ..)`: the row-level security condition of a relation whose rows belong to those of
//! others.
//!
//! True when each key that is not NULL is among those that the running call has collected, and there is one; false outside a
//! call. A key with a NULL in one of its columns is NULL, as for PostgreSQL's foreign keys. It is leakproof: what it answers
//! depends on the row, whether it fails does not.

use super::interface::exported;
use crate::error::{Refusal, State};
use crate::key_set::KeySetView;
use crate::pgx::key_forms::KeyForm;
use crate::pgx::pg_try::raise;
use crate::pgx::section::{claims, key_sets};
use pgrx::{FromDatum, PgList, PgMemoryContexts, pg_guard, pg_sys};

exported!(in_parent = in_parent_wrapper);
exported!(has_parent = in_parent_wrapper);

exported!(has_parent_support = has_parent_support_wrapper);

/// Kept between the rows of one execution.
struct LearntLinks {
    /// The call whose keys these are.
    generation: u64,
    links: Vec<LearntLink>,
    /// The bytes of a key.
    key: Vec<u8>,
}

struct LearntLink {
    forms: Vec<KeyForm>,
    keys: KeySetView<'static>,
}

/// `in_parent(text, VARIADIC "any") RETURNS boolean`, called on NULL.
#[pg_guard]
unsafe extern "C-unwind" fn in_parent_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let generation = claims::generation();
    if generation == 0 {
        return pg_sys::Datum::from(false);
    }
    // SAFETY: PostgreSQL calls with `nargs` arguments; `fn_extra` is ours alone.
    let is_member = unsafe {
        let count = usize::try_from((*call).nargs).unwrap_or(0);
        let arguments = (*call).args.as_slice(count);
        let information = (*call).flinfo;
        let mut known = (*information).fn_extra.cast::<LearntLinks>();
        if known.is_null() || (*known).generation != generation {
            known = learn(arguments, generation, information);
            (*information).fn_extra = known.cast();
        }
        let (_, values) = arguments.split_first().unwrap_or_else(|| raise(key_sets::missing()));
        belongs(&mut *known, values)
    };
    pg_sys::Datum::from(is_member)
}

/// Finds the sets, once for each execution and call.
#[cold]
unsafe fn learn(
    arguments: &[pg_sys::NullableDatum],
    generation: u64,
    information: *mut pg_sys::FmgrInfo,
) -> *mut LearntLinks {
    // SAFETY: the first argument is a text; the types of the others are those of the call's expression.
    unsafe {
        let text = arguments
            .first()
            .filter(|argument| !argument.isnull && pg_sys::get_fn_expr_arg_stable(information, 0))
            .and_then(|argument| String::from_datum(argument.value, false))
            .unwrap_or_default();
        let mut types = (1..arguments.len())
            .map(|place| KeyForm::of(pg_sys::get_fn_expr_argtype(information, i32::try_from(place).unwrap_or(0))));
        let mut links = Vec::new();
        for part in text.split(',') {
            let Some((link, columns)) = part.split_once(':').and_then(numbers) else { raise(malformed()) };
            let Some(forms) = types.by_ref().take(columns).collect::<Option<Vec<KeyForm>>>() else {
                raise(malformed())
            };
            if forms.len() != columns {
                raise(malformed());
            }
            let Some(keys) = key_sets::words(link).and_then(KeySetView::of) else { raise(key_sets::missing()) };
            links.push(LearntLink { forms, keys });
        }
        if types.next().is_some() {
            raise(malformed());
        }
        let mut memory = PgMemoryContexts::For((*information).fn_mcxt);
        memory.leak_and_drop_on_delete(LearntLinks { generation, links, key: Vec::new() })
    }
}

/// Planner support of `has_parent`: it keeps the rows whose parents have been collected.
#[pg_guard]
unsafe extern "C-unwind" fn has_parent_support_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the planner passes one request node, of the type that its tag says.
    unsafe {
        let request = (*(*call).args.as_ptr()).value.cast_mut_ptr::<pg_sys::Node>();
        if request.is_null() || (*request).type_ != pg_sys::NodeTag::T_SupportRequestSelectivity {
            return pg_sys::Datum::from(0usize);
        }
        let request = request.cast::<pg_sys::SupportRequestSelectivity>();
        let arguments = PgList::<pg_sys::Node>::from_pg((*request).args);
        let text = arguments.get_ptr(0).filter(|node| (**node).type_ == pg_sys::NodeTag::T_Const).and_then(|node| {
            let constant = node.cast::<pg_sys::Const>();
            String::from_datum((*constant).constvalue, (*constant).constisnull)
        });
        let text = text.unwrap_or_default();
        let links = text.split(',').filter_map(|part| part.split_once(':').and_then(numbers));
        (*request).selectivity = links.map(|(link, _)| key_sets::share_of(link)).product::<f64>().clamp(0.0, 1.0);
        pg_sys::Datum::from(request)
    }
}

fn numbers((link, columns): (&str, &str)) -> Option<(i32, usize)> {
    Some((link.parse().ok()?, columns.parse().ok().filter(|columns| *columns > 0)?))
}

/// Only a policy calls it, in the form that `protect_through` gives it.
fn malformed() -> Refusal {
    Refusal::new(State::Argument, "the links of splitplane.in_parent do not fit its key values")
}

unsafe fn belongs(known: &mut LearntLinks, mut values: &[pg_sys::NullableDatum]) -> bool {
    let mut has_key = false;
    for link in &known.links {
        let Some((key, rest)) = values.split_at_checked(link.forms.len()) else { return false };
        values = rest;
        if key.iter().any(|value| value.isnull) {
            continue;
        }
        // SAFETY: the values are of the types that the forms were made for.
        let is_known = unsafe {
            match (link.forms.as_slice(), key) {
                ([form], [value]) if form.is_number() => link.keys.has_integer(form.number(value.value)),
                (forms, _) => {
                    known.key.clear();
                    for (form, value) in forms.iter().zip(key) {
                        form.append(value.value, &mut known.key);
                    }
                    link.keys.has_text(&known.key)
                }
            }
        };
        if !is_known {
            return false;
        }
        has_key = true;
    }
    has_key
}
