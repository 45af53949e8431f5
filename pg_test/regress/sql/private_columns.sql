-- Private columns: registering them, keeping them, and what a dry run says of a statement that touches one.
\set SHOW_CONTEXT never
\c - dba

SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', private_columns => ARRAY['email', 'name']);
SELECT splitplane.share('public.currencies', private_columns => ARRAY['name']);
SELECT relation, columns, private_columns FROM splitplane.relations WHERE private_columns <> '{}' ORDER BY relation::text;
-- The model may name them, so it is shown them; callers are answered as ever.
SELECT splitplane.describe() LIKE '%email text not null%' AS is_shown;
\c - app
SELECT test.rows('SELECT name, email FROM customers WHERE customer_id = 1');

-- What touches one, and what does not.
CREATE TEMP TABLE shape (number int GENERATED ALWAYS AS IDENTITY, sql text);
INSERT INTO shape (sql) VALUES
    ('SELECT name FROM customers'),
    ('SELECT count(*) FROM customers WHERE email LIKE ''%example'''),
    ('SELECT c.customer_id FROM customers c ORDER BY c.email'),
    ('SELECT count(c) FROM customers c'),
    ('SELECT o.total FROM orders o JOIN (SELECT * FROM customers) c USING (customer_id)'),
    ('SELECT code FROM currencies NATURAL JOIN (SELECT city AS name FROM stores) s'),
    ('SELECT customer_id FROM customers'),
    ('SELECT count(*) FROM customers'),
    ('SELECT o.total FROM orders o JOIN customers c USING (customer_id)'),
    ('SELECT o.total FROM orders o FULL JOIN customers c USING (customer_id) CROSS JOIN currencies'),
    ('SELECT city AS name FROM stores');
SELECT sql, ask_dry_run(test.ctx(sql), sql => sql) -> 'proved' -> 'private_columns' AS touched FROM shape ORDER BY number;

-- Mistakes change nothing.
\c - dba
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', private_columns => ARRAY['nothing']);
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', columns => ARRAY['customer_id'], private_columns => ARRAY['email']);
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', private_columns => ARRAY['email', NULL]);
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', private_columns => ARRAY['email', 'email']);
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', private_columns => ARRAY['ctid']);
SELECT splitplane.share('public.currencies', private_columns => ARRAY['nothing']);
SELECT relation, private_columns FROM splitplane.relations WHERE private_columns <> '{}' ORDER BY relation::text;

-- Registering again without naming them makes them public; that is said.
SELECT splitplane.share('public.currencies');
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', private_columns => ARRAY['email']);
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', ARRAY['customer_id', 'email'], private_columns => ARRAY['email']);
SELECT relation, columns, private_columns FROM splitplane.relations WHERE private_columns <> '{}' ORDER BY relation::text;

-- doctor's statements keep them private.
\c - postgres
SET client_min_messages = warning;
ALTER POLICY "!splitplane_scope" ON public.customers USING (true);
SELECT fix FROM splitplane.doctor() WHERE object <> 'role dba';
SELECT fix FROM splitplane.doctor() \gexec
SELECT columns, private_columns FROM splitplane.relations WHERE relation = 'public.customers'::regclass;
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', private_columns => ARRAY['name', 'email']);
ALTER TABLE public.customers ADD COLUMN phone text;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE '%phone%';
-- A private column that was dropped, and one that was renamed: its values are in no plane until it is registered again.
ALTER TABLE public.customers RENAME COLUMN email TO mail;
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE object <> 'role dba';
SELECT splitplane.describe() LIKE '%mail%' AS is_shown;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE 'Private%' \gexec
SELECT columns, private_columns FROM splitplane.relations WHERE relation = 'public.customers'::regclass;
ALTER TABLE public.customers DROP COLUMN name;
SELECT fix FROM splitplane.doctor() WHERE finding LIKE 'Private%' \gexec
SELECT columns, private_columns FROM splitplane.relations WHERE relation = 'public.customers'::regclass;
UPDATE splitplane.relations SET private_columns = ARRAY['mail'] WHERE relation = 'public.customers'::regclass;
UPDATE splitplane.relations SET private_columns = ARRAY[NULL] WHERE relation = 'public.customers'::regclass;
