//! The claim of a call on the data server that its statement reads: presented in the section, as the reader, before anything else is
//! asked there; and whether that server's fences are as the script made them, looked at whenever their fingerprint is a new one. To a
//! data server of another form no claim is presented: its catalog is looked at before each call is planned.

use crate::catalog::remotes;
use crate::error::{Refusal, StageResult};
use crate::pgx::foreign::{RemoteTable, greeting};
use crate::pgx::section::claims;
use crate::pgx::server;
use crate::remote::token::Token;
use crate::remote::{Form, RemoteName};
use crate::remote::{catalog, document};
use crate::settings;
use pgrx::pg_sys::Oid;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// Milliseconds by which a token outlasts the deadline of its call.
const GRACE: i64 = 5_000;
/// Servers that are remembered.
const MOST_SERVERS: usize = 1_024;

/// A server's fingerprint, and the tables of it that were found to be as they must.
struct Known {
    fingerprint: String,
    tables: BTreeSet<RemoteName>,
}

thread_local! {
    static KNOWN: RefCell<HashMap<Oid, Known>> = RefCell::new(HashMap::new());
}

/// Looks at the catalog of a data server that takes no claims, before it is asked anything that comes of a caller's text, be it an
/// estimate; nothing where that text is for nobody.
///
/// # Errors
/// 08006 where it cannot be reached, 55000 where a table there will not do.
pub(super) fn look_ahead(tables: &[Rc<RemoteTable>]) -> StageResult<()> {
    if claims::holder().is_none() {
        return Ok(());
    }
    let mut seen = BTreeSet::new();
    for table in tables.iter().filter(|table| table.form != Form::Claimed) {
        if !seen.insert(name_of(table)) {
            continue;
        }
        if let Some(problem) = of_catalog(table)? {
            return Err(greeting::unfit_table(&format!("data server {}: {problem}", table.server_name)));
        }
    }
    Ok(())
}

fn of_catalog(table: &RemoteTable) -> StageResult<Option<String>> {
    let name = name_of(table);
    Ok(catalog::problem(&greeting::catalog(table.server, &table.server_name, &name)?, &name, table.form))
}

/// Presents the claim of the running call to the data server of those tables, which are of one; nothing without any. One that takes no
/// claims was looked at before the call was planned.
///
/// # Errors
/// 08006 where it cannot be reached, 55000 where it or its fences will not do.
pub(super) fn present(tables: &[Rc<RemoteTable>]) -> StageResult<Option<Oid>> {
    let Some(first) = tables.first() else { return Ok(None) };
    let (server, name) = (first.server, first.server_name.as_str());
    let tenant = claims::holder().ok_or_else(|| Refusal::proof("a data server is asked for nobody"))?;
    if first.form != Form::Claimed {
        return Ok(Some(server));
    }
    let fingerprint = claim(server, name, &tenant)?;
    let wanted: BTreeSet<RemoteName> = tables.iter().map(|table| name_of(table)).collect();
    look(server, name, fingerprint, wanted)?;
    Ok(Some(server))
}

/// What is wrong with the fences of one table, as its data server says it now.
///
/// # Errors
/// 08006 where it cannot be reached.
pub(super) fn problem(table: &RemoteTable) -> StageResult<Option<String>> {
    if table.form != Form::Claimed {
        return of_catalog(table);
    }
    remotes::key(&table.server_name)?;
    let document = greeting::document(table.server, &table.server_name)?;
    Ok(document::problem(&document, &[name_of(table)], now()))
}

/// Presents a claim and returns the fingerprint.
pub(super) fn claim(server: Oid, name: &str, tenant: &str) -> StageResult<String> {
    let key = remotes::key(name)?;
    let expires = now().saturating_add(i64::from(settings::deadline())).saturating_add(GRACE);
    let token = Token { key_id: &key.key_id, secret: &key.secret, audience: &key.audience, expires, tenant };
    let token = token.text().ok_or_else(|| Refusal::internal("a token could not be made"))?;
    greeting::claim(server, name, &token)
}

/// Refuses tables of a data server whose fences are not as they must be.
fn look(server: Oid, name: &str, fingerprint: String, wanted: BTreeSet<RemoteName>) -> StageResult<()> {
    let is_known = KNOWN.with_borrow(|known| {
        let known = known.get(&server).filter(|known| known.fingerprint == fingerprint);
        known.is_some_and(|known| wanted.is_subset(&known.tables))
    });
    if is_known {
        return Ok(());
    }
    let tables: Vec<RemoteName> = wanted.iter().cloned().collect();
    if let Some(problem) = document::problem(&greeting::document(server, name)?, &tables, now()) {
        KNOWN.with_borrow_mut(|known| known.remove(&server));
        return Err(greeting::unfit(&format!("data server {name}: {problem}")));
    }
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST_SERVERS {
            known.clear();
        }
        let entry =
            known.entry(server).or_insert_with(|| Known { fingerprint: String::new(), tables: BTreeSet::new() });
        if entry.fingerprint != fingerprint {
            *entry = Known { fingerprint, tables: BTreeSet::new() };
        }
        entry.tables.extend(wanted);
    });
    Ok(())
}

/// The table as its data server says it.
fn name_of(table: &RemoteTable) -> RemoteName {
    RemoteName { schema: table.schema.clone(), table: table.table.clone(), column: table.tenant_column.clone() }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    server::now_microseconds().div_euclid(1_000)
}
