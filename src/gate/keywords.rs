//! PostgreSQL's keywords (kwlist.h of 15 to 18) by their categories: where an unquoted word is a name.

use std::collections::HashMap;
use std::sync::LazyLock;

/// UNRESERVED_KEYWORD.
const UNRESERVED: &str = "\
    abort absent absolute access action add admin after aggregate also alter always asensitive assertion \
    assignment at atomic attach attribute backward before begin breadth by cache call called cascade cascaded \
    catalog chain characteristics checkpoint class close cluster columns comment comments commit committed \
    compression conditional configuration conflict connection constraints content continue conversion copy cost \
    csv cube current cursor cycle data database day deallocate declare defaults deferred definer delete delimiter \
    delimiters depends depth detach dictionary disable discard document domain double drop each empty enable \
    encoding encrypted enforced enum error escape event exclude excluding exclusive execute explain expression \
    extension external family filter finalize first following force format forward function functions generated \
    global granted groups handler header hold hour identity if immediate immutable implicit import include \
    including increment indent index indexes inherit inherits inline input insensitive insert instead invoker \
    isolation keep key keys label language large last leakproof level listen load local location lock locked \
    logged mapping match matched materialized maxvalue merge method minute minvalue mode month move name names \
    nested new next nfc nfd nfkc nfkd no normalized nothing notify nowait nulls object objects of off oids old \
    omit operator option options ordinality others over overriding owned owner parallel parameter parser partial \
    partition passing password path period plan plans policy preceding prepare prepared preserve prior privileges \
    procedural procedure procedures program publication quote quotes range read reassign recheck recursive ref \
    referencing refresh reindex relative release rename repeatable replace replica reset restart restrict return \
    returns revoke role rollback rollup routine routines rows rule savepoint scalar schema schemas scroll search \
    second security sequence sequences serializable server session set sets share show simple skip snapshot source \
    sql stable standalone start statement statistics stdin stdout storage stored strict string strip subscription \
    support sysid system tables tablespace target temp template temporary text ties transaction transform trigger \
    truncate trusted type types uescape unbounded uncommitted unconditional unencrypted unknown unlisten unlogged \
    until update vacuum valid validate validator value varying version view views virtual volatile whitespace \
    within without work wrapper write xml year yes zone";

/// COL_NAME_KEYWORD: names of columns and tables, not of functions and types.
const COLUMN_NAMES: &str = "\
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout \
    int integer interval json json_array json_arrayagg json_exists json_object json_objectagg json_query \
    json_scalar json_serialize json_table json_value least merge_action national nchar none normalize nullif \
    numeric out overlay position precision real row setof smallint substring time timestamp treat trim values \
    varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot \
    xmlserialize xmltable";

/// TYPE_FUNC_NAME_KEYWORD: names of functions and types, not of columns and tables.
const FUNCTION_NAMES: &str = "\
    authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left \
    like natural notnull outer overlaps right similar tablesample verbose";

/// RESERVED_KEYWORD.
const RESERVED: &str = "\
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create \
    current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc \
    distinct do else end except false fetch for foreign from grant group having in initially intersect into \
    lateral leading limit localtime localtimestamp not null offset on only or order placing primary references \
    returning select session_user some symmetric system_user table then to trailing true union unique user using \
    variadic when where window with";

/// AS_LABEL: labels of a select list only after AS.
const NO_BARE_LABELS: &str = "\
    array as char character create day except fetch filter for from grant group having hour intersect into isnull \
    limit minute month notnull offset on order over overlaps precision returning second to union varying where \
    window with within without year";

/// Those that are more than plain names only from a major on. An unreserved word is a name before it is a keyword, too.
const SINCE: [(&str, u32); 13] = [
    ("json", 17),
    ("json_array", 16),
    ("json_arrayagg", 16),
    ("json_exists", 17),
    ("json_object", 16),
    ("json_objectagg", 16),
    ("json_query", 17),
    ("json_scalar", 17),
    ("json_serialize", 17),
    ("json_table", 17),
    ("json_value", 17),
    ("merge_action", 17),
    ("system_user", 16),
];

/// Reserved words that are expressions of their own, or that sqlparser holds as a function's name.
const EXPRESSIONS: &str = "\
    all any array current_catalog current_date current_role current_time current_timestamp current_user localtime \
    localtimestamp session_user some system_user user";

/// What a word is to PostgreSQL's grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// No keyword, or one that may be any name.
    Free,
    /// A name of columns and tables, not of functions and types.
    Column,
    /// A name of functions and types, not of columns and tables.
    Function,
    /// Never a name, but behind AS or a dot.
    Reserved,
}

#[derive(Debug, Clone, Copy)]
struct Keyword {
    category: Category,
    is_bare_label: bool,
    since: u32,
}

static KEYWORDS: LazyLock<HashMap<&'static str, Keyword>> = LazyLock::new(|| {
    let lists = [
        (UNRESERVED, Category::Free),
        (COLUMN_NAMES, Category::Column),
        (FUNCTION_NAMES, Category::Function),
        (RESERVED, Category::Reserved),
    ];
    let mut keywords = HashMap::new();
    for (words, category) in lists {
        for word in words.split_whitespace() {
            keywords.insert(word, Keyword { category, is_bare_label: true, since: 0 });
        }
    }
    for word in NO_BARE_LABELS.split_whitespace() {
        keywords.entry(word).and_modify(|keyword| keyword.is_bare_label = false);
    }
    for (word, since) in SINCE {
        keywords.entry(word).and_modify(|keyword| keyword.since = since);
    }
    keywords
});

fn keyword(word: &str, major: u32) -> Option<Keyword> {
    KEYWORDS.get(word.to_ascii_lowercase().as_str()).copied().filter(|keyword| keyword.since <= major)
}

/// What this unquoted word is on a server of this major.
pub(super) fn category(word: &str, major: u32) -> Category {
    keyword(word, major).map_or(Category::Free, |keyword| keyword.category)
}

/// May this unquoted word name a column of a select list without AS?
pub(super) fn is_bare_label(word: &str, major: u32) -> bool {
    keyword(word, major).is_none_or(|keyword| keyword.is_bare_label)
}

/// Is this unquoted word a keyword of any category?
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains_key(word.to_ascii_lowercase().as_str())
}

/// May this unquoted word name a table, an alias or a column? What an older server takes for a name was made one before.
pub(super) fn names_a_column(word: &str) -> bool {
    matches!(category(word, u32::MAX), Category::Free | Category::Column)
}

/// May this unquoted word name a function or a type, or is it an expression such as CURRENT_DATE?
pub(super) fn names_a_function(word: &str) -> bool {
    category(word, u32::MAX) != Category::Reserved || is_among(EXPRESSIONS, word)
}

/// Is this word an expression on its own, such as CURRENT_DATE?
pub(super) fn is_an_expression(word: &str) -> bool {
    is_among(EXPRESSIONS, word) || word.eq_ignore_ascii_case("current_schema")
}

/// Is this word in a list, in any case?
pub(super) fn is_among(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known.eq_ignore_ascii_case(word))
}
