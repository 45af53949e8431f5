-- Verified queries and metrics: questions that are answered without a model, by SQL that an administrator has approved
-- and that was proved to stay in the plane when it was registered. It is proved again each time it is run.

CREATE TABLE splitplane.verified_queries (
    name text PRIMARY KEY,
    question text NOT NULL,
    sql text NOT NULL,
    synonyms text[] NOT NULL DEFAULT '{}' CHECK (pg_catalog.array_position(synonyms, NULL) IS NULL),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by text NOT NULL DEFAULT SESSION_USER
);
COMMENT ON TABLE splitplane.verified_queries IS 'Questions with the SQL that answers them, by verify_query.';

CREATE TABLE splitplane.metrics (
    name text PRIMARY KEY,
    sql text NOT NULL,
    description text NOT NULL,
    synonyms text[] NOT NULL DEFAULT '{}' CHECK (pg_catalog.array_position(synonyms, NULL) IS NULL),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by text NOT NULL DEFAULT SESSION_USER
);
COMMENT ON TABLE splitplane.metrics IS 'Metrics with the SQL that computes them, by define_metric.';

REVOKE ALL ON splitplane.verified_queries, splitplane.metrics FROM PUBLIC;
GRANT SELECT ON splitplane.verified_queries, splitplane.metrics TO splitplane_admin;

