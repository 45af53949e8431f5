//! The plane as a snapshot: relations, columns, functions and types that untrusted SQL may name.

use super::own_functions::{ComparisonFunctions, MomentFunctions, PolicyFunctions};
pub use super::relation::{Link, PlaneColumn, PlaneRelation, ScopeBinding};
use super::relations::Relations;
use super::sorted::{Names, Oids};
use super::types::PlaneTypes;
use super::views::PlaneView;
use crate::pgx::names::quote_identifier;
use crate::pgx::parse::NameScope;
use crate::pgx::types;
use pgrx::pg_sys::Oid;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::rc::Rc;

/// A function that a DBA allowed, outside pg_catalog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AllowedFunction {
    /// The function.
    pub oid: Oid,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
}

/// What the lists of allowed extensions have.
#[derive(Debug, Clone, Default)]
pub struct Extensions {
    /// Functions and aggregates by OID, with how a call grows, by the name that the list has for it.
    pub functions: HashMap<Oid, String>,
    /// Their names, with the schemas that they may be qualified by.
    pub names: HashSet<(String, String)>,
    /// Operators by OID.
    pub operators: HashSet<Oid>,
    /// Casts by OID.
    pub casts: HashSet<Oid>,
    /// Types by OID.
    pub types: HashSet<Oid>,
    /// Those of them whose values may come of columns and functions alone: some texts of them are not safe to read.
    pub unread: HashSet<Oid>,
    /// Types whose cast to JSON must not run, with the functions by which an answer shows their values.
    pub answers: HashMap<Oid, Oid>,
    /// Schemas, in the order in which names are looked up there.
    pub schemas: Vec<String>,
}

impl Extensions {
    /// Whether a function's name may be written, with that schema or without any.
    pub fn has_function(&self, schema: Option<&str>, name: &str) -> bool {
        self.names.iter().any(|(home, known)| known == name && schema.is_none_or(|schema| schema == home))
    }

    /// Whether it is the schema of one.
    pub fn has_schema(&self, schema: &str) -> bool {
        self.schemas.iter().any(|known| known == schema)
    }
}

/// The allowlist of PostgreSQL's own functions; the same for every database of a server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Builtins {
    /// By OID.
    pub functions: Oids,
    /// By name.
    pub names: Names,
    /// By name, those that give random values: they are among the names, and not among the functions.
    pub drawing: HashMap<String, Oid>,
    /// Those among them that are aggregates.
    pub aggregates: Names,
    /// Types by OID that may appear in an expression.
    pub types: Oids,
    /// Types by name that may be written.
    pub type_names: Names,
    /// Collations by OID.
    pub collations: Oids,
    /// Collations by name.
    pub collation_names: Names,
}

/// The whole plane.
#[derive(Debug, Clone)]
pub struct Plane {
    /// By plane name.
    pub relations: Relations,
    /// Queries over the plane that can be named like relations, by name; no name is a relation's as well.
    pub views: HashMap<String, Rc<PlaneView>>,
    /// Functions that a DBA allowed.
    pub allowed: Vec<AllowedFunction>,
    /// What allowed extensions add.
    pub extensions: Extensions,
    /// Types of plane columns besides the built-in ones (enums, domains, their arrays).
    pub column_types: Oids,
    /// The enums and domains among them, by name.
    pub types: PlaneTypes,
    /// PostgreSQL's own functions and types.
    pub builtins: Rc<Builtins>,
    /// The reader role.
    pub reader: Oid,
    /// The functions of the policies and of the stages `attach` and `trust`.
    pub policy: PolicyFunctions,
    /// More functions of the stage `trust`.
    pub moments: Rc<MomentFunctions>,
    /// Likewise, around columns.
    pub comparisons: Rc<ComparisonFunctions>,
    /// Armed relations, as `pgx::hooks::tripwire_scan` reads them.
    pub tripwires: String,
    /// Whether servers of a cluster keep rows of it.
    pub is_on_nodes: bool,
    /// Whether any tenant has a budget.
    pub has_budgets: bool,
    /// (setting, value) pairs of ALTER ROLE ALL SET and ALTER DATABASE .. SET; a later one wins.
    pub database_settings: Vec<(String, String)>,
}

impl Plane {
    /// The relation of a plane name, for a statement.
    pub fn relation(&self, name: &str) -> Option<&Rc<PlaneRelation>> {
        self.relation_of_view(name).filter(|relation| !relation.is_hidden)
    }

