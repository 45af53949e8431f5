-- Beside the plane of the wire tests: one object of every kind that lies outside of it, for a caller to learn of.
-- Nothing here is granted to the reader. Names say what they are; `unknown_thing` is the name that nothing has.

-- Protected with two of its five columns: holder, iban and the scope column itself are hidden, closed_on was dropped.
CREATE TABLE accounts (tenant_id text NOT NULL, account_id int NOT NULL, balance int NOT NULL, holder text NOT NULL, iban text,
                       closed_on date, PRIMARY KEY (tenant_id, account_id));
INSERT INTO accounts SELECT t, n, 10 * n, 'CANARY-' || t || ' holder ' || n, 'CANARY-' || t || ' iban ' || n
  FROM unnest(ARRAY['brand-a', 'brand-b', 'brand-c']) t, generate_series(1, 5) n;
ALTER TABLE accounts DROP COLUMN closed_on;
SELECT splitplane.protect('accounts', '{"tenant_id": "tenant"}', ARRAY['account_id', 'balance']);

CREATE TABLE hidden_table (id int PRIMARY KEY, secret text);
INSERT INTO hidden_table VALUES (1, 'CANARY-hidden');
CREATE TABLE hidden_parent (tenant_id text, id int) PARTITION BY LIST (tenant_id);
CREATE TABLE hidden_part PARTITION OF hidden_parent DEFAULT;
CREATE VIEW hidden_view AS SELECT * FROM hidden_table;
CREATE MATERIALIZED VIEW hidden_matview AS SELECT * FROM hidden_table;
CREATE SEQUENCE hidden_sequence START 4711;
CREATE INDEX hidden_index ON hidden_table (secret);
CREATE EXTENSION file_fdw;
CREATE SERVER hidden_server FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE hidden_foreign (line text) SERVER hidden_server OPTIONS (filename '/dev/null');
CREATE SCHEMA hidden_schema;
-- Open to everybody by privilege: only the plane keeps the SQL away from it.
GRANT USAGE ON SCHEMA hidden_schema TO PUBLIC;
CREATE TABLE hidden_schema.open_table (id int);
GRANT SELECT ON hidden_schema.open_table TO PUBLIC;

CREATE TYPE hidden_row AS (a int);
CREATE TYPE hidden_enum AS ENUM ('x');
CREATE DOMAIN hidden_domain AS text CHECK (VALUE <> 'CANARY-domain');
CREATE TYPE hidden_range AS RANGE (SUBTYPE = float8);
CREATE COLLATION hidden_collation (PROVIDER = libc, LOCALE = 'C');

CREATE FUNCTION hidden_function(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION hidden_definer(a int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION hidden_set(a int) RETURNS SETOF hidden_table LANGUAGE sql STABLE AS 'SELECT * FROM hidden_table';
CREATE FUNCTION hidden_of_row(a accounts) RETURNS text LANGUAGE sql STABLE AS 'SELECT a.iban';
CREATE PROCEDURE hidden_procedure(a int) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE hidden_aggregate(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION hidden_equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = hidden_equal);

-- One text, two authors: contexts to call with, row by row.
CREATE TABLE letters (id int PRIMARY KEY, tenant text, context jsonb, query text);
GRANT SELECT, INSERT, UPDATE, DELETE ON letters TO splitplane_caller;
ANALYZE;
