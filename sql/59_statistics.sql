-- Figures for monitoring: views over counters in shared memory, of the current database. Labels are text, values bigint
-- or double precision; nothing is NULL, and every row is there from the start, with 0, but those of tenants: what is
-- not there cannot be told from what was not read.

CREATE FUNCTION splitplane._stat_calls()
RETURNS TABLE (entry_point text, outcome text, reason text, calls bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_calls';
REVOKE ALL ON FUNCTION splitplane._stat_calls() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_calls() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_calls AS
    SELECT pg_catalog.current_database()::text AS datname, f.entry_point, f.outcome, f.reason, f.calls
    FROM splitplane._stat_calls() AS f;
REVOKE ALL ON splitplane.stat_calls FROM PUBLIC;
GRANT SELECT ON splitplane.stat_calls TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_calls IS
    'How often calls of each entry point ended in each way; outcome error has a reason, others have none.';

CREATE FUNCTION splitplane._stat_stages()
RETURNS TABLE (stage text, bounds double precision[], counts bigint[], seconds double precision)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_stages';
REVOKE ALL ON FUNCTION splitplane._stat_stages() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_stages() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_stages AS
    SELECT pg_catalog.current_database()::text AS datname, f.stage, f.bounds, f.counts,
           f.counts[pg_catalog.cardinality(f.counts)] AS calls, f.seconds
    FROM splitplane._stat_stages() AS f;
REVOKE ALL ON splitplane.stat_stages FROM PUBLIC;
GRANT SELECT ON splitplane.stat_stages TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_stages IS
    'How long each stage of calls took: counts[n] calls took at most bounds[n] seconds. Stage total is the whole call.';

CREATE FUNCTION splitplane._stat_stage_buckets() RETURNS TABLE (stage text, bound text, calls bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_stage_buckets';
REVOKE ALL ON FUNCTION splitplane._stat_stage_buckets() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_stage_buckets() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_stage_buckets AS
    SELECT pg_catalog.current_database()::text AS datname, f.stage, f.bound AS le, f.calls
    FROM splitplane._stat_stage_buckets() AS f;
REVOKE ALL ON splitplane.stat_stage_buckets FROM PUBLIC;
GRANT SELECT ON splitplane.stat_stage_buckets TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_stage_buckets IS
    'stat_stages with a row for each bound: so many calls took at most le seconds.';

CREATE FUNCTION splitplane._stat_tenants()
RETURNS TABLE (
    tenant text, calls bigint, errors bigint, declined bigint, row_count bigint, bytes bigint, seconds double precision,
    model_calls bigint, input_tokens bigint, output_tokens bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_tenants';
REVOKE ALL ON FUNCTION splitplane._stat_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_tenants() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_tenants AS
    SELECT pg_catalog.current_database()::text AS datname, f.tenant, f.calls, f.errors, f.declined,
           f.row_count AS rows, f.bytes, f.seconds, f.model_calls, f.input_tokens, f.output_tokens
    FROM splitplane._stat_tenants() AS f;
REVOKE ALL ON splitplane.stat_tenants FROM PUBLIC;
GRANT SELECT ON splitplane.stat_tenants TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_tenants IS
    'What each tenant has used, by verified identities; tenant *others is all that have no row of their own.';

CREATE FUNCTION splitplane._stat_models()
RETURNS TABLE (
    model text, purpose text, result text, calls bigint, seconds double precision, input_tokens bigint,
    output_tokens bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_models';
REVOKE ALL ON FUNCTION splitplane._stat_models() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_models() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_models AS
    SELECT pg_catalog.current_database()::text AS datname, f.model, f.purpose, f.result, f.calls, f.seconds,
           f.input_tokens, f.output_tokens
    FROM splitplane._stat_models() AS f;
REVOKE ALL ON splitplane.stat_models FROM PUBLIC;
GRANT SELECT ON splitplane.stat_models TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_models IS 'Calls of models by what they were for and what came of them.';

CREATE FUNCTION splitplane._stat_ledger()
RETURNS TABLE (used bigint, capacity bigint, keys bigint, horizon double precision)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_ledger';
REVOKE ALL ON FUNCTION splitplane._stat_ledger() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_ledger() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_ledger AS
    SELECT pg_catalog.current_database()::text AS datname, f.used, f.capacity, f.keys, f.horizon,
           (SELECT coalesce(pg_catalog.sum(c.calls), 0)::bigint FROM splitplane._stat_calls() AS c
            WHERE c.reason OPERATOR(pg_catalog.=) 'ledger_full') AS refused
    FROM splitplane._stat_ledger() AS f;
REVOKE ALL ON splitplane.stat_ledger FROM PUBLIC;
GRANT SELECT ON splitplane.stat_ledger TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_ledger IS
    'The replay ledger, which is one for the server: places used and there, keys, horizon; calls refused over it here.';

CREATE FUNCTION splitplane._stat_plane() RETURNS TABLE (shut bigint, since double precision, anomalies bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__stat_plane';
REVOKE ALL ON FUNCTION splitplane._stat_plane() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_plane() TO pg_monitor, splitplane_admin;

-- A key that has ended is not waited for any more, nor is one that has not begun.
CREATE VIEW splitplane.stat_plane AS
    SELECT pg_catalog.current_database()::text AS datname, f.shut, k.keys, k.key_seconds, f.since, f.anomalies
    FROM splitplane._stat_plane() AS f
    CROSS JOIN (SELECT pg_catalog.count(*) AS keys,
                       coalesce(pg_catalog.min(EXTRACT(epoch FROM n.not_after OPERATOR(pg_catalog.-) pg_catalog.now())
                                               ::double precision), 'Infinity') AS key_seconds
                FROM splitplane.keys AS n
                WHERE n.revoked_at IS NULL AND n.not_before OPERATOR(pg_catalog.<=) pg_catalog.now()
                  AND n.not_after OPERATOR(pg_catalog.>) pg_catalog.now()) AS k;
REVOKE ALL ON splitplane.stat_plane FROM PUBLIC;
GRANT SELECT ON splitplane.stat_plane TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_plane IS
    'Whether a tripwire has shut the plane (1); keys that are valid, and seconds until the first of them ends; since '
    'when there are figures; calls unlike their principal''s past.';

-- How many findings doctor() has, which takes as long as doctor() itself. Findings name tables, roles and tenants: the
-- counts alone are for monitoring.
CREATE FUNCTION splitplane._stat_doctor() RETURNS TABLE (severity text, findings bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.severity, count(f.severity)
    FROM unnest(ARRAY['critical', 'warning', 'info']) AS s(severity)
    LEFT JOIN splitplane.doctor() AS f ON f.severity = s.severity
    GROUP BY s.severity
$$;
REVOKE ALL ON FUNCTION splitplane._stat_doctor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_doctor() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_doctor AS
    SELECT pg_catalog.current_database()::text AS datname, f.severity, f.findings
    FROM splitplane._stat_doctor() AS f;
REVOKE ALL ON splitplane.stat_doctor FROM PUBLIC;
GRANT SELECT ON splitplane.stat_doctor TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_doctor IS 'How many findings doctor() has, by severity. It runs doctor().';

-- Of the audit log, which is one for the server.
CREATE FUNCTION splitplane._stat_audit()
RETURNS TABLE (entries bigint, stored bigint, capacity bigint, gaps bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(max(h.entries), 0), coalesce(max(h.stored), 0), coalesce(max(h.most), 0), coalesce(max(h.gaps), 0)
    FROM splitplane._audit_health() AS h
$$;
REVOKE ALL ON FUNCTION splitplane._stat_audit() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_audit() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_audit AS
    SELECT pg_catalog.current_database()::text AS datname, f.entries, f.stored, f.capacity, f.gaps
    FROM splitplane._stat_audit() AS f;
REVOKE ALL ON splitplane.stat_audit FROM PUBLIC;
GRANT SELECT ON splitplane.stat_audit TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_audit IS
    'The audit log of the server: entries, bytes stored and allowed (0: any), and entries that could not be written.';

-- Budgets that are set for a tenant by name, and those of the default of which anything is used: a row for every
-- registered tenant would be more than monitoring can store. A tenant that was shut with an amount of 0 is no alarm.
CREATE FUNCTION splitplane._stat_budgets() RETURNS TABLE (tenant text, measure text, used_ratio double precision)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.tenant, b.measure, CASE WHEN u.spent = 0 THEN 0 ELSE coalesce(u.spent / nullif(b.amount, 0), 1) END
    FROM (
        SELECT l.tenant, l.measure, l.amount, l.microseconds, true AS is_named FROM splitplane.budget_limits AS l
        WHERE l.tenant <> '*'
        UNION ALL
        SELECT p.tenant, l.measure, l.amount, l.microseconds, false
        FROM (SELECT DISTINCT r.tenant FROM splitplane.principals AS r) AS p
        JOIN splitplane.budget_limits AS l ON l.tenant = '*'
        WHERE NOT EXISTS (SELECT FROM splitplane.budget_limits AS o
                          WHERE o.tenant = p.tenant AND o.measure = l.measure)
    ) AS b
    CROSS JOIN LATERAL (
        SELECT f.used::double precision + f.reserved AS spent
        FROM splitplane._budget_use(b.tenant, b.measure, b.microseconds) AS f
    ) AS u
    WHERE b.is_named OR u.spent > 0
$$;
REVOKE ALL ON FUNCTION splitplane._stat_budgets() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._stat_budgets() TO pg_monitor, splitplane_admin;

CREATE VIEW splitplane.stat_budgets AS
    SELECT pg_catalog.current_database()::text AS datname, f.tenant, f.measure, f.used_ratio
    FROM splitplane._stat_budgets() AS f;
REVOKE ALL ON splitplane.stat_budgets FROM PUBLIC;
GRANT SELECT ON splitplane.stat_budgets TO pg_monitor, splitplane_admin;
COMMENT ON VIEW splitplane.stat_budgets IS
    'Which part of each budget is used or reserved in the present window: of those set for a tenant by name, and of '
    'the default for tenants that use it.';

CREATE FUNCTION splitplane.stat_reset() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2_stat_reset';
REVOKE ALL ON FUNCTION splitplane.stat_reset() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.stat_reset() TO splitplane_admin;
COMMENT ON FUNCTION splitplane.stat_reset() IS
    'Sets the counters of this database to 0 and forgets its tenants and models.';

GRANT USAGE ON SCHEMA splitplane TO pg_monitor;
