"""The words the generator writes with: what the plane admits, what it hides, and what it must refuse.

Nothing here is judged. A word that is on the wrong list makes a statement that is refused, or answered, and the verdict
on that is the same for every statement. Types are told by short names:

    int num flt text bool date ts iv json arr
    ints vc vcs small big raw circ seg ctxt       (shapes.py tells what these are)
"""

from __future__ import annotations

# The plane's columns by their types; the names are those of pg_test/attacks/entries.py, which a control compares.
TABLES: dict[str, list[tuple[str, str]]] = {
    "stores": [("store_id", "int"), ("name", "text"), ("city", "text")],
    "customers": [("customer_id", "int"), ("full_name", "text"), ("email", "text"), ("birth_date", "date"), ("prefs", "json")],
    "menu_items": [("item_id", "int"), ("name", "text"), ("price_cents", "int"), ("description", "text")],
    "orders": [
        ("order_id", "int"), ("store_id", "int"), ("customer_id", "int"), ("status", "text"), ("total_cents", "int"),
        ("note", "text"), ("placed_at", "ts"), ("tags", "arr"),
    ],
    "order_items": [("order_item_id", "int"), ("order_id", "int"), ("item_id", "int"), ("qty", "int"), ("unit_price_cents", "int")],
    "events": [("event_id", "int"), ("kind", "text"), ("payload", "json"), ("at", "ts")],
    "inventory": [("item_id", "int"), ("on_hand", "int"), ("memo", "text")],
}  # fmt: skip
# Relations that are written more often: they have the rows.
FAVOURED = ["orders", "orders", "orders", "order_items", "order_items", "customers", "stores", "menu_items", "inventory", "events"]

TYPES = ["int", "int", "int", "int", "int", "text", "text", "text", "text", "ts", "num", "flt", "bool", "date", "ts", "iv", "json", "arr"]
SQL_TYPES = {
    "int": ["int", "bigint", "int4", "integer", "pg_catalog.int8"],
    "num": ["numeric", "numeric(12,2)", "decimal"],
    "flt": ["float8", "double precision"],
    "text": ["text", "varchar", "character varying(40)", "pg_catalog.text", "char(12)", "name"],
    "bool": ["boolean", "bool"],
    "date": ["date"],
    "ts": ["timestamptz", "timestamp with time zone"],
    "iv": ["interval"],
    "json": ["jsonb"],
    "arr": ["text[]", "varchar[]"],
    "ints": ["int[]", "int4[]", "integer[]"],
    "vc": ["varchar(20)", "character varying", "char(8)"],
    "vcs": ["varchar[]", "varchar(9)[]"],
    "small": ["smallint", "int2"],
    "big": ["bigint"],
    "raw": ["bytea"],
    "circ": ["circle"],
    "seg": ["lseg"],
    "ctxt": ["text"],
}

