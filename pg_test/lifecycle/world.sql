-- A shop whose tables belong to a role that is no superuser, as on most servers, and a plane over it that has one of each thing
-- that a dump or an upgrade must carry. Run by a superuser in a database of shop_owner's, after CREATE EXTENSION.
SET ROLE shop_owner;
CREATE TYPE kind AS ENUM ('small', 'large');
CREATE TABLE tenants  (tenant text PRIMARY KEY, label text);
CREATE TABLE orders   (order_id int PRIMARY KEY, tenant text NOT NULL, gone int, kind kind NOT NULL, amount int NOT NULL, mail text);
ALTER TABLE orders DROP gone;
CREATE INDEX ON orders (tenant);
CREATE TABLE lines    (line_id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders, what text NOT NULL);
CREATE INDEX ON lines (order_id);
CREATE TABLE visits   (tenant text NOT NULL, store int NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON visits (tenant, store);
CREATE TABLE rates    (currency text PRIMARY KEY, rate numeric NOT NULL);
CREATE FUNCTION shout(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.upper(words);

INSERT INTO tenants SELECT t, 'Shop ' || t FROM unnest('{a,b,c}'::text[]) AS t;
INSERT INTO orders SELECT n, (ARRAY['a', 'b', 'c'])[1 + n % 3], (ARRAY['small', 'large'])[1 + n % 2]::kind, n, 'mail' || n FROM generate_series(1, 30) AS n;
INSERT INTO lines SELECT n, 1 + n % 30, 'thing ' || n FROM generate_series(1, 90) AS n;
INSERT INTO visits SELECT (ARRAY['a', 'b', 'c'])[1 + n % 3], n % 4, '2026-11-01' FROM generate_series(1, 24) AS n;
INSERT INTO rates VALUES ('EUR', 1.1), ('CHF', 1.2);
-- A privilege of each kind that another major counts otherwise: all, and with grant option.
GRANT ALL ON orders TO clerk;
GRANT SELECT ON rates TO clerk WITH GRANT OPTION;
RESET ROLE;

SELECT splitplane.protect('orders', '{"tenant": "tenant"}', private_columns => '{mail}');
SELECT splitplane.protect_through('lines', 'orders');
SELECT splitplane.declare_claim('stores', false);
SELECT splitplane.protect('visits', '{"tenant": "tenant", "store": "stores"}');
SELECT splitplane.share('rates');
SELECT splitplane.allow_function('shout(text)');
SELECT splitplane.define_view('large_orders', 'SELECT order_id, amount FROM orders WHERE kind = ''large''', 'Those that are large');
SELECT splitplane.verify_query('orders_counted', 'How many orders are there?', 'SELECT count(*) FROM orders');
SELECT splitplane.define_metric('turnover', 'SELECT sum(amount) AS turnover FROM orders', 'What was sold');
SELECT splitplane.admit('a', claims => '{"stores": [0, 1]}');
SELECT splitplane.admit('b', claims => '{"stores": [2]}');
SELECT splitplane.tripwire_row('orders') \gexec
SELECT splitplane.arm_tripwire('orders');
GRANT splitplane_caller TO app;
GRANT USAGE ON SCHEMA splitplane TO signer;
GRANT EXECUTE ON FUNCTION splitplane.sign TO signer;
