-- The dates and timestamps next to a value of another type. The stage trust puts them around what a column is compared
-- with, so that the comparison has the column's own type: PostgreSQL trusts it before row-level security, and has
-- indexes and statistics for it. None raises an error. What depends on the time zone is STABLE.

CREATE FUNCTION splitplane.date_at_least(value timestamp) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_at_least';
REVOKE ALL ON FUNCTION splitplane.date_at_least(timestamp) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_at_least(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.date_at_least(value timestamptz) RETURNS date
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_at_least_in_zone';
REVOKE ALL ON FUNCTION splitplane.date_at_least(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_at_least(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.date_at_most(value timestamp) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_at_most';
REVOKE ALL ON FUNCTION splitplane.date_at_most(timestamp) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_at_most(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.date_at_most(value timestamptz) RETURNS date
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_at_most_in_zone';
REVOKE ALL ON FUNCTION splitplane.date_at_most(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_at_most(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.date_equal_to(value timestamp) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_equal_to';
REVOKE ALL ON FUNCTION splitplane.date_equal_to(timestamp) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_equal_to(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.date_equal_to(value timestamptz) RETURNS date
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_equal_to_in_zone';
REVOKE ALL ON FUNCTION splitplane.date_equal_to(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_equal_to(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_at_least(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_at_least';
REVOKE ALL ON FUNCTION splitplane.timestamp_at_least(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamp_at_least(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_at_least(value timestamptz) RETURNS timestamp
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_at_least_in_zone';
REVOKE ALL ON FUNCTION splitplane.timestamp_at_least(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamp_at_least(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_at_most(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_at_most';
REVOKE ALL ON FUNCTION splitplane.timestamp_at_most(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamp_at_most(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_at_most(value timestamptz) RETURNS timestamp
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_at_most_in_zone';
REVOKE ALL ON FUNCTION splitplane.timestamp_at_most(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamp_at_most(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_equal_to(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_equal_to';
REVOKE ALL ON FUNCTION splitplane.timestamp_equal_to(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamp_equal_to(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_equal_to(value timestamptz) RETURNS timestamp
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_equal_to_in_zone';
REVOKE ALL ON FUNCTION splitplane.timestamp_equal_to(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamp_equal_to(timestamptz) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_at_least(value timestamp) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_at_least';
REVOKE ALL ON FUNCTION splitplane.timestamptz_at_least(timestamp) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamptz_at_least(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_at_least(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_at_least_date';
REVOKE ALL ON FUNCTION splitplane.timestamptz_at_least(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamptz_at_least(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_at_most(value timestamp) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_at_most';
REVOKE ALL ON FUNCTION splitplane.timestamptz_at_most(timestamp) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamptz_at_most(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_at_most(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_at_most_date';
REVOKE ALL ON FUNCTION splitplane.timestamptz_at_most(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamptz_at_most(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_equal_to(value timestamp) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_equal_to';
REVOKE ALL ON FUNCTION splitplane.timestamptz_equal_to(timestamp) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamptz_equal_to(timestamp) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_equal_to(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_equal_to_date';
REVOKE ALL ON FUNCTION splitplane.timestamptz_equal_to(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamptz_equal_to(date) TO splitplane_reader;

-- The first and the last timestamp of a day.

CREATE FUNCTION splitplane.timestamp_first(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_first';
REVOKE ALL ON FUNCTION splitplane.timestamp_first(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamp_first(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamp_last(value date) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamp_last';
REVOKE ALL ON FUNCTION splitplane.timestamp_last(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamp_last(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_first(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_first';
REVOKE ALL ON FUNCTION splitplane.timestamptz_first(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamptz_first(date) TO splitplane_reader;

CREATE FUNCTION splitplane.timestamptz_last(value date) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_timestamptz_last';
REVOKE ALL ON FUNCTION splitplane.timestamptz_last(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.timestamptz_last(date) TO splitplane_reader;

-- The days at which years begin and end, by a number that the year of a date is compared with.

CREATE FUNCTION splitplane.date_first(year numeric) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_first';
REVOKE ALL ON FUNCTION splitplane.date_first(numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_first(numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.date_first(year double precision) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_first_of_double';
REVOKE ALL ON FUNCTION splitplane.date_first(double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_first(double precision) TO splitplane_reader;

CREATE FUNCTION splitplane.date_last(year numeric) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_last';
REVOKE ALL ON FUNCTION splitplane.date_last(numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_last(numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.date_last(year double precision) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_last_of_double';
REVOKE ALL ON FUNCTION splitplane.date_last(double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_last(double precision) TO splitplane_reader;

CREATE FUNCTION splitplane.date_before(year numeric) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_before';
REVOKE ALL ON FUNCTION splitplane.date_before(numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_before(numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.date_before(year double precision) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_before_of_double';
REVOKE ALL ON FUNCTION splitplane.date_before(double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_before(double precision) TO splitplane_reader;

CREATE FUNCTION splitplane.date_after(year numeric) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_after';
REVOKE ALL ON FUNCTION splitplane.date_after(numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_after(numeric) TO splitplane_reader;

CREATE FUNCTION splitplane.date_after(year double precision) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_date_after_of_double';
REVOKE ALL ON FUNCTION splitplane.date_after(double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.date_after(double precision) TO splitplane_reader;

-- A timestamp so many microseconds later; the first or the last one instead of one beyond it.

CREATE FUNCTION splitplane.moved(value timestamp, microseconds bigint) RETURNS timestamp
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_moved';
REVOKE ALL ON FUNCTION splitplane.moved(timestamp, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.moved(timestamp, bigint) TO splitplane_reader;

CREATE FUNCTION splitplane.moved(value timestamptz, microseconds bigint) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_moved';
REVOKE ALL ON FUNCTION splitplane.moved(timestamptz, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.moved(timestamptz, bigint) TO splitplane_reader;

-- Around a condition that stands beside bounds which follow from it: those are counted, so the planner is told that it
-- keeps every row. It must never be marked LEAKPROOF.
CREATE FUNCTION splitplane.beside_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2_beside_support';
REVOKE ALL ON FUNCTION splitplane.beside_support(internal) FROM PUBLIC;

CREATE FUNCTION splitplane.beside(condition boolean) RETURNS boolean
LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1 SUPPORT splitplane.beside_support
AS 'MODULE_PATHNAME', 'splitplane_2_beside';
REVOKE ALL ON FUNCTION splitplane.beside(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.beside(boolean) TO splitplane_reader;
