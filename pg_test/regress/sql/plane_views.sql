-- Plane views: queries over the plane that can be named like its tables.
\set SHOW_CONTEXT never
COMMENT ON COLUMN public.stores.city IS 'where the store is';
\c - dba
SELECT splitplane.define_view('sales_by_city',
    'SELECT s.city, count(*) AS orders, sum(o.total) AS total FROM orders o JOIN stores s USING (store_id) GROUP BY s.city -- one line', 'Orders of each city');
SELECT name, description, columns, private_columns, changed_by FROM splitplane.views;
SELECT part FROM regexp_split_to_table(splitplane.describe(), '\n(?=\w)') AS part WHERE part ~ '^view';
\c - app
SELECT test.rows('SELECT city, orders FROM sales_by_city ORDER BY city');
SELECT test.rows('SELECT city, orders FROM sales_by_city ORDER BY city', '7');
-- The control: the rows of both tenants are there.
\c - postgres
SELECT o.tenant_id, s.city, count(*) FROM public.orders o JOIN public.stores s USING (store_id) GROUP BY 1, 2 ORDER BY 1, 2;
\c - app
-- Joined, aliased, renamed, in subqueries and in WITH; a WITH of the statement's own shadows it, as with tables.
SELECT test.rows('SELECT v.city, s.store_id FROM sales_by_city v JOIN stores s ON s.city = v.city ORDER BY 2');
SELECT test.rows('SELECT c FROM (SELECT * FROM sales_by_city) AS t (c, n, x) ORDER BY 1');
SELECT test.rows('WITH w AS (SELECT * FROM sales_by_city) SELECT count(*) FROM w, sales_by_city');
SELECT test.rows('WITH sales_by_city AS (SELECT 1 AS one) SELECT * FROM sales_by_city');
SELECT test.rows('WITH sales_by_city AS (SELECT city FROM sales_by_city) SELECT * FROM sales_by_city ORDER BY 1');
SELECT test.rows('WITH orders AS (SELECT 1 AS total) SELECT count(*) FROM orders, sales_by_city');
SELECT test.rows('SELECT ctid FROM sales_by_city');
SELECT test.rows('SELECT * FROM public.sales_by_city');
SELECT test.rows('SELECT public.sales_by_city.city FROM sales_by_city');
SELECT test.rows('SELECT nothing FROM sales_by_city');
SELECT test.rows('SELECT "City", s."ORDERS" FROM sales_by_city s');
SELECT test.rows('SELECT * FROM jsonb_populate_record(NULL::sales_by_city, ''{}'')');
SELECT ask_dry_run(test.ctx('SELECT city FROM sales_by_city'), sql => 'SELECT city FROM sales_by_city') ->> 'plane_sql';
SELECT ask_dry_run(test.ctx('SELECT city FROM sales_by_city'), sql => 'SELECT city FROM sales_by_city') -> 'proved' -> 'relations';
SELECT * FROM ask_rows(test.ctx('SELECT city, total FROM sales_by_city ORDER BY 1'), sql => 'SELECT city, total FROM sales_by_city ORDER BY 1') AS t(city text, total numeric);

