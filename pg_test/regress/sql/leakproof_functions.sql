-- PostgreSQL evaluates a function that is marked LEAKPROOF before row-level security, and believes the mark. No such function
-- of the DBA's own is in the plane, also when it was marked after it was allowed.
SET client_min_messages = warning;
CREATE FUNCTION public.told(name text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.01 AS
    $$ BEGIN IF name LIKE 'CANARY%' THEN RAISE EXCEPTION 'told of %', name USING ERRCODE = '22000'; END IF; RETURN true; END $$;
CREATE FUNCTION public.marked(name text) RETURNS boolean LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT true';
\set VERBOSITY verbose
\set SHOW_CONTEXT never
\c - dba
\set VERBOSITY sqlstate
SELECT splitplane.allow_function('public.marked(text)');
-- Those of PostgreSQL's own are.
SELECT splitplane.allow_function('pg_catalog.texteq(text, text)');
SELECT splitplane.disallow_function('pg_catalog.texteq(text, text)');
SELECT splitplane.allow_function('public.told(text)');
\set VERBOSITY default
\c - postgres
SET client_min_messages = warning;
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM customers WHERE told(name)');
RESET ROLE;

-- Marked later: this session has the plane in memory, and sees that a function of it changed.
ALTER FUNCTION public.told(text) LEAKPROOF;
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM customers WHERE told(name)');
SELECT test.rows('SELECT count(*) FROM customers');
RESET ROLE;
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
-- So does a new one.
\c - app
SELECT test.rows('SELECT count(*) FROM customers');
\c - postgres
SET client_min_messages = warning;
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM customers WHERE told(name)');
