//! The symbols by which the extension's SQL names its C functions: `splitplane_`, the number of their interface, `_`, and the
//! function's name in SQL.
//!
//! A library that is older than the SQL of a database must not run it, and the other way round. With the number in the names
//! `ALTER EXTENSION UPDATE` fails where the server runs the older library (42883), before anything has changed. A library keeps the
//! symbols of earlier interfaces, which refuse (`retired.rs`).

/// The number of the interface between this library and its SQL.
///
/// It goes up, here and in sql/, with the first change after a release that an older library or older SQL could not take: arguments
/// or results of a C function, what one does, or which there are. The names of the number before then go to `retired.rs`.
macro_rules! interface_number {
    () => {
        "2"
    };
}
pub(crate) use interface_number;

/// Exports a function under the name that this interface gives it.
macro_rules! exported {
    ($name:ident = $function:path) => {
        $crate::pgx::functions::interface::exported_as!(
            concat!("splitplane_", $crate::pgx::functions::interface::interface_number!(), "_", stringify!($name)),
            $function
        );
    };
}
pub(crate) use exported;

/// Exports a function under a symbol, as PostgreSQL calls C functions of version 1.
macro_rules! exported_as {
    ($symbol:expr, $function:path) => {
        const _: () = {
            #[allow(unsafe_code)]
            #[unsafe(export_name = concat!("pg_finfo_", $symbol))]
            pub extern "C-unwind" fn record() -> &'static ::pgrx::pg_sys::Pg_finfo_record {
                static RECORD: ::pgrx::pg_sys::Pg_finfo_record = ::pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
                &RECORD
            }

            #[allow(unsafe_code)]
            #[unsafe(export_name = $symbol)]
            pub unsafe extern "C-unwind" fn call(call: ::pgrx::pg_sys::FunctionCallInfo) -> ::pgrx::pg_sys::Datum {
                // SAFETY: PostgreSQL calls with the arguments of the declaration, which are those of this function.
                unsafe { $function(call) }
            }
        };
    };
}
pub(crate) use exported_as;
