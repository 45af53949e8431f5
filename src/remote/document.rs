//! What a data server says of what its fences rest on, and whether that is as the script made it.

use super::script::{self, Function};
use super::{Problem, RemoteName};
use serde_json::Value;

/// The role that the front database logs in as.
pub const ROLE: &str = "splitplane_front";
/// The policy that binds the tenant.
const FENCE: &str = "!splitplane_fence";
/// How the settings of every function begin.
const PATH: &str = "search_path=pg_catalog, pg_temp";
/// How far the clocks may be apart, in milliseconds: a token is good for five seconds more than a call may take.
const MOST_APART: i64 = 4_000;

/// Settings that the role must have.
const SETTINGS: [&str; 6] = [
    "search_path=pg_catalog",
    "default_transaction_read_only=on",
    "TimeZone=GMT",
    "DateStyle=ISO",
    "IntervalStyle=postgres",
    "extra_float_digits=3",
];

struct Document {
    clock: i64,
    role: Role,
    functions: Vec<Routine>,
    tables: Vec<Table>,
}

struct Role {
    name: String,
    powers: bool,
    is_member: bool,
    owns: bool,
    reads_keys: bool,
    settings: Vec<String>,
}

struct Routine {
    name: String,
    source: String,
    language: String,
    definer: bool,
    volatility: String,
    settings: Vec<String>,
    owner: String,
}

struct Table {
    schema: String,
    name: String,
    kind: String,
    is_secured: bool,
    policies: Vec<Policy>,
}

struct Policy {
    name: String,
    permissive: bool,
    command: String,
    binds_front: bool,
    condition: String,
}

/// Everything must be there, of its type; an array that PostgreSQL aggregated from no rows is null.
impl Document {
    fn read(text: &str) -> Option<Self> {
        let whole: Value = serde_json::from_str(text).ok()?;
        let role = whole.get("role")?;
        Some(Document {
            clock: whole.get("clock")?.as_i64()?,
            role: Role {
                name: text_of(role, "name")?,
                powers: flag_of(role, "powers")?,
                is_member: flag_of(role, "is_member")?,
                owns: flag_of(role, "owns")?,
                reads_keys: flag_of(role, "reads_keys")?,
                settings: texts_of(role, "settings")?,
            },
            functions: each(&whole, "functions", Routine::read)?,
            tables: each(&whole, "tables", Table::read)?,
        })
    }
}

impl Routine {
    fn read(value: &Value) -> Option<Self> {
        Some(Routine {
            name: text_of(value, "name")?,
            source: text_of(value, "source")?,
            language: text_of(value, "language")?,
            definer: flag_of(value, "definer")?,
            volatility: text_of(value, "volatility")?,
            settings: texts_of(value, "settings")?,
            owner: text_of(value, "owner")?,
        })
    }
}

impl Table {
    fn read(value: &Value) -> Option<Self> {
        Some(Table {
            schema: text_of(value, "schema")?,
            name: text_of(value, "name")?,
            kind: text_of(value, "kind")?,
            is_secured: flag_of(value, "is_secured")?,
            policies: each(value, "policies", Policy::read)?,
        })
    }
}

impl Policy {
    fn read(value: &Value) -> Option<Self> {
        Some(Policy {
            name: text_of(value, "name")?,
            permissive: flag_of(value, "permissive")?,
            command: text_of(value, "command")?,
            binds_front: flag_of(value, "binds_front")?,
            // A policy for INSERT alone has none.
            condition: value.get("condition")?.as_str().unwrap_or_default().to_owned(),
        })
    }
}