LITERALS = {
    "int": ["0", "1", "2", "3", "7", "25", "100", "1000", "1025", "-1", "32767", "32768", "2147483647", "007", "NULL::int", "'4'::int"],
    "num": ["0.5", ".25", "1e2", "1e-3", "10.", "99999999999999999999.5", "'NaN'::numeric", "-0.0", "numeric '7.50'"],
    "flt": ["1.5::float8", "'Infinity'::float8", "'-0'::float8", "1e300::float8", "float8 'NaN'"],
    "text": [
        "'paid'", "'refunded'", "'note 1'", "'Leeds'", "''", "'%'", "'o''clock'", "E'a\\tb'", "E'\\u00e9'", "$$own$$",
        "$q$it's$q$", "N'x'", "'é'", "'note ' || 1", "'7'", "'{7}'", "'login'", "text 'Ann Own'", "'ann@acme.example'",
        "B'101'::text", "X'1F'::text", "NULL::text", "'acme'", "'beta'", "repeat('x', 3)",
    ],
    "bool": ["true", "false", "NULL::bool", "'t'::bool", "bool 'off'", "(1 = 1)"],
    "date": ["date '2026-01-01'", "'1990-01-01'::date", "'infinity'::date", "DATE '1977-07-07'", "make_date(2026, 1, 2)"],
    "ts": ["timestamptz '2026-01-01 12:00+00'", "'2026-01-02 03:00:00+00'::timestamptz", "to_timestamp(1767225600)", "date_trunc('month', timestamptz '2026-01-09')", "'2026-01-03'::timestamptz", "'-infinity'::timestamptz"],
    "iv": ["interval '1 day'", "'1 hour'::interval", "make_interval(hours => 3)", "INTERVAL '2' HOUR", "interval '1-2' year to month"],
    "json": ["'{}'::jsonb", "'{\"who\": \"ann\"}'::jsonb", "'[1, 2, {\"a\": null}]'::jsonb", "jsonb 'true'", "jsonb_build_object('k', 1)"],
    "arr": ["'{7}'::text[]", "ARRAY['7', 'x']", "ARRAY[]::text[]", "'{a,NULL}'::text[]", "string_to_array('a,b', ',')"],
    "ints": ["'{1,2}'::int[]", "ARRAY[7, 8]", "'{3}'::int[]", "'{{1,2},{3,4}}'::int[]", "NULL::int[]"],
    "vc": ["'paid'::varchar(9)", "varchar 'x'", "'c1'::char(6)"],
    "vcs": ["'{m,x}'::varchar[]", "ARRAY['m'::varchar(4)]"],
    "small": ["7::int2", "smallint '3'"],
    "big": ["5000000000", "1001::int8"],
    "raw": ["'raw'::bytea", "'\\x01ff'::bytea"],
    "circ": ["'<(0,0),2>'::circle", "circle '<(1,1),0>'"],
    "seg": ["'[(0,0),(1,1)]'::lseg", "lseg '[(2,0),(1,1)]'"],
    "ctxt": ["'note 1'", "'x'", "NULL::text"],
}  # fmt: skip

# Spellings that PostgreSQL reads and the gate does not admit.
ODD_LITERALS = ["U&'\\0041nn'", "U&'d!0061t!+000061' UESCAPE '!'", "'a'\n'b'", "E'\\'' 'x'", "'a' /* c */ 'b'"]

