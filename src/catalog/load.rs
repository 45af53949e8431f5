//! Derives the plane from the catalog. A critical finding of `doctor()` closes it.

use super::allowlist;
use super::plane::{AllowedFunction, Extensions, Link, Plane, PlaneColumn, PlaneRelation, ScopeBinding};
use super::relations::Relations;
use super::row::{first_text, flag, oid, text, unreadable};
use super::rows::DB_ROLE_SETTING;
use super::{budgets, own_functions, types, views};
use crate::ablation::{self, Switch};
use crate::error::{Refusal, StageResult, State};
use crate::pgx::hooks::invalidation::Watched;
use crate::pgx::routines;
use crate::pgx::rows::{self, Key, Keyed};
use crate::pgx::server;
use crate::pgx::spi::read::Lookup;
use crate::pgx::types::{array_type, element_type};
use pgrx::pg_sys::Oid;
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    static COLUMNS: Lookup = const { Lookup::new(include_str!("load.sql"), 0) };
    static LINKS: Lookup = const { Lookup::new(include_str!("links.sql"), 0) };
    static FUNCTIONS: Lookup = const { Lookup::new(FUNCTIONS_SQL, 0) };
    static LIBRARIES: Lookup = const { Lookup::new(LIBRARIES_SQL, 0) };
    static EXTENSIONS: Lookup = const { Lookup::new(EXTENSIONS_SQL, 0) };
    static WATCHED_FUNCTIONS: Lookup = const { Lookup::new(WATCHED_FUNCTIONS_SQL, 0) };
    static LEFT_BEHIND: Lookup = const { Lookup::new(LEFT_BEHIND_SQL, 0) };
    static WATCHED: Lookup = const { Lookup::new(WATCHED_SQL, 0) };
    static TRIPWIRES: Lookup = const { Lookup::new("SELECT splitplane._tripwires()", 0) };
    static FINDING: Lookup = const { Lookup::new("SELECT splitplane._critical_finding()", 0) };
}

const FUNCTIONS_SQL: &str = "SELECT f.function::pg_catalog.oid::pg_catalog.text, n.nspname::pg_catalog.text, \
     p.proname::pg_catalog.text FROM splitplane.functions AS f \
     JOIN pg_catalog.pg_proc AS p ON p.oid = f.function JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace";

/// Libraries of allowed extensions, as they lie on the disk, that were read.
const LIBRARIES_SQL: &str = "SELECT DISTINCT l.library FROM splitplane.allowed_extensions AS a \
     JOIN splitplane._read_libraries() AS l ON l.extension OPERATOR(pg_catalog.=) a.extension \
     WHERE splitplane._extension_problem(a.extension) IS NULL";

const EXTENSIONS_SQL: &str = "SELECT n.nspname::pg_catalog.text, x.kind, x.object::pg_catalog.text, x.name, x.bound \
     FROM splitplane._extension_objects() AS x JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) x.schema";

const LEFT_BEHIND_SQL: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_policy AS p \
     WHERE p.polname OPERATOR(pg_catalog.=) ANY (splitplane._policy_names()) \
     AND NOT EXISTS (SELECT FROM splitplane.relations AS r \
     WHERE r.relation::pg_catalog.oid OPERATOR(pg_catalog.=) p.polrelid))::pg_catalog.text";

/// Functions whose changes count: those that were allowed, with another owner or a support function too, and all of allowed
/// extensions. Of these also those that no statement names, such as a type's output, and those that are not as they were read, since
/// they may be made so again.
const WATCHED_FUNCTIONS_SQL: &str = "SELECT d.objid::pg_catalog.text FROM splitplane.allowed_extensions AS a \
     JOIN pg_catalog.pg_extension AS e ON e.extname OPERATOR(pg_catalog.=) a.extension \
     JOIN pg_catalog.pg_depend AS d ON d.refobjid OPERATOR(pg_catalog.=) e.oid \
     WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid \
     AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid \
     AND d.deptype OPERATOR(pg_catalog.=) 'e' \
     UNION ALL SELECT p.known::pg_catalog.oid::pg_catalog.text FROM splitplane.allowed_functions AS f \
     CROSS JOIN LATERAL splitplane._procedure(f.signature) AS p(known) WHERE p.known IS NOT NULL";

/// Tables of the plane with all their partitions and children, down to the last: attaching one changes its parent alone. What
/// an earlier version lacks is passed over, since its update is asked for only later. Of our own, the index that `_config_changed`
/// gives the sign by, too.
const WATCHED_SQL: &str = "WITH RECURSIVE family AS (SELECT r.relation::pg_catalog.oid AS member FROM splitplane.relations AS r \
     UNION SELECT i.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) f.member) \
     SELECT member::pg_catalog.text FROM family UNION ALL \
     SELECT 'splitplane.relations'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.text UNION ALL \
     SELECT i.indexrelid::pg_catalog.text FROM pg_catalog.pg_index AS i \
     WHERE i.indrelid OPERATOR(pg_catalog.=) 'splitplane.relations'::pg_catalog.regclass::pg_catalog.oid AND i.indisprimary \
     UNION ALL \
     SELECT 'splitplane.allowed_functions'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.text UNION ALL \
     SELECT c.oid::pg_catalog.text FROM pg_catalog.pg_class AS c \
     WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY[pg_catalog.to_regclass('splitplane.allowed_extensions'), \
     pg_catalog.to_regclass('splitplane.parents')]::pg_catalog.oid[])";

