-- How often questions in words are answered right: verified queries are the truth, and each is asked as if it were not
-- registered.

CREATE TABLE splitplane.evaluations (
    run bigint NOT NULL,
    name text NOT NULL,
    tenant text NOT NULL,
    question text NOT NULL,
    arguments jsonb NOT NULL,
    model text NOT NULL,
    verdict text CHECK (verdict IN ('right', 'wrong', 'refused', 'not answered', 'leak')),
    regression boolean,
    detail text,
    sql text,
    milliseconds double precision,
    model_calls bigint,
    input_tokens bigint,
    output_tokens bigint,
    evaluated_at timestamptz,
    PRIMARY KEY (run, name, tenant, question)
);
COMMENT ON TABLE splitplane.evaluations IS
    'What evaluate found, by run; the verdict is NULL of a case that is still to be asked.';
REVOKE ALL ON splitplane.evaluations FROM PUBLIC;
GRANT SELECT ON splitplane.evaluations TO splitplane_admin;
SELECT pg_catalog.pg_extension_config_dump('splitplane.evaluations', '');

-- Asks one question of a verified query as one principal, given as tenant, business and subject; `foreign_ids` is the
-- one whose rows must not be in the answer. The verdict is 'unfinished' when the milliseconds are over.
CREATE FUNCTION splitplane._evaluate_case(
    name text, question text, own_ids text[], foreign_ids text[], milliseconds_left integer)
RETURNS TABLE (verdict text, detail text, sql text, milliseconds double precision, model_calls bigint,
               input_tokens bigint, output_tokens bigint)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__evaluate_case';
REVOKE ALL ON FUNCTION splitplane._evaluate_case(text, text, text[], text[], integer) FROM PUBLIC;

-- The principals of the self-test, each as {tenant, business, subject}. For '*' stands an id of the first table that is
-- scoped by one.
CREATE FUNCTION splitplane._evaluation_principals(tenants text[]) RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    people jsonb[] := splitplane._selftest_principals(tenants);
    scoped splitplane.relations;
    qualified text;
BEGIN
    SELECT r.* INTO scoped
      FROM splitplane.relations AS r
     WHERE NOT r.shared
     ORDER BY (SELECT count(*) FROM jsonb_each_text(r.scope) AS s WHERE s.value IN ('business', 'subject')) DESC,
              r.relation::text COLLATE "C"
     LIMIT 1;
    IF FOUND THEN
        SELECT format('%I.%I', n.nspname, c.relname) INTO qualified
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = scoped.relation;
        people := splitplane._selftest_identities(scoped, qualified, people);
    END IF;
    RETURN people;
END
$$;
REVOKE ALL ON FUNCTION splitplane._evaluation_principals(text[]) FROM PUBLIC;

