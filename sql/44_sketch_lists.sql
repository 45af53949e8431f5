-- Lists of extensions for sketches of values that can be added up. What they say: 45_extension_lists.sql.

CREATE FUNCTION splitplane._sketch_lists()
RETURNS TABLE (extension name, kind text, object text, body text, bound text)
-- PL/pgSQL keeps its plan.
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT name 'hll', l.* FROM (VALUES
        ('type', 'hll', 'hll_in(cstring,oid,int4) hll_out(hll) hll_typmod_in(_cstring) hll_typmod_out(int4)', 'read'),
        ('type', 'hll_hashval', 'hll_hashval_in(cstring,oid,int4) hll_hashval_out(hll_hashval)', 'read'),
        ('io', 'hll_add_trans4(internal,hll_hashval,int4,int4,int8,int4)',
         'hll_add_trans4 internal on null volatile', ''),
        ('io', 'hll_deserialize(bytea,internal)', 'hll_deserialize internal', ''),
        ('io', 'hll_hashval_in(cstring,oid,int4)', 'hll_hashval_in hll_hashval', ''),
        ('io', 'hll_hashval_out(hll_hashval)', 'hll_hashval_out cstring', ''),
        ('io', 'hll_in(cstring,oid,int4)', 'hll_in hll', ''),
        ('io', 'hll_out(hll)', 'hll_out cstring', ''),
        ('io', 'hll_pack(internal)', 'hll_pack hll on null volatile', ''),
        ('io', 'hll_serialize(internal)', 'hll_serialize bytea', ''),
        ('io', 'hll_typmod_in(_cstring)', 'hll_typmod_in int4', ''),
        ('io', 'hll_typmod_out(int4)', 'hll_typmod_out cstring', ''),
        ('io', 'hll_union_internal(internal,internal)', 'hll_union_internal internal on null volatile', ''),
        ('io', 'hll_union_trans(internal,hll)', 'hll_union_trans internal on null volatile', ''),
        ('aggregate', 'hll_add_agg(hll_hashval,int4,int4,int8,int4)',
         'hll_add_trans4(internal,hll_hashval,int4,int4,int8,int4) final hll_pack(internal) combine '
         || 'hll_union_internal(internal,internal) serial hll_serialize(internal) deserial '
         || 'hll_deserialize(bytea,internal)', 'read'),
        ('aggregate', 'hll_union_agg(hll)',
         'hll_union_trans(internal,hll) final hll_pack(internal) combine '
         || 'hll_union_internal(internal,internal) serial hll_serialize(internal) deserial '
         || 'hll_deserialize(bytea,internal)', 'read'),
        ('function', 'hll(hll,int4,bool)', 'hll hll', 'read'),
        ('function', 'hll_add(hll,hll_hashval)', 'hll_add hll', 'read'),
        ('function', 'hll_add_rev(hll_hashval,hll)', 'hll_add_rev hll', 'read'),
        ('function', 'hll_cardinality(hll)', 'hll_cardinality float8', 'read'),
        ('function', 'hll_empty(int4,int4,int8,int4)', 'hll_empty4 hll', 'read'),
        ('function', 'hll_eq(hll,hll)', 'hll_eq bool', 'read'),
        ('function', 'hll_expthresh(hll)', 'hll_expthresh record(int8,int8)', 'read'),
        ('function', 'hll_hash_bigint(int8,int4)', 'hll_hash_8byte hll_hashval default 0', 'read'),
        ('function', 'hll_hash_boolean(bool,int4)', 'hll_hash_1byte hll_hashval default 0', 'read'),
        ('function', 'hll_hash_bytea(bytea,int4)', 'hll_hash_varlena hll_hashval default 0', 'read'),
        ('function', 'hll_hash_integer(int4,int4)', 'hll_hash_4byte hll_hashval default 0', 'read'),
        ('function', 'hll_hash_smallint(int2,int4)', 'hll_hash_2byte hll_hashval default 0', 'read'),
        ('function', 'hll_hash_text(text,int4)', 'hll_hash_varlena hll_hashval default 0', 'read'),
        ('function', 'hll_hashval(int8)', 'hll_hashval hll_hashval', 'read'),
        ('function', 'hll_hashval_eq(hll_hashval,hll_hashval)', 'hll_hashval_eq bool', 'read'),
        ('function', 'hll_hashval_int4(int4)', 'hll_hashval_int4 hll_hashval', 'read'),
        ('function', 'hll_hashval_ne(hll_hashval,hll_hashval)', 'hll_hashval_ne bool', 'read'),
        ('function', 'hll_log2m(hll)', 'hll_log2m int4', 'read'),
        ('function', 'hll_ne(hll,hll)', 'hll_ne bool', 'read'),
        ('function', 'hll_regwidth(hll)', 'hll_regwidth int4', 'read'),
        ('function', 'hll_schema_version(hll)', 'hll_schema_version int4', 'read'),
        ('function', 'hll_sparseon(hll)', 'hll_sparseon int4', 'read'),
        ('function', 'hll_type(hll)', 'hll_type int4', 'read'),
        ('function', 'hll_union(hll,hll)', 'hll_union hll', 'read'),
        ('operator', '#(,hll)', 'hll_cardinality(hll)', ''),
        ('operator', '||(hll,hll)', 'hll_union(hll,hll)', ''),
        ('operator', '||(hll,hll_hashval)', 'hll_add(hll,hll_hashval)', ''),
        ('operator', '||(hll_hashval,hll)', 'hll_add_rev(hll_hashval,hll)', ''),
        ('cast', 'hll,hll', 'hll(hll,int4,bool)', ''),
        ('cast', 'int4,hll_hashval', 'hll_hashval_int4(int4)', ''),
        ('cast', 'int8,hll_hashval', '', '')
    ) AS l(kind, object, body, bound)
    UNION ALL
    SELECT name 'tdigest', l.* FROM (VALUES
        ('type', 'tdigest', 'tdigest_in(cstring) tdigest_out(tdigest)', 'stored'),
        ('io', 'tdigest_add_digest(internal,tdigest)', 'tdigest_add_digest internal on null unsafe', ''),
        ('io', 'tdigest_add_digest(internal,tdigest,float8)', 'tdigest_add_digest internal on null unsafe', ''),
        ('io', 'tdigest_add_digest_array(internal,tdigest,_float8)',
         'tdigest_add_digest_array internal on null unsafe', ''),
        ('io', 'tdigest_add_digest_array_values(internal,tdigest,_float8)',
         'tdigest_add_digest_array_values internal on null unsafe', ''),
        ('io', 'tdigest_add_digest_trimmed(internal,tdigest,float8,float8)',
         'tdigest_add_digest_trimmed internal on null unsafe', ''),
        ('io', 'tdigest_add_digest_values(internal,tdigest,float8)',
         'tdigest_add_digest_values internal on null unsafe', ''),
        ('io', 'tdigest_array_percentiles(internal)', 'tdigest_array_percentiles _float8 on null unsafe', ''),
        ('io', 'tdigest_array_percentiles_of(internal)', 'tdigest_array_percentiles_of _float8 on null unsafe', ''),
        ('io', 'tdigest_combine(internal,internal)', 'tdigest_combine internal on null unsafe', ''),
        ('io', 'tdigest_deserial(bytea,internal)', 'tdigest_deserial internal unsafe', ''),
        ('io', 'tdigest_digest(internal)', 'tdigest_digest tdigest on null unsafe', ''),
        ('io', 'tdigest_in(cstring)', 'tdigest_in tdigest unsafe', ''),
        ('io', 'tdigest_out(tdigest)', 'tdigest_out cstring unsafe', ''),
        ('io', 'tdigest_percentiles(internal)', 'tdigest_percentiles float8 on null unsafe', ''),
        ('io', 'tdigest_percentiles_of(internal)', 'tdigest_percentiles_of float8 on null unsafe', ''),
        ('io', 'tdigest_serial(internal)', 'tdigest_serial bytea unsafe', ''),
        ('io', 'tdigest_trimmed_avg(internal)', 'tdigest_trimmed_avg float8 on null unsafe', ''),
        ('io', 'tdigest_trimmed_sum(internal)', 'tdigest_trimmed_sum float8 on null unsafe', ''),
        ('aggregate', 'tdigest(tdigest)',
         'tdigest_add_digest(internal,tdigest) final tdigest_digest(internal) combine '
         || 'tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('aggregate', 'tdigest_avg(tdigest,float8,float8)',
         'tdigest_add_digest_trimmed(internal,tdigest,float8,float8) final tdigest_trimmed_avg(internal) '
         || 'combine tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('aggregate', 'tdigest_percentile(tdigest,_float8)',
         'tdigest_add_digest_array(internal,tdigest,_float8) final tdigest_array_percentiles(internal) '
         || 'combine tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'product'),
        ('aggregate', 'tdigest_percentile(tdigest,float8)',
         'tdigest_add_digest(internal,tdigest,float8) final tdigest_percentiles(internal) combine '
         || 'tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('aggregate', 'tdigest_percentile_of(tdigest,_float8)',
         'tdigest_add_digest_array_values(internal,tdigest,_float8) final '
         || 'tdigest_array_percentiles_of(internal) combine tdigest_combine(internal,internal) serial '
         || 'tdigest_serial(internal) deserial tdigest_deserial(bytea,internal)', 'product'),
        ('aggregate', 'tdigest_percentile_of(tdigest,float8)',
         'tdigest_add_digest_values(internal,tdigest,float8) final tdigest_percentiles_of(internal) combine '
         || 'tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('aggregate', 'tdigest_sum(tdigest,float8,float8)',
         'tdigest_add_digest_trimmed(internal,tdigest,float8,float8) final tdigest_trimmed_sum(internal) '
         || 'combine tdigest_combine(internal,internal) serial tdigest_serial(internal) deserial '
         || 'tdigest_deserial(bytea,internal)', 'read'),
        ('function', 'tdigest_count(tdigest)', 'tdigest_count int8 unsafe', 'read'),
        ('function', 'tdigest_digest_avg(tdigest,float8,float8)',
         'tdigest_digest_avg float8 unsafe default 0.0, 1.0', 'read'),
        ('function', 'tdigest_digest_sum(tdigest,float8,float8)',
         'tdigest_digest_sum float8 unsafe default 0.0, 1.0', 'read'),
        ('function', 'tdigest_double_array(tdigest)', 'tdigest_to_array _float8 unsafe', 'read'),
        ('function', 'tdigest_json(tdigest)', 'tdigest_to_json json unsafe', 'read'),
        ('function', 'tdigest_union(tdigest,tdigest,bool)',
         'tdigest_union_double_increment tdigest on null unsafe default true', 'read'),
        ('cast', 'tdigest,_float8', 'tdigest_double_array(tdigest)', ''),
        ('cast', 'tdigest,json', 'tdigest_json(tdigest)', '')
    ) AS l(kind, object, body, bound);
END
$$;
REVOKE ALL ON FUNCTION splitplane._sketch_lists() FROM PUBLIC;