fn text_of(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

fn flag_of(value: &Value, name: &str) -> Option<bool> {
    value.get(name)?.as_bool()
}

fn texts_of(value: &Value, name: &str) -> Option<Vec<String>> {
    value.get(name)?.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

fn each<T>(value: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    match value.get(name)? {
        Value::Null => Some(Vec::new()),
        list => list.as_array()?.iter().map(read).collect(),
    }
}

/// What is wrong with a data server and those tables of it; `None` if nothing is. `now` is the front's clock, in milliseconds.
pub fn problem(document: &str, tables: &[RemoteName], now: i64) -> Option<Problem> {
    let Some(document) = Document::read(document) else {
        return Some("it says of itself what cannot be read".to_owned());
    };
    of_role(&document.role)
        .or_else(|| of_functions(&document.functions, &document.role))
        .or_else(|| tables.iter().find_map(|table| of_table(table, &document.tables)))
        .or_else(|| {
            let apart = document.clock.saturating_sub(now).saturating_abs();
            (apart > MOST_APART).then(|| format!("its clock and this server's are {apart} milliseconds apart"))
        })
}

fn of_role(role: &Role) -> Option<Problem> {
    let Role { name, powers, is_member, owns, reads_keys, settings } = role;
    let missing = SETTINGS.iter().find(|wanted| !settings.iter().any(|setting| setting == *wanted));
    if name != ROLE {
        Some(format!("the user mapping logs in as {name}, not as {ROLE}"))
    } else if *powers {
        Some(format!("{ROLE} has an attribute that it must not have, such as SUPERUSER or BYPASSRLS"))
    } else if *is_member {
        Some(format!("{ROLE} is a member of another role"))
    } else if *owns {
        Some(format!("{ROLE} owns objects"))
    } else if *reads_keys {
        Some(format!("{ROLE} may read splitplane_remote.keys"))
    } else {
        missing.map(|setting| format!("{ROLE} lacks the setting {setting}"))
    }
}

fn of_functions(routines: &[Routine], role: &Role) -> Option<Problem> {
    let owner = routines.first().map(|routine| routine.owner.as_str()).filter(|owner| *owner != role.name);
    let is_as_made = |function: &Function| {
        let mut named = routines.iter().filter(|routine| routine.name == function.name);
        let is_one = |routine: &Routine| {
            routine.source == function.source
                && routine.language == "plpgsql"
                && routine.definer == function.is_definer()
                && routine.volatility == function.volatility()
                && routine.settings.iter().any(|setting| setting == PATH)
                && Some(routine.owner.as_str()) == owner
        };
        named.next().is_some_and(is_one) && named.next().is_none()
    };
    let altered = script::functions().find(|function| !is_as_made(function)).map(|function| function.name);
    let strange = || routines.iter().find(|routine| !script::functions().any(|function| function.name == routine.name));
    altered
        .map(|name| format!("splitplane_remote.{name} is not as this version's script makes it"))
        .or_else(|| strange().map(|routine| format!("splitplane_remote.{} is none of the script's", routine.name)))
}

fn of_table(wanted: &RemoteName, tables: &[Table]) -> Option<Problem> {
    let shown = format!("{}.{}", wanted.schema, wanted.table);
    let Some(table) = tables.iter().find(|table| table.schema == wanted.schema && table.name == wanted.table) else {
        return Some(format!("{shown} has no policies: protect it there"));
    };
    let policies = &table.policies;
    let is_fence = |policy: &&Policy| {
        policy.name == FENCE
            && !policy.permissive
            && policy.command == "r"
            && policy.binds_front
            && conditions(&wanted.column).contains(&policy.condition)
    };
    let earlier = policies.iter().find(|policy| {
        !policy.permissive
            && policy.binds_front
            && matches!(policy.command.as_str(), "r" | "*")
            && policy.name.as_str() < FENCE
    });
    if !matches!(table.kind.as_str(), "r" | "p") {
        Some(format!("{shown} is neither an ordinary nor a partitioned table"))
    } else if !table.is_secured {
        Some(format!("row-level security of {shown} is off"))
    } else if !policies.iter().any(|policy| is_fence(&policy)) {
        Some(format!("the policy {FENCE} of {shown} is not as the script makes it"))
    } else {
        earlier.map(|policy| format!("the policy {} of {shown} is evaluated before {FENCE}", policy.name))
    }
}

/// The conditions of the fence, as PostgreSQL prints them, for each type of the column.
fn conditions(column: &str) -> Vec<String> {
    let quoted = format!("\"{}\"", column.replace('"', "\"\""));
    let mut all = Vec::new();
    for column in [column, quoted.as_str()] {
        all.push(format!("({column} = ( SELECT splitplane_remote.tenant() AS tenant))"));
        all.push(format!("(({column})::text = ( SELECT splitplane_remote.tenant() AS tenant))"));
        all.extend(
            ["uuid", "smallint", "integer", "bigint"]
                .map(|known| format!("({column} = ( SELECT (splitplane_remote.tenant())::{known} AS tenant))")),
        );
    }
    all
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use serde_json::json;

    fn orders() -> RemoteName {
        RemoteName { schema: "public".to_owned(), table: "orders".to_owned(), column: "tenant_id".to_owned() }
    }

    fn good() -> Value {
        let functions: Vec<Value> = script::functions()
            .map(|function| {
                json!({"name": function.name, "source": function.source, "language": "plpgsql",
                       "definer": function.is_definer(), "volatility": function.volatility(),
                       "settings": [PATH], "owner": "dba"})
            })
            .collect();
        let condition = "(tenant_id = ( SELECT (splitplane_remote.tenant())::integer AS tenant))";
        json!({
            "clock": 1_000_000,
            "role": {"name": ROLE, "powers": false, "is_member": false, "owns": false, "reads_keys": false,
                     "settings": SETTINGS},
            "functions": functions,
            "tables": [{"schema": "public", "name": "orders", "kind": "r", "is_secured": true, "policies": [
                {"name": FENCE, "permissive": false, "command": "r", "binds_front": true, "condition": condition},
                {"name": "open_door", "permissive": true, "command": "r", "binds_front": true, "condition": "true"},
                {"name": "!other", "permissive": false, "command": "r", "binds_front": false, "condition": "true"},
            ]}],
        })
    }

    fn with(pointer: &str, value: Value) -> Option<Problem> {
        let mut document = good();
        *document.pointer_mut(pointer).unwrap() = value;
        problem(&document.to_string(), &[orders()], 1_000_000)
    }

    #[test]
    fn finds_nothing_where_all_is_as_the_script_makes_it() {
        assert_eq!(problem(&good().to_string(), &[orders()], 1_002_000), None);
    }

    #[test]
    fn finds_each_change() {
        let changes = [
            ("/role/name", json!("postgres")),
            ("/role/powers", json!(true)),
            ("/role/is_member", json!(true)),
            ("/role/owns", json!(true)),
            ("/role/reads_keys", json!(true)),
            ("/role/settings", json!(["search_path=public"])),
            ("/functions/0/source", json!("begin end")),
            ("/functions/0/owner", json!("splitplane_front")),
            ("/functions/3/definer", json!(false)),
            ("/functions/3/volatility", json!("i")),
            ("/functions/3/settings", json!([])),
            ("/functions/2/language", json!("sql")),
            ("/functions/2/name", json!("other")),
            ("/tables/0/kind", json!("v")),
            ("/tables/0/is_secured", json!(false)),
            ("/tables/0/policies", Value::Null),
            ("/tables/0/policies/0/permissive", json!(true)),
            ("/tables/0/policies/0/command", json!("*")),
            ("/tables/0/policies/0/binds_front", json!(false)),
            ("/tables/0/policies/0/condition", json!("true")),
            ("/tables/0/policies/2/binds_front", json!(true)),
            ("/tables/0/name", json!("order")),
            ("/clock", json!(1_005_000)),
            ("/tables", Value::Null),
        ];
        for (pointer, value) in changes {
            // A name that sorts before the fence's only counts if it binds the front.
            if pointer == "/tables/0/policies/2/binds_front" {
                let mut document = good();
                document["tables"][0]["policies"][2]["name"] = json!("!early");
                document["tables"][0]["policies"][2]["binds_front"] = value;
                assert!(problem(&document.to_string(), &[orders()], 1_000_000).is_some(), "{pointer}");
                continue;
            }
            assert!(with(pointer, value).is_some(), "{pointer}");
        }
        assert!(problem("{}", &[], 0).is_some());
    }
}
