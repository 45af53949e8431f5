-- Names, types, collations and calls that the plane takes as PostgreSQL does, and what of them it refuses.
SET client_min_messages = error;
CREATE SCHEMA hidden;
CREATE TYPE hidden.mood AS ENUM ('calm', 'cross');
CREATE DOMAIN hidden.positive AS int CHECK (VALUE > 0);
CREATE TYPE hidden.secret AS ENUM ('CANARY');
CREATE FUNCTION hidden.looks(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE DOMAIN hidden.looking AS int CHECK (hidden.looks(VALUE));
CREATE TABLE public.plans (tenant_id int NOT NULL, id int PRIMARY KEY, interval text, "exists" int, "customerId" int, mood hidden.mood, moods hidden.mood[], amount hidden.positive,
    price numeric(6,2), note text, code varchar(3));
INSERT INTO public.plans VALUES (42, 1, 'month', 5, 7, 'calm', '{calm,cross}', 5, 1.25, 'a fox runs', 'abc'), (42, 2, 'year', 6, 8, 'cross', '{}', 6, 2.5, 'the dog', 'x'),
    (7, 3, 'CANARY', 7, 9, 'calm', '{}', 7, 7, 'CANARY fox', 'y');
CREATE TABLE public."OrderItems" (tenant_id int NOT NULL, "lineNo" int); INSERT INTO public."OrderItems" VALUES (42, 1), (7, 7);
CREATE TABLE public.looked (tenant_id int NOT NULL, l hidden.looking); INSERT INTO public.looked VALUES (42, 1);
CREATE TABLE public."Hidden" (n int); CREATE TABLE hidden."Plans" (n int);
SELECT splitplane.protect('public.plans', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public."OrderItems"', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.looked', '{"tenant_id": "tenant"}');
CREATE TABLE public.spans (tenant_id int NOT NULL, m int4multirange); SELECT splitplane.protect('public.spans', '{"tenant_id": "tenant"}');
-- The tenant's own rows, and what PostgreSQL itself answers over them.
CREATE SCHEMA own; CREATE VIEW own.plans AS SELECT * FROM public.plans WHERE tenant_id = 42;
CREATE FUNCTION public.truth(q text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = own, public, hidden AS $$
DECLARE rows json;
BEGIN
    EXECUTE format('SELECT json_agg((SELECT json_agg(value) FROM json_each(row_to_json(x)))) FROM (%s) AS x', q) INTO rows;
    RETURN rows::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;
CREATE FUNCTION public.answer(q text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN ask(test.ctx(q), sql => q) ->> 'rows';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;
\c - app
\echo -- unquoted words
SELECT answer(q) FROM unnest(ARRAY[
    'SELECT interval, exists FROM plans ORDER BY id',
    'SELECT id FROM plans WHERE interval IN (''month'', ''week'') AND exists > 1',
    'SELECT p.interval AS select, p.exists partition FROM plans p ORDER BY exists DESC',
    'SELECT interval.id FROM plans interval ORDER BY 1']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- types before constants, of PostgreSQL and of the plane
SELECT answer(q) FROM unnest(ARRAY[
    'SELECT inet ''10.0.0.1'', daterange ''[2026-01-01,2026-02-01)'' @> date ''2026-01-05'', bit varying ''101'', numeric(5,2) ''1.239'', "char" ''x'', interval(0) ''1.5 s'', interval ''1-2'' year to month',
    'SELECT id FROM plans WHERE mood = mood ''calm'' AND amount > positive ''3'' AND moods @> ''{calm}''::mood[]',
    'SELECT hidden.mood ''calm''', 'SELECT secret ''CANARY''', 'SELECT nothing ''x''', 'SELECT regclass ''plans''', 'SELECT positive ''-1''', 'SELECT id ''x'' FROM plans']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- text search
SELECT answer(q) FROM unnest(ARRAY[
    'SELECT id FROM plans WHERE note @@ ''foxes''', 'SELECT note @@ to_tsquery(''english'', ''dogs'') FROM plans ORDER BY id',
    'SELECT to_tsvector(''english''::regconfig, ''the foxes''), to_tsvector(regconfig ''simple'', ''the foxes''), to_tsquery(CAST(''german'' AS regconfig), ''Hunde'')']) WITH ORDINALITY AS v (q, i) ORDER BY i;
SELECT answer(format('SELECT to_tsvector(%L::regconfig, ''x'')', name)) AS answer, count(*) FROM unnest(ARRAY['hidden.own', 'public.own', 'nothing', '', '13000', '16400', 'a.b.c', '-']) AS name GROUP BY 1;
SELECT answer(q) FROM unnest(ARRAY['SELECT to_tsvector(note::regconfig, ''x'') FROM plans', 'SELECT ''english''::regconfig', 'SELECT ''{english}''::regconfig[]', 'SELECT * FROM json_to_record(''{"a": "english"}'') AS t (a regconfig)']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- collations: those that came with the server
SELECT answer(q) FROM unnest(ARRAY[
    'SELECT note FROM plans ORDER BY note COLLATE "de-x-icu"', 'SELECT ''a'' < ''B'' COLLATE "und-x-icu", ''a'' < ''B'' COLLATE "C", upper(''i'' COLLATE pg_catalog."tr-x-icu")',
    'SELECT ''a'' COLLATE "nothing"', 'SELECT ''a'' COLLATE own', 'SELECT ''a'' COLLATE hidden.own']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- the names of types
SELECT answer(q) FROM unnest(ARRAY[
    'SELECT pg_typeof(price), pg_typeof(note), pg_typeof(ARRAY[1]), pg_typeof(now()) FROM plans WHERE id = 1',
    'SELECT pg_typeof(mood), pg_typeof(moods), pg_typeof(amount), ''is '' || pg_typeof(mood), format(''%s'', pg_typeof(amount)), pg_typeof(mood)::text = ''mood'' FROM plans WHERE id = 1',
    'SELECT pg_typeof(mood), count(*) FROM plans GROUP BY pg_typeof(mood)', 'SELECT pg_typeof(1) UNION SELECT pg_typeof(''a''::text) ORDER BY 1', 'SELECT DISTINCT pg_typeof(max(mood)) FROM plans',
    'SELECT pg_typeof(l) FROM looked', 'SELECT pg_typeof(p) FROM plans p', 'SELECT pg_typeof(unnest(moods)) FROM plans', 'SELECT t FROM (SELECT pg_typeof(id) AS t FROM plans) AS q',
    'SELECT pg_typeof(''x''::hidden.secret)', 'SELECT pg_typeof(pg_sleep(1))', 'SELECT pg_typeof((SELECT n FROM "Hidden"))', 'SELECT pg_typeof(1) = pg_typeof(2)']) WITH ORDINALITY AS v (q, i) ORDER BY i;
SELECT ask(test.ctx(q), sql => q) -> 'columns' FROM (VALUES ('SELECT pg_typeof(mood), pg_typeof(1) AS t FROM plans')) AS v (q);
\echo -- arrays filled with one value, as far as their length is told and small
SELECT answer(q) FROM unnest(ARRAY[
    'SELECT array_fill(7, ARRAY[3]), array_fill(''x''::text, ARRAY[2, 2], ARRAY[0, 0]), array_fill(NULL::int, ''{2}'')', 'SELECT cardinality(array_fill(0, ARRAY[100000]))', 'SELECT array_fill(0, ARRAY[100001])',
    'SELECT array_fill(0, ARRAY[1000, 101])', 'SELECT array_fill(0, ''{134217720}'')', 'SELECT array_fill(0, ARRAY[exists]) FROM plans', 'SELECT array_fill(0, (SELECT ARRAY[9]))', 'SELECT array_fill(0, ARRAY[2147483647, 2147483647])',
    'SELECT array_fill(0, NULL)', 'SELECT array_fill(0, ARRAY[NULL::int])']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- rows of a relation of the plane, out of JSON
SELECT answer(q) FROM unnest(ARRAY[
    'SELECT * FROM json_populate_record(NULL::plans, ''{"id": 9, "mood": "calm", "price": "1.239", "customerId": 4, "tenant_id": 7}'')',
    'SELECT id, mood, amount FROM json_populate_recordset(null::public.plans, ''[{"id": 9, "amount": 3}, {"id": 10, "mood": "cross"}]'') AS r ORDER BY id',
    'SELECT jsonb_populate_recordset.id FROM jsonb_populate_recordset(CAST(NULL AS plans), ''[{"id": 9}]'')',
    'SELECT p.id, r.note FROM plans p, LATERAL jsonb_populate_record(NULL::plans, jsonb_build_object(''note'', p.note)) AS r ORDER BY 1',
    'SELECT * FROM jsonb_populate_record(NULL::plans, ''{"amount": -1}'')', 'SELECT code FROM jsonb_populate_record(NULL::plans, ''{"code": "abcd"}'')',
    'SELECT * FROM jsonb_populate_record(NULL::looked, ''{"l": 1}'')', 'SELECT * FROM jsonb_populate_record(NULL::"Hidden", ''{}'')', 'SELECT * FROM jsonb_populate_record(NULL::nothing, ''{}'')',
    'SELECT * FROM jsonb_populate_record(NULL::hidden.mood, ''{}'')', 'SELECT * FROM jsonb_populate_record(NULL::hidden."Plans", ''{}'')', 'SELECT * FROM jsonb_populate_record(NULL::customers, ''{"email": "x"}'')',
    'SELECT (jsonb_populate_record(NULL::plans, ''{}'')).id', 'SELECT * FROM plans p, jsonb_populate_record(p, ''{}'')', 'SELECT * FROM jsonb_populate_record(ROW(1)::plans, ''{}'')']) WITH ORDINALITY AS v (q, i) ORDER BY i;
SELECT answer(q) FROM unnest(ARRAY['SELECT * FROM jsonb_populate_record(NULL::spans, ''{}'')', 'SELECT * FROM json_populate_record(NULL::plans, ''{}'', true)']) AS v (q);
\echo -- types by their names, and rarer forms of the grammar; elsewhere: what PostgreSQL itself answers, where it differs
SELECT q, answer(q), CASE WHEN answer(q) IS DISTINCT FROM truth(q) THEN truth(q) END AS elsewhere FROM unnest(ARRAY[
    'SELECT pg_typeof(price)::varchar, pg_typeof(price)::varchar(3), pg_typeof(mood)::char(2), pg_typeof(moods)::name FROM plans ORDER BY id',
    'SELECT id FROM plans WHERE pg_typeof(mood) IS NOT NULL AND pg_typeof(id) = pg_typeof(amount + 1) AND pg_typeof(mood) <> pg_typeof(note) ORDER BY id',
    'SELECT pg_typeof(mood) IS DISTINCT FROM pg_typeof(moods[1]), pg_typeof(1) IS NULL, pg_typeof(amount) = pg_typeof(id) FROM plans',
    'SELECT ARRAY[pg_typeof(1), pg_typeof(''a''::varchar)], ARRAY[pg_typeof(mood)] FROM plans',
    'SELECT pg_typeof(row(1, 2)), pg_typeof((id, price)), pg_typeof(row(p.*)) FROM plans p',
    'SELECT pg_typeof(v), pg_typeof(v.*) FROM (VALUES (1, 2)) AS v', 'WITH c AS (SELECT * FROM plans) SELECT pg_typeof(c), (SELECT pg_typeof(c)::text) FROM c',
    'SELECT pg_typeof(j) FROM (plans a JOIN plans b USING (id)) AS j',
    'SELECT ''abcdef''::national character varying(4), ''a''::national char(4), ''abcdef''::nchar varying(4), CAST(''ab'' AS nchar(1)), note::national character(3) FROM plans ORDER BY id',
    'SELECT SUBSTRING(''abcdef'' FOR 2 FROM 3), substring(note FOR 2), substring(note SIMILAR ''%#"fox#"%'' ESCAPE ''#''), substring(note from ''%#"o#"%'' for ''#'') FROM plans ORDER BY id',
    'SELECT id FROM plans ORDER BY id FETCH FIRST (1+1) ROWS ONLY', 'SELECT id FROM plans ORDER BY id OFFSET (1) ROWS FETCH NEXT (SELECT 5) ROWS ONLY', 'SELECT id FROM plans ORDER BY id FETCH FIRST +1 ROW ONLY',
    'SELECT id FROM plans FETCH FIRST -2 ROWS ONLY', 'SELECT id, 1 FROM plans ORDER BY 2, 1 FETCH FIRST (1) ROWS WITH TIES',
    'SELECT OPERATOR(pg_catalog.-) id, 5 OPERATOR(pg_catalog.=) ANY (ARRAY[1,5]), 5 OPERATOR(pg_catalog.<>) ALL (SELECT id FROM plans), ''ab'' ^@ ANY (ARRAY[''a'']) FROM plans ORDER BY id',
    'SELECT @-1', 'SELECT OPERATOR(pg_catalog.~) 2 OPERATOR(pg_catalog.+) OPERATOR(pg_catalog.-) 3',
    'SELECT * FROM ROWS FROM (json_to_recordset(''[{"a":1,"b":"x"}]'') AS (a int, b text), generate_series(1,2)) AS z(p,q,r)',
    'SELECT * FROM ROWS FROM (json_to_recordset(''[{"a":1,"b":"x"}]'') AS (a int, b text), generate_series(1,2)) WITH ORDINALITY AS z(p,q,r,n)',
    'SELECT p.id, z.* FROM plans p, ROWS FROM (jsonb_to_record(to_jsonb(p)) AS (note varchar(30), price numeric(5,1)), generate_series(1, 2)) AS z ORDER BY 1, 4',
    'SELECT * FROM json_populate_recordset(NULL::plans, ''[{"id": 9}, {"id": 8, "mood": "calm"}]'') WITH ORDINALITY',
    'SELECT r.id, ordinality FROM json_populate_recordset(base => NULL::plans, from_json => ''[{"id": 9}]'') WITH ORDINALITY AS r',
    'SELECT json_populate_record.id FROM json_populate_record(from_json => ''{"id": 9}'', base => NULL::plans)', 'SELECT id FROM jsonb_populate_record(NULL::plans, from_json => ''{"id": 9}'')',
    'SELECT * FROM ROWS FROM (generate_series(1, 2), json_populate_recordset(NULL::plans, ''[{"id": 9}]'')) WITH ORDINALITY AS z (g)',
    'SELECT json_populate_record.id, generate_series FROM ROWS FROM (json_populate_record(NULL::plans, ''{"id": 9}''), generate_series(1, 2)) ORDER BY 2',
    'SELECT * FROM (WITH a AS (SELECT 1) VALUES (1)) t', 'SELECT * FROM (WITH a AS (SELECT id FROM plans) VALUES ((SELECT max(id) FROM a)), (3)) t ORDER BY 1']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- and what is refused of them
SELECT q, answer(q) FROM unnest(ARRAY[
    'SELECT pg_typeof(price) = ''numeric''::regtype FROM plans', 'SELECT t::text FROM (SELECT pg_typeof(id) AS t FROM plans) x', 'SELECT pg_typeof(1) < pg_typeof(2)', 'SELECT pg_typeof(1)::oid',
    'SELECT pg_typeof(p) FROM plans p', 'SELECT pg_typeof(p.*) FROM plans p', 'SELECT pg_typeof(ARRAY[p]) FROM plans p', 'SELECT pg_typeof(x) FROM (SELECT p AS x FROM plans p) q', 'SELECT pg_typeof(row(pg_sleep(1)))',
    'SELECT 1 OPERATOR(hidden.+) 1', 'SELECT OPERATOR(hidden.-) 1', 'SELECT * FROM ROWS FROM (json_to_record(''{}'') AS (a hidden.secret)) z', 'SELECT * FROM json_populate_record(base => NULL::"Hidden", from_json => ''{}'')',
    'SELECT * FROM ROWS FROM (json_populate_record(NULL::plans, ''{}'') AS (id int)) z']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- this database, by its name; no other has names of the plane
SELECT answer(q) FROM unnest(ARRAY[
    format('SELECT id FROM "%s"."public"."plans" ORDER BY id', current_database()), format('SELECT %1$I.public.plans.id FROM %1$I.public.plans ORDER BY 1', current_database()),
    format('SELECT id FROM %I.hidden."Plans"', current_database()), format('SELECT id FROM %I.public."Hidden"', current_database()),
    'SELECT id FROM template1.public.plans', 'SELECT id FROM nowhere.public.plans', 'SELECT id FROM a.b.public.plans', 'SELECT nowhere.public.plans.id FROM public.plans']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- letters in another case: the name in the plane is told, and no other
SELECT answer(q) FROM unnest(ARRAY[
    'SELECT customerId FROM plans', 'SELECT p.CustomerID FROM plans p', 'SELECT "ID" FROM plans', 'SELECT 1 FROM OrderItems', 'SELECT OrderItems."lineNo" FROM "OrderItems"', 'SELECT lineNo FROM "OrderItems"',
    'SELECT 1 FROM "PLANS"', 'SELECT 1 FROM hidden', 'SELECT 1 FROM hidden.plans', 'SELECT Email FROM customers', 'SELECT customerId FROM orders', 'SELECT lineno FROM plans']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- a stray backslash
SELECT answer(q) FROM unnest(ARRAY['SELECT 1 \ 2', '\dt', 'SELECT id FROM plans WHERE note = ''\'' \g']) WITH ORDINALITY AS v (q, i) ORDER BY i;
\echo -- common table expressions that are used twice each are planned once each; copied, they double
SELECT answer('WITH c0 AS (SELECT id FROM plans), c1 AS (SELECT id FROM plans)' || (SELECT string_agg(format(', c%s AS %s (SELECT a.id FROM c%s a JOIN c%s b USING (id))', n, how, n - 1, n - 2), '' ORDER BY n) FROM generate_series(2, most) n)
    || format(' SELECT id FROM c%s ORDER BY 1', most)) FROM (VALUES ('', 15), ('', 95), ('NOT MATERIALIZED', 8), ('NOT MATERIALIZED', 15)) AS v (how, most);
