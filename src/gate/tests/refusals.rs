//! What the gate refuses, with which kind, and what it says.

use super::super::{GateErrorKind, Limits, admit};
use super::{admitted, refused};

#[test]
fn rejects_empty_texts() {
    for sql in ["", " \n\t", ";", " ;; ; ", "-- nothing", "/* nothing */", "/* a */ ; -- b\n;"] {
        assert_eq!(refused(sql), Some(GateErrorKind::Empty), "{sql}");
    }
}

#[test]
fn rejects_other_statements_by_name() {
    for sql in [
        "INSERT INTO orders VALUES (1)",
        "update orders SET total = 0",
        "DELETE FROM orders",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE",
        "DROP TABLE orders",
        "CREATE TABLE x AS SELECT 1",
        "COPY orders TO '/tmp/x'",
        "SET ROLE postgres",
        "SHOW search_path",
        "EXPLAIN SELECT 1",
        "EXPLAIN (ANALYZE) SELECT 1",
        "DO $$ BEGIN END $$",
        "CALL p()",
        "BEGIN",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "LISTEN x",
        "LOCK TABLE orders",
        "GRANT ALL ON orders TO public",
        "DECLARE c CURSOR FOR SELECT 1",
        "REFRESH MATERIALIZED VIEW v",
    ] {
        assert_eq!(refused(sql), Some(GateErrorKind::NotSelect), "{sql}");
    }
    let message = admitted("insert into orders values (1)").map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(message, Err("statement kind INSERT is not admitted".to_owned()));
}

#[test]
fn rejects_writing_ctes_and_bodies() {
    for sql in [
        "WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT * FROM x",
        "WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT * FROM x",
        "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "WITH x AS (SELECT 1) UPDATE t SET a = 1",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "SELECT * FROM (WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x) y",
    ] {
        assert_eq!(refused(sql), Some(GateErrorKind::NotSelect), "{sql}");
    }
}

#[test]
fn rejects_several_statements() {
    for sql in [
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE orders",
        "SELECT 1;;DROP TABLE orders;",
        "SELECT 1 /* ; */ ; -- x\n DELETE FROM orders",
        "DROP TABLE orders; SELECT 1",
    ] {
        assert_eq!(refused(sql), Some(GateErrorKind::NotOneStatement), "{sql}");
    }
}

#[test]
fn rejects_constructs() {
    for sql in [
        "SELECT * FROM orders FOR UPDATE",
        "SELECT * FROM orders FOR SHARE OF orders SKIP LOCKED",
        "SELECT * FROM (SELECT * FROM orders FOR KEY SHARE) x",
        "SELECT * FROM orders TABLESAMPLE system (10)",
        "SELECT * FROM orders TABLESAMPLE BERNOULLI (10) REPEATABLE (1)",
        "SELECT * FROM a.db.public.orders",
        "SELECT * FROM orders ORDER BY a USING >",
        "SELECT array_agg(a ORDER BY a USING <) FROM orders",
        "SELECT * FROM t LIMIT 1, 2",
    ] {
        let kind = refused(sql);
        assert!(matches!(kind, Some(GateErrorKind::Construct | GateErrorKind::Syntax)), "{sql}: {kind:?}");
    }
    let message = |sql| admitted(sql).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(message("SELECT 1 FROM t FOR UPDATE"), Err("FOR UPDATE or FOR SHARE is not admitted".to_owned()));
    assert_eq!(message("SELECT * INTO x FROM t"), Err("SELECT INTO is not admitted".to_owned()));
    let four = "a relation name with more than three parts is not admitted".to_owned();
    assert_eq!(message("SELECT * FROM a.db.public.orders"), Err(four));
}

#[test]
fn says_what_to_write_for_group_by_all() {
    for sql in [
        "SELECT a, count(*) FROM t GROUP BY ALL",
        "SELECT a, count(*) FROM t group by all;",
        "SELECT a FROM (SELECT a FROM t GROUP BY /* every column */ ALL) x",
        "SELECT a FROM t GROUP BY ALL HAVING count(*) > 1",
        "SELECT a FROM t GROUP BY ALL ORDER BY a",
        "SELECT a FROM t GROUP BY ALL LIMIT 3",
        "SELECT a FROM t GROUP BY ALL UNION ALL SELECT 1",
        "SELECT a, rank() OVER w FROM t GROUP BY ALL WINDOW w AS (ORDER BY a)",
    ] {
        assert_eq!(refused(sql), Some(GateErrorKind::GroupByAll), "{sql}");
    }
    for sql in [
        "SELECT a FROM t GROUP BY ALL a",
        "SELECT a FROM t GROUP BY ALL (a)",
        "SELECT a, b FROM t GROUP BY ALL ROLLUP (a), b",
        "SELECT a FROM t GROUP BY DISTINCT ROLLUP (a), CUBE (a)",
        "SELECT \"all\" FROM t GROUP BY \"all\"",
        "SELECT a FROM t WHERE a = 'GROUP BY ALL' GROUP BY a",
        "SELECT a FROM t GROUP BY a UNION ALL SELECT 1",
    ] {
        assert_eq!(refused(sql), None, "{sql}");
    }
}

