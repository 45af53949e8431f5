-- The audit log. What it records is not in a table, so that it is there after a rollback and on a standby.

-- Called by every administrative function before it does anything. Nothing happens where no log is written.
CREATE FUNCTION splitplane._administration(function text, arguments jsonb) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2__administration';
REVOKE ALL ON FUNCTION splitplane._administration(text, jsonb) FROM PUBLIC;

CREATE FUNCTION splitplane.audit(
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, tenant text DEFAULT NULL)
RETURNS TABLE (sequence bigint, at timestamptz, event text, query_id uuid, tenant text, business text, subject text,
               key_id text, source text, outcome text, sqlstate text, reason text, question text, sql text,
               relations text[], rows bigint, bytes bigint, milliseconds double precision, model_calls integer,
               input_tokens bigint, output_tokens bigint, answer bytea, hash bytea)
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2_audit';
REVOKE ALL ON FUNCTION splitplane.audit(timestamptz, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.audit(timestamptz, timestamptz, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.audit(timestamptz, timestamptz, text) IS
    'The entries of the audit log that are of this database or of the server itself.';

CREATE FUNCTION splitplane.audit_checkpoint(tenant text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2_audit_checkpoint';
REVOKE ALL ON FUNCTION splitplane.audit_checkpoint(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.audit_checkpoint(text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.audit_checkpoint(text) IS
    'A signed checkpoint of the audit log, or a signed note of one tenant''s last entry, to be kept elsewhere.';

CREATE FUNCTION splitplane.verify_audit(checkpoint text DEFAULT NULL)
RETURNS TABLE (severity text, sequence bigint, finding text)
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2_verify_audit';
REVOKE ALL ON FUNCTION splitplane.verify_audit(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.verify_audit(text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.verify_audit(text) IS
    'What is wrong with the audit log; with a checkpoint that was kept elsewhere also what is missing.';

CREATE FUNCTION splitplane.audit_export(tenant text) RETURNS SETOF text
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2_audit_export';
REVOKE ALL ON FUNCTION splitplane.audit_export(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.audit_export(text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.audit_export(text) IS
    'The entries of one tenant with the proofs that they are in the log, as lines for splitplane-audit verify-export.';

CREATE FUNCTION splitplane._erase_audit_texts(tenant text, subject text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'splitplane_2__erase_audit_texts';
REVOKE ALL ON FUNCTION splitplane._erase_audit_texts(text, text) FROM PUBLIC;

CREATE FUNCTION splitplane.erase_audit_texts(tenant text, subject text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF tenant IS NULL THEN
        RAISE EXCEPTION 'tenant is NULL' USING ERRCODE = '22023';
    END IF;
    PERFORM splitplane._administration('erase_audit_texts', jsonb_build_object(
        'tenant', erase_audit_texts.tenant, 'subject', erase_audit_texts.subject));
    RETURN splitplane._erase_audit_texts(tenant, subject);
END
$$;
REVOKE ALL ON FUNCTION splitplane.erase_audit_texts(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.erase_audit_texts(text, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.erase_audit_texts(text, text) IS
    'Overwrites questions and SQL that the audit log keeps of a tenant, or of one subject of it; it still verifies.';

CREATE FUNCTION splitplane._audit_health(
    OUT mode text, OUT log text, OUT entries bigint, OUT stored bigint, OUT most bigint, OUT gaps bigint,
    OUT failed boolean, OUT vkey text, OUT spki text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'splitplane_2__audit_health';
REVOKE ALL ON FUNCTION splitplane._audit_health() FROM PUBLIC;

CREATE FUNCTION splitplane._audit_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.severity, 'audit log', f.finding, f.fix
    FROM splitplane._audit_health() AS h
    CROSS JOIN LATERAL (
        VALUES ('warning', h.failed,
                'It cannot be written to.',
                '-- the server log says why (splitplane: the audit log cannot be opened)'),
               ('warning', h.gaps > 0,
                format('%s entries could not be written since the server started.', h.gaps),
                '-- the server log says why (splitplane: GAP in the audit log), and entries "gap" when'),
               ('warning', h.stored > 0.8 * h.most,
                format('It takes %s of the %s that splitplane.audit_max_size allows; when it is full, nothing more '
                       'is recorded.', pg_size_pretty(h.stored), pg_size_pretty(h.most)),
                '-- raise splitplane.audit_max_size, or set splitplane.audit_retention'),
               ('info', h.vkey IS NOT NULL AND h.mode <> 'off',
                format('The public key of its notes is %s', h.vkey),
                '-- keep this line elsewhere: splitplane-audit verify .. --key reads it'),
               ('info', h.spki IS NOT NULL AND h.mode <> 'off',
                format('The same key for openssl: %s', replace(btrim(h.spki, E'\n'), E'\n', ' ')),
                '-- keep it elsewhere')
    ) AS f(severity, holds, finding, fix)
    WHERE f.holds
$$;
REVOKE ALL ON FUNCTION splitplane._audit_findings() FROM PUBLIC;
