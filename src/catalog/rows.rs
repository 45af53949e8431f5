//! The rows of the catalog, and of our own tables, that a plane which another backend has derived is compared with before it is
//! used. The server counts what was changed since (pgx::hooks::commits); this holds behind it, and sees what tells no cache, such
//! as rows of pg_policy that a superuser changed by hand.

use crate::pgx::rows::{self, Key, Keyed};
use crate::pgx::server;
use pgrx::pg_sys::Oid;
use serde::{Deserialize, Serialize};
use std::ffi::CStr;

/// A table of the catalog, an index of it that begins with an OID, and that column's number. Source: pg_class.h and its like; they
/// are the same in every major, and pg_test/backend/numbers.rs asks the server.
pub(crate) type Catalog = (u32, u32, i16);

pub(crate) const RELATIONS: Catalog = (1259, 2662, 1);
pub(crate) const ATTRIBUTES: Catalog = (1249, 2659, 1);
pub(crate) const POLICIES: Catalog = (3256, 3258, 3);
pub(crate) const GENERATED: Catalog = (2604, 2656, 2);
pub(crate) const ROLES: Catalog = (1260, 2677, 1);
pub(crate) const EXTENSIONS: Catalog = (3079, 3080, 1);
/// Its second column is the role.
pub(crate) const DB_ROLE_SETTING: Catalog = (2964, 2965, 1);

fn print(catalog: Catalog, oid: Oid) -> u64 {
    let (table, index, column) = catalog;
    rows::print(Keyed { table: table.into(), index: index.into(), keys: &[(column, Key::Oid(oid))] })
}

/// Our own tables by which a plane is made.
const ADMITTING: [&CStr; 2] = [c"allowed_functions", c"views"];
const RESTRICTING: [&CStr; 2] = [c"parents", c"tripwires"];

/// What a plane as a whole is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rows {
    /// The reader role.
    reader: (u32, u64),
    /// The extension.
    extension: (u32, u64),
    /// `splitplane.relations` and its primary key's index.
    pub(super) register: (u32, u32),
    /// Those of our tables that restrict, and those that admit and have rows.
    tables: Vec<(u32, u64)>,
}

impl Rows {
    /// As they are now.
    pub(super) fn read(reader: Oid, register: (u32, u32)) -> Self {
        let print = |catalog, oid: Oid| (oid.to_u32(), print(catalog, oid));
        let own = |name: &CStr| server::own_relation(name).map(|table| (table.to_u32(), rows::print_of_table(table)));
        let admitting = ADMITTING.iter().filter_map(|name| own(name)).filter(|(_, print)| *print != 0);
        Rows {
            reader: print(ROLES, reader),
            extension: print(EXTENSIONS, server::own_extension()),
            register,
            tables: admitting.chain(RESTRICTING.iter().filter_map(|name| own(name))).collect(),
        }
    }

    /// Whether they are as they were. A table that had no rows then is not read: what was added since only admits more.
    pub(super) fn are_same(&self) -> bool {
        let is_same = |catalog, (oid, known): (u32, u64)| print(catalog, oid.into()) == known;
        is_same(ROLES, self.reader)
            && self.extension.0 == server::own_extension().to_u32()
            && is_same(EXTENSIONS, self.extension)
            && self.tables.iter().all(|(table, print)| rows::print_of_table((*table).into()) == *print)
    }
}

/// Those of one relation: the table, its columns, policies and generated columns, and how it is registered. `register` is
/// `splitplane.relations` and the index of its primary key.
pub(crate) fn of_relation(register: (u32, u32), relation: Oid) -> u64 {
    [RELATIONS, ATTRIBUTES, POLICIES, GENERATED, (register.0, register.1, 1)]
        .into_iter()
        .fold(0, |all: u64, catalog| all.rotate_left(13) ^ print(catalog, relation))
}
