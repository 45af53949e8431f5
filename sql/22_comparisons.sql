-- PostgreSQL's own comparisons of numbers and enums, marked LEAKPROOF: no value makes them raise an error. The stage
-- trust puts a call beside a comparison of a column, so that an index may be searched before row-level security. No
-- function may have the mark that is not in the table of src/trust/conditions/comparisons.rs.

CREATE FUNCTION splitplane.comparison_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2_comparison_support';
REVOKE ALL ON FUNCTION splitplane.comparison_support(internal) FROM PUBLIC;

CREATE FUNCTION splitplane.numeric_equal(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_eq';
REVOKE ALL ON FUNCTION splitplane.numeric_equal(numeric, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.numeric_equal(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.numeric_less(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_lt';
REVOKE ALL ON FUNCTION splitplane.numeric_less(numeric, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.numeric_less(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.numeric_less_equal(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_le';
REVOKE ALL ON FUNCTION splitplane.numeric_less_equal(numeric, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.numeric_less_equal(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.numeric_greater(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_gt';
REVOKE ALL ON FUNCTION splitplane.numeric_greater(numeric, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.numeric_greater(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.numeric_greater_equal(value numeric, other numeric) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'numeric_ge';
REVOKE ALL ON FUNCTION splitplane.numeric_greater_equal(numeric, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.numeric_greater_equal(numeric, numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.enum_equal(value anyenum, other anyenum) RETURNS boolean
LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 1 SUPPORT splitplane.comparison_support
AS 'enum_eq';
REVOKE ALL ON FUNCTION splitplane.enum_equal(anyenum, anyenum) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.enum_equal(anyenum, anyenum) TO splitplane_reader;
