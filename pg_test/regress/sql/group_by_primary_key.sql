-- GROUP BY a primary key with other columns of the table selected: PostgreSQL cannot see the dependency through a CTE,
-- and models write it often. The real key is (tenant_id, order_id), of which the caller knows only order_id.
CREATE TABLE public.items (item_id int PRIMARY KEY, tenant_id int NOT NULL, label text NOT NULL);
CREATE INDEX ON public.items (tenant_id);
INSERT INTO public.items SELECT i, CASE WHEN i > 3 THEN 42 ELSE 7 END, 'item ' || i FROM generate_series(1, 6) i;
CREATE TABLE public.no_key (tenant_id int NOT NULL, a int, b int);
CREATE INDEX ON public.no_key (tenant_id);
INSERT INTO public.no_key VALUES (42, 1, 1), (42, 1, 2);
SELECT splitplane.protect('public.items', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.no_key', '{"tenant_id": "tenant"}');
\c - app

SELECT test.rows('SELECT s.store_id, s.city, sum(o.total) FROM stores s JOIN orders o USING (store_id) GROUP BY s.store_id ORDER BY 1');
SELECT test.rows('SELECT store_id, city, count(*) FROM stores GROUP BY store_id ORDER BY 1');
SELECT test.rows('SELECT i.item_id, i.label, i.tenant_id FROM items i GROUP BY i.item_id ORDER BY i.label DESC');
SELECT test.rows('SELECT tenant_id, store_id, city FROM stores GROUP BY tenant_id, store_id ORDER BY 2');
SELECT test.rows('SELECT s.city, count(o.order_id) FROM stores AS s LEFT JOIN orders AS o ON o.store_id = s.store_id GROUP BY s.store_id HAVING max(s.city) > ''city 1'' ORDER BY s.city');
-- By position and by the name of an output column.
SELECT test.rows('SELECT store_id AS id, upper(city) FROM stores GROUP BY 1 ORDER BY 1');
-- Inside the model's own CTE and in a derived table.
SELECT test.rows('WITH x AS (SELECT store_id, city FROM stores GROUP BY store_id) SELECT count(*) FROM x');
SELECT test.rows('SELECT count(*) FROM (SELECT c.customer_id, c.name FROM customers c GROUP BY c.customer_id) AS x');
SELECT test.rows('SELECT c.customer_id, c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.customer_id GROUP BY c.customer_id ORDER BY 1');

-- Where there is no such key PostgreSQL's own refusal stands.
SELECT test.ask('SELECT a, b FROM no_key GROUP BY a');
\echo :SQLSTATE
SELECT test.ask('SELECT city FROM stores GROUP BY tenant_id');
\echo :SQLSTATE
SELECT test.ask('SELECT o.order_id, s.city FROM orders o JOIN stores s USING (store_id) GROUP BY o.order_id');
\echo :SQLSTATE
