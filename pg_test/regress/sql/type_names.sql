-- What the catalog holds outside the plane is not told: types go by bare names, literals that name objects have one answer, and
-- errors out of a policy or function keep the names in them.
SET client_min_messages = error;
CREATE SCHEMA hidden; CREATE SCHEMA closed; CREATE SCHEMA twin;
GRANT USAGE ON SCHEMA twin TO PUBLIC;
CREATE TYPE hidden.mood AS ENUM ('calm', 'cross');
CREATE TYPE hidden.mood_too AS ENUM ('calm', 'cross');
CREATE DOMAIN hidden.positive AS int CHECK (VALUE > 0);
CREATE FUNCTION hidden.looks(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE DOMAIN hidden.looking AS int CHECK (hidden.looks(VALUE));
CREATE TYPE hidden.kind AS ENUM ('a', 'b');
CREATE TYPE twin.kind AS ENUM ('c', 'd');
CREATE TYPE hidden.money AS ENUM ('much');
CREATE TYPE hidden."Odd one" AS ENUM ('odd');
CREATE TYPE hidden.unused AS ENUM ('x');
CREATE TABLE public.feelings (tenant_id int NOT NULL, mood hidden.mood, moods hidden.mood[], too hidden.mood_too, amount hidden.positive, looked hidden.looking,
    kind hidden.kind, other twin.kind, money hidden.money, odd hidden."Odd one");
INSERT INTO public.feelings VALUES (42, 'calm', '{calm,cross}', 'calm', 5, 6, 'a', 'c', 'much', 'odd'), (7, 'cross', '{}', 'calm', 1, 1, 'b', 'd', 'much', 'odd');
SELECT splitplane.protect('public.feelings', '{"tenant_id": "tenant"}');
SELECT substring(splitplane.describe() FROM 'table feelings.*?odd[^\n]*');
\c - app
\echo -- shown
SELECT ask(test.ctx(q), sql => q) -> 'columns' FROM (VALUES ('SELECT mood, moods, amount, looked, kind, other, money, odd FROM feelings')) AS v (q);
\echo -- written
SELECT test.ask('SELECT ''cross''::mood > mood, moods || ''calm''::mood, CAST(''{calm}'' AS mood[]), 7::positive, amount + 1, ''odd''::"Odd one" FROM feelings');
-- Columns are named as PostgreSQL names them.
SELECT ask(test.ctx(q), sql => q) #> '{columns,0}' FROM (VALUES ('SELECT ''calm''::mood'), ('SELECT CAST(''{calm}'' AS mood[])'), ('SELECT x.mood FROM (SELECT ''calm''::mood) AS x'),
    ('SELECT (''{calm,cross}''::mood[])[2]'), ('SELECT CASE WHEN true THEN ''calm''::mood END'), ('SELECT ''calm''::mood AS felt'), ('SELECT (SELECT ''calm''::mood)'),
    ('SELECT lower(''calm''::mood::text)'), ('SELECT mood::text::mood FROM feelings'), ('SELECT ''calm''::mood IS NULL')) AS v (q);
SELECT test.ask('SELECT * FROM CAST(''calm'' AS mood) AS t');
\echo :SQLSTATE
SELECT test.ask('SELECT * FROM json_to_record(''{"a": "calm"}'') AS t (a mood)');
\echo :SQLSTATE
SELECT test.ask('SELECT ''calm''::mood(3)');
\echo :SQLSTATE
SELECT test.ask('SELECT (amount - 5)::positive FROM feelings');
\echo :SQLSTATE
SELECT test.ask('SELECT ''glad''::mood');
\echo :SQLSTATE
SELECT test.ask('SELECT mood = 1 FROM feelings');
\echo :SQLSTATE
-- One name is a part of the other.
SELECT test.ask('SELECT mood = too FROM feelings');
SELECT test.ask('SELECT kind = other, money + 1 FROM feelings');
\echo :SQLSTATE
\echo -- not written: two of a name, one named as a built-in, one whose check calls a function, and those of no column
SELECT test.ask('SELECT ''a''::kind');
SELECT test.ask('SELECT ''much''::money');
SELECT test.ask('SELECT 5::looking');
SELECT test.ask('SELECT ''x''::unused');
SELECT test.ask('SELECT ''x''::nothing');
SELECT test.ask('SELECT ''calm''::hidden.mood');
SELECT test.ask('SELECT ''calm''::hidden.unused');
SELECT test.ask('SELECT ''calm''::hidden.nothing');
SELECT test.ask('SELECT ''calm''::nowhere.nothing');
\echo :SQLSTATE

