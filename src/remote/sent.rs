//! The SQL that postgres_fdw sends, read far enough to find the tenant's condition in it.
//!
//! postgres_fdw writes each condition of WHERE and ON as `((column = value))`, joined by AND; an expression within a condition never
//! has two parentheses of its own around it. A name and a text are quoted wherever they could look like anything else.

/// A word of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a key word, as it is written.
    Name(String),
    /// A text or a number, as its value.
    Value(String),
    /// Anything else.
    Symbol(char),
}

use super::RemoteName;

/// Whether the text names the table so many times, and has for each of them a condition `column = value` of its own.
pub fn binds(sql: &str, table: &RemoteName, references: usize, value: &str) -> bool {
    let tokens = tokens(sql);
    let places = places(&tokens, table);
    let bare = places.iter().filter(|alias| alias.is_none()).count();
    places.len() == references
        && conditions(&tokens, None, &table.column, value) >= bare
        && places.iter().flatten().all(|alias| conditions(&tokens, Some(alias), &table.column, value) > 0)
}

/// Whether the text reads columns of that table with the one condition `column = value`, and does nothing else.
pub fn is_bare(sql: &str, table: &RemoteName, value: &str) -> bool {
    let tokens = tokens(sql);
    let name = |name: &str| Token::Name(name.to_owned());
    let Some(list) = tokens.strip_prefix(&[name("SELECT")]) else { return false };
    let Some(end) = list.iter().position(|token| *token == name("FROM")) else { return false };
    let (list, after) = list.split_at(end);
    let is_list = list.len() % 2 == 1
        && list.iter().zip([false, true].into_iter().cycle()).all(|(token, is_comma)| match token {
            Token::Name(_) => !is_comma,
            Token::Symbol(symbol) => is_comma && *symbol == ',',
            Token::Value(_) => false,
        });
    let wanted = [name("FROM"), name(&table.schema), Token::Symbol('.'), name(&table.table), name("WHERE")];
    let condition = after.strip_prefix(&wanted).and_then(|rest| past_one(rest, None, &table.column, value));
    is_list && condition.is_some_and(<[Token]>::is_empty)
}

/// Where the text names a table: its alias there, such as `r4`, if it has one.
fn places<'t>(tokens: &'t [Token], table: &RemoteName) -> Vec<Option<&'t str>> {
    let wanted = [Token::Name(table.schema.clone()), Token::Symbol('.'), Token::Name(table.table.clone())];
    let after = (0..tokens.len()).filter_map(|start| tokens.get(start..)?.strip_prefix(&wanted));
    after
        .map(|after| match after {
            [Token::Name(alias), ..] if is_alias(alias) => Some(alias.as_str()),
            _ => None,
        })
        .collect()
}

fn is_alias(word: &str) -> bool {
    word.strip_prefix('r').is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How often a condition `column = value` stands in the text as one of its own, over the column as the alias has it; with no alias
/// over the bare column.
fn conditions(tokens: &[Token], alias: Option<&str>, column: &str, value: &str) -> usize {
    (0..tokens.len())
        .filter(|start| tokens.get(*start..).is_some_and(|rest| past_one(rest, alias, column, value).is_some()))
        .count()
}

/// What follows a condition `column = value` of its own; `None` if the text does not begin with one.
fn past_one<'t>(rest: &'t [Token], alias: Option<&str>, column: &str, value: &str) -> Option<&'t [Token]> {
    let name = |name: &str| Token::Name(name.to_owned());
    let mut wanted = vec![Token::Symbol('('), Token::Symbol('(')];
    if let Some(alias) = alias {
        wanted.extend([name(alias), Token::Symbol('.')]);
    }
    wanted.extend([name(column), Token::Symbol('=')]);
    let after = rest.strip_prefix(wanted.as_slice())?;
    let (is_in_parentheses, after) = match after {
        [Token::Symbol('('), after @ ..] => (true, after),
        after => (false, after),
    };
    let [Token::Value(found), after @ ..] = after else { return None };
    let after = match (is_in_parentheses, after) {
        (false, after) => after,
        (true, [Token::Symbol(')'), after @ ..]) => after,
        _ => return None,
    };
    // `::uuid`, `::character varying`, `::pg_catalog.int8`
    let after = match after {
        [Token::Symbol(':'), Token::Symbol(':'), after @ ..] => {
            let length = after.iter().take_while(|token| !matches!(token, Token::Symbol('(' | ')'))).count();
            after.get(length..).unwrap_or_default()
        }
        after => after,
    };
    let after = after.strip_prefix(&[Token::Symbol(')'), Token::Symbol(')')])?;
    (found == value).then_some(after)
}

