//! Data servers, for `doctor()` and `selftest()`.

use crate::catalog;
use crate::error::{Refusal, StageResult};
use crate::pgx::functions::interface::exported;
use crate::pgx::pg_try::raise;
use crate::run::probe::{self, Seen};
use pgrx::prelude::*;

exported!(_data_server_problem = _data_server_problem_wrapper);

/// Why the fences of a foreign table are not as they must be on its data server, or cannot be looked at; NULL if they are.
#[pg_extern(sql = false)]
fn _data_server_problem(leaf: pg_sys::Oid, tenant_column: &str) -> Option<String> {
    let looked = catalog::own_plane().and_then(|plane| probe::problem(&plane, leaf, tenant_column));
    looked.unwrap_or_else(|refusal| Some(words(refusal)))
}

exported!(_data_server_seen = _data_server_seen_wrapper);

/// How many rows are seen without a claim, and with a tenant's claim of its own and of others; the first is NULL where none are taken.
#[pg_extern(sql = false)]
fn _data_server_seen(
    directory: pg_sys::Oid,
    tenant_column: &str,
    tenant: &str,
) -> TableIterator<'static, (name!(unclaimed, Option<i64>), name!(own, i64), name!(others, i64))> {
    let looked: StageResult<Seen> =
        catalog::own_plane().and_then(|plane| probe::seen(&plane, directory, tenant_column, tenant));
    let Seen { unclaimed, own, others } = looked.unwrap_or_else(|refusal| raise(refusal));
    TableIterator::once((unclaimed, own, others))
}

/// For administrators: with what the caller of `ask` is not told.
fn words(refusal: Refusal) -> String {
    refusal.detail.filter(|detail| !detail.is_empty()).unwrap_or(refusal.message)
}