\c - postgres
SET client_min_messages = error;
\echo -- a renamed type is known by its new name at once
ALTER TYPE hidden.mood RENAME TO feeling;
\c - app
SELECT test.ask('SELECT ''cross''::feeling FROM feelings');
SELECT test.ask('SELECT ''cross''::mood FROM feelings');

\echo -- a literal in the place of the name of an object: one answer, whatever the catalog holds
\c - postgres
CREATE TEXT SEARCH CONFIGURATION hidden.own (COPY = pg_catalog.english);
CREATE TEXT SEARCH CONFIGURATION closed.own (COPY = pg_catalog.english);
CREATE TEXT SEARCH CONFIGURATION public.own (COPY = pg_catalog.english);
CREATE FUNCTION public.answer(q text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN ask(test.ctx(q), sql => q) ->> 'rows';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT current_database() AS database \gset
\c - app
SELECT answer(format('SELECT to_tsvector(%L, ''x'')', name)) AS answer, count(*)
FROM unnest(ARRAY['own', 'hidden.own', 'closed.own', 'public.own', 'nowhere.own', 'hidden.nothing', 'nothing', '', '"', '.', '-', '1', '16400',
    'a.b.c.d', 'elsewhere.hidden.own', :'database' || '.hidden.own', :'database' || '.hidden.nothing']) AS name GROUP BY 1 ORDER BY 2;
SELECT answer(format('SELECT to_tsvector(%L, ''a fox'')', name)) FROM unnest(ARRAY['english', 'pg_catalog.simple']) AS name;
SELECT answer('SELECT ts_headline(''hidden.own'', ''a fox'', ''fox''::tsquery)'), answer('SELECT websearch_to_tsquery(''nothing'', ''fox'')');

\echo -- a policy that reads a table which the reader may not read
\c - postgres
CREATE TABLE hidden.secret_rates (rate int);
CREATE POLICY rates ON public.feelings AS RESTRICTIVE TO splitplane_reader USING (amount > (SELECT count(*) FROM hidden.secret_rates));
\c - app
SELECT answer('SELECT count(*) FROM feelings');
\c - postgres
DROP POLICY rates ON public.feelings;
CREATE FUNCTION hidden.rated(int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN EXISTS (SELECT FROM hidden.secret_rates WHERE no_column = $1); END';
GRANT SELECT ON hidden.secret_rates TO splitplane_reader; GRANT USAGE ON SCHEMA hidden TO splitplane_reader;
CREATE POLICY rates ON public.feelings AS RESTRICTIVE TO splitplane_reader USING (hidden.rated(amount));
\c - app
SELECT answer('SELECT count(*) FROM feelings');
\c - postgres
\echo -- the control: the policy gone, the rows are there
DROP POLICY rates ON public.feelings;
\c - app
SELECT answer('SELECT count(*) FROM feelings');
\echo -- what is wrong with a value is said, also where PostgreSQL counts it among errors of syntax
SELECT answer('SELECT int4range(1, 2, b) FROM (VALUES (''{}''), (''[)'')) AS v (b)');
SELECT answer('SELECT p::jsonpath FROM (VALUES (''$.a''), (''$.%'')) AS v (p)');
SELECT answer('SELECT GREATEST(''1''::json, ''2''::json)');

\echo -- a function that is called with values of other types: by its name alone, whatever its schema
\c - postgres
CREATE SCHEMA "of.ours";
CREATE FUNCTION hidden.plain(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION hidden."we.ird"(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION "of.ours"."odd (one)"(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION hidden.speaks(text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''%'', $1 USING ERRCODE = ''22P02''; END';
SELECT splitplane.allow_function('hidden.plain(int)'), splitplane.allow_function('hidden."we.ird"(int)'),
       splitplane.allow_function('"of.ours"."odd (one)"(int)'), splitplane.allow_function('hidden.speaks(text)');
\c - app
SELECT answer('SELECT plain(true)'), answer('SELECT "we.ird"(true)'), answer('SELECT "odd (one)"(true)'), answer('SELECT sum(true)'), answer('SELECT pg_catalog.sum(true)');
SELECT answer('SELECT plain(mood) FROM feelings');
\echo -- what a function says of itself is in its own words
SELECT answer($$SELECT speaks('invalid input value for enum hidden.unused: "x"')$$);
SELECT answer($$SELECT speaks('function hidden.nothing(hidden.feeling) does not exist')$$);