    /// The relation whose table has this schema and name now, whatever its plane name, for a statement.
    pub fn qualified(&self, schema: &str, name: &str) -> Option<&Rc<PlaneRelation>> {
        self.qualified_of_view(schema, name).filter(|relation| !relation.is_hidden)
    }

    /// The same plane with hidden relations like any other. For the self-test alone, which compares what their fences let through.
    pub fn opened(&self) -> Self {
        let open = |relation: &Rc<PlaneRelation>| {
            Rc::new(PlaneRelation { is_hidden: false, ..PlaneRelation::clone(relation) })
        };
        Plane { relations: Relations::new(self.relations.iter().map(open)), ..self.clone() }
    }

    /// The relation of a plane name, for the text of a view: hidden ones too.
    pub fn relation_of_view(&self, name: &str) -> Option<&Rc<PlaneRelation>> {
        self.relations.get(name).filter(|relation| !relation.has_lost_name)
    }

    /// The relation of a table.
    pub fn of_table(&self, table: Oid) -> Option<&Rc<PlaneRelation>> {
        self.relations.of_table(table)
    }

    /// The relation of a table's name, for the text of a view.
    pub fn qualified_of_view(&self, schema: &str, name: &str) -> Option<&Rc<PlaneRelation>> {
        self.relations.qualified(schema, name)
    }

    /// Whether a function is one that `attach` and `trust` put into the tree.
    pub fn is_own_function(&self, function: Oid) -> bool {
        self.policy.is_wrapper(function) || self.moments.contains(function) || self.comparisons.contains(function)
    }

    /// Whether a function may run.
    pub fn allows_function(&self, function: Oid) -> bool {
        self.builtins.functions.contains(&function)
            || self.allowed.iter().any(|known| known.oid == function)
            || self.extensions.functions.contains_key(&function)
    }

    /// Whether an operator may be used, apart from the function behind it: analysis looks for operators in the schemas of
    /// extensions, where others may have put some that are made of the same functions.
    pub fn allows_operator(&self, operator: Oid) -> bool {
        operator.to_u32() < pgrx::pg_sys::FirstNormalObjectId || self.extensions.operators.contains(&operator)
    }

    /// Whether values of a type may become one of another: a conversion from or to an extension's type is that extension's own,
    /// or goes through text and is no cast of anyone's.
    pub fn allows_cast(&self, from: Oid, to: Oid) -> bool {
        let is_foreign = |type_oid| self.extensions.types.contains(&types::innermost_type(type_oid));
        !(is_foreign(from) || is_foreign(to))
            || types::cast(from, to).is_none_or(|cast| self.extensions.casts.contains(&cast))
    }

    /// Whether a text may become a value of a type while a statement runs.
    pub fn reads(&self, type_oid: Oid) -> bool {
        self.extensions.unread.is_empty() || !self.extensions.unread.contains(&types::innermost_type(type_oid))
    }

    /// Where the names of a statement are looked up while it is analysed.
    pub fn name_scope(&self) -> NameScope {
        if self.extensions.schemas.is_empty() {
            return NameScope::own();
        }
        let schemas = self.extensions.schemas.iter().map(|schema| quote_identifier(schema));
        let path: Vec<String> =
            std::iter::once("pg_catalog".to_owned()).chain(schemas).chain(["pg_temp".to_owned()]).collect();
        // No name of the catalog holds a zero byte.
        let path = CString::new(path.join(", ")).unwrap_or_default();
        NameScope { path, types: Some(self.extensions.types.difference(&self.extensions.unread).copied().collect()) }
    }

    /// PostgreSQL's `random()`, unless a DBA allowed it as it is.
    pub fn generator(&self) -> Option<Oid> {
        self.builtins.drawing.get("random").copied().filter(|function| !self.allows_function(*function))
    }

    /// Whether a function gives random values and so is admitted in select lists alone. One that a DBA allowed is not held to
    /// that; `random()` itself is none: where the stage `trust` has left it, the proof refuses it.
    pub fn draws(&self, function: Oid) -> bool {
        let is_builtin = self.builtins.drawing.values().any(|known| *known == function);
        (function == self.policy.drawn || is_builtin)
            && self.generator() != Some(function)
            && !self.allows_function(function)
    }

    /// Whether a value of a type may appear.
    pub fn allows_type(&self, type_oid: Oid) -> bool {
        self.builtins.types.contains(&type_oid) || self.column_types.contains(&type_oid)
    }
}
