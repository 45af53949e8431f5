//! What the catalog of a data server says of a table and of who is logged in there, where no script of ours was run; and whether that
//! is enough for the form that it was given.
//!
//! In a security barrier view PostgreSQL evaluates, below the view, those conditions of the query alone that are leakproof: the
//! tenant's is, by its type, and so no other is evaluated over rows that it hides. That holds for a view that the planner moves a
//! condition into: columns of one relation, without LIMIT, grouping, window functions or set operations.

use super::sent::{Token, tokens};
use super::{Form, Problem, RemoteName};
use serde_json::Value;

/// int8, int2, int4, text, varchar, uuid: types with the same numbers everywhere, whose equality is leakproof.
const TYPES: [i64; 6] = [20, 21, 23, 25, 1043, 2950];

/// Words that, outside of parentheses, begin another part of a query than its conditions.
const PARTS: [&str; 11] =
    ["GROUP", "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH", "FOR"];

/// What is wrong with that table of a data server of that form; `None` if nothing is.
pub fn problem(document: &str, table: &RemoteName, form: Form) -> Option<Problem> {
    let shown = format!("{}.{}", table.schema, table.table);
    let unreadable = || Some("its catalog says what cannot be read".to_owned());
    let Ok(document) = serde_json::from_str::<Value>(document) else { return unreadable() };
    let (Some(relation), Some(column)) = (document.get("relation"), document.get("column")) else {
        return unreadable();
    };
    if relation.is_null() {
        return Some(format!("there is no {shown}"));
    }
    if column.is_null() {
        return Some(format!("{shown} has no column {}", table.column));
    }
    let read = || {
        let options = relation.get("options")?.as_array()?.iter();
        Some(Read {
            kind: relation.get("kind")?.as_str()?,
            owner: relation.get("owner")?.as_i64()?,
            options: options.map(Value::as_str).collect::<Option<_>>()?,
            type_number: column.get("type")?.as_i64()?,
            is_deterministic: column.get("is_deterministic")?.as_bool()?,
            definition: document.get("definition")?.as_str().unwrap_or_default(),
            roles: document.get("roles")?.as_array()?,
        })
    };
    let Some(read) = read() else { return unreadable() };
    of_role(&read, &shown).or_else(|| of_column(&read, &shown, &table.column)).or_else(|| match form {
        Form::Claimed => Some("it is to take claims".to_owned()),
        Form::Barrier => of_view(&read, &shown, &table.column),
        Form::Materialized => None,
    })
}

struct Read<'d> {
    kind: &'d str,
    owner: i64,
    options: Vec<&'d str>,
    type_number: i64,
    is_deterministic: bool,
    definition: &'d str,
    roles: &'d [Value],
}

/// Of the roles whose privileges the user mapping's has, there is itself alone.
fn of_role(read: &Read<'_>, shown: &str) -> Option<Problem> {
    let [role] = read.roles else {
        return Some("the user mapping logs in as a superuser or as a member of another role".to_owned());
    };
    let (Some(number), Some(powers)) =
        (role.get("oid").and_then(Value::as_i64), role.get("powers").and_then(Value::as_bool))
    else {
        return Some("its catalog says what cannot be read".to_owned());
    };
    if powers {
        Some(
            "the user mapping's role has an attribute that it must not have, such as SUPERUSER or BYPASSRLS".to_owned(),
        )
    } else {
        (number == read.owner).then(|| format!("the user mapping's role owns {shown}"))
    }
}

fn of_column(read: &Read<'_>, shown: &str, column: &str) -> Option<Problem> {
    let is_fit = TYPES.contains(&read.type_number) && read.is_deterministic;
    (!is_fit).then(|| {
        format!(
            "the column {column} of {shown} is not of type text, varchar, uuid, smallint, integer or bigint, or its collation is \
             not deterministic"
        )
    })
}

fn of_view(read: &Read<'_>, shown: &str, column: &str) -> Option<Problem> {
    let is_barrier = read
        .options
        .iter()
        .any(|option| matches!(*option, "security_barrier=true" | "security_barrier=on" | "security_barrier=1"));
    if read.kind != "v" {
        Some(format!("{shown} is not a view"))
    } else if !is_barrier {
        Some(format!("the view {shown} is not a security barrier"))
    } else if is_plain(read.definition, column) {
        None
    } else {
        Some(format!("the view {shown} is more than columns of one relation, the tenant's among them, and conditions"))
    }
}

/// Whether a view's definition is `SELECT columns FROM relation`, perhaps with WHERE, and the column is one of those.
fn is_plain(definition: &str, column: &str) -> bool {
    let tokens = tokens(definition);
    let [Token::Name(first), rest @ ..] = tokens.as_slice() else { return false };
    let mut rest = rest;
    let mut names = Vec::new();
    if first != "SELECT" {
        return false;
    }
    loop {
        let Some((mut name, after)) = dotted(rest) else { return false };
        rest = after;
        if let [Token::Name(word), Token::Name(given), after @ ..] = rest
            && word == "AS"
        {
            name = given;
            rest = after;
        }
        names.push(name);
        match rest {
            [Token::Symbol(','), after @ ..] => rest = after,
            [Token::Name(word), after @ ..] if word == "FROM" => {
                rest = after;
                break;
            }
            _ => return false,
        }
    }
    let Some((_, after)) = dotted(rest) else { return false };
    rest = after;
    if let [Token::Name(alias), after @ ..] = rest
        && alias != "WHERE"
    {
        rest = after;
    }
    let is_end = match rest {
        [] | [Token::Symbol(';')] => true,
        [Token::Name(word), conditions @ ..] => word == "WHERE" && are_conditions(conditions),
        _ => false,
    };
    is_end && names.contains(&column)
}

