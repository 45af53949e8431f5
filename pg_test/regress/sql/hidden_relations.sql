-- Hidden relations: views alone can read them, and such a view is a security barrier.
\set SHOW_CONTEXT never
CREATE TABLE public.cards (tenant_id int NOT NULL, card_id int NOT NULL, holder text NOT NULL, number text NOT NULL, blocked boolean NOT NULL DEFAULT false, PRIMARY KEY (tenant_id, card_id));
INSERT INTO public.cards VALUES (42, 1, 'ann', '4111000000001111', false), (42, 2, 'bob', '4222000000002222', false), (42, 3, 'SECRET', 'SECRET', true),
    (7, 1, 'CANARY', '4777000000007777', false), (8, 1, 'CANARY', '4888000000008888', false);
SELECT splitplane.protect('public.cards', '{"tenant_id": "tenant"}', ARRAY['card_id', 'holder', 'number', 'blocked'], hidden => true);
SELECT splitplane.protect('public.cards', '{"tenant_id": "tenant"}', hidden => NULL);
SELECT splitplane.define_view('masked', 'SELECT card_id, holder, ''**** '' || right(number, 4) AS last_four FROM cards WHERE length(reverse(upper(number))) = 16', 'Cards that can be used');
SELECT part FROM regexp_split_to_table(splitplane.describe(), '\n(?=\w)') AS part WHERE part ~ 'card';
\c - app
SELECT test.rows('SELECT * FROM masked ORDER BY 1');
SELECT test.rows('SELECT * FROM masked ORDER BY 1', '7');
-- The control: the rows that are hidden exist.
\c - postgres
SELECT tenant_id, count(*) FROM public.cards GROUP BY 1 ORDER BY 1;
\c - app
-- No text names it: as what does not exist.
SELECT test.rows('SELECT * FROM cards');
SELECT test.rows('SELECT * FROM nothing');
SELECT test.rows('SELECT * FROM public.cards');
SELECT test.rows('SELECT * FROM "Cards"');
SELECT test.rows('SELECT * FROM masked, cards');
SELECT test.rows('SELECT (SELECT number FROM cards LIMIT 1) FROM masked');
SELECT test.rows('WITH w AS (SELECT * FROM cards) SELECT * FROM w, masked');
SELECT test.rows('SELECT * FROM masked, LATERAL (SELECT number FROM cards) AS c');
SELECT test.rows('SELECT public.cards.number FROM masked');
SELECT test.rows('SELECT cards.number FROM masked');
SELECT test.rows('SELECT number FROM masked');
SELECT test.rows('SELECT * FROM jsonb_populate_record(NULL::cards, ''{"number": "x"}'')');
SELECT test.rows('SELECT * FROM "public.cards"');
-- A name in WITH does not reach into the view, of a view, or of the hidden relation.
SELECT test.rows('WITH cards AS (SELECT ''forged''::text AS number, 9 AS card_id, ''x''::text AS holder, false AS blocked) SELECT last_four FROM masked ORDER BY 1');
SELECT test.rows('WITH masked AS (SELECT 1 AS one) SELECT * FROM masked');
-- Errors in the caller's conditions are over what the view shows: the masked value, and rows that it lets through.
SELECT test.rows('SELECT last_four FROM masked WHERE last_four::int = 1');
SELECT test.rows('SELECT count(*) FROM masked WHERE 1 / (card_id - 3) > 5');
SELECT test.rows('SELECT count(*) FROM masked WHERE 1 / (CASE holder WHEN ''SECRET'' THEN 0 ELSE 1 END) = 1');
SELECT test.rows('SELECT count(*) FROM masked WHERE holder::int = 0', '7');
SELECT ask_dry_run(test.ctx('SELECT card_id FROM masked'), sql => 'SELECT card_id FROM masked') ->> 'plane_sql';
SELECT ask_dry_run(test.ctx('SELECT card_id FROM masked'), sql => 'SELECT card_id FROM masked') -> 'proved' -> 'relations';

-- Which conditions stay outside: those that may show a value do, those that cannot go in.
\c - postgres
CREATE FUNCTION test.plan(sql text) RETURNS SETOF text LANGUAGE sql AS
    $$ SELECT regexp_replace(line, '  \(cost=.*', '') FROM jsonb_array_elements_text(public.ask_dry_run(test.ctx(sql), sql => sql) -> 'plan') AS line $$;
SELECT test.plan('SELECT holder FROM masked WHERE 1 / card_id > 0');
SELECT test.plan('SELECT holder FROM masked WHERE card_id = 2');
-- The control: a view without hidden relations is no barrier.
SELECT splitplane.protect('public.cards', '{"tenant_id": "tenant"}', ARRAY['card_id', 'holder', 'number', 'blocked']);
SELECT test.plan('SELECT holder FROM masked WHERE 1 / card_id > 0');
SELECT test.rows('SELECT last_four FROM masked WHERE last_four::int = 1');
SELECT test.rows('SELECT count(*) FROM masked WHERE 1 / (card_id - 3) > 5');
SELECT test.rows('SELECT count(*) FROM masked WHERE 1 / (CASE holder WHEN ''SECRET'' THEN 0 ELSE 1 END) = 1');
SELECT test.rows('SELECT count(*) FROM masked WHERE holder::int = 0', '7');
SELECT splitplane.protect('public.cards', '{"tenant_id": "tenant"}', ARRAY['card_id', 'holder', 'number', 'blocked'], hidden => true, private_columns => ARRAY['number']);

