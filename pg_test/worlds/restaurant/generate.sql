-- Fills the demo schema. The same scale gives the same rows on every machine: all chance comes from a hash of the row's number and a seed.
--
--   psql -d demo -v scale=1 -f generate.sql       about 200,000 orders, the demo
--   psql -d demo -v scale=0.05 -f generate.sql    about 10,000 orders, the test suites
--
-- Brands, businesses, stores, menu and staff do not scale. Run it as superuser on empty tables.

\set ON_ERROR_STOP on
\if :{?scale}
\else
    \set scale 1
\endif

BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL synchronous_commit = off;
-- The rows below fit together by construction; checking every foreign key row by row would take longer than making them.
SET LOCAL session_replication_role = replica;

-- A number in [0, 1) that belongs to (n, seed).
CREATE FUNCTION pg_temp.chance(n bigint, seed bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (hashint8extended(n, seed) & 1073741823)::double precision / 1073741824;

CREATE FUNCTION pg_temp.pick(n bigint, seed bigint, choices text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN choices[1 + floor((hashint8extended(n, seed) & 1073741823)::double precision / 1073741824 * cardinality(choices))::integer];

CREATE TEMP TABLE brand_plan (tenant_id text, salt bigint, stores integer, items integer, staff_base integer, orders bigint, customers bigint) ON COMMIT DROP;
INSERT INTO brand_plan VALUES
    ('brand-a', 100000000, 200, 40, 0,    greatest(300, round(130000 * :scale)), greatest(60, round(26000 * :scale))),
    ('brand-b', 200000000,  60, 30, 800,  greatest(150, round( 44000 * :scale)), greatest(30, round( 8800 * :scale))),
    ('brand-c', 300000000,  40, 25, 1040, greatest(100, round( 26000 * :scale)), greatest(20, round( 5200 * :scale)));

INSERT INTO brands VALUES
    ('brand-a', 'Harbor Grill',   'American',      '1987-05-12', 'Chicago, IL'),
    ('brand-b', 'Pasta Fresca',   'Italian',       '1999-09-01', 'New York, NY'),
    ('brand-c', 'Sakura Kitchen', 'Pan-Asian',     '2011-03-21', 'Seattle, WA');

INSERT INTO businesses VALUES
    ( 1, 'brand-a', 'headquarters', 'Harbor Grill Inc.',          'Midwest',   'company',   0,      '1987-05-12'),
    ( 2, 'brand-a', 'northside',    'Northside Dining LLC',       'Midwest',   'franchise', 0.0550, '2003-02-01'),
    ( 3, 'brand-a', 'lakeside',     'Lakeside Eats LLC',          'Midwest',   'franchise', 0.0600, '2016-07-15'),
    ( 4, 'brand-a', 'prairie',      'Prairie Hospitality LP',     'Plains',    'franchise', 0.0525, '2009-11-30'),
    ( 5, 'brand-a', 'gulf',         'Gulf Coast Kitchens Inc.',   'South',     'franchise', 0.0575, '2012-04-02'),
    ( 6, 'brand-a', 'summit',       'Summit Restaurants LLC',     'Mountain',  'franchise', 0.0600, '2018-01-10'),
    ( 7, 'brand-b', 'headquarters', 'Pasta Fresca Corp.',         'East',      'company',   0,      '1999-09-01'),
    ( 8, 'brand-b', 'hudson',       'Hudson Table LLC',           'East',      'franchise', 0.0500, '2007-06-18'),
    ( 9, 'brand-b', 'bayview',      'Bayview Foods LP',           'West',      'franchise', 0.0625, '2014-08-25'),
    (10, 'brand-b', 'piedmont',     'Piedmont Trattorie Inc.',    'South',     'franchise', 0.0550, '2019-10-07'),
    (11, 'brand-c', 'headquarters', 'Sakura Kitchen Inc.',        'West',      'company',   0,      '2011-03-21'),
    (12, 'brand-c', 'cascade',      'Cascade Noodle Houses LLC',  'West',      'franchise', 0.0650, '2017-12-01');

CREATE TEMP TABLE city_plan (city_no integer, city text, state text, time_zone text, latitude float8, longitude float8) ON COMMIT DROP;
INSERT INTO city_plan VALUES
    (0, 'Chicago', 'IL', 'America/Chicago', 41.88, -87.63),   (1, 'Milwaukee', 'WI', 'America/Chicago', 43.04, -87.91),
    (2, 'Houston', 'TX', 'America/Chicago', 29.76, -95.37),   (3, 'Denver', 'CO', 'America/Denver', 39.74, -104.99),
    (4, 'New York', 'NY', 'America/New_York', 40.71, -74.01), (5, 'Boston', 'MA', 'America/New_York', 42.36, -71.06),
    (6, 'Seattle', 'WA', 'America/Los_Angeles', 47.61, -122.33), (7, 'San Francisco', 'CA', 'America/Los_Angeles', 37.77, -122.42),
    (8, 'Atlanta', 'GA', 'America/New_York', 33.75, -84.39),  (9, 'Phoenix', 'AZ', 'America/Phoenix', 33.45, -112.07);

INSERT INTO tax_rates VALUES
    ('IL', 'Illinois', 0.0625), ('WI', 'Wisconsin', 0.0500), ('TX', 'Texas', 0.0625), ('CO', 'Colorado', 0.0290), ('NY', 'New York', 0.0400),
    ('MA', 'Massachusetts', 0.0625), ('WA', 'Washington', 0.0650), ('CA', 'California', 0.0725), ('GA', 'Georgia', 0.0400), ('AZ', 'Arizona', 0.0560),
    ('OR', 'Oregon', 0.0000);

INSERT INTO calendar
SELECT day::date, to_char(day, 'FMDay'), extract(isodow FROM day) >= 6,
       CASE to_char(day, 'MM-DD') WHEN '01-01' THEN 'New Year' WHEN '07-04' THEN 'Independence Day' WHEN '12-25' THEN 'Christmas Day' WHEN '06-19' THEN 'Juneteenth' WHEN '11-11' THEN 'Veterans Day' END,
       extract(year FROM day + interval '6 months'), extract(month FROM day + interval '6 months')
FROM generate_series(timestamp '2024-07-01', timestamp '2026-06-30', interval '1 day') AS day;

-- Lakeside (business 3) is the franchisee with exactly two stores, 17 and 42.
INSERT INTO stores
SELECT b.tenant_id, n,
       CASE b.tenant_id WHEN 'brand-a' THEN CASE WHEN n IN (17, 42) THEN 3 ELSE (ARRAY[1, 2, 4, 5, 6])[1 + n % 5] END
                        WHEN 'brand-b' THEN 7 + n % 4 ELSE 11 + n % 2 END,
       c.city || ' ' || pg_temp.pick(b.salt + n, 1, ARRAY['Main Street', 'Riverside', 'Station', 'Market Square', 'Airport', 'University', 'Old Town', 'Harbor']) || ' #' || n,
       c.city, c.state, c.time_zone,
       date '2005-01-01' + floor(pg_temp.chance(b.salt + n, 2) * 7000)::integer,
       CASE WHEN n % 29 = 0 THEN date '2026-01-31' + n END,
       40 + floor(pg_temp.chance(b.salt + n, 3) * 120)::integer,
       array_remove(ARRAY[CASE WHEN pg_temp.chance(b.salt + n, 4) < 0.5 THEN 'patio' END, CASE WHEN pg_temp.chance(b.salt + n, 5) < 0.35 THEN 'drive_through' END,
                          CASE WHEN pg_temp.chance(b.salt + n, 6) < 0.3 THEN 'kids_area' END, CASE WHEN pg_temp.chance(b.salt + n, 7) < 0.4 THEN 'bar' END,
                          CASE WHEN pg_temp.chance(b.salt + n, 8) < 0.9 THEN 'wifi' END], NULL),
       jsonb_build_object('open', pg_temp.pick(b.salt + n, 9, ARRAY['07:00', '10:00', '11:00']), 'close', pg_temp.pick(b.salt + n, 10, ARRAY['21:00', '22:00', '23:30'])),
       round((c.latitude + pg_temp.chance(b.salt + n, 11) / 5)::numeric, 5), round((c.longitude + pg_temp.chance(b.salt + n, 12) / 5)::numeric, 5)
FROM brand_plan b
CROSS JOIN LATERAL generate_series(1, b.stores) AS n
JOIN city_plan c ON c.city_no = (n * 7 + b.salt / 100000000) % 10;

INSERT INTO menu_items
SELECT b.tenant_id, n,
       pg_temp.pick(b.salt + n, 21, ARRAY['House', 'Classic', 'Smoky', 'Garden', 'Spicy', 'Crispy', 'Grand', 'Little']) || ' '
           || (CASE k.category WHEN 'starter' THEN ARRAY['Soup', 'Salad', 'Wings'] WHEN 'main' THEN ARRAY['Burger', 'Bowl', 'Steak', 'Curry', 'Pasta']
                               WHEN 'side' THEN ARRAY['Fries', 'Slaw'] WHEN 'dessert' THEN ARRAY['Cheesecake', 'Sorbet'] ELSE ARRAY['Lemonade', 'Iced Tea', 'Coffee'] END)[1 + n % 2]
           || ' ' || n,
       k.category,
       k.base + round((pg_temp.chance(b.salt + n, 22) * k.base)::numeric, 1) - 0.05,
       round((k.base * (0.25 + pg_temp.chance(b.salt + n, 23) / 5))::numeric, 2),
       array_remove(ARRAY[CASE WHEN n % 3 = 0 THEN 'vegetarian' END, CASE WHEN n % 6 = 0 THEN 'vegan' END, CASE WHEN n % 4 = 1 THEN 'spicy' END, CASE WHEN n % 10 = 7 THEN 'seasonal' END], NULL),
       jsonb_build_object('kcal', 80 + floor(pg_temp.chance(b.salt + n, 24) * 900)::integer,
                          'allergens', CASE n % 4 WHEN 0 THEN '["gluten", "milk"]' WHEN 1 THEN '["nuts"]' WHEN 2 THEN '["gluten"]' ELSE '[]' END::jsonb),
       date '2020-01-01' + floor(pg_temp.chance(b.salt + n, 25) * 1600)::integer,
       CASE WHEN n % 13 = 0 THEN date '2025-12-31' END
FROM brand_plan b
CROSS JOIN LATERAL generate_series(1, b.items) AS n
CROSS JOIN LATERAL (SELECT (ARRAY['main', 'drink', 'side', 'main', 'starter', 'dessert'])[1 + n % 6] AS category, (ARRAY[14, 3, 4, 16, 7, 6])[1 + n % 6] AS base) AS k;

INSERT INTO customers
SELECT 3 * n + b.salt / 100000000, b.tenant_id, 1 + floor(pg_temp.chance(b.salt + n, 31) ^ 1.6 * b.stores)::integer,
       p.first_name || ' ' || p.last_name,
       lower(p.first_name || '.' || p.last_name) || n || '@' || pg_temp.pick(b.salt + n, 34, ARRAY['example.com', 'example.net', 'example.org']),
       '+1-555-' || lpad((floor(pg_temp.chance(b.salt + n, 35) * 10000000))::text, 7, '0'),
       CASE WHEN pg_temp.chance(b.salt + n, 36) < 0.85 THEN 1945 + floor(pg_temp.chance(b.salt + n, 37) * 63)::integer END,
       date '2023-01-01' + floor(pg_temp.chance(b.salt + n, 38) * 600)::integer,
       (ARRAY['basic', 'basic', 'basic', 'basic', 'silver', 'silver', 'gold', 'platinum'])[1 + floor(pg_temp.chance(b.salt + n, 39) * 8)::integer]::loyalty_tier,
       pg_temp.chance(b.salt + n, 40) < 0.6,
       jsonb_build_object('diet', pg_temp.pick(b.salt + n, 41, ARRAY['vegan', 'vegetarian', NULL, NULL, NULL, 'halal']),
                          'channels', CASE n % 3 WHEN 0 THEN '["email", "push"]' WHEN 1 THEN '["sms"]' ELSE '[]' END::jsonb,
                          'favourite_item', 1 + floor(pg_temp.chance(b.salt + n, 42) * b.items)::integer)
FROM brand_plan b
CROSS JOIN LATERAL generate_series(1, b.customers) AS n
CROSS JOIN LATERAL (SELECT pg_temp.pick(b.salt + n, 32, ARRAY['Ada', 'Ben', 'Chloe', 'Diego', 'Emma', 'Farid', 'Grace', 'Hiro', 'Ines', 'Jamal', 'Kira', 'Liam']) AS first_name,
                           pg_temp.pick(b.salt + n, 33, ARRAY['Adams', 'Brown', 'Costa', 'Diaz', 'Evans', 'Fischer', 'Garcia', 'Hughes', 'Ito', 'Jones', 'Khan', 'Lopez']) AS last_name) AS p;

-- Four people a store; managers report to the manager of one of the stores 1 to 10, these to the manager of store 1.
INSERT INTO employees
SELECT b.staff_base + 4 * (s - 1) + k, b.tenant_id, s,
       CASE WHEN k > 1 THEN b.staff_base + 4 * (s - 1) + 1 WHEN s > 10 THEN b.staff_base + 4 * (s % 10) + 1 WHEN s > 1 THEN b.staff_base + 1 END,
       pg_temp.pick(b.salt + 4 * s + k, 51, ARRAY['Noah', 'Olga', 'Pia', 'Quinn', 'Rosa', 'Sam', 'Tariq', 'Uma', 'Vera', 'Will']) || ' '
           || pg_temp.pick(b.salt + 4 * s + k, 52, ARRAY['Moore', 'Novak', 'Okoye', 'Park', 'Quist', 'Reed', 'Silva', 'Tran', 'Usman', 'Vogel']),
       'ID-' || b.salt + 4 * s + k,
       (ARRAY['manager', 'cook', 'server', 'cashier'])[k],
       date '2019-01-01' + floor(pg_temp.chance(b.salt + 4 * s + k, 53) * 1900)::integer,
       CASE WHEN k > 1 AND pg_temp.chance(b.salt + 4 * s + k, 54) < 0.12 THEN date '2025-06-01' + floor(pg_temp.chance(b.salt + 4 * s + k, 55) * 390)::integer END,
       round(((ARRAY[29, 19, 15, 14])[k] + pg_temp.chance(b.salt + 4 * s + k, 56) * 6)::numeric, 2)
FROM brand_plan b CROSS JOIN LATERAL generate_series(1, b.stores) AS s CROSS JOIN generate_series(1, 4) AS k;

INSERT INTO shifts
SELECT b.tenant_id, n, e.store_id, e.employee_id, t.starts_at, t.starts_at + (4 + n % 5) * interval '1 hour' + (n % 4) * interval '15 minutes',
       CASE WHEN n % 5 >= 2 THEN interval '30 minutes' ELSE interval '0' END
FROM brand_plan b
CROSS JOIN LATERAL generate_series(1, b.orders / 5) AS n
JOIN employees e ON e.employee_id = b.staff_base + 1 + floor(pg_temp.chance(b.salt + n, 61) * 4 * b.stores)::integer
JOIN stores s ON s.tenant_id = b.tenant_id AND s.store_id = e.store_id
CROSS JOIN LATERAL (SELECT (timestamp '2026-01-01 06:00' + floor(pg_temp.chance(b.salt + n, 62) * 181) * interval '1 day'
                            + floor(pg_temp.chance(b.salt + n, 63) * 22) * interval '30 minutes') AT TIME ZONE s.time_zone AS starts_at) AS t;

-- Trade grows over the two years, Mondays are slow, lunch and dinner are busy, low store numbers are busier.
CREATE TEMP TABLE order_plan ON COMMIT DROP AS
SELECT b.tenant_id, b.salt, n AS order_id, b.salt + n AS id, s.store_id, s.time_zone, x.rate, b.staff_base, b.items, d.day AS business_date,
       ((d.day + m.minute * interval '1 minute' + floor(pg_temp.chance(b.salt + n, 74) * 60) * interval '1 second') AT TIME ZONE s.time_zone) AS ordered_at,
       CASE WHEN pg_temp.chance(b.salt + n, 75) < 0.72
            THEN 3 * (1 + floor(pg_temp.chance(b.salt + n, 76) ^ 1.8 * b.customers)::bigint) + b.salt / 100000000 END AS customer_id,
       1 + floor(pg_temp.chance(b.salt + n, 77) ^ 1.3 * 4)::integer AS lines
FROM brand_plan b
CROSS JOIN LATERAL generate_series(1, b.orders) AS n
JOIN stores s ON s.tenant_id = b.tenant_id AND s.store_id = 1 + floor(pg_temp.chance(b.salt + n, 71) ^ 1.6 * b.stores)::integer
JOIN tax_rates x USING (state)
CROSS JOIN LATERAL (SELECT date '2024-07-01' + floor(pg_temp.chance(b.salt + n, 72) ^ 0.85 * 730)::integer AS drawn_day) AS w
CROSS JOIN LATERAL (SELECT CASE WHEN w.drawn_day > s.closed_on - 4 THEN w.drawn_day - 365 ELSE w.drawn_day END AS raw_day) AS r
CROSS JOIN LATERAL (SELECT CASE WHEN extract(isodow FROM raw_day) = 1 AND n % 5 < 2 AND raw_day < date '2026-06-26' THEN raw_day + 4 ELSE raw_day END AS day) AS d
CROSS JOIN LATERAL (SELECT CASE WHEN n % 20 < 9 THEN 660 + floor(pg_temp.chance(b.salt + n, 73) * 180)
                                WHEN n % 20 < 18 THEN 1020 + floor(pg_temp.chance(b.salt + n, 73) * 240)
                                ELSE 420 + floor(pg_temp.chance(b.salt + n, 73) * 840) END AS minute) AS m;

INSERT INTO order_items
SELECT o.tenant_id, o.order_id, l, o.store_id, i.item_id, q.quantity, i.price, i.price * q.quantity,
       CASE WHEN pg_temp.chance(o.id * 4 + l, 83) < 0.3 THEN array_remove(ARRAY[pg_temp.pick(o.id * 4 + l, 84, ARRAY['no_onion', 'extra_cheese', 'gluten_free', 'large']),
                 CASE WHEN pg_temp.chance(o.id * 4 + l, 85) < 0.3 THEN 'extra_sauce' END], NULL) ELSE '{}' END,
       pg_temp.chance(o.id * 4 + l, 86) < 0.02
FROM order_plan o
CROSS JOIN LATERAL generate_series(1, o.lines) AS l
JOIN menu_items i ON i.tenant_id = o.tenant_id AND i.item_id = 1 + floor(pg_temp.chance(o.id * 4 + l, 81) ^ 1.4 * o.items)::integer
CROSS JOIN LATERAL (SELECT CASE WHEN pg_temp.chance(o.id * 4 + l, 82) < 0.75 THEN 1 ELSE 1 + floor(pg_temp.chance(o.id * 4 + l, 87) * 4)::integer END AS quantity) AS q;

INSERT INTO orders
SELECT o.tenant_id, o.order_id, o.store_id, o.customer_id, o.staff_base + 4 * (o.store_id - 1) + 3 + (o.order_id % 2)::integer,
       o.ordered_at, CASE WHEN s.status <> 'open' THEN o.ordered_at + (12 + floor(pg_temp.chance(o.id, 91) * 70)) * interval '1 minute' END, o.business_date,
       c.channel, s.status, CASE WHEN c.channel = 'catering' THEN 10 ELSE 1 END + floor(pg_temp.chance(o.id, 92) * 5)::integer,
       i.subtotal, d.discount, round((i.subtotal - d.discount) * o.rate, 2), i.subtotal - d.discount + round((i.subtotal - d.discount) * o.rate, 2),
       jsonb_strip_nulls(jsonb_build_object(
           'device', pg_temp.pick(o.id, 93, ARRAY['till', 'till', 'tablet', 'app', 'web']),
           'wait_minutes', 3 + floor(pg_temp.chance(o.id, 94) * 40)::integer,
           'notes', CASE WHEN o.order_id % 9 = 0 THEN '["birthday"]' WHEN o.order_id % 11 = 0 THEN '["window seat", "high chair"]' ELSE '[]' END::jsonb,
           'delivery', CASE WHEN c.channel = 'delivery' THEN jsonb_build_object('distance_km', round((pg_temp.chance(o.id, 95) * 12)::numeric, 1),
                                                                               'partner', pg_temp.pick(o.id, 96, ARRAY['own', 'RideFood', 'Dashly'])) END))
FROM order_plan o
JOIN (SELECT tenant_id, order_id, coalesce(sum(line_total) FILTER (WHERE NOT voided), 0) AS subtotal FROM order_items GROUP BY 1, 2) AS i USING (tenant_id, order_id)
CROSS JOIN LATERAL (SELECT CASE WHEN pg_temp.chance(o.id, 97) < 0.58 THEN 'dine_in' WHEN pg_temp.chance(o.id, 97) < 0.78 THEN 'takeaway'
                                WHEN pg_temp.chance(o.id, 97) < 0.98 THEN 'delivery' ELSE 'catering' END::order_channel AS channel) AS c
CROSS JOIN LATERAL (SELECT CASE WHEN pg_temp.chance(o.id, 98) < 0.94 THEN 'completed' WHEN pg_temp.chance(o.id, 98) < 0.965 THEN 'cancelled'
                                WHEN pg_temp.chance(o.id, 98) < 0.99 THEN 'refunded' ELSE 'open' END AS status) AS s
CROSS JOIN LATERAL (SELECT CASE WHEN pg_temp.chance(o.id, 99) < 0.12 THEN round(i.subtotal * (0.05 + floor(pg_temp.chance(o.id, 100) * 4) * 0.05)::numeric, 2) ELSE 0 END AS discount) AS d;

INSERT INTO discounts
SELECT row_number() OVER (ORDER BY tenant_id, order_id), tenant_id, store_id, order_id,
       pg_temp.pick(order_id, 101, ARRAY['WELCOME', 'LUNCH10', 'BDAY', 'STAFF', 'VIP-2026']), discount
FROM orders WHERE discount > 0;

-- Every 25th paid order is split into two payments.
INSERT INTO payments
SELECT row_number() OVER (ORDER BY o.tenant_id, o.order_id, part), o.tenant_id, o.store_id, o.order_id, m.method,
       CASE WHEN o.order_id % 25 <> 0 THEN o.total WHEN part = 1 THEN round(o.total / 2, 2) ELSE o.total - round(o.total / 2, 2) END,
       CASE WHEN part = 1 AND pg_temp.chance(o.order_id, 112) < 0.6 THEN round(o.total * (0.05 + pg_temp.chance(o.order_id, 113) / 5)::numeric, 2) ELSE 0 END,
       o.closed_at,
       CASE WHEN m.method = 'card' THEN json_build_object('network', pg_temp.pick(o.order_id, 114, ARRAY['visa', 'mastercard', 'amex']),
                                                          'last4', lpad(floor(pg_temp.chance(o.order_id, 115) * 10000)::text, 4, '0')) END
FROM orders o
CROSS JOIN LATERAL generate_series(1, CASE WHEN o.order_id % 25 = 0 THEN 2 ELSE 1 END) AS part
CROSS JOIN LATERAL (SELECT pg_temp.pick(o.order_id * 2 + part, 111, ARRAY['card', 'card', 'card', 'cash', 'mobile', 'gift_card']) AS method) AS m
WHERE o.status IN ('completed', 'refunded');

INSERT INTO voids
SELECT i.tenant_id, row_number() OVER (PARTITION BY i.tenant_id ORDER BY i.order_id, i.line_no), i.store_id, i.order_id, i.line_no, o.employee_id, i.line_total,
       pg_temp.pick(i.order_id, 121, ARRAY['wrong item', 'Wrong item', 'guest changed mind', 'kitchen error', NULL]), o.ordered_at + interval '9 minutes'
FROM order_items i JOIN orders o USING (tenant_id, order_id)
WHERE i.voided;

INSERT INTO store_targets
SELECT s.tenant_id, s.store_id, month::date, round((s.seats * 2 * (1 + pg_temp.chance(s.store_id, 131)) * greatest(:scale, 0.02) * 4)::numeric, -1) + 10
FROM stores s CROSS JOIN generate_series(timestamp '2024-07-01', timestamp '2026-06-01', interval '1 month') AS month;

-- Events come in visits: several seconds to minutes apart, then days of silence.
INSERT INTO app_events
SELECT b.tenant_id, (n - 1) * 4 + k, c.home_store_id, c.customer_id,
       timestamptz '2026-01-01 00:00+00' + floor(pg_temp.chance(b.salt + n, 142) * 181 * 86400) * interval '1 second' + (k * k * 40 + n % 30) * interval '1 second',
       CASE WHEN k = 1 THEN 'open_app' WHEN k = 2 THEN pg_temp.pick(b.salt + n, 143, ARRAY['view_item', 'view_item', 'search']) WHEN k = 3 THEN 'add_to_cart' ELSE 'checkout' END,
       jsonb_build_object('version', pg_temp.pick(b.salt + n, 144, ARRAY['3.1', '3.2', '4.0']), 'item_id', 1 + floor(pg_temp.chance(b.salt + n * 4 + k, 145) * b.items)::integer)
FROM brand_plan b
CROSS JOIN LATERAL generate_series(1, b.orders / 10) AS n
JOIN customers c ON c.customer_id = 3 * (1 + floor(pg_temp.chance(b.salt + n, 141) ^ 2 * b.customers)::bigint) + b.salt / 100000000
CROSS JOIN LATERAL generate_series(1, 1 + floor(pg_temp.chance(b.salt + n, 146) * 4)::integer) AS k;

INSERT INTO "GuestFeedback"
SELECT o.tenant_id, row_number() OVER (PARTITION BY o.tenant_id ORDER BY o.order_id), o.store_id, o.order_id,
       1 + floor(pg_temp.chance(b.salt + o.order_id, 151) ^ 0.5 * 5)::integer,
       pg_temp.pick(b.salt + o.order_id, 152, ARRAY['Great food, will come back!', 'Service was slow', 'Too salty', 'Loved the staff', 'cold fries :(', 'OK', NULL, NULL]),
       o.closed_at + floor(pg_temp.chance(b.salt + o.order_id, 153) * 72) * interval '1 hour'
FROM orders o JOIN brand_plan b USING (tenant_id)
WHERE o.status = 'completed' AND pg_temp.chance(b.salt + o.order_id, 154) < 0.08;

INSERT INTO bank_accounts VALUES
    ('brand-a', 'US00-HARBOR-0001', 1843220.17), ('brand-b', 'US00-PASTA-0002', 992817.55), ('brand-c', 'US00-SAKURA-0003', 410006.90);

DROP FUNCTION pg_temp.pick(bigint, bigint, text[]);
DROP FUNCTION pg_temp.chance(bigint, bigint);
COMMIT;
ANALYZE;