-- What is refused when a view is defined.
\c - dba
SELECT splitplane.define_view(NULL, 'SELECT 1 AS one');
SELECT splitplane.define_view('', 'SELECT 1 AS one');
SELECT splitplane.define_view('a.b', 'SELECT 1 AS one');
SELECT splitplane.define_view('pg_view', 'SELECT 1 AS one');
SELECT splitplane.define_view('orders', 'SELECT 1 AS one');
SELECT splitplane.define_view('v', NULL);
SELECT splitplane.define_view('v', ' ');
SELECT splitplane.define_view('v', 'SELECT 1 AS one', ' ');
SELECT splitplane.define_view('v', 'SELECT 1');
SELECT splitplane.define_view('v', 'SELECT');
SELECT splitplane.define_view('v', 'SELECT order_id, order_id FROM orders');
SELECT splitplane.define_view('v', 'SELECT 1 AS one', private_columns => ARRAY['two']);
SELECT splitplane.define_view('v', 'SELECT 1 AS one', private_columns => ARRAY['one', 'one']);
SELECT splitplane.define_view('v', 'SELECT 1 AS one', private_columns => ARRAY[NULL]);
SELECT splitplane.define_view('v', 'SELECT * FROM payroll');
SELECT splitplane.define_view('v', 'SELECT * FROM pg_catalog.pg_class');
SELECT splitplane.define_view('v', 'SELECT pg_read_file(''x'') AS x');
SELECT splitplane.define_view('v', 'SELECT nothing FROM orders');
SELECT splitplane.define_view('v', 'SELECT o FROM orders o');
SELECT splitplane.define_view('v', 'SELECT 1 AS one; SELECT 2 AS two');
SELECT splitplane.define_view('v', 'DELETE FROM orders');
SELECT splitplane.define_view('v', 'SELECT $1 AS one');
SELECT splitplane.define_view('v', 'SELECT 1 AS one) SELECT * FROM public.payroll --');
SELECT splitplane.define_view('v', 'SELECT * FROM v');
SELECT splitplane.define_view('v', 'SELECT splitplane.claim(''tenant'') AS c');
SELECT count(*) FROM splitplane.views;
-- A table does not get the name of a view.
\c - postgres
CREATE TABLE public.sales_by_city (tenant_id int NOT NULL, x int);
SELECT splitplane.protect('public.sales_by_city', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.sales_by_city', '{"tenant_id": "tenant"}', name => 'raw_sales');
-- A view of the name of a table that has another one in the plane: each is what it is called.
SELECT test.rows('SELECT count(*) FROM sales_by_city'), test.rows('SELECT count(*) FROM public.sales_by_city'), test.rows('SELECT count(*) FROM raw_sales');
SELECT splitplane.unprotect('public.sales_by_city');
DROP TABLE public.sales_by_city;

-- Views over views: levels and references are bounded.
SELECT splitplane.define_view('l1', 'SELECT order_id FROM orders');
SELECT splitplane.define_view('l' || n, format('SELECT order_id FROM l%s', n - 1)) FROM generate_series(2, 8) AS n;
SELECT splitplane.define_view('l9', 'SELECT order_id FROM l8');
SELECT test.rows('SELECT count(*) FROM l8') = test.rows('SELECT count(*) FROM orders') AS is_same;
-- Below them nothing can be put that would make them too deep, or a circle.
SELECT splitplane.define_view('l0', 'SELECT order_id FROM orders');
SELECT splitplane.define_view('l1', 'SELECT order_id FROM l0');
SELECT splitplane.define_view('l1', 'SELECT order_id FROM l8');
SELECT splitplane.define_view('l1', 'SELECT order_id::text FROM orders');
SELECT splitplane.undefine_view('l1');
SELECT splitplane.define_view('l1', 'SELECT order_id FROM orders WHERE true');
SELECT test.rows('SELECT count(*) FROM l8') = test.rows('SELECT count(*) FROM orders') AS is_same;
SELECT splitplane.define_view('wide', 'SELECT count(*) AS n FROM ' || string_agg('orders o' || n, ', ')) FROM generate_series(1, 64) n;
SELECT splitplane.define_view('wider', 'SELECT count(*) AS n FROM ' || string_agg('orders o' || n, ', ')) FROM generate_series(1, 65) n;
SELECT splitplane.define_view('wider', 'SELECT w.n FROM wide w, orders o');
SELECT splitplane.define_view('twice', 'SELECT a.order_id FROM l7 a JOIN l7 b USING (order_id)');
SELECT test.rows('SELECT count(*) FROM twice') = test.rows('SELECT count(*) FROM orders') AS is_same;
SELECT splitplane.undefine_view(v) FROM unnest(ARRAY['twice', 'wide', 'l8', 'l7', 'l6', 'l5', 'l4', 'l3', 'l2', 'l1', 'l0']) AS v;
SELECT splitplane.undefine_view('l1');
SELECT splitplane.undefine_view(NULL);

-- The plan is that of the view's text by hand.
CREATE FUNCTION test.plan(sql text) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(line, E'\n' ORDER BY place) FROM jsonb_array_elements_text(public.ask_dry_run(test.ctx(sql), sql => sql) -> 'plan') WITH ORDINALITY AS p (line, place) $$;
SELECT splitplane.define_view('open_orders', 'SELECT order_id, store_id, total FROM orders WHERE state <> ''paid''');
SELECT test.plan('SELECT total FROM open_orders WHERE order_id = 5');
SELECT test.plan('SELECT total FROM open_orders WHERE order_id = 5') = test.plan('SELECT total FROM orders WHERE state <> ''paid'' AND order_id = 5') AS is_same;
SELECT test.plan('SELECT city, sum(total) FROM open_orders JOIN stores USING (store_id) GROUP BY city') = test.plan('SELECT city, sum(total) FROM orders JOIN stores USING (store_id) WHERE state <> ''paid'' GROUP BY city') AS is_same;
SELECT test.plan('SELECT * FROM sales_by_city WHERE city = ''city 1''')
     = test.plan('SELECT * FROM (SELECT s.city, count(*) AS orders, sum(o.total) AS total FROM orders o JOIN stores s USING (store_id) GROUP BY s.city) AS sales_by_city WHERE city = ''city 1''') AS is_same;
SELECT splitplane.undefine_view('open_orders');

-- Private columns: those that were declared, and those made of private ones; what rests on one touches it in all its rows.
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', private_columns => ARRAY['email']);
SELECT splitplane.define_view('people', 'SELECT customer_id, name, lower(email) AS mail FROM customers', private_columns => ARRAY['name']);
SELECT splitplane.define_view('mailed', 'SELECT customer_id FROM customers WHERE email LIKE ''%@%''');
SELECT splitplane.define_view('above', 'SELECT customer_id, mail || ''x'' AS more FROM people');
\c - app
CREATE TEMP TABLE shape (number int GENERATED ALWAYS AS IDENTITY, sql text);
INSERT INTO shape (sql) VALUES ('SELECT customer_id FROM people'), ('SELECT name FROM people'), ('SELECT mail FROM people'), ('SELECT p FROM people p'),
    ('SELECT count(*) FROM people WHERE mail IS NULL'), ('SELECT * FROM mailed'), ('SELECT count(*) FROM mailed'), ('SELECT customer_id FROM above'), ('SELECT more FROM above'),
    ('SELECT o.total FROM orders o JOIN people USING (customer_id)'), ('SELECT customer_id FROM customers');
SELECT sql, ask_dry_run(test.ctx(sql), sql => sql) -> 'proved' -> 'private_columns' AS touched FROM shape ORDER BY number;

-- Verified queries and metrics read views.
\c - dba
SELECT splitplane.verify_query('cities', 'Which cities are there?', 'SELECT city FROM sales_by_city ORDER BY 1');
SELECT splitplane.define_metric('volume', 'SELECT sum(total) FROM sales_by_city', 'all of it');
\c - app
SELECT ask(test.ctx('Which cities are there?'), 'Which cities are there?') -> 'rows' AS rows;

-- A column that is dropped or altered closes the views that read it, and no others.
\c - postgres
ALTER TABLE public.stores RENAME COLUMN city TO town;
SELECT test.rows('SELECT count(*) FROM sales_by_city');
SELECT test.rows('SELECT count(*) FROM mailed');
SELECT object, finding, fix FROM splitplane.doctor() WHERE object ~ '^view|^metric';
ALTER TABLE public.stores RENAME COLUMN town TO city;
SELECT test.rows('SELECT count(*) FROM sales_by_city');
ALTER TABLE public.stores ALTER COLUMN city TYPE varchar(40);
SELECT test.rows('SELECT count(*) FROM sales_by_city');
SELECT object, finding FROM splitplane.doctor() WHERE object ~ '^view';
SELECT splitplane.define_view('sales_by_city', sql, description) FROM splitplane.views WHERE name = 'sales_by_city';
SELECT test.rows('SELECT count(*) FROM sales_by_city');
SELECT splitplane.undefine_metric('volume'), splitplane.unverify_query('cities'), splitplane.undefine_view('sales_by_city');
SELECT test.rows('SELECT count(*) FROM sales_by_city');
-- A view above is refused, and a table that is taken out closes.
SELECT splitplane.undefine_view('people');
SELECT splitplane.unprotect('public.customers');
SELECT test.rows('SELECT * FROM above');
SELECT object, finding FROM splitplane.doctor() WHERE object ~ '^view';

-- The comment of a column is shown while the plane shows the column, and of no other column.
\c - postgres
SELECT splitplane.undefine_view('above'), splitplane.undefine_view('mailed');
CREATE FUNCTION test.described(view text) RETURNS text LANGUAGE sql AS
    $$ SELECT part FROM regexp_split_to_table(splitplane.describe(), '\n(?=\w)') AS part WHERE part ~ ('^view ' || view) $$;
CREATE TABLE public.clubs (tenant_id int NOT NULL, club_id int NOT NULL, name text);
SELECT splitplane.protect('public.clubs', '{"tenant_id": "tenant"}', ARRAY['club_id']);
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', ARRAY['customer_id', 'name']);
COMMENT ON COLUMN public.customers.name IS 'CANARY: who it is';
SELECT splitplane.define_view('named', 'SELECT name FROM customers JOIN clubs ON club_id = customer_id');
SELECT splitplane.define_view('towns', 'SELECT city FROM stores');
SELECT test.described('named'), test.described('towns');
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', ARRAY['customer_id']);
SELECT test.described('named');
-- Another table has the column now, and the view can be read.
SELECT splitplane.protect('public.clubs', '{"tenant_id": "tenant"}', ARRAY['club_id', 'name']);
SELECT test.described('named');
ALTER TABLE public.stores RENAME COLUMN city TO town;
ALTER TABLE public.stores ADD COLUMN secret text;
COMMENT ON COLUMN public.stores.secret IS 'CANARY: never registered';
ALTER TABLE public.stores RENAME COLUMN secret TO city;
SELECT test.described('towns');
ALTER TABLE public.stores DROP COLUMN city;
ALTER TABLE public.stores RENAME COLUMN town TO city;
SELECT test.described('towns');

-- What closes a view in the midst of a session, and what opens it again: in one session.
CREATE FUNCTION public.tagged(int) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$ SELECT 'tag ' || $1 $$;
SELECT splitplane.allow_function('public.tagged(int)');
SELECT splitplane.define_view('tags', 'SELECT store_id, tagged(''7'') AS tag, ' || repeat(' ', 2000) || '1 AS one FROM stores');
SELECT splitplane.define_view('over_tags', 'SELECT store_id FROM tags');
SELECT test.rows('SELECT min(tag) FROM tags'), test.rows('SELECT count(*) FROM over_tags');
CREATE FUNCTION public.tagged(date) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'date' $$;
SELECT test.rows('SELECT min(tag) FROM tags');
SELECT test.rows('SELECT count(*) FROM over_tags');
SELECT object, finding FROM splitplane.doctor() WHERE object ~ '^view .*tags';
SELECT test.described('tags');
DROP FUNCTION public.tagged(date);
SELECT test.described('tags');
SELECT test.rows('SELECT min(tag) FROM tags'), test.rows('SELECT count(*) FROM over_tags');
SELECT object, finding FROM splitplane.doctor() WHERE object ~ '^view .*tags';
SET splitplane.max_sql_bytes = 1024;
SELECT test.rows('SELECT min(tag) FROM tags');
SELECT object, finding FROM splitplane.doctor() WHERE object ~ '^view .*tags';
RESET splitplane.max_sql_bytes;
SELECT test.rows('SELECT min(tag) FROM tags');
-- An error over the rows of a view that can be read stays what it is.
SELECT test.rows('SELECT tag::int FROM tags');
SELECT test.rows('SELECT nothing FROM tags');

-- A view that is closed is not shown; while the plane is closed, one with a type that is gone.
CREATE TYPE public.mood AS ENUM ('calm', 'wild');
ALTER TABLE public.clubs ADD COLUMN mood public.mood;
SELECT splitplane.protect('public.clubs', '{"tenant_id": "tenant"}', ARRAY['club_id', 'name', 'mood']);
SELECT splitplane.define_view('moods', 'SELECT club_id, mood FROM clubs');
SELECT test.described('moods');
ALTER TABLE public.clubs DROP COLUMN mood;
DROP TYPE public.mood;
SELECT test.described('moods');
-- While the plane is closed a view can be taken out, and none can be defined.
DROP POLICY "!splitplane_scope" ON public.orders;
SELECT test.described('moods'), test.described('towns');
SELECT splitplane.define_view('later', 'SELECT 1 AS one');
SELECT splitplane.undefine_view('towns');
SELECT splitplane.protect('public.orders', '{"tenant_id": "tenant"}');
SELECT name FROM splitplane.views ORDER BY name;

-- A type that gets another name or schema is the type that it was.
CREATE SCHEMA moved;
SELECT splitplane.define_view('states', 'SELECT state, array_agg(state) AS states FROM orders GROUP BY state');
ALTER TYPE public.status RENAME TO order_state;
ALTER TYPE public.order_state SET SCHEMA moved;
SELECT test.rows('SELECT count(*) FROM states');
SELECT test.described('states');
SELECT object, finding FROM splitplane.doctor() WHERE object = 'view states';
-- In another database, after a restore, numbers mean nothing, and the name counts.
CREATE TEMP TABLE restored AS SELECT columns FROM splitplane.views WHERE name = 'states';
UPDATE splitplane.views SET columns = regexp_replace(columns::text, '("number_of": ")[^"]*', '\1another', 'g')::jsonb WHERE name = 'states';
SELECT test.rows('SELECT count(*) FROM states');
ALTER TYPE moved.order_state SET SCHEMA public;
ALTER TYPE public.order_state RENAME TO status;
SELECT test.rows('SELECT count(*) FROM states');
-- As after a restore into this database: the number is nobody's.
UPDATE splitplane.views SET columns = (SELECT jsonb_agg(c || '{"number": 4000000000}') FROM restored, jsonb_array_elements(restored.columns) AS c) WHERE name = 'states';
SELECT test.rows('SELECT count(*) FROM states');
-- A view over an extension's type: it goes with the extension, which is said, and comes back where the extension moved.
\c - postgres
CREATE SCHEMA "Ext";
CREATE SCHEMA elsewhere;
CREATE EXTENSION citext SCHEMA "Ext";
CREATE TABLE public.guests (tenant_id int NOT NULL, name "Ext".citext, aliases "Ext".citext[]);
INSERT INTO public.guests VALUES (42, 'Ann', '{A}'), (7, 'CANARY', '{CANARY}');
SELECT splitplane.allow_extension('citext');
SELECT splitplane.protect('public.guests', '{"tenant_id": "tenant"}');
SELECT splitplane.define_view('guest_names', 'SELECT name, aliases, name || ''!'' AS more FROM guests');
\set asked 'SELECT test.rows(''SELECT name, aliases FROM guest_names WHERE name = ''''ANN'''''')'
:asked;
ALTER EXTENSION citext SET SCHEMA elsewhere;
:asked;
SELECT splitplane.allow_extension('citext');
:asked;
SELECT object, finding FROM splitplane.doctor() WHERE object ~ '^view "?guest_names|citext';
\set VERBOSITY default
SELECT splitplane.disallow_extension('citext');
\set VERBOSITY terse
:asked;
SELECT splitplane.allow_extension('citext');
:asked;
SELECT splitplane.undefine_view('guest_names'), splitplane.unprotect('public.guests'), splitplane.disallow_extension('citext');
