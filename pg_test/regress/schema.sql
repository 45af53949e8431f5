-- The database of every SQL regression suite: one franchise chain, two tenants, a table of each kind, the roles users have.
-- Small enough to count by hand. Every text of tenant 7 is a canary for tenant 42: CANARY must never be seen in an answer to 42.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE EXTENSION splitplane;

DO $roles$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
        CREATE ROLE app LOGIN;              -- the application: it may ask
        CREATE ROLE dba LOGIN;              -- registers tables, keys and principals, is no superuser
        CREATE ROLE shop_owner LOGIN;       -- owns the tables
        CREATE ROLE reporting LOGIN;        -- reads the tables as it always did
        CREATE ROLE stranger LOGIN;         -- was granted nothing
    END IF;
END
$roles$;
GRANT splitplane_caller TO app;
GRANT splitplane_admin TO dba;

CREATE TYPE public.status AS ENUM ('open', 'paid', 'void');

CREATE TABLE public.stores (
    tenant_id int NOT NULL,
    store_id  int NOT NULL,
    city      text NOT NULL,
    PRIMARY KEY (tenant_id, store_id)
);
CREATE TABLE public.customers (
    tenant_id   int NOT NULL,
    customer_id int NOT NULL,
    name        text NOT NULL,
    email       text NOT NULL,
    PRIMARY KEY (tenant_id, customer_id)
);
CREATE TABLE public.orders (
    tenant_id   int NOT NULL,
    order_id    int NOT NULL,
    store_id    int NOT NULL,
    customer_id int NOT NULL,
    ordered_on  date NOT NULL,
    state       public.status NOT NULL,
    total       numeric(10,2) NOT NULL,
    PRIMARY KEY (tenant_id, order_id)
);
CREATE INDEX orders_by_store ON public.orders (tenant_id, store_id, ordered_on);
CREATE TABLE public.visits (
    tenant_id int NOT NULL,
    store_id  int NOT NULL,
    visited   timestamptz NOT NULL,
    guests    int NOT NULL
) PARTITION BY LIST (tenant_id);
CREATE TABLE public.visits_7  PARTITION OF public.visits FOR VALUES IN (7);
CREATE TABLE public.visits_42 PARTITION OF public.visits FOR VALUES IN (42);
CREATE INDEX ON public.visits (tenant_id, store_id);
CREATE TABLE public.currencies (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE public.payroll (employee text PRIMARY KEY, salary int NOT NULL);

INSERT INTO public.stores
    SELECT t, s, CASE t WHEN 42 THEN 'city ' ELSE 'CANARY city ' END || s FROM unnest(ARRAY[7, 42]) t, generate_series(1, 4) s;
INSERT INTO public.customers
    SELECT t, c, CASE t WHEN 42 THEN 'guest ' ELSE 'CANARY guest ' END || c, 'guest' || c || '@tenant' || t || '.example'
    FROM unnest(ARRAY[7, 42]) t, generate_series(1, 5) c;
INSERT INTO public.orders
    SELECT t, o, 1 + o % 4, 1 + o % 5, date '2026-01-01' + o, (ARRAY['open', 'paid', 'void'])[1 + o % 3]::public.status,
           CASE t WHEN 42 THEN 10 ELSE 1000 END * o
    FROM unnest(ARRAY[7, 42]) t, generate_series(1, 40) o;
INSERT INTO public.visits
    SELECT t, s, timestamptz '2026-01-01 12:00+00' + s * interval '1 day', CASE t WHEN 42 THEN 2 ELSE 900 END
    FROM unnest(ARRAY[7, 42]) t, generate_series(1, 4) s;
INSERT INTO public.currencies VALUES ('EUR', 'euro'), ('USD', 'US dollar');
INSERT INTO public.payroll VALUES ('CANARY payroll', 1);

ALTER TABLE public.stores OWNER TO shop_owner;
ALTER TABLE public.customers OWNER TO shop_owner;
ALTER TABLE public.orders OWNER TO shop_owner;
ALTER TABLE public.visits OWNER TO shop_owner;
ALTER TABLE public.visits_7 OWNER TO shop_owner;
ALTER TABLE public.visits_42 OWNER TO shop_owner;
ALTER TABLE public.currencies OWNER TO shop_owner;
ALTER TABLE public.payroll OWNER TO shop_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reporting;
ANALYZE;

-- Principals first: protect refuses a scope by a claim that nobody carries.
SELECT splitplane.admit('42', claims => '{"stores": [1, 2, 3, 4]}');
SELECT splitplane.admit('42', 'franchise', claims => '{"stores": [2, 3]}');
SELECT splitplane.admit('7',  claims => '{"stores": [1, 2, 3, 4]}');
SELECT splitplane.protect('public.stores',    '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant"}', columns => ARRAY['tenant_id', 'customer_id', 'name']);
SELECT splitplane.protect('public.orders',    '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.visits',    '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.share('public.currencies');
-- Many uses, since two suites may sign the same text in the same second.
SELECT splitplane.create_key('AKREGRESS', max_uses => 100000) \g /dev/null

-- What an application has in its own code: signing, and calling. `ctx` signs for the role app, which may not do so itself.
CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO app, dba, reporting;
CREATE FUNCTION test.ctx(payload text, tenant text DEFAULT '42', business text DEFAULT '', subject text DEFAULT '') RETURNS jsonb
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT splitplane.sign('AKREGRESS', tenant, business, subject, payload) $$;
-- doctor() names functions that run with their owner's rights and that the reader may call.
REVOKE ALL ON FUNCTION test.ctx(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION test.ctx(text, text, text, text) TO app;
-- Plain enough to be inlined: a refusal shows no CONTEXT line that the real call would not show.
CREATE FUNCTION test.ask(sql text, tenant text DEFAULT '42', business text DEFAULT '') RETURNS jsonb
    LANGUAGE sql VOLATILE
    AS $$ SELECT public.ask(test.ctx(sql, tenant, business), sql => sql) - 'query_id' - 'timings_ms' $$;
-- The rows only, for where nothing else is of interest.
CREATE FUNCTION test.rows(sql text, tenant text DEFAULT '42', business text DEFAULT '') RETURNS jsonb
    LANGUAGE sql VOLATILE
    AS $$ SELECT public.ask(test.ctx(sql, tenant, business), sql => sql) -> 'rows' $$;