# Allowed expressions by result; {type} is an expression of that type.
EXPRESSIONS: dict[str, list[str]] = {
    "int": [
        "({int} + {int})", "({int} - {int})", "({int} * {int})", "abs({int})", "length({text})", "char_length({text})", "({num})::int",
        "position({text} in {text})", "strpos({text}, {text})", "extract(hour FROM {ts})::int", "date_part('day', {ts})::int", "cardinality({arr})",
        "array_length({arr}, 1)", "ascii({text})", "(-{int})", "COALESCE({int}, {int})", "NULLIF({int}, {int})", "GREATEST({int}, {int})",
        "num_nulls({text}, {int})", "({int} & 3)", "({int} # {int})", "gcd({int}, 12)", "hashtext({text})", "({bool})::int", "bit_length({text})",
        "octet_length({text})", "regexp_count({text}, 'n')", "extract(epoch FROM {iv})::int",
    ],
    "num": [
        "round({num}, 2)", "({int} / 100.0)", "({num} + {num})", "({num} * {int})", "trunc({num})", "({int})::numeric", "extract(epoch FROM {ts})",
        "extract(dow FROM {date})", "ceil({num})", "COALESCE({num}, 0)", "({int}::numeric ^ 2)",
    ],
    "flt": [
        "({int})::float8", "sin({flt})", "({num})::float8", "({int})::float4::float8", "degrees({flt})", "pi()", "atan2({flt}, {flt})",
    ],
    "text": [
        "upper({text})", "lower({text})", "({text} || {text})", "({int})::text", "({ts})::text", "({json})::text", "({arr})::text", "md5({text})",
        "left({text}, 3)", "right({text}, 4)", "substring({text} from 2 for 3)", "substr({text}, 1, 4)", "replace({text}, 'o', '0')", "trim({text})",
        "btrim({text}, 'n')", "split_part({text}, ' ', 2)", "reverse({text})", "initcap({text})", "concat({text}, {int}, {bool})",
        "concat_ws('-', {text}, {text})", "format('%s/%s', {text}, {int})", "to_char({ts}, 'YYYY-MM-DD')", "to_char({int}, '9999')", "({json} ->> 'who')",
        "({arr})[1]", "array_to_string({arr}, ',')", "lpad({text}, 6, '*')", "translate({text}, 'abc', 'xyz')", "encode(convert_to({text}, 'UTF8'), 'hex')",
        "COALESCE({text}, {text})", "quote_literal({text})", "NULLIF({text}, {text})", "CASE WHEN {bool} THEN {text} ELSE {text} END",
        "regexp_replace({text}, '[aeiou]', '', 'g')", "overlay({text} placing 'xx' from 1)", "to_hex({int})", "({date})::text", "({bool})::text",
        "({iv})::text", "jsonb_pretty({json})", "GREATEST({text}, {text})", "({text} COLLATE \"C\")", "(regexp_match({text}, '(n.)'))[1]",
        "ROW({int}, {text})::text", "(jsonb_build_array({text}, {int}) ->> 0)", "quote_ident({text})", "repeat({text}, 2)", "({text})::char(3)::text",
        "({text})::varchar(2)", "pg_catalog.upper({text})", "to_tsvector('english', {text})::text",
    ],
    "bool": [
        "{int} = {int}", "{int} > {int}", "{int} <= {int}", "{num} < {num}", "{text} = {text}", "{text} <> {text}", "{text} LIKE 'n%'", "{text} ILIKE {text}",
        "{text} ~ '^[a-z]'", "{date} < {date}", "{ts} >= {ts}", "{int} BETWEEN {int} AND {int}", "{text} IS NULL", "{int} IS NOT NULL",
        "{int} IN ({int}, {int}, 3)", "{text} IN ('paid', {text})", "{int} = ANY (ARRAY[{int}, {int}])", "{int} IS DISTINCT FROM {int}", "NOT ({bool})",
        "({bool} AND {bool})", "({bool} OR {bool})", "({int}, {text}) < ({int}, {text})", "{text} SIMILAR TO '%(o|n)%'", "{json} @> {json}", "{json} ? 'who'",
        "{arr} && {arr}", "{text} = ANY ({arr})", "({bool}) IS TRUE", "starts_with({text}, 'n')", "{text} ^@ 'n'", "isfinite({ts})",
        "{text} > ALL (ARRAY[{text}, 'a'])", "({ts}, {iv}) OVERLAPS ({ts}, {iv})", "{int} OPERATOR(pg_catalog.=) {int}", "{text} !~~ '%x%'", "{flt} > {flt}",
        "{iv} > {iv}", "({json} -> 'n') IS NOT NULL", "to_tsvector('simple', {text}) @@ to_tsquery('simple', 'note')", "jsonb_path_exists({json}, '$.who')",
        "{text} !~* 'BETA'", "({bool}) = ({bool})",
    ],
    "date": [
        "({ts})::date", "({date} + {int})", "date_trunc('month', {ts})::date", "LEAST({date}, {date})",
    ],
    "ts": [
        "date_trunc('day', {ts})", "({ts} + {iv})", "({ts} - {iv})", "({date})::timestamptz",
    ],
    "iv": [
        "({ts} - {ts})", "({iv} * {int})", "make_interval(days => {int})", "justify_hours({iv})",
    ],
    "json": [
        "to_jsonb(({text})::text)", "jsonb_build_object('a', {int}, 'b', {text})", "({json} -> 'who')", "({json} || {json})", "to_jsonb({arr})",
        "jsonb_strip_nulls({json})", "jsonb_path_query_array({json}, '$.*')", "({json} #> '{{a,0}}')",
    ],
    "arr": [
        "ARRAY[{text}, {text}]", "array_append({arr}, {text})", "({arr} || {arr})", "string_to_array({text}, ' ')", "({arr})[1:2]", "array_remove({arr}, '7')",
        "regexp_split_to_array({text}, ' ')",
    ],
    "ints": ["ARRAY[{int}, {int}]", "({ints} || {int})", "array_append({ints}, {int})", "({ints})[1:2]", "array_remove({ints}, 7)", "COALESCE({ints}, ARRAY[{int}])"],
    "vc": ["({text})::varchar(12)", "COALESCE({vc}, {vc})", "({int})::varchar(12)", "({text})::char(6)"],
    "vcs": ["ARRAY[{vc}, {vc}]", "({arr})::varchar(9)[]"],
    "small": ["({int} % 100)::int2", "COALESCE({small}, 7::int2)"],
    "big": ["({int})::bigint", "({int}::bigint * {int})"],
    "raw": ["convert_to({text}, 'UTF8')", "sha256({raw})", "({raw} || {raw})"],
    "circ": ["circle(point({int}, 1), 2)", "COALESCE({circ}, {circ})"],
    "seg": ["lseg(point({int}, 0), point(1, 1))"],
    "ctxt": ["({text} COLLATE \"C\")", "({text} COLLATE \"POSIX\")", "({text} COLLATE \"ucs_basic\")"],
}  # fmt: skip
# Allowed ones that fail for some values: an error that another tenant's row causes tells of that row. The victim's amounts are
# beyond int2, its texts are no numbers, and 1025 is an amount of the asker's own.
RISKY: dict[str, list[str]] = {
    "int": [
        "({int} / {int})", "({int} % {int})", "({text})::int", "({int})::int2", "({date} - {date})", "jsonb_array_length({json})", "mod({int}, {int})",
        "width_bucket({int}, 1, 2000, 5)", "sign({num})::int", "({json} ->> 'n')::int", "(1 / ({int} - 1025))", "({int} << 1)", "({arr})[1]::int",
    ],
    "num": [
        "({num} / {num})", "sqrt({num})", "power({num}, 2)", "({text})::numeric", "ln({num})", "log({num})", "div({num}, {num})", "to_number({text}, '999')",
        "CAST({int} AS numeric(6, 2))",
    ],
    "flt": [
        "({flt} * {flt})", "({flt} / {flt})", "exp({flt})", "({text})::float8",
    ],
    "text": [
        "encode({text}::bytea, 'base64')", "chr({int} % 90 + 33)", "unistr({text})", "convert_from({text}::bytea, 'UTF8')",
    ],
    "bool": [
        "({int})::int2 IS NOT NULL", "({text})::int IS NOT NULL", "1 / ({int} - 7) > 0", "({text})::date IS NULL", "({text})::numeric > 0",
        "({text})::inet IS NULL", "({text})::jsonb IS NOT NULL", "({arr})::int[] IS NOT NULL",
    ],
    "date": [
        "({text})::date", "to_date({text}, 'YYYY-MM-DD')",
    ],
    "ts": [
        "date_bin('15 minutes', {ts}, {ts})", "({text})::timestamptz",
    ],
    "iv": [
        "age({ts}, {ts})", "({text})::interval",
    ],
    "json": [
        "jsonb_set({json}, '{{a}}', '1')", "({text})::jsonb", "({json} - 'who')",
    ],
    "arr": [
        "({text})::text[]",
    ],
    "ints": ["({arr})::int[]", "({ints})::int2[]::int[]"],
    "raw": ["({text})::bytea"],
    "small": ["({int})::int2"],
    "big": ["({text})::bigint"],
}  # fmt: skip