/// The relations whose changes count.
pub(super) fn watched_relations() -> StageResult<Vec<Oid>> {
    WATCHED.with(|lookup| lookup.rows(&[]))?.iter().map(|row| oid(row.first())).collect()
}

/// All whose changes count.
pub(super) fn watched(relations: &[Oid], plane: &Plane) -> StageResult<Watched> {
    let functions = WATCHED_FUNCTIONS.with(|lookup| lookup.rows(&[]))?;
    let functions = functions.iter().map(|row| oid(row.first())).collect::<StageResult<Vec<Oid>>>()?;
    Ok(Watched::new(relations, plane.types.oids(), &functions))
}

/// Whether tables outside the plane have policies of ours: a change of such a table can be a critical finding, and is not watched.
pub(super) fn has_left_behind() -> StageResult<bool> {
    let found = LEFT_BEHIND.with(|lookup| lookup.rows(&[]))?;
    Ok(first_text(&found).as_deref() != Some("false"))
}

/// The plane, from the catalog.
pub(super) fn load() -> StageResult<Plane> {
    if !ablation::is_off(Switch::RowSecurity)
        && let Some(finding) = first_text(&FINDING.with(|lookup| lookup.rows(&[]))?)
    {
        return Err(Refusal::new(
            State::Unsafe,
            "the plane is closed: splitplane.doctor() names a finding that breaks isolation",
        )
        .with_detail(finding));
    }
    let reader = server::role(c"splitplane_reader")
        .ok_or_else(|| Refusal::new(State::Unsafe, "the role splitplane_reader does not exist"))?;
    let relations = relations()?;
    let builtins = allowlist::builtins()?;
    let extensions = extensions()?;
    let types = types::load()?;
    let column_types = relations
        .iter()
        .flat_map(|relation| {
            let keys = relation.links.iter().flat_map(|link| link.columns.iter().chain(&link.parent_columns));
            relation.columns.iter().chain(keys).map(|column| column.type_oid)
        })
        .chain(types.visible().iter().copied())
        .filter(|type_oid| !builtins.types.contains(type_oid))
        // array_agg over an enum column gives an array of it.
        .flat_map(|type_oid| [Some(type_oid), array_type(type_oid), element_type(type_oid)])
        .flatten()
        .collect();
    let is_on_nodes = relations.iter().any(|relation| relation.is_on_nodes);
    Ok(Plane {
        relations,
        views: views::load()?,
        allowed: allowed()?,
        extensions,
        column_types,
        types,
        builtins,
        reader,
        policy: own_functions::policy()?,
        moments: Rc::new(own_functions::moments()?),
        comparisons: Rc::new(own_functions::comparisons()?),
        tripwires: tripwires()?,
        is_on_nodes,
        has_budgets: budgets::are_there_any(),
        database_settings: database_settings()?,
    })
}

/// What ALTER ROLE ALL SET and ALTER DATABASE .. SET say, the latter last, since it wins. No cache of PostgreSQL's holds them.
pub(super) fn database_settings() -> StageResult<Vec<(String, String)>> {
    let (table, index) = (DB_ROLE_SETTING.0.into(), DB_ROLE_SETTING.1.into());
    let mut found = Vec::new();
    for database in [Oid::INVALID, server::database_oid().into()] {
        let keys = &[(1, Key::Oid(database)), (2, Key::Oid(Oid::INVALID))];
        for settings in rows::find(Keyed { table, index, keys }, |row| row.texts("setconfig"))? {
            let settings = settings.unwrap_or_default();
            found.extend(
                settings
                    .iter()
                    .filter_map(|setting| setting.split_once('='))
                    .map(|(name, value)| (name.to_owned(), value.to_owned())),
            );
        }
    }
    Ok(found)
}

