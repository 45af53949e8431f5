//! Which functions may run while a statement is analysed, where schemas of extensions are on the path.
//!
//! Analysis has the input functions of types read literals, and looks for operators and functions by their names: others may have
//! put some there that take a type of their own, whose input function, or the check of a domain in it, would then run on the
//! caller's text before anything is proved. `parse::analyse` finds those first; this holds behind it. PostgreSQL asks before it
//! looks up how any function is called that is not built in: of a check that calls built-in functions alone nothing is seen here.

use crate::error::{Refusal, State};
use crate::pgx::pg_try::raise;
use crate::pgx::{routines, types};
use pgrx::{pg_guard, pg_sys};
use std::cell::RefCell;
use std::collections::HashSet;

thread_local! {
    static ADMITTED: RefCell<Option<HashSet<pg_sys::Oid>>> = const { RefCell::new(None) };
}

static mut NEEDED_BEFORE: pg_sys::needs_fmgr_hook_type = None;
static mut CALLED_BEFORE: pg_sys::fmgr_hook_type = None;

/// Takes its place; called once from `_PG_init`.
pub fn init() {
    // SAFETY: `_PG_init` runs once, in a process with one thread, before the hooks are called.
    unsafe {
        NEEDED_BEFORE = pg_sys::needs_fmgr_hook;
        pg_sys::needs_fmgr_hook = Some(on_lookup);
        CALLED_BEFORE = pg_sys::fmgr_hook;
        pg_sys::fmgr_hook = Some(on_call);
    }
}

/// As long as it lives, only the functions that read and take apart values of some types are looked up.
pub(in crate::pgx) struct AnalysisGuard(());

impl AnalysisGuard {
    /// Of these types. The others of PostgreSQL's own are built in.
    pub(in crate::pgx) fn admit(types: impl IntoIterator<Item = pg_sys::Oid>) -> Self {
        let functions =
            types.into_iter().flat_map(|known| [types::input_function(known), types::subscript_function(known)]);
        ADMITTED.with(|admitted| *admitted.borrow_mut() = Some(functions.collect()));
        AnalysisGuard(())
    }
}

impl Drop for AnalysisGuard {
    fn drop(&mut self) {
        ADMITTED.with(|admitted| *admitted.borrow_mut() = None);
    }
}

/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_lookup(function: pg_sys::Oid) -> bool {
    // SAFETY: the hook chain of PostgreSQL, set in `_PG_init`.
    unsafe {
        check(function);
        NEEDED_BEFORE.is_some_and(|before| before(function))
    }
}

/// Functions with settings of their own, and those that run as their owner, are not asked for when they are looked up.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_call(
    event: pg_sys::FmgrHookEventType::Type,
    information: *mut pg_sys::FmgrInfo,
    argument: *mut pg_sys::Datum,
) {
    // SAFETY: the hook chain of PostgreSQL, set in `_PG_init`; called with what it would have been called with.
    unsafe {
        if event == pg_sys::FmgrHookEventType::FHET_START {
            check((*information).fn_oid);
        }
        if let Some(before) = CALLED_BEFORE {
            before(event, information, argument);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn check(function: pg_sys::Oid) {
    let is_refused = ADMITTED.with(|admitted| match admitted.try_borrow() {
        Ok(admitted) => admitted.as_ref().is_some_and(|known| !known.contains(&function)),
        Err(_) => true,
    });
    if is_refused && function.to_u32() >= pg_sys::FirstNormalObjectId && !routines::is_access_method(function) {
        // The caller wrote none of these names.
        let refusal = Refusal::new(State::OutsidePlane, "a literal would be read as a type that is not in the plane");
        raise(refusal.with_detail(routines::function_name(function)));
    }
}
