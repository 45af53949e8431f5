-- A scope by a list claim: the franchise of tenant 42 holds stores 2 and 3.
\c - app
SELECT test.rows('SELECT store_id, guests FROM visits ORDER BY 1', '42', 'franchise');
SELECT test.rows('SELECT store_id, guests FROM visits WHERE store_id = 1', '42', 'franchise');
SELECT test.rows('SELECT store_id FROM visits WHERE store_id <> ALL (ARRAY[2]) OR true ORDER BY 1', '42', 'franchise');
SELECT test.rows('SELECT v.store_id, count(o.order_id) FROM visits v LEFT JOIN orders o USING (store_id) GROUP BY 1 ORDER BY 1', '42', 'franchise');
SELECT test.rows('SELECT count(*) FROM visits', '7');

\c - postgres
SET client_min_messages = warning;
-- One store, given as a list and as a scalar; no store; many; text that holds a comma, quotes and braces.
SELECT splitplane.admit('42', 'one',    claims => '{"stores": [4]}');
SELECT splitplane.admit('42', 'scalar', claims => '{"stores": 4}');
SELECT splitplane.admit('42', 'none',   claims => '{"stores": []}');
SELECT splitplane.admit('42', 'dup',    claims => '{"stores": [4, 4, 4]}');
SELECT splitplane.admit('42', 'bare');
SELECT test.rows('SELECT array_agg(store_id ORDER BY store_id) FROM visits', '42', 'one');
SELECT test.rows('SELECT array_agg(store_id ORDER BY store_id) FROM visits', '42', 'scalar');
SELECT test.rows('SELECT array_agg(store_id ORDER BY store_id) FROM visits', '42', 'none');
SELECT test.rows('SELECT array_agg(store_id ORDER BY store_id) FROM visits', '42', 'dup');
-- Who has no such claim is refused as such, not shown everything.
SELECT test.ask('SELECT count(*) FROM visits', '42', 'bare');
\echo :SQLSTATE
SELECT test.rows('SELECT count(*) FROM orders', '42', 'bare');

CREATE TABLE public.notes (tenant_id int NOT NULL, region text NOT NULL, note text NOT NULL);
CREATE INDEX ON public.notes (tenant_id, region);
INSERT INTO public.notes VALUES (42, 'a,b', 'comma'), (42, '{"q"}', 'braces'), (42, 'null', 'word'), (42, E'back\\slash', 'backslash'), (42, 'other', 'CANARY'), (7, 'a,b', 'CANARY');
SELECT splitplane.admit('42', 'odd', claims => '{"stores": [1], "regions": ["a,b", "{\"q\"}", "null", "back\\slash", "", "NULL"]}');
SELECT splitplane.protect('public.notes', '{"tenant_id": "tenant", "region": "regions"}');
SELECT test.rows('SELECT note FROM notes ORDER BY note COLLATE "C"', '42', 'odd');
-- A change of claims takes effect at the next call.
SELECT splitplane.admit('42', 'odd', claims => '{"stores": [1], "regions": ["null"]}');
SELECT test.rows('SELECT note FROM notes ORDER BY note', '42', 'odd');
SELECT splitplane.expel('42', 'odd');
SELECT test.ask('SELECT note FROM notes', '42', 'odd');
\echo :SQLSTATE