fn relations() -> StageResult<Relations> {
    let mut found: HashMap<String, PlaneRelation> = HashMap::new();
    for row in COLUMNS.with(|lookup| lookup.rows(&[]))? {
        let [
            relation,
            schema,
            table,
            name,
            lost_name,
            moved,
            hidden,
            shared,
            on_nodes,
            column,
            attribute,
            type_oid,
            base,
            in_plane,
            private,
            claim,
            in_key,
            indexed,
            remote,
        ] = row.as_slice()
        else {
            return Err(unreadable());
        };
        let name = text(name)?;
        let entry = match found.entry(name.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(PlaneRelation {
                oid: oid(Some(relation))?,
                schema: text(schema)?,
                table: text(table)?,
                name,
                has_lost_name: flag(lost_name)?,
                is_moved: moved.as_deref() == Some("true"),
                is_hidden: flag(hidden)?,
                is_shared: flag(shared)?,
                is_on_nodes: flag(on_nodes)?,
                columns: Vec::new(),
                scope: Vec::new(),
                links: Vec::new(),
                primary_key: Vec::new(),
                is_remote: flag(remote)?,
                remote: None,
            }),
        };
        let column = PlaneColumn {
            name: text(column)?,
            attribute: text(attribute)?.parse().map_err(|_| unreadable())?,
            type_oid: oid(Some(type_oid))?,
            is_private: flag(private)?,
            is_indexed: flag(indexed)?,
        };
        if flag(in_key)? {
            entry.primary_key.push(column.name.clone());
        }
        if let Some(claim) = claim {
            let base_type = oid(Some(base))?;
            entry.scope.push(ScopeBinding::new(column.clone(), base_type, claim));
        }
        if flag(in_plane)? || ablation::is_off(Switch::Columns) {
            entry.columns.push(column);
        }
    }
    add_links(&mut found)?;
    if found.values().any(|relation| relation.is_shared != (relation.conditions() == 0)) {
        return Err(Refusal::new(State::Unsafe, "a plane relation has lost its scope column").with_detail("scope"));
    }
    Ok(Relations::new(found.into_values().map(Rc::new)))
}

/// One row for each column of each link, in order.
fn add_links(found: &mut HashMap<String, PlaneRelation>) -> StageResult<()> {
    for row in LINKS.with(|lookup| lookup.rows(&[]))? {
        let [link, name, parent, own, own_number, own_type, not_null, other, other_number, other_type] = row.as_slice()
        else {
            return Err(unreadable());
        };
        let number: i32 = text(link)?.parse().map_err(|_| unreadable())?;
        let relation = found.get_mut(&text(name)?).ok_or_else(unreadable)?;
        if relation.links.last().is_none_or(|last| last.number != number) {
            relation.links.push(Link {
                number,
                parent: oid(Some(parent))?,
                columns: Vec::new(),
                parent_columns: Vec::new(),
                is_not_null: true,
            });
        }
        let last = relation.links.last_mut().ok_or_else(unreadable)?;
        last.columns.push(key_column(own, own_number, own_type)?);
        last.parent_columns.push(key_column(other, other_number, other_type)?);
        last.is_not_null &= flag(not_null)?;
    }
    Ok(())
}

fn key_column(name: &Option<String>, number: &Option<String>, type_oid: &Option<String>) -> StageResult<PlaneColumn> {
    Ok(PlaneColumn {
        name: text(name)?,
        attribute: text(number)?.parse().map_err(|_| unreadable())?,
        type_oid: oid(Some(type_oid))?,
        is_private: false,
        is_indexed: false,
    })
}

fn allowed() -> StageResult<Vec<AllowedFunction>> {
    FUNCTIONS
        .with(|lookup| lookup.rows(&[]))?
        .iter()
        .map(|row| {
            let [function, schema, name] = row.as_slice() else { return Err(unreadable()) };
            Ok(AllowedFunction { oid: oid(Some(function))?, schema: text(schema)?, name: text(name)? })
        })
        .collect()
}

fn extensions() -> StageResult<Extensions> {
    // Before its file is read once more: what this backend has loaded is what it runs, whatever lies there later. Settings of a
    // library exist from then on.
    for row in LIBRARIES.with(|lookup| lookup.rows(&[]))? {
        server::load_library(&format!("$libdir/{}", text(row.first().unwrap_or(&None))?));
    }
    let mut found = Extensions::default();
    for row in EXTENSIONS.with(|lookup| lookup.rows(&[]))? {
        let [schema, kind, object, name, bound] = row.as_slice() else { return Err(unreadable()) };
        let (schema, object, name) = (text(schema)?, oid(Some(object))?, text(name)?);
        match text(kind)?.as_str() {
            "function" | "aggregate" => {
                found.functions.insert(object, text(bound)?);
                found.names.insert((schema.clone(), name));
            }
            "operator" => {
                found.operators.insert(object);
            }
            "cast" => {
                found.casts.insert(object);
            }
            "type" => {
                if text(bound)? == "stored" {
                    found.unread.insert(object);
                }
                found.types.insert(object);
            }
            "answer" => {
                found.answers.insert(routines::only_argument(object).ok_or_else(unreadable)?, object);
            }
            "estimator" | "io" | "table" => {}
            _ => return Err(unreadable()),
        }
        if schema != "pg_catalog" && !found.schemas.contains(&schema) {
            found.schemas.push(schema);
        }
    }
    found.schemas.sort_unstable();
    Ok(found)
}

fn tripwires() -> StageResult<String> {
    Ok(first_text(&TRIPWIRES.with(|lookup| lookup.rows(&[]))?).unwrap_or_default())
}