AGGREGATES: dict[str, list[str]] = {
    "int": ["count(*)", "count({text})", "count(DISTINCT {int})", "sum({int})", "min({int})", "max({int})", "bit_or({int})", "count(*) FILTER (WHERE {bool})", "sum({int}) FILTER (WHERE {bool})", "regr_count({flt}, {flt})"],
    "num": ["avg({int})", "sum({num})", "max({num})", "round(avg({int}), 2)", "sum(DISTINCT {num})", "var_pop({int})"],
    "flt": ["percentile_cont(0.5) WITHIN GROUP (ORDER BY {flt})", "avg({flt})", "corr({flt}, {flt})", "stddev({flt})"],
    "text": ["min({text})", "max({text})", "string_agg({text}, ',' ORDER BY {text})", "string_agg(DISTINCT {text}, '|')", "percentile_disc(0.5) WITHIN GROUP (ORDER BY ({text})::text)", "mode() WITHIN GROUP (ORDER BY ({text})::text)", "json_agg({int} ORDER BY {int})::text"],
    "bool": ["bool_or({bool})", "bool_and({bool})", "every({bool})"],
    "date": ["max({date})", "min({date})"],
    "ts": ["max({ts})", "min({ts})"],
    "iv": ["sum({iv})", "max({iv})"],
    "json": ["jsonb_agg({int} ORDER BY {int})", "jsonb_object_agg(COALESCE({text}, ''), {int})", "jsonb_agg(DISTINCT ({text})::text)"],
    "arr": ["array_agg(({text})::text ORDER BY {text})", "array_agg(DISTINCT ({text})::text)", "max({arr})"],
    "ints": ["max({ints})", "array_agg({int} ORDER BY {int})", "min({ints})"],
    "vc": ["max({vc})", "min({vc})"],
    "vcs": ["max({vcs})"],
    "small": ["max({small})"],
    "big": ["count(*)", "max({big})"],
    "raw": ["convert_to(max({text}), 'UTF8')"],
    "circ": ["circle(point(count(*), 1), 2)"],
    "seg": ["lseg(point(count(*), 0), point(1, 1))"],
    "ctxt": ["max({ctxt})", "min({ctxt})"],
}  # fmt: skip
WINDOW_ONLY = {
    "int": ["row_number()", "rank()", "dense_rank()", "ntile(3)", "lag({int})", "lead({int}, 2)", "first_value({int})", "nth_value({int}, 2)"],
    "flt": ["percent_rank()", "cume_dist()"],
    "text": ["lag(({text})::text)", "last_value(({text})::text)"],
}
# What has a cast to what, besides everything to text.
CASTS = {
    "int": ["num", "flt", "int"], "num": ["int", "flt"], "flt": ["int", "num"], "text": [*EXPRESSIONS], "bool": ["int"], "date": ["ts"], "ts": ["date"],
    "iv": ["iv"], "json": ["json"], "arr": ["arr"], "ints": ["ints", "ints", "arr"], "vc": ["text", "vc"], "vcs": ["arr"], "small": ["small"], "big": ["int"],
    "raw": ["raw"], "circ": ["circ"], "seg": ["seg"], "ctxt": ["text"],
}  # fmt: skip
FRAMES = [
    "", "", "", " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING", " RANGE UNBOUNDED PRECEDING",
    " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW",
]  # fmt: skip
FUNCTION_SOURCES = [
    ("generate_series(1, {int} % 9)", [("g", "int")]), ("unnest({arr})", [("u", "text")]), ("regexp_split_to_table({text}, ' ')", [("w", "text")]),
    ("jsonb_object_keys({json})", [("k", "text")]), ("jsonb_each_text({json})", [("key", "text"), ("value", "text")]),
    ("string_to_table({text}, ' ')", [("w", "text")]), ("unnest({arr}) WITH ORDINALITY", [("u", "text"), ("n", "int")]),
    ("ROWS FROM (unnest({arr}), generate_series(1, 3))", [("u", "text"), ("n", "int")]), ("generate_series({ts}, {ts} + interval '2 days', '1 day')", [("d", "ts")]),
]  # fmt: skip

