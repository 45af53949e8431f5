-- propose: what it says of tables that it must not take for something else, of names, arguments and what is registered.
-- The proposals for whole applications are in pg_test/upgrade/test_propose.py.
CREATE DATABASE "propose names" TEMPLATE template0;
\c "propose names"
CREATE EXTENSION splitplane;
\pset format unaligned
\set SHOW_CONTEXT never

-- Nothing says who the tenants are.
CREATE TABLE things (id int PRIMARY KEY, name text);
CREATE TABLE countries (code text PRIMARY KEY, name text);
SELECT * FROM splitplane.propose();
SELECT * FROM splitplane.propose('owner');

CREATE TABLE orgs (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE stores (org_id bigint NOT NULL REFERENCES orgs, id bigint PRIMARY KEY, name text);
CREATE TABLE orders (org_id bigint NOT NULL REFERENCES orgs, id bigint PRIMARY KEY, country text REFERENCES countries);
CREATE TABLE visits (org_id bigint REFERENCES orgs, at timestamptz);
-- No foreign key, and the name and type of the tenant column; then another type.
CREATE TABLE clicks (org_id bigint, at timestamptz);
CREATE TABLE imports (org_id text, line int);
-- What could be taken for lists of everyone, and is not: the control is countries.
CREATE TABLE departments (code text PRIMARY KEY, name text);
CREATE TABLE staff_codes (code text PRIMARY KEY, name text);
CREATE TABLE promo_codes (code text PRIMARY KEY, name text);
CREATE TABLE price_types (id int PRIMARY KEY, name text, margin numeric);
CREATE TABLE route_types (id int PRIMARY KEY, name text, store_id bigint);
CREATE TABLE shape_types (id int PRIMARY KEY, name text, drawing jsonb);
CREATE TABLE stop_types (id int PRIMARY KEY, name text, best_store bigint REFERENCES stores);
CREATE TABLE tags (id int PRIMARY KEY, name text);
CREATE TABLE country_items (country text REFERENCES countries, article text, price numeric,
    PRIMARY KEY (country, article));
CREATE TABLE holidays (day date, name text);
CREATE TABLE languages (code text PRIMARY KEY, name text, added_by text);
CREATE TABLE tax_rates (id int PRIMARY KEY, shop text, percent numeric);
CREATE TABLE exchange_rates (currency text PRIMARY KEY, store_no int, rate numeric);
CREATE TABLE vat_rates (id int PRIMARY KEY, percent numeric, "zoneId" int);
CREATE TABLE currencies (code text PRIMARY KEY, name text);
ALTER TABLE currencies ENABLE ROW LEVEL SECURITY;
CREATE TABLE locales (code text PRIMARY KEY, name text);
CREATE POLICY own ON locales USING (code <> 'xx');
CREATE TABLE uses (org_id bigint NOT NULL REFERENCES orgs, department text REFERENCES departments,
    staff text REFERENCES staff_codes, promo text REFERENCES promo_codes, price int REFERENCES price_types,
    route int REFERENCES route_types, shape int REFERENCES shape_types, stop int REFERENCES stop_types,
    tag int REFERENCES tags, language text REFERENCES languages);
-- Two keys to one parent, which both count; one that may be NULL; a key that is not enforced by a constraint.
CREATE TABLE transfers (id int PRIMARY KEY, from_store bigint NOT NULL REFERENCES stores,
    to_store bigint NOT NULL REFERENCES stores);
CREATE TABLE memos (id int PRIMARY KEY, store_id bigint REFERENCES stores, order_id bigint REFERENCES orders);
-- A key of a type that says nothing about whose a row is, and what belongs to such rows.
CREATE TABLE readings (id double precision PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs);
CREATE TABLE values_read (id int PRIMARY KEY, reading double precision NOT NULL REFERENCES readings);
CREATE TABLE values_kept (value int NOT NULL REFERENCES values_read);
CREATE TABLE loose (id int PRIMARY KEY, store_id bigint);
-- Two tenants in one row.
CREATE TABLE deals (id int PRIMARY KEY, seller bigint NOT NULL REFERENCES orgs, buyer bigint NOT NULL REFERENCES orgs);
-- People: two tables that could say where they belong, so that it is not known.
CREATE TABLE people (id int PRIMARY KEY, nickname text, password_hash text);
CREATE TABLE seats (org_id bigint NOT NULL REFERENCES orgs, person int NOT NULL REFERENCES people,
    PRIMARY KEY (org_id, person));
CREATE TABLE members (id int PRIMARY KEY, nickname text, password_hash text);
CREATE TABLE fans (org_id bigint NOT NULL REFERENCES orgs, member int NOT NULL REFERENCES members,
    PRIMARY KEY (org_id, member));
CREATE TABLE foes (org_id bigint NOT NULL REFERENCES orgs, member int NOT NULL REFERENCES members,
    PRIMARY KEY (org_id, member));
-- Names that need quotes, and one name twice.
CREATE SCHEMA "Old shop";
CREATE TABLE "Old shop".stores ("Org id" bigint NOT NULL REFERENCES orgs, "API key" text, api_key text, "it's" int, "passwordHash" text);
SELECT * FROM splitplane.propose();
-- It ran nothing, and takes what is registered as it is.
SELECT count(*) FROM splitplane.relations;
SELECT count(*) FROM pg_policy;
SELECT splitplane.admit('1');
SELECT splitplane.protect('stores', '{"org_id": "tenant"}', columns => '{id}');
SELECT splitplane.share('tags');
SELECT * FROM splitplane.propose() WHERE relation IN ('stores'::regclass, 'tags'::regclass, 'transfers'::regclass);

-- What belongs to people of several tenants is not proposed, whether they are registered or not: it shows each such tenant
-- what the person did for the others. The control is what belongs to the memberships.
CREATE TABLE drivers (id int PRIMARY KEY, name text);
CREATE TABLE crews (org_id bigint NOT NULL REFERENCES orgs, member_id int NOT NULL REFERENCES drivers,
    id int NOT NULL UNIQUE, PRIMARY KEY (org_id, member_id));
CREATE TABLE badges (id int PRIMARY KEY, crew_id int NOT NULL REFERENCES crews (id));
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE memberships (org_id bigint NOT NULL REFERENCES orgs, user_id int NOT NULL REFERENCES users,
    PRIMARY KEY (org_id, user_id));
CREATE TABLE logins (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users);
CREATE TABLE login_steps (id int PRIMARY KEY, login_id int NOT NULL REFERENCES logins);
SELECT * FROM splitplane.propose() WHERE relation IN ('users'::regclass, 'logins'::regclass, 'login_steps'::regclass, 'badges'::regclass);
SELECT splitplane.protect('memberships', '{"org_id": "tenant"}');
SELECT splitplane.protect_through('users', 'memberships', columns => '{id,name}');
SELECT * FROM splitplane.propose() WHERE relation IN ('users'::regclass, 'logins'::regclass, 'login_steps'::regclass, 'badges'::regclass);
-- Nor what belongs to that, where an administrator registered it nevertheless.
SELECT splitplane.protect_through('logins', 'users', ARRAY['id']);
SELECT * FROM splitplane.propose() WHERE relation IN ('logins'::regclass, 'login_steps'::regclass);
SELECT splitplane.unprotect('logins');
SELECT splitplane.unprotect('users');
SELECT splitplane.unprotect('memberships');
DROP TABLE login_steps, logins, memberships, users, badges, crews, drivers;

-- Names that cannot be the plane's: taken by a view, no name at all, and then those that are made of schema and table.
SELECT splitplane.define_view('visits', 'SELECT count(*) AS n FROM stores');
CREATE TABLE pg_thing (org_id bigint NOT NULL REFERENCES orgs);
CREATE TABLE public_pg_thing (org_id bigint NOT NULL REFERENCES orgs);
CREATE TABLE "a.b" (org_id bigint NOT NULL REFERENCES orgs);
CREATE SCHEMA "PG_old";
CREATE TABLE "PG_old".orders (org_id bigint NOT NULL REFERENCES orgs);
CREATE TABLE "Old shop".a_name_of_as_many_as_sixty_three_bytes_which_is_all_there_is_xx (org_id bigint NOT NULL REFERENCES orgs);
CREATE TABLE a_name_of_as_many_as_sixty_three_bytes_which_is_all_there_is_xx (org_id bigint NOT NULL REFERENCES orgs);
SELECT statement FROM splitplane.propose() WHERE statement LIKE '%name =>%' OR statement LIKE '%a_name%';
\pset tuples_only on
SELECT statement FROM splitplane.propose() WHERE statement LIKE '%name =>%' OR statement LIKE '%a_name%' \gexec
\pset tuples_only off
SELECT relation, name FROM splitplane.relations ORDER BY name;
SELECT splitplane.unprotect(relation) FROM splitplane.relations WHERE relation NOT IN ('stores'::regclass, 'tags'::regclass);
SELECT splitplane.undefine_view('visits');

-- The tenant column by its name: what the tenants are otherwise is not asked.
SELECT * FROM splitplane.propose('store_id') WHERE statement IS NOT NULL;

-- Nor is what has the tenant's column in other words: the control is continents.
CREATE TABLE calls (franchise_id int, at timestamptz);
CREATE TABLE continents (code text PRIMARY KEY, name text);
CREATE TABLE holiday_calendars (id int PRIMARY KEY, name text, franchise text);
CREATE TABLE time_zones (name text PRIMARY KEY, "franchiseNo" int);
SELECT relation, statement FROM splitplane.propose('franchise_id')
WHERE relation IN ('continents'::regclass, 'holiday_calendars'::regclass, 'time_zones'::regclass);

-- Two tables that may be the tenants', and neither by far.
CREATE TABLE agencies (id bigint PRIMARY KEY);
DO $$
BEGIN
    FOR n IN 1 .. 9 LOOP
        EXECUTE format('CREATE TABLE jobs_%s (agency_id bigint NOT NULL REFERENCES agencies)', n);
    END LOOP;
END
$$;
SELECT count(*), count(statement), min(reason) FILTER (WHERE relation = 'orders'::regclass) FROM splitplane.propose();
SELECT count(statement) FROM splitplane.propose('agency_id');

-- Of a type that cannot say whose a row is.
CREATE DATABASE "propose floats" TEMPLATE template0;
\c "propose floats"
CREATE EXTENSION splitplane;
CREATE TABLE tenants (id double precision PRIMARY KEY);
CREATE TABLE a (tenant_id double precision REFERENCES tenants);
CREATE TABLE b (tenant_id double precision REFERENCES tenants);
CREATE TABLE c (tenant_id double precision REFERENCES tenants);
SELECT * FROM splitplane.propose();
\c postgres
DROP DATABASE "propose floats";
DROP DATABASE "propose names";
