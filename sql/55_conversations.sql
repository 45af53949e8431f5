-- Conversations: the earlier questions of one principal and the SQL that answered them, never a row of an answer.
-- They are not dumped: questions are personal data with a short life, and a restored database starts without them.

CREATE TABLE splitplane.conversations (
    conversation uuid PRIMARY KEY,
    tenant text NOT NULL,
    business text NOT NULL,
    subject text NOT NULL,
    last_used_at timestamptz NOT NULL
);
COMMENT ON TABLE splitplane.conversations IS 'Who a conversation belongs to; readable by nobody but the owner.';
CREATE INDEX ON splitplane.conversations (last_used_at);
CREATE INDEX ON splitplane.conversations (tenant, business, subject);

CREATE TABLE splitplane.conversation_turns (
    turn bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation uuid NOT NULL REFERENCES splitplane.conversations ON DELETE CASCADE,
    asked_at timestamptz NOT NULL,
    question text NOT NULL,
    sql text
);
COMMENT ON TABLE splitplane.conversation_turns IS
    'Questions of a conversation and the SQL that answered them; sql is NULL where a clarification was asked for.';
CREATE INDEX ON splitplane.conversation_turns (conversation, turn);

REVOKE ALL ON splitplane.conversations, splitplane.conversation_turns FROM PUBLIC;

-- The latest turns, oldest first, after a check that the conversation does not belong to another principal. The refusal
-- does not depend on which one.
CREATE FUNCTION splitplane._conversation_turns(id text, tenant text, business text, subject text, retention text)
RETURNS TABLE (question text, sql text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM splitplane.conversations AS c
               WHERE c.conversation = id::uuid
                 AND (c.tenant, c.business, c.subject) IS DISTINCT FROM
                     (_conversation_turns.tenant, _conversation_turns.business, _conversation_turns.subject)) THEN
        RAISE EXCEPTION 'the conversation belongs to another principal' USING ERRCODE = '42501';
    END IF;
    RETURN QUERY
        SELECT latest.question, latest.sql
        FROM (SELECT t.turn, t.question, t.sql FROM splitplane.conversation_turns AS t
              WHERE t.conversation = id::uuid AND t.asked_at > clock_timestamp() - make_interval(secs => retention::int)
              ORDER BY t.turn DESC LIMIT 8) AS latest
        ORDER BY latest.turn;
END
$$;
REVOKE ALL ON FUNCTION splitplane._conversation_turns(text, text, text, text, text) FROM PUBLIC;

-- Keeps one turn, and no more than `most` of one principal: the oldest are deleted. Conversations that have not been
-- used for the retention period are deleted here too, a few at each call, so that no job is needed;
-- `forget_conversations` deletes all of them at once.
CREATE FUNCTION splitplane._keep_turn(
    id text, tenant text, business text, subject text, retention text, most text, question text, sql text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO splitplane.conversations AS c (conversation, tenant, business, subject, last_used_at)
    VALUES (id::uuid, _keep_turn.tenant, _keep_turn.business, _keep_turn.subject, moment)
    ON CONFLICT (conversation) DO UPDATE SET last_used_at = moment
        -- Another principal may have begun one under the same id since the check.
        WHERE (c.tenant, c.business, c.subject) = (_keep_turn.tenant, _keep_turn.business, _keep_turn.subject);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the conversation belongs to another principal' USING ERRCODE = '42501';
    END IF;
    INSERT INTO splitplane.conversation_turns (conversation, asked_at, question, sql)
    VALUES (id::uuid, moment, _keep_turn.question, _keep_turn.sql);
    DELETE FROM splitplane.conversation_turns AS t
     WHERE t.conversation = id::uuid AND t.asked_at <= moment - make_interval(secs => retention::int);
    WITH surplus AS (
        SELECT t.turn
        FROM splitplane.conversations AS c JOIN splitplane.conversation_turns AS t ON t.conversation = c.conversation
        WHERE (c.tenant, c.business, c.subject) = (_keep_turn.tenant, _keep_turn.business, _keep_turn.subject)
        ORDER BY t.turn DESC OFFSET most::int
    )
    DELETE FROM splitplane.conversation_turns AS t USING surplus AS s WHERE t.turn = s.turn;
    DELETE FROM splitplane.conversations AS c
     WHERE (c.tenant, c.business, c.subject) = (_keep_turn.tenant, _keep_turn.business, _keep_turn.subject)
       AND NOT EXISTS (SELECT FROM splitplane.conversation_turns AS t WHERE t.conversation = c.conversation);
    DELETE FROM splitplane.conversations AS c
     WHERE c.conversation IN (SELECT o.conversation FROM splitplane.conversations AS o
                              WHERE o.last_used_at <= moment - make_interval(secs => retention::int)
                              ORDER BY o.last_used_at LIMIT 20 FOR UPDATE SKIP LOCKED);
END
$$;
REVOKE ALL ON FUNCTION splitplane._keep_turn(text, text, text, text, text, text, text, text) FROM PUBLIC;

CREATE FUNCTION splitplane.forget_conversations(tenant text DEFAULT NULL, older_than interval DEFAULT '0')
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed bigint;
BEGIN
    PERFORM splitplane._administration('forget_conversations', jsonb_build_object(
        'tenant', forget_conversations.tenant, 'older_than', forget_conversations.older_than));
    IF older_than IS NULL THEN
        RAISE EXCEPTION 'older_than must not be NULL' USING ERRCODE = '22023';
    END IF;
    DELETE FROM splitplane.conversations AS c
     WHERE (forget_conversations.tenant IS NULL OR c.tenant = forget_conversations.tenant)
       AND c.last_used_at <= clock_timestamp() - older_than;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION splitplane.forget_conversations(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.forget_conversations(text, interval) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.forget_conversations(text, interval) IS
    'Deletes the conversations of a tenant, or of all tenants if NULL, that have not been used for the interval. '
    'Returns their number.';
