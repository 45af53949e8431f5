//! PostgreSQL's own functions that untrusted SQL may call.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::text;
    use crate::catalog::current_plane;
    use pgrx::prelude::*;

    /// Functions that no untrusted SQL may ever call, by name in pg_catalog.
    const DANGEROUS: &[&str] = &[
        // settings
        "set_config",
        "current_setting",
        "pg_reload_conf",
        "pg_show_all_settings",
        "pg_show_all_file_settings",
        // time and locks
        "pg_sleep",
        "pg_sleep_for",
        "pg_sleep_until",
        "pg_advisory_lock",
        "pg_advisory_xact_lock",
        "pg_try_advisory_lock",
        "pg_advisory_unlock_all",
        "clock_timestamp",
        "timeofday",
        // SQL text
        "query_to_xml",
        "query_to_xmlschema",
        "query_to_xml_and_xmlschema",
        "cursor_to_xml",
        "cursor_to_xmlschema",
        "table_to_xml",
        "table_to_xmlschema",
        "table_to_xml_and_xmlschema",
        "schema_to_xml",
        "schema_to_xmlschema",
        "database_to_xml",
        "database_to_xmlschema",
        "ts_stat",
        "ts_rewrite",
        // XML: a parser of its own over the caller's text
        "xpath",
        "xpath_exists",
        "xml_is_well_formed",
        "xml_is_well_formed_document",
        "xml_is_well_formed_content",
        // sequences
        "nextval",
        "currval",
        "setval",
        "lastval",
        "pg_sequence_last_value",
        "pg_get_serial_sequence",
        // files, large objects, programs
        "lo_import",
        "lo_export",
        "lo_create",
        "lo_creat",
        "lo_get",
        "lo_put",
        "lo_open",
        "lo_unlink",
        "lo_from_bytea",
        "loread",
        "lowrite",
        "pg_read_file",
        "pg_read_binary_file",
        "pg_ls_dir",
        "pg_ls_logdir",
        "pg_ls_waldir",
        "pg_ls_tmpdir",
        "pg_stat_file",
        "pg_current_logfile",
        "pg_relation_filepath",
        "pg_relation_filenode",
        "pg_filenode_relation",
        "pg_tablespace_location",
        "pg_import_system_collations",
        // privileges, roles and sessions
        "has_table_privilege",
        "has_column_privilege",
        "has_any_column_privilege",
        "has_schema_privilege",
        "has_function_privilege",
        "has_database_privilege",
        "has_sequence_privilege",
        "has_type_privilege",
        "has_language_privilege",
        "has_server_privilege",
        "has_tablespace_privilege",
        "has_foreign_data_wrapper_privilege",
        "has_parameter_privilege",
        "pg_has_role",
        "pg_get_userbyid",
        "current_user",
        "session_user",
        "current_database",
        "current_schema",
        "current_schemas",
        "current_query",
        "version",
        "inet_client_addr",
        "inet_server_addr",
        "inet_client_port",
        "inet_server_port",
        "row_security_active",
        "getdatabaseencoding",
        "pg_backend_pid",
        // transactions
        "txid_current",
        "txid_current_if_assigned",
        "txid_current_snapshot",
        "txid_status",
        "pg_current_xact_id",
        "pg_current_snapshot",
        "pg_xact_commit_timestamp",
        "pg_last_committed_xact",
        "pg_export_snapshot",
        "pg_notify",
        "pg_listening_channels",
        "pg_notification_queue_usage",
        // catalogs, sizes and statistics: facts about every tenant's rows
        "pg_table_size",
        "pg_relation_size",
        "pg_total_relation_size",
        "pg_indexes_size",
        "pg_database_size",
        "pg_column_size",
        "pg_column_compression",
        "pg_get_viewdef",
        "pg_get_functiondef",
        "pg_get_expr",
        "pg_get_constraintdef",
        "pg_get_indexdef",
        "pg_get_triggerdef",
        "pg_get_ruledef",
        "obj_description",
        "col_description",
        "shobj_description",
        "format_type",
        "to_regclass",
        "to_regproc",
        "to_regtype",
        "to_regrole",
        "to_regnamespace",
        "pg_stat_get_live_tuples",
        "pg_stat_get_tuples_inserted",
        "pg_stat_get_activity",
        "pg_stat_get_last_vacuum_time",
        "pg_describe_object",
        "pg_identify_object",
        "pg_typeof",
        "pg_lock_status",
        "pg_mcv_list_items",
        "pg_table_is_visible",
        "pg_cursor",
        "pg_prepared_statement",
        "pg_options_to_table",
        // effects
        "pg_cancel_backend",
        "pg_terminate_backend",
        "pg_rotate_logfile",
        "pg_switch_wal",
        "pg_create_restore_point",
        "pg_promote",
        "pg_logical_emit_message",
        "pg_create_logical_replication_slot",
        "pg_drop_replication_slot",
        "pg_stat_reset",
        "pg_log_backend_memory_contexts",
        "brin_summarize_new_values",
        "gin_clean_pending_list",
        "pg_replication_origin_create",
        "pg_extension_config_dump",
        "pg_collation_actual_version",
        // randomness: it has an effect
        "setseed",
        // growth in one step, or the catalog of a composite type
        "factorial",
        "json_populate_record",
        "json_populate_recordset",
        "jsonb_populate_record",
        "jsonb_populate_recordset",
    ];

    /// What an analyst's SQL is made of.
    const NEEDED: &[&str] = &[
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "stddev",
        "stddev_samp",
        "stddev_pop",
        "variance",
        "var_pop",
        "corr",
        "covar_pop",
        "regr_slope",
        "regr_intercept",
        "percentile_cont",
        "percentile_disc",
        "mode",
        "bool_and",
        "bool_or",
        "every",
        "string_agg",
        "array_agg",
        "json_agg",
        "jsonb_agg",
        "json_object_agg",
        "jsonb_object_agg",
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "nth_value",
        "now",
        "date_trunc",
        "date_part",
        "extract",
        "age",
        "to_char",
        "to_date",
        "to_timestamp",
        "to_number",
        "make_date",
        "make_interval",
        "date_bin",
        "generate_series",
        "width_bucket",
        "round",
        "trunc",
        "ceil",
        "floor",
        "abs",
        "mod",
        "power",
        "sqrt",
        "ln",
        "log",
        "exp",
        "sign",
        "div",
        "upper",
        "lower",
        "initcap",
        "length",
        "substr",
        "substring",
        "position",
        "strpos",
        "replace",
        "translate",
        "btrim",
        "ltrim",
        "rtrim",
        "lpad",
        "rpad",
        "repeat",
        "reverse",
        "split_part",
        "concat",
        "concat_ws",
        "format",
        "left",
        "right",
        "regexp_replace",
        "regexp_match",
        "regexp_matches",
        "regexp_split_to_table",
        "string_to_array",
        "array_to_string",
        "unnest",
        "array_length",
        "cardinality",
        "array_position",
        "md5",
        "jsonb_array_elements",
        "jsonb_each",
        "jsonb_object_keys",
        "json_array_elements",
        "jsonb_build_object",
        "to_json",
        "to_jsonb",
        "row_to_json",
        "justify_days",
        "isfinite",
        "overlaps",
        "lower_inc",
        "timezone",
        "int4pl",
        "int8mul",
        "numeric_add",
        "texteq",
        "textlike",
        "texticlike",
        "date_mi",
        "timestamptz_ge",
        "array_eq",
        "array_lt",
        "record_eq",
        "textregexeq",
        "in_range",
    ];

    fn listed() -> String {
        let plane = current_plane().unwrap();
        let oids: Vec<String> = plane.builtins.functions.iter().map(|oid| oid.to_u32().to_string()).collect();
        assert!(oids.len() > 1_000, "only {} functions", oids.len());
        oids.join(",")
    }

    /// The signatures of those on the list for which `condition` over pg_proc p and pg_type t (any type in it) holds.
    fn listed_where(condition: &str) -> Option<String> {
        text(&format!(
            "SELECT string_agg(DISTINCT p.oid::regprocedure::text, ', ') FROM pg_proc p
             CROSS JOIN LATERAL unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]) || p.prorettype) AS a (type)
             JOIN pg_type t ON t.oid = a.type JOIN pg_language l ON l.oid = p.prolang
             WHERE p.oid = ANY ('{{{}}}'::oid[]) AND ({condition})",
            listed()
        ))
    }

    #[pg_test]
    fn allowlist_holds_no_dangerous_function_by_oid() {
        let names = DANGEROUS.join("','");
        assert_eq!(listed_where(&format!("p.proname IN ('{names}')")), None);
    }

    /// Known by name and to the proof, which admits them by their place; on no list of what may run anywhere.
    #[pg_test]
    fn allowlist_holds_random_values_apart() {
        let plane = current_plane().unwrap();
        let mut names: Vec<&str> = plane.builtins.drawing.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["gen_random_uuid", "random"]);
        for function in plane.builtins.drawing.values() {
            assert!(!plane.builtins.functions.contains(function) && !plane.allows_function(*function));
            assert_eq!(
                plane.draws(*function),
                plane.generator() != Some(*function),
                "random() has another in its place"
            );
        }
        assert!(plane.draws(plane.policy.drawn) && !plane.allows_function(plane.policy.drawn));
        assert!(!plane.policy.is_wrapper(plane.policy.drawn));
        assert_eq!(plane.generator(), plane.builtins.drawing.get("random").copied());
    }

    #[pg_test]
    fn allowlist_holds_no_dangerous_function_by_name() {
        let plane = current_plane().unwrap();
        let found: Vec<_> = DANGEROUS.iter().filter(|name| plane.builtins.names.contains(name)).collect();
        assert!(found.is_empty(), "{found:?}");
    }

    /// A name that PostgreSQL does not know would make the two tests above say nothing.
    #[pg_test]
    fn dangerous_names_are_those_of_this_server() {
        let names = DANGEROUS.join("'),('");
        let unknown = text(&format!(
            "SELECT string_agg(n, ', ') FROM (VALUES ('{names}')) AS v (n)
             WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = n AND pronamespace = 'pg_catalog'::regnamespace)"
        ));
        assert_eq!(unknown, None);
    }

    #[pg_test]
    fn allowlist_holds_what_analysts_need() {
        let plane = current_plane().unwrap();
        let missing: Vec<_> = NEEDED.iter().filter(|name| !plane.builtins.names.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[pg_test]
    fn allowlist_holds_no_volatile_function() {
        assert_eq!(listed_where("p.provolatile = 'v'"), None);
    }

    #[pg_test]
    fn allowlist_holds_no_security_definer_or_setting_function() {
        assert_eq!(listed_where("p.prosecdef OR p.proconfig IS NOT NULL"), None);
    }

    #[pg_test]
    fn allowlist_holds_no_function_over_an_internal_or_catalog_type() {
        // regconfig names a text search configuration; a value of it cannot be written.
        let types =
            "t.typname IN ('internal', 'cstring', 'oid', 'xid', 'xid8', 'cid', 'tid', 'aclitem', 'xml', 'refcursor',
            'pg_lsn', 'pg_snapshot', 'txid_snapshot', 'trigger', 'event_trigger', 'language_handler', 'fdw_handler',
            'index_am_handler', 'table_am_handler', 'tsm_handler', 'pg_ddl_command', 'void', 'unknown', 'oidvector')
            OR t.typname LIKE 'reg%' AND t.typname <> 'regconfig' OR t.typnamespace <> 'pg_catalog'::regnamespace";
        assert_eq!(listed_where(types), None);
    }

    #[pg_test]
    fn allowlist_takes_a_regconfig_for_text_search_only() {
        let found = listed_where(
            "t.typname = 'regconfig' AND p.proname NOT IN ('to_tsvector', 'to_tsquery', 'plainto_tsquery',
             'phraseto_tsquery', 'websearch_to_tsquery', 'ts_headline', 'json_to_tsvector', 'jsonb_to_tsvector')",
        );
        assert_eq!(found, None);
    }

    /// Only code that came with the server: compiled in, or SQL that reads no relation.
    #[pg_test]
    fn allowlist_holds_no_function_that_reads_a_relation() {
        let reads = "p.prosrc ~* '\\mfrom\\s+(pg_|information)' OR pg_get_function_sqlbody(p.oid) ~* '\\mfrom\\s+\\(?(pg_|information)'";
        assert_eq!(
            listed_where(&format!("l.lanname NOT IN ('internal', 'sql') OR l.lanname = 'sql' AND ({reads})")),
            None
        );
        assert_eq!(listed_where("p.oid >= 16384"), None);
    }

    #[pg_test]
    fn allowlist_holds_no_type_of_the_catalog() {
        let plane = current_plane().unwrap();
        for name in [
            "regclass",
            "regproc",
            "regtype",
            "regrole",
            "regnamespace",
            "regconfig",
            "oid",
            "xml",
            "refcursor",
            "pg_lsn",
            "aclitem",
            "cstring",
            "internal",
            "record",
            "any",
            "anyelement",
            "tid",
            "xid",
            "txid_snapshot",
        ] {
            assert!(!plane.builtins.type_names.contains(name), "{name} may be written");
        }
        for name in [
            "int4",
            "int8",
            "numeric",
            "text",
            "varchar",
            "bpchar",
            "date",
            "timestamptz",
            "interval",
            "jsonb",
            "uuid",
            "bool",
        ] {
            assert!(plane.builtins.type_names.contains(name), "{name} may not be written");
        }
        // Besides record and unknown: 2249, 2287 and 705.
        for oid in [24u32, 26, 28, 27, 142, 194, 1790, 2205, 2206, 4089, 4096, 2275, 2281, 3220] {
            assert!(!plane.allows_type(pg_sys::Oid::from(oid)), "type {oid}");
        }
    }

    #[pg_test]
    fn allowlist_holds_no_function_of_this_extension() {
        let plane = current_plane().unwrap();
        let own = text("SELECT string_agg(p.oid::text, ',') FROM pg_proc p WHERE p.probin LIKE '%splitplane%' OR p.pronamespace = 'splitplane'::regnamespace").unwrap();
        for oid in own.split(',') {
            assert!(!plane.allows_function(pg_sys::Oid::from(oid.parse::<u32>().unwrap())), "function {oid}");
        }
    }
}
