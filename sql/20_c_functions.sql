-- Functions whose bodies are in the library. The privileges follow each function, so that none is left open to PUBLIC.

-- The three entry points. SECURITY DEFINER: they read keys and principals that no caller may read. Not STRICT: a NULL
-- context is a refusal, not a NULL answer. client_min_messages: what the server reports about our own look-ups (trees,
-- plans) is for its log only.
CREATE FUNCTION @extschema@.ask(
    context jsonb, question text DEFAULT NULL, sql text DEFAULT NULL, conversation uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = error COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2_ask';
REVOKE ALL ON FUNCTION @extschema@.ask(jsonb, text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.ask(jsonb, text, text, uuid) TO splitplane_caller;
COMMENT ON FUNCTION @extschema@.ask(jsonb, text, text, uuid) IS
    'Answers a question or an LLM''s SQL from the rows of the signed tenant context, as one JSON document.';

CREATE FUNCTION @extschema@.ask_rows(context jsonb, question text DEFAULT NULL, sql text DEFAULT NULL)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = error COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2_ask_rows';
REVOKE ALL ON FUNCTION @extschema@.ask_rows(jsonb, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.ask_rows(jsonb, text, text) TO splitplane_caller;
COMMENT ON FUNCTION @extschema@.ask_rows(jsonb, text, text) IS
    'Like ask, as typed rows: SELECT * FROM ask_rows(...) AS t(city text, revenue numeric).';

CREATE FUNCTION @extschema@.ask_dry_run(context jsonb, question text DEFAULT NULL, sql text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET client_min_messages = error COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2_ask_dry_run';
REVOKE ALL ON FUNCTION @extschema@.ask_dry_run(jsonb, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.ask_dry_run(jsonb, text, text) TO splitplane_caller;
COMMENT ON FUNCTION @extschema@.ask_dry_run(jsonb, text, text) IS
    'Every stage of ask except execution: the plane SQL, its parameters and what was proved.';

-- The claims of the running call, for policies and for the index condition below; NULL outside one. A parallel worker
-- reads its leader's.
CREATE FUNCTION splitplane.claim(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_claim';
REVOKE ALL ON FUNCTION splitplane.claim(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.claim(text) TO splitplane_reader;

CREATE FUNCTION splitplane.claim_list(name text) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_claim_list';
REVOKE ALL ON FUNCTION splitplane.claim_list(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.claim_list(text) TO splitplane_reader;

-- For the planner: in_scope costs nothing and keeps every row, since the plane's own condition on the same column has
-- been counted for both. For a type whose equality is not leakproof it gives the index condition.
CREATE FUNCTION splitplane.in_scope_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2_in_scope_support';
REVOKE ALL ON FUNCTION splitplane.in_scope_support(internal) FROM PUBLIC;

-- The row-level security condition of a plane relation: whether the value is one of the claim's. LEAKPROOF: whether it
-- fails does not depend on the row, so PostgreSQL may evaluate it before every other condition. The types that it
-- compares are those of _scope_type_facts.
CREATE FUNCTION splitplane.in_scope(value anyelement, claim text) RETURNS boolean
LANGUAGE c STABLE LEAKPROOF STRICT PARALLEL SAFE COST 1 SUPPORT splitplane.in_scope_support
AS 'MODULE_PATHNAME', 'splitplane_2_in_scope';
REVOKE ALL ON FUNCTION splitplane.in_scope(anyelement, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.in_scope(anyelement, text) TO splitplane_reader;

-- The row-level security condition of a relation whose rows belong to those of others: whether each key that is not
-- NULL is among those of the parent's rows that this call may see, and there is one. `links` says of each link, as
-- "link:columns", how many of the values are its key. The call collects the keys before it runs its statement.
CREATE FUNCTION splitplane.in_parent(links text, VARIADIC key_values "any") RETURNS boolean
LANGUAGE c STABLE LEAKPROOF CALLED ON NULL INPUT PARALLEL SAFE COST 1 SUPPORT splitplane.in_scope_support
AS 'MODULE_PATHNAME', 'splitplane_2_in_parent';
REVOKE ALL ON FUNCTION splitplane.in_parent(text, "any") FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.in_parent(text, "any") TO splitplane_reader;

-- The same for the plane's own condition, of which the planner is told how many rows it keeps.
CREATE FUNCTION splitplane.has_parent_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2_has_parent_support';
REVOKE ALL ON FUNCTION splitplane.has_parent_support(internal) FROM PUBLIC;

CREATE FUNCTION splitplane.has_parent(links text, VARIADIC key_values "any") RETURNS boolean
LANGUAGE c STABLE LEAKPROOF CALLED ON NULL INPUT PARALLEL SAFE COST 1 SUPPORT splitplane.has_parent_support
AS 'MODULE_PATHNAME', 'splitplane_2_has_parent';
REVOKE ALL ON FUNCTION splitplane.has_parent(text, "any") FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.has_parent(text, "any") TO splitplane_reader;

-- The condition of a shared table that had row-level security: whether a call is running.
CREATE FUNCTION splitplane.in_call() RETURNS boolean
LANGUAGE c STABLE LEAKPROOF STRICT PARALLEL SAFE COST 1 SUPPORT splitplane.in_scope_support
AS 'MODULE_PATHNAME', 'splitplane_2_in_call';
REVOKE ALL ON FUNCTION splitplane.in_call() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.in_call() TO splitplane_reader;

-- The stage trust puts it around arguments of functions whose cost is the product of their arguments' sizes.
CREATE FUNCTION splitplane.bounded(value anyelement, most integer) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_bounded';
REVOKE ALL ON FUNCTION splitplane.bounded(anyelement, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.bounded(anyelement, integer) TO splitplane_reader;

-- The stage trust puts it into aggregates that sort at their end. Not immutable: calls with a constant count too.
CREATE FUNCTION splitplane.counted(value anyelement, most integer) RETURNS anyelement
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_counted';
REVOKE ALL ON FUNCTION splitplane.counted(anyelement, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.counted(anyelement, integer) TO splitplane_reader;

-- The stage trust puts it around regular expressions and JSON paths that are computed while the statement runs.
CREATE FUNCTION splitplane.pattern(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_pattern';
REVOKE ALL ON FUNCTION splitplane.pattern(anyelement) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.pattern(anyelement) TO splitplane_reader;

-- The stage trust puts it around texts that name a time zone: PostgreSQL caches every other spelling for the session.
CREATE FUNCTION splitplane.zone(name text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_zone';
REVOKE ALL ON FUNCTION splitplane.zone(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.zone(text) TO splitplane_reader;

-- The stage trust puts it around values that are parsed as dates or times: they may contain the name of a time zone.
CREATE FUNCTION splitplane.dated(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_dated';
REVOKE ALL ON FUNCTION splitplane.dated(anyelement) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.dated(anyelement) TO splitplane_reader;

-- Put around expressions that PostgreSQL considers leakproof although they may raise an error. It must never be marked
-- LEAKPROOF.
CREATE FUNCTION splitplane.behind(value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_behind';
REVOKE ALL ON FUNCTION splitplane.behind(anyelement) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.behind(anyelement) TO splitplane_reader;

-- The stage trust puts it in the place of random(), whose generator keeps a state for the session: who reads that could
-- tell how often it was used in between, and what it gives to others who share the connection.
CREATE FUNCTION splitplane.drawn() RETURNS double precision
LANGUAGE c VOLATILE PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_drawn';
REVOKE ALL ON FUNCTION splitplane.drawn() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.drawn() TO splitplane_reader;

-- Put in the place of columns that the key in GROUP BY determines and whose type has no equality: one of the group's
-- values.
CREATE FUNCTION splitplane.keep(kept anyelement, value anyelement) RETURNS anyelement
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1
AS 'MODULE_PATHNAME', 'splitplane_2_keep';
REVOKE ALL ON FUNCTION splitplane.keep(anyelement, anyelement) FROM PUBLIC;
CREATE AGGREGATE splitplane.kept(anyelement)
    (SFUNC = splitplane.keep, STYPE = anyelement, COMBINEFUNC = splitplane.keep, PARALLEL = SAFE);
REVOKE ALL ON FUNCTION splitplane.kept(anyelement) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.kept(anyelement) TO splitplane_reader;

-- Functions whose names start with an underscore are for the extension alone: no role is granted EXECUTE on them,
-- except on _procedure and _budgets, which views call.
CREATE FUNCTION splitplane._new_secret() RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__new_secret';
REVOKE ALL ON FUNCTION splitplane._new_secret() FROM PUBLIC;

CREATE FUNCTION splitplane._seal(key_id text, secret text) RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__seal';
REVOKE ALL ON FUNCTION splitplane._seal(text, text) FROM PUBLIC;

-- Refuses what cannot be a tenant, business or subject: the rule by which contexts are signed and verified. '*' alone
-- passes, for any.
CREATE FUNCTION splitplane._check_identity(part text, value text) RETURNS void
LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2__check_identity';
REVOKE ALL ON FUNCTION splitplane._check_identity(text, text) FROM PUBLIC;

CREATE FUNCTION splitplane._config_changed() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__config_changed';
REVOKE ALL ON FUNCTION splitplane._config_changed() FROM PUBLIC;

-- Why the secret of a key cannot be opened with the key file as it is now; NULL if it can.
CREATE FUNCTION splitplane._key_problem(key_id text, sealed bytea) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__key_problem';
REVOKE ALL ON FUNCTION splitplane._key_problem(text, bytea) FROM PUBLIC;

-- Refuses SQL that ask would refuse, and runs nothing.
CREATE FUNCTION splitplane._prove(sql text) RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2__prove';
REVOKE ALL ON FUNCTION splitplane._prove(text) FROM PUBLIC;

-- The columns of a plane view as its text gives them now: `of` and `of_column` are the table's column that one hands
-- on.
CREATE FUNCTION splitplane._view_columns(view text)
RETURNS TABLE (column_name text, type oid, modifier integer, of oid, of_column smallint)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10
AS 'MODULE_PATHNAME', 'splitplane_2__view_columns';
REVOKE ALL ON FUNCTION splitplane._view_columns(text) FROM PUBLIC;

-- Why a plane view cannot be read as it was defined; NULL if it can.
CREATE FUNCTION splitplane._view_problem(view text) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2__view_problem';
REVOKE ALL ON FUNCTION splitplane._view_problem(text) FROM PUBLIC;

-- Whether a plane view can be read, as far as it is known; it is proved if it is not. NULL while the plane is closed.
CREATE FUNCTION splitplane._view_is_open(view text) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 10000
AS 'MODULE_PATHNAME', 'splitplane_2__view_is_open';
REVOKE ALL ON FUNCTION splitplane._view_is_open(text) FROM PUBLIC;

-- Refuses words that ask would refuse as a question.
CREATE FUNCTION splitplane._check_question(what text, words text) RETURNS void
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2__check_question';
REVOKE ALL ON FUNCTION splitplane._check_question(text, text) FROM PUBLIC;

-- The normalised form by which questions are matched.
CREATE FUNCTION splitplane._normalise_question(text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'splitplane_2__normalise_question';
REVOKE ALL ON FUNCTION splitplane._normalise_question(text) FROM PUBLIC;

-- The administrator's value of a setting that ask takes from the server, whatever the session has set.
CREATE FUNCTION splitplane._configured(name text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'splitplane_2__configured';
REVOKE ALL ON FUNCTION splitplane._configured(text) FROM PUBLIC;

CREATE FUNCTION splitplane._server_problems(OUT severity text, OUT object text, OUT finding text, OUT fix text)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 4
AS 'MODULE_PATHNAME', 'splitplane_2__server_problems';
REVOKE ALL ON FUNCTION splitplane._server_problems() FROM PUBLIC;

-- SECURITY DEFINER: it reads the plane's configuration and calls the model as `ask` does.
CREATE FUNCTION splitplane.validate(
    questions text[], OUT question text, OUT verdict text, OUT reason text, OUT message text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
AS 'MODULE_PATHNAME', 'splitplane_2_validate';
REVOKE ALL ON FUNCTION splitplane.validate(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.validate(text[]) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.validate(text[]) IS 'The verdict of layer 2 on each question. Nothing is run.';

-- SECURITY DEFINER: it calls the model as `ask` does.
CREATE FUNCTION splitplane.check_model() RETURNS TABLE (purpose text, ok boolean, detail text)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 4
AS 'MODULE_PATHNAME', 'splitplane_2_check_model';
REVOKE ALL ON FUNCTION splitplane.check_model() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.check_model() TO splitplane_admin;
COMMENT ON FUNCTION splitplane.check_model() IS
    'What each model answers to one small call, with the provider''s own sentence where it fails.';

-- SECURITY DEFINER: it unseals the secret of the key, which not even an administrator may read.
CREATE FUNCTION splitplane.sign(
    key_id text, tenant text, business text DEFAULT '', subject text DEFAULT '', payload text DEFAULT '',
    conversation text DEFAULT '')
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE CALLED ON NULL INPUT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'splitplane_2_sign';
REVOKE ALL ON FUNCTION splitplane.sign(text, text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.sign(text, text, text, text, text, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.sign(text, text, text, text, text, text) IS
    'A signed context, for psql, demonstrations and tests; applications sign with an AWS SDK.';