CTE_NAMES = ["c", "base", "totals", "answer", "splitplane", '"Orders"', '"order by"', "pg_class", "secrets", "tenants", "excluded", "новый", "_0"]

# Below: what the plane hides or must refuse.
HIDDEN_RELATIONS = [
    "secrets", "tenants", "audit_log", "v_orders_all", "v_customers_pii", "mv_daily", "events_beta", "events_acme", "inventory_archive", "order_id_seq",
    "public.secrets", "public.tenants", "public.events_beta", "public.v_orders_all", "public.mv_daily", "public.inventory_archive", "public.v_customers_pii",
    "public.secrets_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 'public."secrets"', 'U&"\\0073ecrets"', "hostile.public.secrets",
    "postgres.public.orders", "pg_temp.orders", "pg_toast.orders", "splitplane.keys", "splitplane.principals", "splitplane.relations",
    "pg_catalog.pg_class", "pg_class", "pg_stats", "pg_authid", "pg_shadow", "pg_settings", "pg_stat_activity", "pg_proc", "pg_largeobject", "pg_statistic",
    "pg_locks", "pg_stat_user_tables", "information_schema.tables", "information_schema.columns", "pg_roles", "pg_prepared_statements", "pg_policies",
    "get_all_orders()", "invoker_orders()", "pg_ls_dir('.') AS x(store_id)", "pg_stat_get_activity(NULL)", "ONLY orders", "orders *", "public.orders",
    "orders TABLESAMPLE BERNOULLI (50)", "(TABLE secrets)", "(TABLE orders)", "(SELECT * FROM public.secrets)", "lo_get(4242)",
    "json_populate_record(NULL::tenants, '{}')", "XMLTABLE('/a' PASSING '<a/>' COLUMNS x text)", "pg_read_file('postgresql.conf')", "dblink('', 'x') AS t(a text)",
    "LATERAL (SELECT * FROM public.customers) ", "LATERAL lookup_secret('jwt')", "orders, public.secrets",
]  # fmt: skip
HIDDEN_COLUMNS = [
    "tenant_id", "ssn", "phone", "cost_cents", "api_key_hash", "value", "archived_at", "ctid", "xmin", "cmax", "tableoid", "tableoid::regclass", "oid",
    "rowid", "peer_note", "public.orders.tenant_id", "public.customers.ssn", "hostile.public.orders.note", "orders.tenant_id", "customers.ssn", "answer.tenant_id",
]  # fmt: skip
HOSTILE: dict[str, list[str]] = {
    "text": [
        "lookup_secret('stripe')", "lookup_secret({text})", "public.lookup_secret('jwt')", "current_setting('splitplane.key_file')", "current_setting({text}, true)",
        "set_config('app.tenant', 'beta', false)", "set_config('search_path', 'public', true)", "set_config('row_security', 'off', false)",
        "query_to_xml('SELECT * FROM secrets', true, false, '')::text", "query_to_xml({text}, true, true, '')::text", "table_to_xml('secrets', true, false, '')::text",
        "database_to_xml(true, false, '')::text", "pg_read_file({text})", "convert_from(lo_get(4242), 'UTF8')", "current_user", "session_user::text", "version()",
        "({text})::regclass::text", "({text})::regproc::text", "({text})::regrole::text", "({text})::evil_domain", "({text})::tok::text", "log_it({text})",
        "splitplane.claim('tenant')", "splitplane.claim({text})", "pg_typeof({text})::text", "obj_description(1259)", "pg_get_viewdef('v_orders_all'::regclass)",
        "public.sneaky({text})", "to_json(({text})::tok)::text", "(NULL::secrets).value", "({text})::public.comp::text", "ask('{{}}', sql => {text})::text",
        "public.ask_dry_run('{{}}', sql => 'SELECT 1')::text", "(SELECT value FROM public.secrets LIMIT 1)", "(SELECT min(tenant_id) FROM orders)", "pg_backend_pid()::text",
        "(TABLE secrets LIMIT 1)", "(SELECT string_agg(note, ',') FROM public.events_beta)", "xmlelement(name a, {text})::text", "inet_server_addr()::text",
        "splitplane.sign('AKSPBETA', 'beta', payload => 'x')::text", "ts_headline(({text})::regconfig, {text}, 'a')", "dblink_connect({text})", "(orders).tenant_id",
        "({text})::\"char\"::text", "({text})::regtype::text", "col_description(1259, 1)", "pg_describe_object(1259, 1259, 0)", "substring({text} from '#\"%#\"' for '#')",
    ],
    "int": [
        "nextval('order_id_seq')::int", "currval({text})::int", "lastval()::int", "txid_current()::int", "pg_backend_pid()", "({text})::regclass::int",
        "pg_relation_size('orders')::int", "(SELECT count(*) FROM pg_class)::int", "(setseed(0.25)::text)::int", "lo_create(0)::int", "ctid_of({int})", "tableoid::int",
        "(SELECT count(*) FROM public.secrets)::int", "(SELECT max(total_cents) FROM v_orders_all)", "inet_client_port()", "lo_open(4242, 131072)",
        "({int})::order_status::text::int", "pg_stat_get_live_tuples({int}::oid)::int", "setval('order_id_seq', {int})::int", "pg_notification_queue_usage()::int",
    ],
    "bool": [
        "leak({text})", "leak2({text}, {text})", "{text} <<< {text}", "!!! {text}", "{text} OPERATOR(public.<<<) {text}", "{text} OPERATOR(public.=#) {text}",
        "pg_sleep({int}) IS NULL", "pg_advisory_lock({int}) IS NULL", "pg_try_advisory_lock({int})", "pg_notify('pwned', {text}) IS NULL", "pg_cancel_backend({int})",
        "has_table_privilege('secrets', 'select')", "pg_terminate_backend({int})", "pg_table_is_visible({int}::oid)", "evil_lt({text}, {text})",
        "pg_logical_emit_message(false, 'p', {text}) IS NULL", "tenant_id = 'beta'", "EXISTS (SELECT FROM public.tenants)", "row_security_active('orders')",
        "to_regclass({text}) IS NULL", "({text})::regclass IS NOT NULL", "true OR true = ANY (SELECT true FROM secrets)", "setseed(0.5) IS NULL", "pg_export_snapshot() IS NULL",
        "EXISTS (SELECT 1 FROM orders FOR UPDATE)", "({text})::xml IS DOCUMENT", "(ctid)::text = '(0,1)'", "pg_input_is_valid({text}, 'regclass')",
        "'{{x}}'::evil_domain[] IS NULL", "'(x)'::comp IS NULL", "NULL::orders IS NULL", "isfinite(clock_timestamp())", "({text} LIKE {text} ESCAPE {text})",
    ],
    "json": ["to_jsonb(({text})::tok)", "jsonb_populate_record(NULL::public.tenants, {json})::text::jsonb", "row_to_json(orders)::jsonb", "ask('{{}}', 'q')"],
    "ts": ["clock_timestamp()", "pg_postmaster_start_time()", "pg_conf_load_time()"],
    "arr": ["current_schemas(true)::text[]", "(SELECT array_agg(value) FROM secrets)", "ARRAY(SELECT tenant_id FROM public.tenants)", "pg_blocking_pids(1)::text[]"],
}  # fmt: skip
# Around or behind a whole statement, {q}.
HOSTILE_FRAMES = [
    "{q}; {q}", "{q}; SELECT * FROM public.secrets", "{q}; COMMIT; SELECT * FROM secrets", "EXPLAIN {q}", "EXPLAIN (ANALYZE, VERBOSE) {q}", "{q} FOR UPDATE",
    "{q} FOR SHARE OF orders NOWAIT", "COPY ({q}) TO STDOUT", "CREATE TABLE pwned AS {q}", "DECLARE c CURSOR WITH HOLD FOR {q}", "PREPARE p AS {q}", "DO $$ BEGIN PERFORM 1; END $$",
    "WITH d AS (DELETE FROM orders RETURNING *) {q}", "WITH u AS (UPDATE public.orders SET note = 'x' RETURNING note) SELECT * FROM u, ({q}) z",
    "{q} UNION ALL TABLE public.secrets", "{q}) AS answer; SELECT * FROM public.secrets --", "{q}) AS answer UNION ALL SELECT value FROM secrets --",
    "SELECT * FROM ({q}) AS answer, public.orders", "WITH answer AS ({q}) TABLE answer", "WITH orders AS (SELECT * FROM public.orders) {q}",
    "WITH RECURSIVE orders AS (SELECT * FROM orders UNION ALL SELECT * FROM orders) {q}", "SELECT * INTO pwned FROM ({q}) z", "{q} -- ) SELECT * FROM secrets",
    "INSERT INTO audit_log(what) {q}", "SET ROLE postgres; {q}", "TABLE secrets", "VALUES ((SELECT value FROM secrets LIMIT 1))", "SELECT $1, z FROM ({q}) z", "({q}) INTERSECT (TABLE tenants)",
]  # fmt: skip

# Hidden names by words that nobody has, of the same length: whatever a statement does with the one it must do with the other.
# Only names outside pg_catalog: what PostgreSQL itself brings, everybody knows.
TWINS = {
    "secrets": "secrqts", "tenants": "tenqnts", "audit_log": "audqt_log", "v_orders_all": "v_ordqrs_all", "v_customers_pii": "v_custqmers_pii", "mv_daily": "mv_dqily",
    "events_beta": "events_bqta", "events_acme": "events_qcme", "inventory_archive": "inventory_qrchive", "order_id_seq": "order_id_sqq", "tenant_id": "tenqnt_id",
    "ssn": "sqn", "phone": "phqne", "cost_cents": "cqst_cents", "api_key_hash": "api_kqy_hash", "archived_at": "archqved_at", "peer_note": "peqr_note",
    "lookup_secret": "lookup_secrqt", "log_it": "lqg_it", "leak": "lqak", "leak2": "lqak2", "sneaky": "snqaky", "evil_lt": "evql_lt", "evil_domain": "evql_domain",
    "comp": "cqmp", "tok": "tqk", "order_status": "order_stqtus", "get_all_orders": "get_qll_orders", "invoker_orders": "invqker_orders",
}  # fmt: skip