#[test]
fn rejects_other_dialects() {
    for sql in [
        "SELECT TOP 5 * FROM orders",
        "SELECT * FROM `orders`",
        "SELECT * FROM [orders]",
        "SELECT * FROM orders PIVOT (sum(a) FOR b IN (1, 2))",
        "FROM orders SELECT *",
        "FROM orders |> SELECT a",
        "SELECT * FROM orders FINAL SETTINGS a = 1",
        "SELECT * FROM orders FORMAT JSON",
        "SELECT * FROM orders QUALIFY row_number() OVER () = 1",
        "SELECT * EXCEPT (a) FROM orders",
        "SELECT * REPLACE (1 AS a) FROM orders",
        "SELECT * EXCLUDE a FROM orders",
        "SELECT * FROM a CROSS APPLY b",
        "SELECT * FROM a LEFT SEMI JOIN b ON true",
        "SELECT * FROM a ASOF JOIN b MATCH_CONDITION (a.x > b.x)",
        "SELECT TRY_CAST('1' AS int)",
        "SELECT IF(a, b, c) IGNORE NULLS FROM t",
        "SELECT a FROM t CONNECT BY PRIOR a = b",
        "SELECT * FROM OPENJSON('[]')",
        "SELECT {fn now()}",
        "SELECT @variable",
        "SELECT x -> x + 1 FROM t AT x",
        "SELECT a MINUS SELECT b",
        "SELECT * FROM t LATERAL VIEW explode(a) b AS c",
        "SELECT CAST(a AS STRUCT<x INT64>) FROM t",
    ] {
        // Some of these are PostgreSQL with another meaning, and then must not lose a relation.
        if let Ok(gated) = admitted(sql) {
            assert!(sql.contains("@variable") || sql.contains("OPENJSON"), "{sql} names {:?}", gated.relations());
        }
    }
}

#[test]
fn rejects_syntax_errors() {
    for sql in [
        "SELECT",
        "SELECT FROM WHERE",
        "SELEC * FROM orders",
        "SELECT * FORM orders",
        "SELECT * FROM orders WHERE",
        "SELECT * FROM orders GROUP",
        "SELECT (1",
        "SELECT 1)",
        "SELECT [1)",
        "SELECT CASE WHEN 1 THEN 2",
        "SELECT 'abc",
        "SELECT E'abc\\'",
        "SELECT \"abc",
        "SELECT $$abc",
        "SELECT $a$abc$b$",
        "SELECT /* abc",
        "SELECT 1 /* /* */",
        "SELECT \"\"",
        "SELECT 1abc",
        "SELECT 1 FROM a..b",
        "SELECT a FROM t WHERE a = = 1",
        "SELECT $",
        "SELECT (1; 2)",
        "hello, which stores had the highest void rate?",
        "(",
        "SELECT a b c FROM t",
        "SELECT 1 \\g x",
        "\\dt",
        "SELECT a \\ FROM t",
    ] {
        assert_eq!(refused(sql), Some(GateErrorKind::Syntax), "{sql}");
    }
}

#[test]
fn rejects_characters_and_parameters() {
    for sql in ["SELECT 'a\0'", "SELECT \u{1}1", "SELECT E'\\0'", "SELECT E'\\x00'", "SELECT E'a\\u0000'"] {
        assert_eq!(refused(sql), Some(GateErrorKind::Character), "{sql:?}");
    }
    for sql in ["SELECT E'\\U00000000'", "SELECT E'\\000'", "SELECT E'\\400'"] {
        assert_eq!(refused(sql), Some(GateErrorKind::Character), "{sql:?}");
    }
    for sql in ["SELECT $1", "SELECT * FROM t WHERE a=$12", "SELECT f($1)"] {
        assert_eq!(refused(sql), Some(GateErrorKind::Parameter), "{sql:?}");
    }
}

#[test]
fn messages_repeat_only_what_the_caller_wrote_and_little_of_it() {
    let long = "x".repeat(200);
    for sql in [
        format!("SELECT * FROM t WHERE {long} {long} = 1"),
        format!("SELECT 1 1 '{long}'"),
        format!("SELECT 1 'secret\nline{long}' FROM t"),
        format!("{long} FROM t"),
        "SELECT \"a\u{7}b\" \"c\u{8}\nd\" e f".to_owned(),
    ] {
        let message = admit(&sql, &Limits::default()).map(|_| ()).map_err(|error| error.to_string());
        let message = message.err().unwrap_or_default();
        assert!(!message.is_empty() && message.len() < 120, "{message}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
}