/// The last part of a name, and what follows it.
fn dotted(tokens: &[Token]) -> Option<(&str, &[Token])> {
    let [Token::Name(name), rest @ ..] = tokens else { return None };
    let (mut last, mut rest) = (name, rest);
    while let [Token::Symbol('.'), Token::Name(name), after @ ..] = rest {
        last = name;
        rest = after;
    }
    Some((last, rest))
}

/// Whether nothing follows the conditions.
fn are_conditions(tokens: &[Token]) -> bool {
    let mut depth: usize = 0;
    tokens.iter().all(|token| {
        match token {
            Token::Symbol('(') => depth = depth.saturating_add(1),
            Token::Symbol(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 0 || !matches!(token, Token::Name(word) if PARTS.contains(&word.as_str()))
    })
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use serde_json::json;

    fn orders() -> RemoteName {
        RemoteName { schema: "api".to_owned(), table: "orders".to_owned(), column: "tenant_id".to_owned() }
    }

    fn good() -> Value {
        json!({
            "relation": {"kind": "v", "owner": 10, "options": ["security_barrier=true"]},
            "column": {"type": 23, "is_deterministic": true},
            "definition": " SELECT o.tenant_id,\n    o.total AS amount\n   FROM public.orders o;",
            "roles": [{"oid": 16384, "name": "reporting", "powers": false}],
        })
    }

    #[test]
    fn finds_nothing_wrong_with_a_barrier_view() {
        assert_eq!(problem(&good().to_string(), &orders(), Form::Barrier), None);
        assert_eq!(problem(&good().to_string(), &orders(), Form::Materialized), None);
        assert!(problem(&good().to_string(), &orders(), Form::Claimed).is_some());
    }

    #[test]
    fn finds_each_change() {
        let changes = [
            ("/relation", Value::Null, true),
            ("/column", Value::Null, true),
            ("/column/type", json!(1700), true),
            ("/column/is_deterministic", json!(false), true),
            ("/roles", Value::Null, true),
            ("/roles", json!([{"oid": 1, "powers": false}, {"oid": 2, "powers": false}]), true),
            ("/roles/0/powers", json!(true), true),
            ("/relation/owner", json!(16384), true),
            ("/relation/kind", json!("r"), false),
            ("/relation/kind", json!("m"), false),
            ("/relation/options", json!([]), false),
            ("/relation/options", json!(["security_barrier=false"]), false),
            ("/definition", Value::Null, false),
        ];
        for (pointer, value, is_for_each_form) in changes {
            let mut document = good();
            *document.pointer_mut(pointer).unwrap() = value;
            let document = document.to_string();
            assert!(problem(&document, &orders(), Form::Barrier).is_some(), "{pointer}");
            assert_eq!(problem(&document, &orders(), Form::Materialized).is_some(), is_for_each_form, "{pointer}");
        }
        assert!(problem("{}", &orders(), Form::Materialized).is_some());
        assert!(problem("no JSON", &orders(), Form::Materialized).is_some());
    }

    #[test]
    fn a_plain_view_is_columns_of_one_relation() {
        let is_plain = |definition: &str| is_plain(definition, "tenant_id");
        for sql in [
            " SELECT tenant_id,\n    total\n   FROM orders;",
            " SELECT orders.tenant,\n    orders.brand AS tenant_id\n   FROM public.orders;",
            " SELECT tenant_id FROM orders o\n  WHERE ((note IS NOT NULL) AND (EXISTS ( SELECT 1 FROM x LIMIT 1)));",
            " SELECT tenant_id FROM orders\n  WHERE f(total);",
        ] {
            assert!(is_plain(sql), "{sql}");
        }
        for sql in [
            " SELECT total FROM orders;",
            " SELECT tenant_id AS other FROM orders;",
            " SELECT (tenant_id + 1) AS tenant_id FROM orders;",
            " SELECT lower(tenant_id) AS tenant_id FROM orders;",
            " SELECT tenant_id, generate_series(1, 3) AS n FROM orders;",
            " SELECT tenant_id, row_number() OVER (ORDER BY total) AS n FROM orders;",
            " SELECT DISTINCT tenant_id, total FROM orders;",
            " SELECT DISTINCT ON (tenant_id) tenant_id FROM orders;",
            " SELECT tenant_id FROM orders LIMIT 5;",
            " SELECT tenant_id FROM orders o LIMIT 5;",
            " SELECT tenant_id FROM orders OFFSET 5;",
            " SELECT tenant_id FROM orders\n  WHERE (total > 3)\n LIMIT 5;",
            " SELECT tenant_id FROM orders\n  WHERE (total > 3)\n  GROUP BY tenant_id;",
            " SELECT tenant_id FROM orders\n  WHERE (total > 3)\nUNION ALL\n SELECT tenant_id FROM others;",
            " SELECT tenant_id FROM orders\nUNION ALL\n SELECT tenant_id FROM others;",
            " SELECT tenant_id FROM orders GROUP BY tenant_id;",
            " SELECT tenant_id FROM orders ORDER BY total;",
            " SELECT tenant_id FROM orders, others;",
            " SELECT tenant_id FROM (orders JOIN others USING (a));",
            " SELECT tenant_id FROM orders JOIN others USING (a);",
            " SELECT tenant_id FROM f() f(tenant_id);",
            " SELECT tenant_id FROM orders TABLESAMPLE system (50);",
            " SELECT tenant_id FROM ( SELECT 1 AS tenant_id) x;",
            " WITH x AS ( SELECT 1) SELECT tenant_id FROM orders;",
            " VALUES (1);",
            "",
        ] {
            assert!(!is_plain(sql), "{sql}");
        }
    }
}
