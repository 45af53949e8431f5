//! What is asked of a data server before a statement runs there: by the reader, through its user mapping, so that it is the same
//! connection, transaction and savepoint.

use crate::error::{Refusal, StageResult, State};
use crate::pgx::names::{quote_identifier, quote_text};
use crate::pgx::pg_try::{ServerError, catch};
use crate::pgx::section::stage;
use crate::pgx::server_errors;
use crate::pgx::spi::read;
use crate::remote::RemoteName;
use pgrx::pg_sys;
use std::ffi::CString;

/// The schema of the extension whose function postgres_fdw sends, and of a foreign table for each server, of the server's name.
const SCHEMA: &str = "splitplane_remote";

/// Presents the token of this call and returns the fingerprint of what the fences of the data server rest on.
///
/// # Errors
/// 08006 where it cannot be reached, 55000 where it does not take the token.
pub fn claim(server: pg_sys::Oid, name: &str, token: &str) -> StageResult<String> {
    let table = table_of(server, name)?;
    let sql = format!("SELECT fingerprint FROM {table} WHERE {SCHEMA}.remote_claim(one, $1)");
    one_text(&sql, Some(token))
}

/// What the data server says that its fences rest on.
///
/// # Errors
/// 08006 where it cannot be reached.
pub fn document(server: pg_sys::Oid, name: &str) -> StageResult<String> {
    let table = table_of(server, name)?;
    one_text(&format!("SELECT document FROM {table}"), None)
}

/// What the catalog of a data server says of a table, its tenant's column and the role that is logged in there; by the foreign tables
/// that `use_data_server` has made.
///
/// # Errors
/// 08006 where it cannot be reached.
pub fn catalog(server: pg_sys::Oid, name: &str, table: &RemoteName) -> StageResult<String> {
    let of = |catalog: &str| table_of(server, &format!("{name}/{catalog}"));
    let [schema, relation, column] = [&table.schema, &table.table, &table.column].map(|text| quote_text(text));
    let (classes, namespaces, attributes) = (of("pg_class")?, of("pg_namespace")?, of("pg_attribute")?);
    let (collations, views, roles, enabled) =
        (of("pg_collation")?, of("pg_views")?, of("pg_roles")?, of("enabled_roles")?);
    let sql = format!(
        "WITH c AS MATERIALIZED (
             SELECT c.oid, c.relkind, c.relowner, c.reloptions FROM {classes} AS c
              WHERE c.relname = {relation} AND c.relnamespace = (SELECT n.oid FROM {namespaces} AS n WHERE n.nspname = {schema})),
         a AS MATERIALIZED (
             SELECT a.atttypid, a.attcollation FROM {attributes} AS a
              WHERE a.attname = {column} AND a.attrelid = (SELECT c.oid FROM c) AND a.attnum > 0)
         SELECT pg_catalog.jsonb_build_object(
             'relation', (SELECT pg_catalog.jsonb_build_object('kind', c.relkind, 'owner', c.relowner::int8,
                                 'options', pg_catalog.to_jsonb(coalesce(c.reloptions, '{{}}'))) FROM c),
             'column', (SELECT pg_catalog.jsonb_build_object('type', a.atttypid::int8,
                               'is_deterministic', a.attcollation = 0 OR coalesce(
                                   (SELECT k.collisdeterministic FROM {collations} AS k
                                     WHERE k.oid = (SELECT a.attcollation FROM a)), false)) FROM a),
             'definition', (SELECT v.definition FROM {views} AS v WHERE v.schemaname = {schema} AND v.viewname = {relation}),
             'roles', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('oid', r.oid::int8, 'name', r.rolname,
                              'powers', r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication))
                         FROM {roles} AS r WHERE r.rolname IN (SELECT e.role_name FROM {enabled} AS e))
         )::pg_catalog.text"
    );
    one_text(&sql, None)
}

/// The foreign table of a server.
fn table_of(server: pg_sys::Oid, name: &str) -> StageResult<String> {
    let missing = || {
        Refusal::new(State::Unsafe, "a data server is not set up: splitplane.doctor() says what to do")
            .with_detail(format!("there is no foreign table {SCHEMA}.{name} of that server"))
    };
    let (schema, table) = (CString::new(SCHEMA).map_err(|_| missing())?, CString::new(name).map_err(|_| missing())?);
    // SAFETY: catalog look-ups of NUL-terminated names; a relation that is there and is a foreign table.
    let found = unsafe {
        let table = pg_sys::get_relname_relid(table.as_ptr(), pg_sys::get_namespace_oid(schema.as_ptr(), true));
        table != pg_sys::InvalidOid
            && pg_sys::get_rel_relkind(table).cast_unsigned() == b'f'
            && (*pg_sys::GetForeignTable(table)).serverid == server
    };
    if found { Ok(format!("{SCHEMA}.{}", quote_identifier(name))) } else { Err(missing()) }
}

/// What a query of one row and one column gives, with a text as its parameter.
///
/// # Errors
/// 08006 where the data server cannot be reached, 55000 where it refuses.
pub fn one_text(sql: &str, argument: Option<&str>) -> StageResult<String> {
    stage::set_remote();
    let rows = catch(|| read::once(sql, argument)).map_err(|error| refused(&error))??;
    match rows.as_slice() {
        [row] => row.first().cloned().flatten(),
        _ => None,
    }
    .ok_or_else(|| unfit("a data server gave no answer to the claim of a call"))
}

fn refused(error: &ServerError) -> Refusal {
    server_errors::of_data_server(error)
        .unwrap_or_else(|| unfit(&format!("{} ({})", error.message, State::Server(error.code).sqlstate())))
}

/// What is said where a data server answers and its answer will not do.
pub fn unfit(detail: &str) -> Refusal {
    Refusal::new(
        State::Unsafe,
        "a data server did not take the claim of this call: splitplane.doctor() says what to do",
    )
    .with_detail(detail)
}

/// What is said where the catalog of a data server says of a table what will not do.
pub fn unfit_table(detail: &str) -> Refusal {
    Refusal::new(State::Unsafe, "a table of a data server is not as it must be: splitplane.doctor() says what to do")
        .with_detail(detail)
}
