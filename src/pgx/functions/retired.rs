//! C functions of earlier versions, which a database names until `ALTER EXTENSION splitplane UPDATE` is run there.
//!
//! What answers, proves or signs refuses, and says what is to be done. What old policies call lets no row through and raises
//! nothing, since an error there would stop whoever reads the table. Some functions go on under the names that pgrx gives them:
//! `_config_changed`, which triggers call while the update itself runs; `_server_problems`, by which doctor() says that the update
//! is missing; `_new_secret`, `_seal` and `_normalise_question`, which have not changed since; `claim` and `claim_list`, which are
//! NULL outside of a call.

use super::interface::exported_as;
use crate::error::{Refusal, State};
use crate::pgx::entry;
use pgrx::{pg_guard, pg_sys};

// Interface 1, of version 0.1.0.
exported_as!("ask_wrapper", refused);
exported_as!("ask_rows_wrapper", refused);
exported_as!("ask_dry_run_wrapper", refused);
exported_as!("sign_wrapper", refused);
exported_as!("validate_wrapper", refused);
exported_as!("reopen_wrapper", refused);
exported_as!("_prove_wrapper", refused);
exported_as!("_selftest_run_wrapper", refused);
exported_as!("bounded_wrapper", refused);
exported_as!("counted_wrapper", refused);
exported_as!("among_wrapper", among);
exported_as!("among_support_wrapper", among_support);

#[pg_guard]
unsafe extern "C-unwind" fn refused(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    entry::guarded(|| {
        entry::check_version()?;
        // In a database of this version somebody's own function names the symbol.
        Err(Refusal::new(State::Unsafe, "this function is one of an earlier version of splitplane"))
    })
}

/// `among(anyelement, anyarray) RETURNS boolean`, of policies: nothing is in any list.
unsafe extern "C-unwind" fn among(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pg_sys::Datum::from(false)
}

/// `among_support(internal) RETURNS internal`: nothing is known.
unsafe extern "C-unwind" fn among_support(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    pg_sys::Datum::from(0usize)
}