SELECT pg_catalog.pg_extension_config_dump('splitplane.verified_queries', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.metrics', '');

CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.verified_queries
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.metrics
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- Every text that finds an entry. The name of a query is for administrators only.
CREATE VIEW splitplane._asked AS
    SELECT 'query' AS kind, q.name, a.text
    FROM splitplane.verified_queries AS q CROSS JOIN LATERAL pg_catalog.unnest(q.synonyms || q.question) AS a(text)
    UNION ALL
    SELECT 'metric', m.name, a.text
    FROM splitplane.metrics AS m CROSS JOIN LATERAL pg_catalog.unnest(m.synonyms || m.name) AS a(text);
REVOKE ALL ON splitplane._asked FROM PUBLIC;

-- A text in words. If questions are matched with it, it must still contain a word after normalisation, and ask must
-- not refuse it as a question: ask looks at every question before it looks for an entry.
CREATE FUNCTION splitplane._check_words(what text, words text, is_matched boolean) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF words IS NULL OR words !~ '[^[:space:]]' THEN
        RAISE EXCEPTION '% is NULL or blank', what USING ERRCODE = '22023';
    END IF;
    IF length(words) > 1000 THEN
        RAISE EXCEPTION '% is longer than 1000 characters', what USING ERRCODE = '22023';
    END IF;
    IF is_matched AND splitplane._normalise_question(words) = '' THEN
        RAISE EXCEPTION '% holds no word', what USING ERRCODE = '22023';
    END IF;
    IF is_matched THEN
        PERFORM splitplane._check_question(what, words);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_words(text, text, boolean) FROM PUBLIC;

-- The checks of verify_query and define_metric. No other entry may be asked for in the same words, since then neither
-- could be answered. `asked` is the question, or the name of a metric.
CREATE FUNCTION splitplane._check_entry(kind text, name text, asked text, sql text, synonyms text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    synonym text;
    taken record;
BEGIN
    IF name IS NULL OR octet_length(name) > 63 OR name !~ '^[A-Za-z0-9_]([A-Za-z0-9_ .-]*[A-Za-z0-9_])?$' THEN
        RAISE EXCEPTION 'a name has 1 to 63 letters, digits or underscores, and within it also blanks, dots or hyphens'
            USING ERRCODE = '22023';
    END IF;
    PERFORM splitplane._check_words(CASE kind WHEN 'query' THEN 'the question' ELSE 'the name' END, asked, true);
    IF sql IS NULL OR sql !~ '[^[:space:]]' THEN
        RAISE EXCEPTION 'the SQL is NULL or blank' USING ERRCODE = '22023';
    END IF;
    IF synonyms IS NULL OR array_ndims(synonyms) > 1 THEN
        RAISE EXCEPTION 'synonyms is NULL or no plain list: for none, leave it out' USING ERRCODE = '22023';
    END IF;
    IF cardinality(synonyms) > 50 THEN
        RAISE EXCEPTION 'there are more than 50 synonyms' USING ERRCODE = '22023';
    END IF;
    FOREACH synonym IN ARRAY synonyms LOOP
        PERFORM splitplane._check_words('a synonym', synonym, true);
    END LOOP;

    -- One registration at a time: two concurrent ones could take the same words.
    LOCK TABLE splitplane.verified_queries, splitplane.metrics IN SHARE ROW EXCLUSIVE MODE;
    SELECT a.kind, a.name, w.text INTO taken
      FROM splitplane._asked AS a
      JOIN unnest(synonyms || asked) AS w(text)
          ON splitplane._normalise_question(a.text) = splitplane._normalise_question(w.text)
     WHERE (a.kind, a.name) <> (_check_entry.kind, _check_entry.name)
     ORDER BY a.kind, a.name, w.text
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '"%" asks for % "%" already',
            taken.text, CASE taken.kind WHEN 'query' THEN 'verified query' ELSE 'metric' END, taken.name
            USING ERRCODE = '42710', HINT = 'Word it differently, or change the other entry.';
    END IF;
    PERFORM splitplane._prove(sql);
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_entry(text, text, text, text, text[]) FROM PUBLIC;

CREATE FUNCTION splitplane.verify_query(name text, question text, sql text, synonyms text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('verify_query', jsonb_build_object(
        'name', verify_query.name, 'question', verify_query.question, 'sql', verify_query.sql,
        'synonyms', verify_query.synonyms));
    PERFORM splitplane._check_entry('query', name, question, sql, synonyms);
    INSERT INTO splitplane.verified_queries AS q (name, question, sql, synonyms)
    VALUES (verify_query.name, verify_query.question, verify_query.sql,
            ARRAY(SELECT s.word FROM unnest(verify_query.synonyms) WITH ORDINALITY AS s(word, position)
                  ORDER BY s.position))
    ON CONFLICT ON CONSTRAINT verified_queries_pkey DO UPDATE
        SET question = excluded.question, sql = excluded.sql, synonyms = excluded.synonyms,
            changed_at = excluded.changed_at, changed_by = excluded.changed_by;
END
$$;
REVOKE ALL ON FUNCTION splitplane.verify_query(text, text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.verify_query(text, text, text, text[]) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.verify_query(text, text, text, text[]) IS
    'Registers the SQL that answers a question, so that no model is needed for it. The SQL is proved first. '
    'Call it again to change the entry.';

CREATE FUNCTION splitplane.unverify_query(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('unverify_query', jsonb_build_object('name', unverify_query.name));
    DELETE FROM splitplane.verified_queries AS q WHERE q.name = unverify_query.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no verified query "%"', coalesce(name, 'NULL') USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.unverify_query(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.unverify_query(text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.unverify_query(text) IS 'Deletes a verified query.';

CREATE FUNCTION splitplane.define_metric(name text, sql text, description text, synonyms text[] DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('define_metric', jsonb_build_object(
        'name', define_metric.name, 'sql', define_metric.sql, 'description', define_metric.description,
        'synonyms', define_metric.synonyms));
    PERFORM splitplane._check_words('the description', description, false);
    PERFORM splitplane._check_entry('metric', name, name, sql, synonyms);
    INSERT INTO splitplane.metrics AS m (name, sql, description, synonyms)
    VALUES (define_metric.name, define_metric.sql, define_metric.description,
            ARRAY(SELECT s.word FROM unnest(define_metric.synonyms) WITH ORDINALITY AS s(word, position)
                  ORDER BY s.position))
    ON CONFLICT ON CONSTRAINT metrics_pkey DO UPDATE
        SET sql = excluded.sql, description = excluded.description, synonyms = excluded.synonyms,
            changed_at = excluded.changed_at, changed_by = excluded.changed_by;
END
$$;
REVOKE ALL ON FUNCTION splitplane.define_metric(text, text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.define_metric(text, text, text, text[]) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.define_metric(text, text, text, text[]) IS
    'Registers a metric with the SQL that computes it, for questions that name it. The SQL is proved first. '
    'Call it again to change the entry.';

CREATE FUNCTION splitplane.undefine_metric(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('undefine_metric', jsonb_build_object('name', undefine_metric.name));
    DELETE FROM splitplane.metrics AS m WHERE m.name = undefine_metric.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no metric "%"', coalesce(name, 'NULL') USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.undefine_metric(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.undefine_metric(text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.undefine_metric(text) IS 'Deletes a metric.';
