-- The bench's data: a restaurant group on one shared schema. Made by bench/run.py, which sets bench.orders,
-- bench.tenants and bench.big_share before it runs this file as a superuser in an empty database.
--
-- Tenant 1 is the big one: every bench.big_share-th order is its own, so that analytic queries of one tenant take
-- long enough to be compared. All the others share the rest evenly. Orders of all tenants lie mixed in the heap,
-- in the order in which they came, as in a real shared table.

SELECT setseed(0.42);

CREATE TABLE stores (
    tenant_id  int  NOT NULL,
    store_id   int  NOT NULL,
    city       text NOT NULL,
    region     text NOT NULL,
    opened_on  date NOT NULL,
    PRIMARY KEY (tenant_id, store_id)
);

CREATE TABLE customers (
    tenant_id   int  NOT NULL,
    customer_id int  NOT NULL,
    segment     text NOT NULL,
    joined_on   date NOT NULL,
    PRIMARY KEY (tenant_id, customer_id)
);

CREATE TABLE orders (
    tenant_id   int            NOT NULL,
    order_id    bigint         NOT NULL,
    store_id    int            NOT NULL,
    customer_id int            NOT NULL,
    ordered_at  timestamptz    NOT NULL,
    status      text           NOT NULL,
    total       numeric(10, 2) NOT NULL
);

CREATE TABLE order_items (
    tenant_id  int           NOT NULL,
    order_id   bigint        NOT NULL,
    line_no    int           NOT NULL,
    category   text          NOT NULL,
    quantity   int           NOT NULL,
    unit_price numeric(8, 2) NOT NULL
);

INSERT INTO stores
SELECT t, (t - 1) * 10 + s,
       (ARRAY['Leeds', 'York', 'Hull', 'Bath', 'Oxford', 'Derby', 'Truro', 'Perth', 'Ely', 'Wells'])[s],
       (ARRAY['north', 'south', 'east'])[1 + s % 3],
       date '2015-01-01' + ((t * 37 + s * 101) % 3000)
  FROM generate_series(1, current_setting('bench.tenants')::int) t, generate_series(1, 10) s;

INSERT INTO customers
SELECT t, (t - 1) * 500 + c,
       (ARRAY['guest', 'member', 'gold'])[1 + (c * 7 + t) % 3],
       date '2022-01-01' + ((t * 53 + c * 17) % 1500)
  FROM generate_series(1, current_setting('bench.tenants')::int) t, generate_series(1, 500) c;

INSERT INTO orders
SELECT o.tenant_id, o.order_id,
       (o.tenant_id - 1) * 10 + 1 + floor(random() * 10)::int,
       -- Squaring gives regulars: a few customers order often, and some hardly ever.
       (o.tenant_id - 1) * 500 + 1 + floor(power(random(), 2) * 500)::int,
       timestamptz '2025-07-01 00:00:00+00' + o.order_id * (interval '365 days' / current_setting('bench.orders')::float8),
       (ARRAY['paid', 'paid', 'paid', 'paid', 'paid', 'paid', 'paid', 'paid', 'voided', 'refunded'])[1 + floor(random() * 10)::int],
       round((5 + random() * 95)::numeric, 2)
  FROM (SELECT g AS order_id,
               CASE WHEN g % current_setting('bench.big_share')::int = 0 THEN 1
                    ELSE 2 + (g * 7919) % (current_setting('bench.tenants')::int - 1) END::int AS tenant_id
          FROM generate_series(1::bigint, current_setting('bench.orders')::bigint) g) o;

INSERT INTO order_items
SELECT o.tenant_id, o.order_id, l,
       (ARRAY['pizza', 'pasta', 'salad', 'drinks', 'desserts'])[1 + floor(random() * 5)::int],
       1 + floor(random() * 4)::int, round((2 + random() * 20)::numeric, 2)
  FROM orders o, generate_series(1, 2) l;

ALTER TABLE orders ADD PRIMARY KEY (tenant_id, order_id);
ALTER TABLE order_items ADD PRIMARY KEY (tenant_id, order_id, line_no);
CREATE INDEX orders_tenant_ordered_at ON orders (tenant_id, ordered_at);
CREATE INDEX orders_tenant_customer ON orders (tenant_id, customer_id, ordered_at);

-- The classic way, beside splitplane's policies and out of their way: everything here is TO bench_rls alone. The
-- tenant test is RESTRICTIVE so that it holds whatever permissive policies other roles are given by protect().
CREATE ROLE bench_rls LOGIN;
CREATE ROLE bench_app LOGIN;
GRANT SELECT ON stores, customers, orders, order_items TO bench_rls;
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['stores', 'customers', 'orders', 'order_items'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY bench_rls_read ON %I FOR SELECT TO bench_rls USING (true)', table_name);
        EXECUTE format('CREATE POLICY bench_rls_tenant ON %I AS RESTRICTIVE FOR SELECT TO bench_rls '
                       'USING (tenant_id = current_setting(''app.tenant'')::int)', table_name);
    END LOOP;
END
$$;