-- Views over such views, joins with what is visible, shared hidden relations, private columns.
SELECT splitplane.define_view('short', 'SELECT upper(last_four) AS x, card_id FROM masked');
SELECT splitplane.share('public.currencies', hidden => true);
SELECT splitplane.define_view('priced', 'SELECT m.card_id, c.code, s.city FROM masked m CROSS JOIN currencies c JOIN stores s ON s.store_id = m.card_id');
\c - app
SELECT test.rows('SELECT x FROM short ORDER BY 1');
SELECT test.rows('SELECT count(*) > 0 FROM priced p JOIN stores s USING (city) JOIN short USING (card_id)');
SELECT test.rows('SELECT * FROM currencies');
SELECT ask_dry_run(test.ctx(q), sql => q) -> 'proved' -> 'private_columns' AS touched
  FROM unnest(ARRAY['SELECT card_id FROM masked', 'SELECT last_four FROM masked', 'SELECT x FROM short', 'SELECT m FROM masked m']) AS q;
\c - postgres
SELECT relation, shape, verdict, detail FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation ~ 'view|cards|currencies' AND shape <> 'scope columns';
-- It is red where the reader sees fewer rows, and where a view shows something else than its text.
BEGIN;
CREATE POLICY narrow ON public.cards AS RESTRICTIVE TO splitplane_reader USING (card_id > 1);
SELECT verdict, count(*), min(detail) FROM splitplane.selftest(ARRAY['42', '7'], ARRAY['public.cards'::regclass]) GROUP BY 1 ORDER BY 1;
ROLLBACK;
-- And where it sees more: what the test compares with narrows.
BEGIN;
ALTER FUNCTION splitplane._selftest_own(regclass, jsonb, jsonb) RENAME TO _selftest_own_before;
CREATE FUNCTION splitplane._selftest_own(relation regclass, scope jsonb, claims jsonb) RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT splitplane._selftest_own_before(relation, scope, claims) || ' AND card_id > 1' $$;
SELECT verdict, count(*), min(detail) FROM splitplane.selftest(ARRAY['42', '7'], ARRAY['public.cards'::regclass]) WHERE verdict = 'FAIL' GROUP BY 1;
ROLLBACK;
SELECT w.* FROM splitplane.views AS v, splitplane._selftest_view(v.name, replace(v.sql, 'FROM', 'FROM currencies CROSS JOIN'), splitplane._selftest_principals(ARRAY['42', '7']), 'infinity') AS w WHERE v.name = 'short';
SELECT w.* FROM splitplane._selftest_view('masked', 'SELECT 1', splitplane._selftest_principals(ARRAY['42']), 'infinity') AS w;
-- Not the statements of others.
SELECT state, message FROM splitplane._selftest_run('42', '', '', 'SELECT count(*) FROM cards');
SELECT state, message FROM splitplane._selftest_run('42', '', '', 'SELECT count(*) FROM cards', true);
-- What is sorted and compared by set operations is bounded where it stands, and not within the view's own fence.
CREATE TABLE public.a1 (tenant_id int NOT NULL, id int, a text);
CREATE TABLE public.a2 (tenant_id int NOT NULL, id int, b text);
CREATE TABLE public.a3 (tenant_id int NOT NULL, id int, c int, b text);
INSERT INTO public.a1 VALUES (42, 1, 'one'), (7, 1, 'CANARY');
INSERT INTO public.a2 VALUES (42, 1, 'two'), (7, 1, 'CANARY');
INSERT INTO public.a3 VALUES (42, 1, 1, 'three'), (7, 1, 1, 'CANARY');
SELECT splitplane.protect('public.a1', '{"tenant_id": "tenant"}', hidden => true), splitplane.protect('public.a2', '{"tenant_id": "tenant"}'), splitplane.protect('public.a3', '{"tenant_id": "tenant"}');
SELECT splitplane.define_view('va', 'SELECT a FROM a1');
SELECT test.rows('SELECT a FROM va UNION ALL SELECT b FROM a2 ORDER BY 1');
SELECT test.rows('SELECT a FROM va UNION ALL SELECT b FROM a3 ORDER BY 1');
SELECT test.rows('SELECT a FROM va UNION SELECT b FROM a2 ORDER BY 1');
SELECT test.rows('SELECT DISTINCT a FROM va JOIN a2 ON true ORDER BY 1');
SELECT splitplane.define_view('cards_and_stores', 'SELECT card_id, holder FROM cards UNION ALL SELECT store_id, city FROM stores');
SELECT test.rows('SELECT count(*), min(holder), max(holder) FROM cards_and_stores');
SELECT splitplane.undefine_view('cards_and_stores'), splitplane.undefine_view('va');
-- The fix of a finding keeps it hidden.
ALTER TABLE public.cards RENAME COLUMN holder TO owner;
SELECT object, fix FROM splitplane.doctor() WHERE object ~ 'cards';
ALTER TABLE public.cards RENAME COLUMN owner TO holder;
DROP POLICY "!splitplane_scope" ON public.cards;
SELECT test.rows('SELECT * FROM masked');
