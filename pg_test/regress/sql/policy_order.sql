-- A restrictive policy of the DBA's own that fails on some rows never meets a row of another tenant, whatever its name
-- and whatever the type of the scope column; and one whose name stands before ours is refused.
SET client_min_messages = error;
CREATE FUNCTION pg_temp.world(kind text, key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE public.t_%1$s (tenant_id %1$s NOT NULL, number text NOT NULL)', kind);
    EXECUTE format('INSERT INTO public.t_%1$s SELECT (CASE WHEN n = 7 THEN %2$L ELSE %3$L END)::%1$s, CASE WHEN n = 7 THEN ''CANARY'' ELSE n::text END FROM generate_series(1, 9) n', kind, key, '42');
    EXECUTE format('CREATE POLICY a ON public.t_%1$s AS RESTRICTIVE USING (number::int > 3)', kind);
    EXECUTE format('CREATE POLICY all_others ON public.t_%1$s USING (true)', kind);
    EXECUTE format('ALTER TABLE public.t_%1$s ENABLE ROW LEVEL SECURITY', kind);
    EXECUTE format('SELECT splitplane.protect(%L, ''{"tenant_id": "tenant"}'')', 'public.t_' || kind);
END $$;
CREATE TYPE public.label AS ENUM ('7', '42');
SELECT pg_temp.world(kind, '7') FROM unnest(ARRAY['int2', 'int4', 'int8', 'text', 'varchar', 'numeric', 'label']) AS kind;
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM t_' || kind) FROM unnest(ARRAY['int2', 'int4', 'int8', 'text', 'varchar', 'numeric', 'label']) AS kind;
SELECT test.rows('SELECT number FROM t_numeric WHERE number::int < 6');
RESET ROLE;
-- The control: the same policy meets the foreign row where ours is not there.
BEGIN;
DROP POLICY "!splitplane_scope" ON public.t_numeric;
DROP POLICY splitplane_closed ON public.t_numeric;
SET LOCAL ROLE splitplane_reader;
SELECT count(*) FROM public.t_numeric;
ROLLBACK;

-- A name that stands before ours.
RESET client_min_messages;
ALTER POLICY a ON public.t_numeric RENAME TO "! first";
SELECT splitplane.protect('public.t_numeric', '{"tenant_id": "tenant"}');
\set VERBOSITY default
\set SHOW_CONTEXT never
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM t_numeric');
\set VERBOSITY sqlstate
SELECT test.rows('SELECT count(*) FROM t_numeric');
\set VERBOSITY default
SELECT test.rows('SELECT count(*) FROM t_int4');
RESET ROLE;
\set VERBOSITY default
SELECT finding, fix FROM splitplane.doctor() WHERE object = 'public.t_numeric' AND finding LIKE '%names%';
SELECT fix FROM splitplane.doctor() WHERE object = 'public.t_numeric' AND finding LIKE '%names%' \gexec
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM t_numeric');
RESET ROLE;
