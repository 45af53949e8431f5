//! Texts that sqlparser and PostgreSQL read differently. Each got past an earlier gate that forwarded the text; each is
//! refused, or its relation is seen.

use super::super::GateErrorKind;
use super::{check, refused, relations};

/// The text may be refused, but if it is admitted `secrets` must be among its relations.
fn never_hides_secrets(sql: &str) {
    if let Ok(found) = relations(sql) {
        assert!(found.split([' ', '.']).any(|name| name == "secrets"), "{sql} names only [{found}]");
    }
}

#[test]
fn the_word_end_hides_nothing() {
    for sql in [
        "SELECT 1 END; DROP TABLE orders",
        "SELECT 1 AS x FROM orders END SELECT * FROM public.secrets",
        "SELECT 1 END FROM public.secrets",
        "SELECT 1 FROM orders END; SELECT * FROM public.secrets",
        "SELECT 1 FROM orders END, public.secrets",
        "SELECT 1 end UNION SELECT value FROM public.secrets",
    ] {
        never_hides_secrets(sql);
    }
    assert_eq!(refused("SELECT 1 END; DROP TABLE orders"), Some(GateErrorKind::NotOneStatement));
    assert!(refused("SELECT 1 FROM orders END").is_some());
}

#[test]
fn operator_words_as_labels_hide_no_relation() {
    for word in ["OR", "AND", "COLLATE", "IS", "IN", "LIKE", "NOT", "BETWEEN", "XOR", "DIV", "OVERLAPS", "SIMILAR"] {
        never_hides_secrets(&format!("SELECT 'a' {word} FROM public.secrets"));
        never_hides_secrets(&format!("SELECT 'a' {word} FROM secrets"));
        never_hides_secrets(&format!("SELECT a {word} FROM secrets, orders"));
    }
}

#[test]
fn string_continuation_hides_nothing() {
    never_hides_secrets("SELECT 'a'\n'\\' , (SELECT value FROM public.secrets) -- '");
    never_hides_secrets("SELECT E'\\''\n'b' FROM public.secrets --'");
    // The second part is an escape string too, so all of this is one string.
    check(&[("SELECT E'a'\n'\\' , (SELECT value FROM public.secrets) -- '", "")]);
    check(&[("SELECT E'a'\n'\\' FROM x --' FROM orders", "orders")]);
}

#[test]
fn table_commands_are_seen() {
    check(&[
        ("SELECT 1 UNION TABLE public.secrets", "public.secrets"),
        ("WITH x AS (TABLE public.secrets) SELECT * FROM x", "public.secrets"),
        ("SELECT * FROM (SELECT 0 id UNION TABLE public.secrets) s", "public.secrets"),
        ("SELECT 1 UNION ALL TABLE secrets ORDER BY 1", "secrets"),
    ]);
    never_hides_secrets("SELECT 1 table FROM secrets");
    never_hides_secrets("SELECT (1) table FROM secrets");
}

#[test]
fn typed_literals_are_no_aliases() {
    // A type and its constant: which types there are, the walk over PostgreSQL's tree says.
    check(&[
        ("SELECT mydom 'x'", ""),
        ("SELECT public.mydom 'x' FROM secrets", "secrets"),
        ("SELECT a 'x' FROM orders", "orders"),
    ]);
    assert!(refused("SELECT 1 'x' FROM orders").is_some());
    assert!(refused("SELECT a b 'x' FROM orders").is_some());
    assert!(refused("SELECT exists 'x' FROM orders").is_some());
    assert!(refused("SELECT int B'1' FROM orders").is_some());
    assert!(refused("SELECT 1 AS 'x'").is_some());
    assert!(refused("SELECT * FROM orders 'x'").is_some());
}

#[test]
fn unicode_spellings_are_refused() {
    assert_eq!(refused("SELECT * FROM U&\"\\0073ecrets\""), Some(GateErrorKind::Construct));
    assert_eq!(refused("SELECT U&'\\0061'"), Some(GateErrorKind::Construct));
    assert_eq!(refused("SELECT * FROM u&\"d!0061t\" UESCAPE '!'"), Some(GateErrorKind::Construct));
    // An identifier u, an operator, a string.
    check(&[("SELECT u & 'x' FROM orders", "orders")]);
}

#[test]
fn select_into_is_refused() {
    for sql in [
        "SELECT * INTO t FROM orders",
        "SELECT INTO t",
        "SELECT INTO t FROM orders",
        "SELECT 1 INTO TEMP t",
        "SELECT 1 INTO TABLE t FROM orders",
        "SELECT into FROM orders",
        "WITH a AS (SELECT 1 INTO t) SELECT 1",
    ] {
        assert!(refused(sql).is_some(), "{sql}");
    }
}

#[test]
fn from_only_is_refused() {
    for sql in ["SELECT * FROM ONLY orders", "SELECT * FROM ONLY (orders)", "SELECT * FROM ONLY", "TABLE ONLY orders"] {
        assert!(refused(sql).is_some(), "{sql}");
    }
    check(&[("SELECT * FROM \"only\"", "only")]);
}

#[test]
fn value_functions_are_no_relations() {
    for word in ["current_date", "current_user", "user", "localtime", "current_schema", "session_user"] {
        assert!(refused(&format!("SELECT * FROM {word}")).is_some(), "{word}");
        check(&[(&format!("SELECT {word} FROM orders"), "orders")]);
    }
}

#[test]
fn printing_tricks_are_only_strings() {
    // A parser that prints what it read may print these as something else; as text each is what PostgreSQL reads.
    check(&[
        ("SELECT 'a\\' AS a, 'b' FROM orders", "orders"),
        ("SELECT N'a\\' AS a, 'b' FROM orders", "orders"),
        ("SELECT B'1', X'1F' FROM orders", "orders"),
        ("SELECT \"a\\\" FROM orders", "orders"),
        ("SELECT - - 1 FROM orders", "orders"),
    ]);
}