CREATE FUNCTION splitplane._ids(person jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY[person ->> 'tenant', replace(person ->> 'business', '*', 'splitplane-evaluate'),
                 replace(person ->> 'subject', '*', 'splitplane-evaluate')]
$$;
REVOKE ALL ON FUNCTION splitplane._ids(jsonb) FROM PUBLIC;

CREATE FUNCTION splitplane.evaluate(tenants text[] DEFAULT NULL, names text[] DEFAULT NULL)
RETURNS TABLE (name text, tenant text, question text, verdict text, detail text, sql text,
               milliseconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until timestamptz := clock_timestamp() + current_setting('splitplane.evaluation_time')::interval;
    writes boolean := NOT (pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean);
    asked_for jsonb := jsonb_build_object('tenants', evaluate.tenants, 'names', evaluate.names);
    asked_model text := current_setting('splitplane.model');
    people jsonb[];
    missing text;
    this_run bigint;
    next_case record;
    found_case record;
    before record;
    time_left integer;
BEGIN
    PERFORM splitplane._administration('evaluate', asked_for);
    people := splitplane._evaluation_principals(tenants);
    SELECT string_agg(DISTINCT quote_literal(t.tenant), ', ') INTO missing
      FROM unnest(tenants) AS t(tenant)
     WHERE NOT EXISTS (SELECT FROM unnest(people) AS p(person) WHERE p.person ->> 'tenant' = t.tenant);
    IF missing IS NOT NULL OR array_position(tenants, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'no principal is admitted for tenant %', coalesce(missing, 'NULL') USING ERRCODE = '42704';
    END IF;
    IF cardinality(people) < 2 THEN
        RAISE EXCEPTION 'evaluate needs principals of two tenants, to see that neither is given the other''s rows'
            USING ERRCODE = '22023';
    END IF;
    SELECT string_agg(DISTINCT quote_literal(n.name), ', ') INTO missing
      FROM unnest(names) AS n(name)
     WHERE NOT EXISTS (SELECT FROM splitplane.verified_queries AS q WHERE q.name = n.name);
    IF missing IS NOT NULL OR array_position(names, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'there is no verified query %', coalesce(missing, 'NULL') USING ERRCODE = '42704';
    END IF;

    IF writes THEN
        -- Two calls would ask the same questions.
        IF NOT pg_try_advisory_xact_lock('pg_class'::regclass::oid::integer,
                                         'splitplane.evaluations'::regclass::oid::integer) THEN
            RAISE EXCEPTION 'another call of evaluate is under way' USING ERRCODE = '55006';
        END IF;
        SELECT max(e.run) INTO this_run FROM splitplane.evaluations AS e
         WHERE e.verdict IS NULL AND e.arguments = asked_for AND e.model = asked_model;
        -- What was registered otherwise since then is not asked any more, nor is who may not ask, or is not the one
        -- whom this call asks as: such a run would never end.
        DELETE FROM splitplane.evaluations AS e
         WHERE e.run = this_run AND e.verdict IS NULL
           AND NOT (EXISTS (SELECT FROM splitplane.verified_queries AS q
                            WHERE q.name = e.name AND e.question = ANY (q.synonyms || q.question))
                    AND EXISTS (SELECT FROM unnest(people) AS p(person) WHERE p.person ->> 'tenant' = e.tenant));
        IF NOT EXISTS (SELECT FROM splitplane.evaluations AS e WHERE e.run = this_run AND e.verdict IS NULL) THEN
            SELECT coalesce(max(e.run), 0) + 1 INTO this_run FROM splitplane.evaluations AS e;
            INSERT INTO splitplane.evaluations (run, name, tenant, question, arguments, model)
            SELECT DISTINCT this_run, q.name, p.person ->> 'tenant', w.words, asked_for, asked_model
              FROM splitplane.verified_queries AS q
              CROSS JOIN LATERAL unnest(q.synonyms || q.question) AS w(words)
              CROSS JOIN unnest(people) AS p(person)
             WHERE evaluate.names IS NULL OR q.name = ANY (evaluate.names);
        END IF;
    END IF;

    FOR next_case IN
        SELECT c.name, c.words, c.place
        FROM (SELECT DISTINCT q.name, w.words, p.person ->> 'tenant' AS tenant, p.place
              FROM splitplane.verified_queries AS q
              CROSS JOIN LATERAL unnest(q.synonyms || q.question) AS w(words)
              CROSS JOIN unnest(people) WITH ORDINALITY AS p(person, place)
              WHERE evaluate.names IS NULL OR q.name = ANY (evaluate.names)) AS c
        WHERE NOT writes
           OR EXISTS (SELECT FROM splitplane.evaluations AS e
                      WHERE (e.run, e.name, e.tenant, e.question) = (this_run, c.name, c.tenant, c.words)
                        AND e.verdict IS NULL)
        ORDER BY c.name, c.words, c.place
    LOOP
        time_left := EXTRACT(epoch FROM until - clock_timestamp()) * 1000;
        EXIT WHEN time_left < 1;
        -- The other is the next of the list, and of the last one the first.
        SELECT * INTO STRICT found_case
          FROM splitplane._evaluate_case(
                   next_case.name, next_case.words, splitplane._ids(people[next_case.place]),
                   splitplane._ids(people[next_case.place % cardinality(people) + 1]), time_left);
        EXIT WHEN found_case.verdict = 'unfinished';
        name := next_case.name;
        tenant := people[next_case.place] ->> 'tenant';
        question := next_case.words;
        verdict := found_case.verdict;
        sql := found_case.sql;
        milliseconds := found_case.milliseconds;
        SELECT e.run, e.model, e.verdict INTO before
          FROM splitplane.evaluations AS e
         WHERE (e.name, e.tenant, e.question) = (evaluate.name, evaluate.tenant, evaluate.question)
           AND e.run IS DISTINCT FROM this_run
           AND NOT EXISTS (SELECT FROM splitplane.evaluations AS o WHERE o.run = e.run AND o.verdict IS NULL)
         ORDER BY e.run DESC LIMIT 1;
        detail := concat_ws('; ', nullif(found_case.detail, ''),
                            CASE WHEN before.verdict = 'right' AND verdict <> 'right'
                                 THEN format('regression: right in run %s, by %s', before.run, before.model) END);
        IF writes THEN
            UPDATE splitplane.evaluations AS e
               SET verdict = found_case.verdict, detail = evaluate.detail, sql = found_case.sql,
                   milliseconds = found_case.milliseconds, model_calls = found_case.model_calls,
                   input_tokens = found_case.input_tokens, output_tokens = found_case.output_tokens,
                   regression = coalesce(before.verdict = 'right', false) AND found_case.verdict <> 'right',
                   evaluated_at = clock_timestamp()
             WHERE (e.run, e.name, e.tenant, e.question)
                   = (this_run, evaluate.name, evaluate.tenant, evaluate.question);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION splitplane.evaluate(text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.evaluate(text[], text[]) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.evaluate(text[], text[]) IS
    'Asks every verified query in words, as two tenants and as if it were not registered, and compares the answers '
    'with its rows.';
