//! What the allowlist of PostgreSQL's own functions holds on each major.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::text;
    use crate::catalog::current_plane;
    use pgrx::prelude::*;

    /// What all majors have, as PostgreSQL 15 has it: a hash over the OIDs in order.
    const SINCE_15: &str = "59a2b675b9f59957e6ad18eea61e96e1";

    /// What 16 to 19 brought, each judged: by OID, since the texts of signatures change between majors. An OID that is on no
    /// line here is not admitted before somebody has read what it does.
    const SINCE_LATER: &[(u32, &str)] = &[
        (6291, "any_value(anyelement)"),
        (6221, "date_add(timestamp with time zone, interval)"),
        (6222, "date_add(timestamp with time zone, interval, text)"),
        (6223, "date_subtract(timestamp with time zone, interval)"),
        (6273, "date_subtract(timestamp with time zone, interval, text)"),
        (6219, "erf(double precision)"),
        (6220, "erfc(double precision)"),
        (6274, "generate_series(timestamp with time zone, timestamp with time zone, interval, text)"),
        (6276, "json_agg_strict(anyelement)"),
        (6280, "json_object_agg_strict(\"any\", \"any\")"),
        (6281, "json_object_agg_unique(\"any\", \"any\")"),
        (6282, "json_object_agg_unique_strict(\"any\", \"any\")"),
        (6284, "jsonb_agg_strict(anyelement)"),
        (6288, "jsonb_object_agg_strict(\"any\", \"any\")"),
        (6289, "jsonb_object_agg_unique(\"any\", \"any\")"),
        (6290, "jsonb_object_agg_unique_strict(\"any\", \"any\")"),
        (6336, "timezone(time with time zone)"),
        (6334, "timezone(timestamp with time zone)"),
        (6335, "timezone(timestamp without time zone)"),
        (6331, "to_bin(bigint)"),
        (6330, "to_bin(integer)"),
        (6333, "to_oct(bigint)"),
        (6332, "to_oct(integer)"),
        (6105, "unicode_assigned(text)"),
        (6342, "uuid_extract_timestamp(uuid)"),
        (6343, "uuid_extract_version(uuid)"),
        (6381, "array_reverse(anyarray)"),
        (6388, "array_sort(anyarray)"),
        (6389, "array_sort(anyarray, boolean)"),
        (6390, "array_sort(anyarray, boolean, boolean)"),
        (6369, "bytea(bigint)"),
        (6368, "bytea(integer)"),
        (6367, "bytea(smallint)"),
        (6412, "casefold(text)"),
        (6364, "crc32(bytea)"),
        (6365, "crc32c(bytea)"),
        (6383, "gamma(double precision)"),
        (6417, "hashbool(boolean)"),
        (6418, "hashboolextended(boolean, bigint)"),
        (6413, "hashbytea(bytea)"),
        (6414, "hashbyteaextended(bytea, bigint)"),
        (6415, "hashdate(date)"),
        (6416, "hashdateextended(date, bigint)"),
        (6370, "int2(bytea)"),
        (6371, "int4(bytea)"),
        (6372, "int8(bytea)"),
        (6384, "lgamma(double precision)"),
        (6395, "max(bytea)"),
        (6373, "max(record)"),
        (6396, "min(bytea)"),
        (6374, "min(record)"),
        (6382, "reverse(bytea)"),
        (6425, "timestamptz_hash(timestamp with time zone)"),
        (6426, "timestamptz_hash_extended(timestamp with time zone, bigint)"),
        (6510, "bytea(uuid)"),
        (6497, "error_on_null(anyelement)"),
        (6495, "multirange_minus_multi(anymultirange, anymultirange)"),
        (6496, "range_minus_multi(anyrange, anyrange)"),
        (6511, "uuid(bytea)"),
    ];

    #[pg_test]
    fn allowlist_holds_of_later_majors_what_was_judged() {
        let plane = current_plane().unwrap();
        let mut old: Vec<u32> = plane.builtins.functions.iter().map(|oid| oid.to_u32()).collect();
        old.retain(|oid| SINCE_LATER.iter().all(|(later, _)| later != oid));
        old.sort_unstable();
        let old: Vec<String> = old.iter().map(u32::to_string).collect();
        let hash = text(&format!("SELECT md5('{}')", old.join(",")));
        assert_eq!(hash.as_deref(), Some(SINCE_15), "{} functions that are not of later majors", old.len());
        for (oid, signature) in SINCE_LATER {
            let name = "max(proname || '(' || oidvectortypes(proargtypes) || ')')";
            let here = text(&format!("SELECT {name} FROM pg_proc WHERE oid = {oid}"));
            assert!(here.is_none() || here.as_deref() == Some(*signature), "{oid} is {here:?}");
            assert_eq!(here.is_some(), plane.builtins.functions.contains(&pg_sys::Oid::from(*oid)), "{signature}");
        }
    }
}
