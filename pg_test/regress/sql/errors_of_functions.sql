-- What an allowed function raises keeps its SQLSTATE; its message is shown unless the function runs as its owner. What could
-- never be called cannot be allowed.
SET client_min_messages = warning;
CREATE FUNCTION public.checked(total numeric) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN IF $1 > 3 THEN RAISE EXCEPTION 'too many'; END IF; RETURN $1; END $$;
CREATE FUNCTION public.stop(code text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = code, DETAIL = 'CANARY detail', HINT = 'CANARY hint'; END $$;
CREATE FUNCTION public.again(code text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN RETURN public.stop(code); EXCEPTION WHEN OTHERS THEN RAISE; END $$;
-- As its owner, who sees everybody's rows.
CREATE FUNCTION public.owners(code text) RETURNS int STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'CANARY %', (SELECT min(tenant_id) FROM public.customers) USING ERRCODE = code; END $$;
CREATE FUNCTION public.owners_cast() RETURNS int STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp LANGUAGE sql AS
    $$ SELECT sum(('CANARY' || tenant_id)::int) FROM public.customers $$;
CREATE DOMAIN public.canary_small AS int CHECK (VALUE < 10);
CREATE FUNCTION public.owners_domain() RETURNS int STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp LANGUAGE plpgsql AS
    $$ BEGIN RETURN (70 + (SELECT count(*) FROM public.customers))::int::public.canary_small; END $$;
CREATE FUNCTION public.owners_unknown() RETURNS int STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp LANGUAGE plpgsql AS
    $$ BEGIN RETURN public.canary_function((SELECT min(tenant_id) FROM public.customers)); END $$;
-- An error that an invoker's function caught and throws again is the owner's still, whatever was said in between.
CREATE FUNCTION public.again_owners(code text) RETURNS int STABLE LANGUAGE plpgsql AS
    $$ BEGIN RETURN public.owners(code); EXCEPTION WHEN OTHERS THEN RAISE; END $$;
CREATE FUNCTION public.logged_owners(code text) RETURNS int STABLE LANGUAGE plpgsql AS
    $$ BEGIN RETURN public.owners(code); EXCEPTION WHEN OTHERS THEN RAISE LOG 'failed'; RAISE; END $$;
CREATE FUNCTION public.caught_owners(code text) RETURNS int STABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN public.owners(code);
EXCEPTION WHEN OTHERS THEN
    BEGIN
        PERFORM 1 / 0;
    EXCEPTION WHEN division_by_zero THEN
        NULL;
    END;
    RAISE;
END $$;
-- What PostgreSQL says whatever runs is no word of the owner's.
CREATE FUNCTION public.owners_sleep() RETURNS int STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(60); RETURN 1; END $$;
CREATE FUNCTION public.owners_depth() RETURNS int STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp LANGUAGE plpgsql AS
    $$ BEGIN RETURN public.owners_depth(); END $$;
-- The control: what it says of its own.
CREATE FUNCTION public.logged_stop(code text) RETURNS int STABLE LANGUAGE plpgsql AS
    $$ BEGIN RETURN public.stop(code); EXCEPTION WHEN OTHERS THEN RAISE LOG 'failed'; RAISE; END $$;
CREATE FUNCTION public.writes() RETURNS int VOLATILE LANGUAGE sql AS
    $$ INSERT INTO public.customers SELECT * FROM public.customers RETURNING 1 $$;
CREATE FUNCTION test.refusal(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
    RETURN test.rows(sql);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' ', state, message, detail, hint);
END $$;
\c - dba
SET client_min_messages = error;
SELECT splitplane.allow_function('public.checked(numeric)'), splitplane.allow_function('public.stop(text)'),
       splitplane.allow_function('public.again(text)'), splitplane.allow_function('public.owners(text)'),
       splitplane.allow_function('public.owners_cast()'), splitplane.allow_function('public.owners_domain()'),
       splitplane.allow_function('public.owners_unknown()'), splitplane.allow_function('public.writes()'),
       splitplane.allow_function('public.again_owners(text)'), splitplane.allow_function('public.logged_owners(text)'),
       splitplane.allow_function('public.caught_owners(text)'), splitplane.allow_function('public.logged_stop(text)'),
       splitplane.allow_function('public.owners_sleep()'), splitplane.allow_function('public.owners_depth()');
\c - app
\set SHOW_CONTEXT always
SELECT test.rows('SELECT checked(2)');
SELECT test.rows('SELECT checked(4)');
\set VERBOSITY sqlstate
SELECT test.rows('SELECT stop(''45000'')');
\set VERBOSITY default
SELECT test.refusal(format('SELECT %s(%L)', f, code))
  FROM (VALUES ('P0001'), ('45000'), ('22ZZZ'), ('22P07'), ('ZZ001'), ('XX000'), ('25006'), ('3F000'), ('42704'), ('58030'), ('53200'), ('23505'), ('22012')) AS v(code),
       (VALUES ('stop'), ('again'), ('owners')) AS w(f)
 ORDER BY f, code;
SELECT test.refusal(format('SELECT %s(%L)', f, code))
  FROM (VALUES ('P0001'), ('45000'), ('22012'), ('42704')) AS v(code),
       (VALUES ('again_owners'), ('logged_owners'), ('caught_owners'), ('logged_stop')) AS w(f)
 ORDER BY f, code;
-- What another statement of the session raised is not counted.
SELECT test.refusal('SELECT stop(''P0001'')'), test.refusal('SELECT 1 / 0');
SELECT test.refusal('SELECT owners_cast()');
SELECT test.refusal('SELECT owners_depth()');
SET statement_timeout = '300ms';
SELECT test.rows('SELECT owners_sleep()');
RESET statement_timeout;
-- In its own words it may say the like.
SELECT test.rows('SELECT owners(''57014'')');
SELECT test.refusal('SELECT owners(''54001'')');
-- Nor are words of ours that would hold its names.
SELECT test.refusal('SELECT owners_domain()'), test.refusal('SELECT owners_unknown()');
SELECT test.refusal('SELECT writes()');
-- Nothing of the functions that aggregates call with their state is there.
SELECT test.refusal('SELECT float8_accum(ARRAY[1], 2)'), test.refusal('SELECT int8inc(1)');
SELECT test.rows('SELECT max(1), sum(2), avg(3), int4pl(1, 2)');

-- What could never be called.
\c - postgres
SET client_min_messages = warning;
CREATE TYPE public.pair AS (a int, b text);
CREATE FUNCTION public.pair() RETURNS public.pair LANGUAGE sql AS $$ SELECT 1, 'a' $$;
CREATE FUNCTION public.of_pair(public.pair[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.of_class(regclass) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.nothing() RETURNS void LANGUAGE sql AS 'SELECT NULL::void';
CREATE FUNCTION public.rows() RETURNS TABLE (a int, b text) LANGUAGE sql AS $$ SELECT 1, 'a'::text $$;
CREATE FUNCTION public.any_of(anyarray, VARIADIC "any") RETURNS anyelement LANGUAGE internal AS 'array_larger';
\c - dba
\set VERBOSITY default
SELECT splitplane.allow_function('public.pair()');
SELECT splitplane.allow_function('public.of_pair(public.pair[])');
SELECT splitplane.allow_function('public.of_class(regclass)');
SELECT splitplane.allow_function('public.nothing()');
SELECT splitplane.allow_function('pg_catalog.float8_accum(double precision[], double precision)');
-- The controls.
SELECT splitplane.allow_function('public.rows()');
SELECT splitplane.allow_function('pg_catalog.int4pl(int, int)');
\c - app
SELECT test.rows('SELECT a, b FROM rows()');

-- A search_path of its own, where the body needs one.
\c - postgres
-- What stands between two comments counts, and what stands in one does not, whatever is in it.
CREATE FUNCTION public.commented() RETURNS bigint STABLE LANGUAGE sql AS $$ /* of all */ SELECT count(*) FROM customers /* with ** stars **/ $$;
CREATE FUNCTION public.only_comments() RETURNS int STABLE LANGUAGE sql AS $$ /* customers * / it's */ SELECT 1 /**/ -- customers, it's
    /***/ + 1 /* customers
    // **/ $$;
-- Of a comment in a comment the rest counts: the warning may be one too many.
CREATE FUNCTION public.nested() RETURNS int STABLE LANGUAGE sql AS $$ SELECT 1 /* stores /* in */ customers */ $$;
CREATE FUNCTION public.unqualified() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM customers';
CREATE FUNCTION public.qualified() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM public.customers AS c';
CREATE FUNCTION public.own_path() RETURNS bigint STABLE LANGUAGE sql SET search_path = public, pg_temp AS 'SELECT count(*) FROM customers';
CREATE FUNCTION public.atomic() RETURNS bigint STABLE LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM customers; END;
CREATE FUNCTION public.calls() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN stop(''P0001''); END';
\c - dba
SELECT splitplane.allow_function('public.unqualified()');
SELECT splitplane.allow_function('public.commented()');
SELECT splitplane.allow_function('public.only_comments()');
SELECT splitplane.allow_function('public.nested()');
SELECT splitplane.disallow_function(f) FROM unnest(ARRAY['public.commented()', 'public.only_comments()', 'public.nested()']::regprocedure[]) AS f;
SELECT splitplane.allow_function('public.qualified()');
SELECT splitplane.allow_function('public.own_path()');
SELECT splitplane.allow_function('public.atomic()');
SELECT splitplane.allow_function('public.calls()');
\c - app
SELECT test.refusal('SELECT unqualified()');
SELECT test.rows('SELECT qualified(), own_path(), atomic()');

-- What goes wrong in the extension's own SQL is no policy's and no function's.
\c - postgres
CREATE OR REPLACE FUNCTION splitplane._tripwires() RETURNS text STABLE LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    'SELECT lastval()::text';
\c - app
SELECT test.refusal('SELECT 1');
