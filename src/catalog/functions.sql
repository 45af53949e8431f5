-- PostgreSQL's own functions that untrusted SQL may call: built in, over allowed types only, and either immutable or
-- on the list of harmless stable ones. What takes SQL text, reads settings, catalogs, files or sizes, or has effects is
-- stable or volatile and on no list; what is immutable and still unwelcome is named below.
WITH RECURSIVE allowed_type AS (
    SELECT t.oid FROM pg_catalog.pg_type AS t
    WHERE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.oid < 16384::pg_catalog.oid
      AND t.typname = ANY (ARRAY['bool','int2','int4','int8','float4','float8','numeric','money','text','varchar',
          'bpchar','name','char','date','time','timetz','timestamp','timestamptz','interval','uuid','json','jsonb',
          'jsonpath','bytea','bit','varbit','inet','cidr','macaddr','macaddr8','point','line','lseg','box','path',
          'polygon','circle','tsvector','tsquery','regconfig','int4range','int8range','numrange','tsrange','tstzrange',
          'daterange','int4multirange','int8multirange','nummultirange','tsmultirange','tstzmultirange',
          'datemultirange','anyelement','anyarray','anynonarray','anyenum','anyrange','anymultirange','anycompatible',
          'anycompatiblearray','anycompatiblenonarray','anycompatiblerange','anycompatiblemultirange','any','record'])
), with_arrays AS (
    SELECT oid FROM allowed_type
    UNION
    SELECT t.typarray FROM pg_catalog.pg_type AS t JOIN allowed_type AS a ON a.oid = t.oid WHERE t.typarray <> 0::pg_catalog.oid
), inside_aggregates AS (
    -- What aggregates call with their state, and what fails where anything else calls it.
    SELECT u.oid FROM pg_catalog.pg_aggregate AS g,
        pg_catalog.unnest(ARRAY[g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn,
                                g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn]::pg_catalog.oid[]) AS u (oid)
    WHERE g.aggfnoid < 16384::pg_catalog.oid
    EXCEPT
    SELECT o.oprcode::pg_catalog.oid FROM pg_catalog.pg_operator AS o
)
SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' ELSE 'function' END, p.oid::pg_catalog.text, p.proname::pg_catalog.text
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.oid < 16384::pg_catalog.oid
  AND p.prokind IN ('f', 'a', 'w') AND NOT p.prosecdef AND l.lanname IN ('internal', 'c', 'sql')
  AND p.prosupport::pg_catalog.oid < 16384::pg_catalog.oid
  AND NOT EXISTS (SELECT FROM pg_catalog.unnest(COALESCE(p.proallargtypes, p.proargtypes::pg_catalog.oid[]) || p.prorettype) AS t (oid)
                  WHERE t.oid NOT IN (SELECT w.oid FROM with_arrays AS w))
  AND p.proname !~ '^(pg_|binary_upgrade|lo_|ts_rewrite|ts_stat|factorial|.*_populate_record|txid|xml_|regconfig|inet_(client|server))'
  -- Since 17 and 18: what the server was built with, and the inside of an index.
  AND p.proname !~ '^(icu_unicode_version|unicode_version|gist_)'
  AND p.oid NOT IN (SELECT i.oid FROM inside_aggregates AS i)
  AND (p.provolatile = 'i'
       OR p.provolatile = 's' AND (
            p.proname = ANY (ARRAY['now','transaction_timestamp','statement_timestamp','age','date_part','extract',
                'date_trunc','date','time','timetz','timestamp','timestamptz','timezone','make_timestamptz','to_char','to_date',
                'to_timestamp','to_number','interval','generate_series','in_range','overlaps','isfinite','text',
                'concat','concat_ws','format','textanycat','anytextcat','quote_literal','quote_nullable',
                'array_to_string','to_json','to_jsonb','row_to_json','array_to_json','json_build_array',
                'json_build_object','jsonb_build_array','jsonb_build_object','json_agg','jsonb_agg','json_object_agg',
                'jsonb_object_agg','json_agg_strict','jsonb_agg_strict','json_object_agg_strict',
                'json_object_agg_unique','json_object_agg_unique_strict','jsonb_object_agg_strict',
                'jsonb_object_agg_unique','jsonb_object_agg_unique_strict','json_to_record','json_to_recordset',
                'jsonb_to_record','jsonb_to_recordset','jsonb_path_exists_tz','jsonb_path_match_tz',
                'jsonb_path_query_tz','jsonb_path_query_array_tz','jsonb_path_query_first_tz','to_tsvector',
                'ts_match_tt','ts_match_tq','to_tsquery','plainto_tsquery','phraseto_tsquery','websearch_to_tsquery','ts_headline','enum_first',
                'enum_last','enum_range','enum_cmp','money','numeric','convert_from','convert_to','string_agg',
                'tstzrange','daterange','tsrange','range_agg','interval_pl_timestamptz','timestamptz_pl_interval',
                'timestamptz_mi_interval','datetime_pl','date_add','date_subtract','quote_ident','ascii','array_agg'])
            OR p.proname ~ '^(date|timestamp|timestamptz)_(eq|ne|lt|le|gt|ge|cmp)_(date|timestamp|timestamptz)$'))
UNION ALL
-- Random values. They are admitted in select lists alone, which is proved.
SELECT 'drawing', p.oid::pg_catalog.text, p.proname::pg_catalog.text
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.oid < 16384::pg_catalog.oid AND p.prokind = 'f'
  AND p.pronargs = 0 AND p.provolatile = 'v' AND NOT p.prosecdef AND p.proname = ANY (ARRAY['random', 'gen_random_uuid'])
UNION ALL
SELECT 'type', w.oid::pg_catalog.text, t.typname::pg_catalog.text
FROM with_arrays AS w JOIN pg_catalog.pg_type AS t ON t.oid = w.oid
UNION ALL
-- C, POSIX, default, ucs_basic, and those of ICU and of PostgreSQL's own provider that initdb makes. Which there are of the
-- operating system's depends on the machine.
SELECT 'collation', c.oid::pg_catalog.text, c.collname::pg_catalog.text
FROM pg_catalog.pg_collation AS c
WHERE c.collnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.oid < 16384::pg_catalog.oid
  AND c.collencoding IN (-1, pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding())) AND c.collisdeterministic
  AND (c.collprovider IN ('i', 'b') OR c.collname = ANY (ARRAY['C', 'POSIX', 'default', 'ucs_basic']))