/// The words of a text.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            '"' => found.push(Token::Name(quoted(&mut rest, '"', false))),
            '\'' => found.push(Token::Value(quoted(&mut rest, '\'', false))),
            'E' if rest.peek() == Some(&'\'') => {
                rest.next();
                found.push(Token::Value(quoted(&mut rest, '\'', true)));
            }
            _ if first.is_ascii_digit() || first == '-' && rest.peek().is_some_and(char::is_ascii_digit) => {
                let mut number = String::from(first);
                while let Some(digit) = rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '.') {
                    number.push(digit);
                }
                found.push(Token::Value(number));
            }
            _ if first == '_' || first == '$' || first.is_alphanumeric() => {
                let mut word = String::from(first);
                while let Some(letter) = rest.next_if(|next| *next == '_' || *next == '$' || next.is_alphanumeric()) {
                    word.push(letter);
                }
                found.push(Token::Name(word));
            }
            _ if first.is_whitespace() => {}
            _ => found.push(Token::Symbol(first)),
        }
    }
    found
}

/// What stands up to the closing quote; a doubled quote is one of the text, and so is a doubled backslash where these count.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char, escapes: bool) -> String {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        if next == quote && rest.next_if_eq(&quote).is_none() {
            break;
        }
        if escapes && next == '\\' {
            text.extend(rest.next());
            continue;
        }
        text.push(next);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(sql: &str, alias: Option<&str>, column: &str, value: &str) -> usize {
        super::conditions(&tokens(sql), alias, column, value)
    }

    fn orders() -> RemoteName {
        RemoteName { schema: "public".to_owned(), table: "orders".to_owned(), column: "tenant_id".to_owned() }
    }

    #[test]
    fn wants_a_condition_for_each_place_of_a_table() {
        let join = "SELECT r5.city FROM (public.orders r4 INNER JOIN public.stores r5 ON (((r5.tenant_id = 1)) \
                    AND ((r4.tenant_id = 1))))";
        assert!(binds(join, &orders(), 1, "1"));
        assert!(!binds(join, &orders(), 2, "1") && !binds(join, &orders(), 0, "1") && !binds(join, &orders(), 1, "2"));
        let twice = "SELECT 1 FROM (public.orders r4 INNER JOIN public.orders r5 ON (((r4.tenant_id = 1)) AND ((r4.x = r5.x))))";
        assert!(!binds(twice, &orders(), 2, "1"));
        let full = "SELECT s4.c1 FROM ((SELECT x FROM public.orders WHERE ((tenant_id = 1))) s4(c1) FULL JOIN \
                    (SELECT x FROM public.orders WHERE ((tenant_id = 1)) AND ((x > 2))) s5(c1) ON (((s4.c1 = s5.c1))))";
        assert!(binds(full, &orders(), 2, "1"));
        assert!(!binds(&full.replacen("((tenant_id = 1))", "((x = 1))", 1), &orders(), 2, "1"));
        assert!(!binds("SELECT 'public.orders' FROM public.other WHERE ((tenant_id = 1))", &orders(), 1, "1"));
        assert!(binds("SELECT x FROM public.orders WHERE ((tenant_id = 1)) LIMIT 3::bigint", &orders(), 1, "1"));
    }

    #[test]
    fn finds_the_condition_of_a_scan_and_of_a_join() {
        let scan = "SELECT total FROM public.orders WHERE ((tenant_id = 'brand-a')) AND ((total > 3))";
        assert_eq!(conditions(scan, None, "tenant_id", "brand-a"), 1);
        assert_eq!(conditions(scan, None, "tenant_id", "brand-b"), 0);
        assert_eq!(conditions(scan, Some("r4"), "tenant_id", "brand-a"), 0);
        let join = "SELECT r5.city FROM (public.orders r4 INNER JOIN public.stores r5 ON (((r5.tenant_id = 1)) \
                    AND ((r4.tenant_id = 1)) AND ((r4.store_id = r5.store_id))))";
        assert_eq!(
            (conditions(join, Some("r4"), "tenant_id", "1"), conditions(join, Some("r5"), "tenant_id", "1")),
            (1, 1)
        );
        assert_eq!(conditions(join, Some("r6"), "tenant_id", "1"), 0);
        for same in ["((\"Tenant\" = 'x'::uuid))", "((\"Tenant\" = 'x'::character varying))", "((\"Tenant\" = E'x'))"] {
            assert_eq!(conditions(same, None, "Tenant", "x"), 1, "{same}");
        }
        assert_eq!(conditions("WHERE ((t = (-4)))", None, "t", "-4"), 1);
        assert_eq!(conditions("WHERE ((t = '-4'::bigint))", None, "t", "-4"), 1);
        assert_eq!(conditions(r"WHERE ((t = E'a\\''b'))", None, "t", r"a\'b"), 1);
    }

    #[test]
    fn a_bare_scan_has_the_condition_and_nothing_else() {
        let is_bare = |sql: &str| super::is_bare(sql, &orders(), "1");
        assert!(is_bare("SELECT total, \"Note\" FROM public.orders WHERE ((tenant_id = 1))"));
        assert!(is_bare("SELECT NULL FROM public.orders WHERE ((tenant_id = '1'::bigint))"));
        for sql in [
            "SELECT total FROM public.orders",
            "SELECT total FROM public.orders WHERE ((tenant_id = 2))",
            "SELECT total FROM public.stores WHERE ((tenant_id = 1))",
            "SELECT total FROM public.orders WHERE ((tenant_id = 1)) AND ((total > 3))",
            "SELECT total FROM public.orders WHERE ((total > 3)) AND ((tenant_id = 1))",
            "SELECT total FROM public.orders WHERE ((tenant_id = 1)) LIMIT 3::bigint",
            "SELECT total FROM public.orders WHERE ((tenant_id = 1)) ORDER BY total ASC NULLS LAST",
            "SELECT sum(total) FROM public.orders WHERE ((tenant_id = 1))",
            "SELECT total * 2 FROM public.orders WHERE ((tenant_id = 1))",
            "SELECT 1 FROM public.orders WHERE ((tenant_id = 1))",
            "SELECT total, FROM public.orders WHERE ((tenant_id = 1))",
            "SELECT r1.total FROM (public.orders r1 INNER JOIN public.stores r2 ON (((r1.tenant_id = 1))))",
        ] {
            assert!(!is_bare(sql), "{sql}");
        }
    }

    #[test]
    fn is_deceived_by_no_text_and_no_part_of_a_condition() {
        for sql in [
            "WHERE ((note = '((tenant_id = 1))'))",
            "WHERE ((note = E'\\\\''((tenant_id = 1))'))",
            "WHERE (((tenant_id = 1) OR (total > 3)))",
            "WHERE (((total > 3) OR (tenant_id = 1)))",
            "WHERE ((NOT (tenant_id = 1)))",
            "WHERE ((tenant_id = 10))",
            "WHERE ((tenant_id = tenant_id))",
            "WHERE ((tenant_id <> 1))",
            "WHERE ((\"((tenant_id = 1))\" = 2))",
            "WHERE ((tenant_id = (1 + 1)))",
        ] {
            assert_eq!(conditions(sql, None, "tenant_id", "1"), 0, "{sql}");
        }
    }
}
