-- Feedback: what answered a question is kept for a while, so that the caller can say whether it was right and an
-- administrator can make it a verified query. Never a row of an answer. It is not dumped: questions are personal data
-- with a short life.

CREATE TABLE splitplane.answers (
    query_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    business text NOT NULL,
    subject text NOT NULL,
    answered_at timestamptz NOT NULL,
    question text NOT NULL,
    sql text NOT NULL,
    source text NOT NULL,
    follows boolean NOT NULL,
    good boolean,
    note text,
    rated_at timestamptz,
    CHECK ((good IS NULL) = (rated_at IS NULL))
);
COMMENT ON TABLE splitplane.answers IS
    'Questions that were answered, and the SQL, for splitplane.rating_retention; readable by nobody but the owner.';
CREATE INDEX ON splitplane.answers (answered_at);
CREATE INDEX ON splitplane.answers (tenant);
REVOKE ALL ON splitplane.answers FROM PUBLIC;

-- Administrators read the table through it alone: they see what was rated, and nothing that is past its time.
CREATE VIEW splitplane.ratings AS
    SELECT a.query_id, a.tenant, a.business, a.subject, a.answered_at, a.question, a.sql, a.source, a.follows,
           a.good, a.note, a.rated_at
    FROM splitplane.answers AS a
    WHERE a.rated_at IS NOT NULL
      AND a.answered_at OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
              pg_catalog.current_setting('splitplane.rating_retention')::interval);
REVOKE ALL ON splitplane.ratings FROM PUBLIC;
GRANT SELECT ON splitplane.ratings TO splitplane_admin;
COMMENT ON VIEW splitplane.ratings IS 'What callers said of answers, with the question and the SQL, by rate.';

-- Keeps one answer. What is older than the retention is deleted here too, a few at each call, so that no job is needed.
-- Only in READ COMMITTED: elsewhere a row that another call deletes at the same time would be an error.
CREATE FUNCTION splitplane._keep_answer(
    query_id text, tenant text, business text, subject text, retention text, question text, sql text, source text,
    follows text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO splitplane.answers (query_id, tenant, business, subject, answered_at, question, sql, source, follows)
    VALUES (_keep_answer.query_id::uuid, _keep_answer.tenant, _keep_answer.business, _keep_answer.subject, moment,
            _keep_answer.question, _keep_answer.sql, _keep_answer.source, _keep_answer.follows::boolean);
    IF current_setting('transaction_isolation') = 'read committed' THEN
        DELETE FROM splitplane.answers AS a
         WHERE a.query_id IN (SELECT o.query_id FROM splitplane.answers AS o
                              WHERE o.answered_at <= moment - make_interval(secs => retention::int)
                              ORDER BY o.answered_at LIMIT 20 FOR UPDATE SKIP LOCKED);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._keep_answer(text, text, text, text, text, text, text, text, text) FROM PUBLIC;

-- Rates an answer of the same principal, once: 'rated', 'again', or 'unknown', which does not say whether there is one
-- of another principal.
CREATE FUNCTION splitplane._rate(
    query_id text, tenant text, business text, subject text, retention text, good text, note text)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    is_known boolean;
BEGIN
    UPDATE splitplane.answers AS a
       SET good = _rate.good::boolean, note = _rate.note, rated_at = moment
     WHERE a.query_id = _rate.query_id::uuid
       AND (a.tenant, a.business, a.subject) = (_rate.tenant, _rate.business, _rate.subject)
       AND a.answered_at > moment - make_interval(secs => retention::int)
       AND a.rated_at IS NULL;
    IF FOUND THEN
        RETURN 'rated';
    END IF;
    SELECT true INTO is_known
      FROM splitplane.answers AS a
     WHERE a.query_id = _rate.query_id::uuid
       AND (a.tenant, a.business, a.subject) = (_rate.tenant, _rate.business, _rate.subject)
       AND a.answered_at > moment - make_interval(secs => retention::int);
    RETURN CASE WHEN is_known THEN 'again' ELSE 'unknown' END;
END
$$;
REVOKE ALL ON FUNCTION splitplane._rate(text, text, text, text, text, text, text) FROM PUBLIC;

-- For callers, like ask: it reads what no caller may read.
CREATE FUNCTION splitplane.rate(
    query_id uuid, good boolean, note text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = error
AS 'MODULE_PATHNAME', 'splitplane_2_rate';
REVOKE ALL ON FUNCTION splitplane.rate(uuid, boolean, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.rate(uuid, boolean, text, jsonb) TO splitplane_caller;
COMMENT ON FUNCTION splitplane.rate(uuid, boolean, text, jsonb) IS
    'Says whether the answer with this query_id was right: once, and by whom it was given to.';
GRANT USAGE ON SCHEMA splitplane TO splitplane_caller;

CREATE FUNCTION splitplane.promote(query_id uuid, name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept record;
BEGIN
    IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION 'promote writes, and this transaction is read-only or the server a standby'
            USING ERRCODE = '55000';
    END IF;
    PERFORM splitplane._administration('promote', jsonb_build_object(
        'query_id', promote.query_id, 'name', promote.name));
    SELECT a.question, a.sql, a.follows INTO kept
      FROM splitplane.answers AS a
     WHERE a.query_id = promote.query_id
       AND a.answered_at > clock_timestamp() - current_setting('splitplane.rating_retention')::interval;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no answer is kept with query_id %', coalesce(query_id::text, 'NULL') USING ERRCODE = '42704';
    END IF;
    -- Alone it means something else, or nothing, and it would be answered so in everybody's conversations.
    IF kept.follows THEN
        RAISE EXCEPTION 'the question was asked after others of a conversation'
            USING ERRCODE = '22023', HINT = 'Call verify_query with a question that stands for itself.';
    END IF;
    -- verify_query would change the entry: a truth is not replaced by the way.
    IF EXISTS (SELECT FROM splitplane.verified_queries AS q WHERE q.name = promote.name) THEN
        RAISE EXCEPTION 'there is a verified query "%" already', promote.name
            USING ERRCODE = '42710', HINT = 'Choose another name, or change that entry with verify_query.';
    END IF;
    PERFORM splitplane.verify_query(promote.name, kept.question, kept.sql);
END
$$;
REVOKE ALL ON FUNCTION splitplane.promote(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.promote(uuid, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.promote(uuid, text) IS
    'Makes an answer that is kept a verified query, with the checks of verify_query.';

CREATE FUNCTION splitplane.forget_answers(tenant text DEFAULT NULL, older_than interval DEFAULT '0')
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
    PERFORM splitplane._administration('forget_answers', jsonb_build_object(
        'tenant', forget_answers.tenant, 'older_than', forget_answers.older_than));
    IF older_than IS NULL THEN
        RAISE EXCEPTION 'older_than must not be NULL' USING ERRCODE = '22023';
    END IF;
    DELETE FROM splitplane.answers AS a
     WHERE (forget_answers.tenant IS NULL OR a.tenant = forget_answers.tenant)
       AND a.answered_at <= clock_timestamp() - older_than;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION splitplane.forget_answers(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.forget_answers(text, interval) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.forget_answers(text, interval) IS
    'Deletes the kept answers of a tenant, or of all tenants if NULL, that are older than the interval, with their '
    'ratings. Returns their number.';
