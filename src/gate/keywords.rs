//! The words that PostgreSQL never takes for a column or table name unless they are quoted (kwlist.h of 15 to 18,
//! categories RESERVED and TYPE_FUNC_NAME). sqlparser reserves fewer, and so reads `a OR FROM t` as an expression over a
//! column FROM where PostgreSQL reads a label OR and a table.

/// RESERVED_KEYWORD, sorted.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "system_user",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// TYPE_FUNC_NAME_KEYWORD, sorted: names of functions and types, not of columns and tables.
const FUNCTION_NAMES: &[&str] = &[
    "authorization",
    "binary",
    "collation",
    "concurrently",
    "cross",
    "current_schema",
    "freeze",
    "full",
    "ilike",
    "inner",
    "is",
    "isnull",
    "join",
    "left",
    "like",
    "natural",
    "notnull",
    "outer",
    "overlaps",
    "right",
    "similar",
    "tablesample",
    "verbose",
];

/// Reserved words that are expressions of their own, or that sqlparser holds as a function's name.
const EXPRESSIONS: &[&str] = &[
    "all",
    "any",
    "array",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "some",
    "system_user",
    "user",
];

fn holds(list: &[&str], word: &str) -> bool {
    list.binary_search(&word.to_ascii_lowercase().as_str()).is_ok()
}

/// May this unquoted word name a table, an alias or a column?
pub(super) fn names_a_column(word: &str) -> bool {
    !holds(RESERVED, word) && !holds(FUNCTION_NAMES, word)
}

/// May this unquoted word name a function or a type, or is it an expression such as CURRENT_DATE?
pub(super) fn names_a_function(word: &str) -> bool {
    !holds(RESERVED, word) || holds(EXPRESSIONS, word)
}

/// Is this word an expression on its own, such as CURRENT_DATE?
pub(super) fn is_an_expression(word: &str) -> bool {
    holds(EXPRESSIONS, word) || word.eq_ignore_ascii_case("current_schema")
}
