-- Puts the demo's tables into the plane and admits its people. Run as superuser after CREATE EXTENSION splitplane, schema.sql and generate.sql.
--
-- One registration serves both kinds of reader: a table that knows its store is scoped by tenant and by the claim `stores`. The brand manager's
-- principal lists all 200 stores of his brand, the franchisee's lists two. Keys are not made here: a secret is shown once, to whoever asks for it.

\set ON_ERROR_STOP on

-- The headquarters of each brand sees all its stores, the franchisee Lakeside the two it runs.
SELECT splitplane.admit(b.tenant_id, 'headquarters', '*',
                        jsonb_build_object('stores', (SELECT jsonb_agg(s.store_id ORDER BY s.store_id) FROM public.stores s WHERE s.tenant_id = b.tenant_id)))
FROM public.brands b;
SELECT splitplane.admit('brand-a', 'lakeside', '*', '{"stores": [17, 42]}');

SELECT splitplane.protect('public.brands',     '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.businesses', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.menu_items', '{"tenant_id": "tenant"}');

SELECT splitplane.protect('public.stores',        '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public.shifts',        '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public.orders',        '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public.order_items',   '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public.payments',      '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public.discounts',     '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public.voids',         '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public.store_targets', '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public.app_events',    '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('public."GuestFeedback"', '{"tenantId": "tenant", "storeId": "stores"}');

-- Guests' names, e-mail addresses, telephone numbers and national ids stay outside the plane.
SELECT splitplane.protect('public.customers', '{"tenant_id": "tenant", "home_store_id": "stores"}',
    columns => ARRAY['customer_id', 'tenant_id', 'home_store_id', 'birth_year', 'joined_on', 'tier', 'marketing_opt_in', 'preferences']);
-- What staff are called and earn may be asked for, but is never sent to a model.
SELECT splitplane.protect('public.employees', '{"tenant_id": "tenant", "store_id": "stores"}',
    columns => ARRAY['employee_id', 'tenant_id', 'store_id', 'manager_id', 'full_name', 'job', 'hired_on', 'left_on', 'hourly_rate'],
    private_columns => ARRAY['full_name', 'hourly_rate']);

SELECT splitplane.share('public.calendar');
SELECT splitplane.share('public.tax_rates');

-- Questions that need no model, and a definition that a model takes over word for word. The SQL is proved here and again at every call.
SELECT splitplane.verify_query('best_sellers', 'What are my best-selling dishes?',
    'SELECT m.name AS dish, sum(i.quantity) AS sold FROM order_items AS i JOIN menu_items AS m ON m.item_id = i.item_id
      WHERE NOT i.voided GROUP BY m.name ORDER BY sold DESC, dish LIMIT 5',
    synonyms => ARRAY['Best-selling dishes', 'What sells best?']);
SELECT splitplane.define_metric('net_sales', 'SELECT sum(subtotal - discount) AS net_sales FROM orders WHERE status = ''completed''',
    'Completed orders after discounts and before tax, in US dollars', synonyms => ARRAY['net revenue', 'turnover']);
