-- Enums and domains of the plane as arrays: by their bare names, and nothing outside the plane by any.
SET client_min_messages = error;
CREATE SCHEMA hidden;
CREATE TYPE hidden.order_status AS ENUM ('new', 'paid', 'gone');
CREATE DOMAIN hidden.positive AS int CHECK (VALUE > 0);
CREATE DOMAIN hidden.codes AS text[] CHECK (cardinality(VALUE) < 4);
CREATE DOMAIN hidden.live AS hidden.order_status CHECK (VALUE <> 'gone');
CREATE TYPE hidden."Odd one" AS ENUM ('a b', 'c');
CREATE TYPE hidden.unused AS ENUM ('x');
CREATE FUNCTION hidden.looks(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE DOMAIN hidden.looking AS int CHECK (hidden.looks(VALUE));
CREATE TYPE hidden.pair AS (a int, b int);
CREATE TABLE public.tickets (tenant_id int NOT NULL, id int, state hidden.order_status, amount hidden.positive, looked hidden.looking,
    states hidden.order_status[], amounts hidden.positive[], codes hidden.codes, many hidden.codes[], lives hidden.live[], odd hidden."Odd one"[], plain int[]);
INSERT INTO public.tickets VALUES (42, 1, 'new', 5, 1, '{new,paid}', '{1,2}', '{a,b}', '{"{a}","{b,c}"}', '{new}', '{"a b",c}', '{3,4}'),
    (42, 2, 'gone', 6, 1, '{}', NULL, '{}', '{}', NULL, '{c}', '{0}'), (7, 9, 'paid', 9, 1, '{gone}', '{99}', '{z}', '{}', '{paid}', '{c}', '{9}');
SELECT splitplane.protect('public.tickets', '{"tenant_id": "tenant"}');
SELECT substring(splitplane.describe() FROM 'table tickets.*?plain[^\n]*');
CREATE FUNCTION public.answer(q text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN ask(test.ctx(q), sql => q) ->> 'rows';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;
\c - app
\echo -- columns are shown by the names of their types
SELECT ask(test.ctx(q), sql => q) -> 'columns' FROM (VALUES ('SELECT state, states, amounts, codes, many, lives, odd FROM tickets')) AS v (q);
SELECT answer('SELECT * FROM tickets ORDER BY id');
\echo -- written
SELECT q, answer(q) FROM (VALUES
    ('SELECT id FROM tickets WHERE state = ANY (''{new,paid}''::order_status[])'),
    ('SELECT id FROM tickets WHERE state <> ALL (''{new,paid}''::order_status[])'),
    ('SELECT id FROM tickets WHERE state = ANY (ARRAY[''new'', ''paid'']::order_status[])'),
    ('SELECT id FROM tickets WHERE state = ANY (''{new,paid}'')'),
    ('SELECT id FROM tickets WHERE ''paid'' = ANY (states)'),
    ('SELECT id FROM tickets WHERE states @> ARRAY[''paid'']::order_status[]'),
    ('SELECT id FROM tickets WHERE states && CAST(''{paid,gone}'' AS order_status[])'),
    ('SELECT id FROM tickets WHERE states = ''{new,paid}'''),
    ('SELECT ARRAY[''new'']::order_status[] || ''paid''::order_status, ''{1,2}''::positive[], ARRAY[1, 2]::positive[], ARRAY[]::order_status[]'),
    ('SELECT order_status ''new'', positive ''7'''),
    ('SELECT id, s FROM tickets CROSS JOIN unnest(states) AS s ORDER BY s'),
    ('SELECT unnest(''{paid,new}''::order_status[])'),
    ('SELECT u.a + 1 FROM tickets, unnest(amounts) AS u (a)'),
    ('SELECT array_agg(state ORDER BY state), array_agg(amount ORDER BY amount) FROM tickets'),
    ('SELECT array_agg(DISTINCT s) FROM tickets, unnest(states) AS s'),
    ('SELECT states[1], amounts[2], codes[1], many[1], lives[1], odd[1] FROM tickets WHERE id = 1'),
    ('SELECT states[1:1], array_length(states, 1), array_position(states, ''paid''), array_to_string(states, ''+'') FROM tickets WHERE id = 1'),
    ('SELECT enum_range(NULL::order_status), states::text, states::text[] FROM tickets WHERE id = 1'),
    ('SELECT ''{new,paid}''::text::order_status[], ARRAY[''new'']::text[]::order_status[]'),
    ('SELECT plain::positive[] FROM tickets WHERE id = 1'),
    ('SELECT ''{{new,paid},{gone,new}}''::order_status[][], ''{new}''::order_status[3], ''{new}''::order_status ARRAY'),
    ('SELECT ''{a,b}''::codes, ''{"a b"}''::"Odd one"[], ''{"{a}"}''::codes[], ''{new}''::live[]'),
    ('SELECT pg_typeof(states)::text, pg_typeof(''{1}''::positive[])::text, pg_typeof(many)::text FROM tickets WHERE id = 1'),
    ('SELECT to_jsonb(t) FROM tickets AS t WHERE id = 1'),
    ('SELECT states FROM tickets GROUP BY states ORDER BY states'),
    ('SELECT a.id FROM tickets AS a JOIN tickets AS b ON a.states = b.states AND a.amounts IS NOT DISTINCT FROM b.amounts ORDER BY 1')) AS v (q);
SELECT ask(test.ctx(q), sql => q) -> 'columns' FROM (VALUES ('SELECT ''{new}''::order_status[], ARRAY[1]::positive[], array_agg(state), (array_agg(amount))[1] FROM tickets')) AS v (q);
\echo -- values of no such type: no schema is shown
SELECT q, answer(q) FROM (VALUES
    ('SELECT ''{old}''::order_status[]'),
    ('SELECT ARRAY[''old'']::order_status[]'),
    ('SELECT ''{1,0}''::positive[]'),
    ('SELECT ARRAY[1, 0]::positive[]'),
    ('SELECT plain::positive[] FROM tickets'),
    ('SELECT ''{gone}''::live[]'),
    ('SELECT ''{a,b,c,d}''::codes'),
    ('SELECT ''{new''::order_status[]'),
    ('SELECT states = plain FROM tickets'),
    ('SELECT states || 1 FROM tickets'),
    ('SELECT amounts = states FROM tickets'),
    ('SELECT (amount - 6)::positive FROM tickets')) AS v (q);
\echo -- not written: types outside the plane, schemas, the own names of array types
SELECT q, answer(q) FROM (VALUES
    ('SELECT ''{x}''::unused[]'),
    ('SELECT ARRAY[''x'']::unused[]'),
    ('SELECT ''{1}''::looking[]'),
    ('SELECT ARRAY[looked]::looking[] FROM tickets'),
    ('SELECT ''{x}''::nothing[]'),
    ('SELECT ''{"(1,2)"}''::pair[]'),
    ('SELECT ''{x}''::hidden.unused[]'),
    ('SELECT ''{new}''::hidden.order_status[]'),
    ('SELECT ''{new}''::hidden.nothing[]'),
    ('SELECT ''{new}''::_order_status'),
    ('SELECT ''{new}''::hidden._order_status'),
    ('SELECT ''{1}''::_positive'),
    ('SELECT ''{new}''::order_status(3)[]'),
    ('SELECT * FROM json_to_record(''{"a": ["new"]}'') AS t (a order_status[])'),
    ('SELECT * FROM json_to_record(''{"a": ["x"]}'') AS t (a unused[])')) AS v (q);
\echo -- the control: rows of the other tenant are there
\c - postgres
SELECT count(*) FROM public.tickets WHERE state = ANY ('{new,paid}'::hidden.order_status[]);
\echo -- domains over enums that no column has: the enum is in the plane by its domain
\c - postgres
SET client_min_messages = error;
CREATE TYPE hidden.raw AS ENUM ('low', 'high');
CREATE TYPE hidden.rarer AS ENUM ('few', 'none');
CREATE DOMAIN hidden.level AS hidden.raw CHECK (VALUE IS NOT NULL);
CREATE DOMAIN hidden.levels AS hidden.rarer[] CHECK (cardinality(VALUE) < 3);
CREATE DOMAIN hidden.inner_count AS int CHECK (VALUE < 10);
CREATE DOMAIN hidden.counts AS hidden.inner_count[];
CREATE TABLE public.gauges (tenant_id int NOT NULL, level hidden.level, levels hidden.levels, counts hidden.counts);
INSERT INTO public.gauges VALUES (42, 'low', '{few}', '{1,2}'), (7, 'high', '{none}', '{9}');
SELECT splitplane.protect('public.gauges', '{"tenant_id": "tenant"}');
SELECT substring(splitplane.describe() FROM 'table gauges.*?counts[^\n]*');
\c - app
SELECT q, answer(q) FROM (VALUES
    ('SELECT * FROM gauges'),
    ('SELECT count(*) FROM gauges WHERE level = ''low'''),
    ('SELECT count(*) FROM gauges WHERE level IN (''low'', ''high'')'),
    ('SELECT level::text, max(level), array_agg(level) FROM gauges GROUP BY level'),
    ('SELECT count(*) FROM gauges WHERE level = ANY (''{low}''::level[])'),
    ('SELECT ''high''::level > level FROM gauges'),
    ('SELECT ''{few}''::levels, levels[1], levels = ''{few}'' FROM gauges'),
    ('SELECT unnest(levels) FROM gauges'),
    ('SELECT count(*) FROM gauges WHERE ''few'' = ANY (levels)'),
    ('SELECT counts[1] + 1, unnest(counts) FROM gauges'),
    ('SELECT ''low''::raw'),
    ('SELECT ''{low}''::raw[]'),
    ('SELECT count(*) FROM gauges WHERE level::raw = ''low'' AND level::raw = ANY (''{low,high}''::raw[])'),
    ('SELECT level = 1 FROM gauges'),
    ('SELECT levels = 1 FROM gauges'),
    ('SELECT ''x''::level'),
    ('SELECT level::levels FROM gauges'),
    ('SELECT levels::int[] FROM gauges'),
    ('SELECT pg_typeof(level)::text, pg_typeof(levels)::text, pg_typeof(levels[1])::text FROM gauges')) AS v (q);
SELECT ask(test.ctx(q), sql => q) -> 'columns' FROM (VALUES ('SELECT max(level::raw), min(levels[1]), array_agg(level) FROM gauges')) AS v (q);

\echo -- what stands below a domain gives way to a type of a column; where none does, neither of two is written
\c - postgres
SET client_min_messages = error;
CREATE SCHEMA deep; CREATE SCHEMA deeper;
CREATE TYPE deep.level AS ENUM ('z');
CREATE TYPE deep.twice AS ENUM ('one');
CREATE TYPE deeper.twice AS ENUM ('two');
CREATE DOMAIN hidden.over_level AS deep.level;
CREATE DOMAIN hidden.over_one AS deep.twice[];
CREATE DOMAIN hidden.over_two AS deeper.twice[];
CREATE TYPE hidden.shown AS ENUM ('s');
CREATE FUNCTION hidden.shown_json(hidden.shown) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT ''1''::json';
CREATE TABLE public.depths (tenant_id int NOT NULL, level hidden.over_level, one hidden.over_one, two hidden.over_two, shown hidden.shown[]);
INSERT INTO public.depths VALUES (42, 'z', '{one}', '{two}', '{s}');
SELECT splitplane.protect('public.depths', '{"tenant_id": "tenant"}');
\c - app
SELECT q, answer(q) FROM (VALUES
    ('SELECT level, one, two, shown FROM depths'),
    ('SELECT ''low''::level, ''s''::shown'),
    ('SELECT ''z''::level'),
    ('SELECT level::over_level::text FROM depths'),
    ('SELECT one[1], two[1] FROM depths'),
    ('SELECT pg_typeof(one[1])::text, pg_typeof(level)::text FROM depths'),
    ('SELECT one[1] = two[1] FROM depths'),
    ('SELECT ''one''::twice'),
    ('SELECT ''{one}''::twice[]')) AS v (q);
\echo -- a type that got a cast of its own to JSON leaves the plane, and so do its arrays and elements
\c - postgres
CREATE CAST (hidden.shown AS json) WITH FUNCTION hidden.shown_json(hidden.shown);
\c - app
SELECT q, answer(q) FROM (VALUES
    ('SELECT shown FROM depths'),
    ('SELECT ''s''::shown'),
    ('SELECT ''{s}''::shown[]'),
    ('SELECT to_json(''s''::shown)')) AS v (q);
