-- The database of the wire tests: three tenants, one relation of each scope kind, canaries in every row.
-- A row of tenant t carries the text CANARY-t, so that one look at an answer, an error or a notice shows whose it is.
CREATE TABLE shops  (tenant_id text NOT NULL, store_id int NOT NULL, city text NOT NULL, PRIMARY KEY (tenant_id, store_id));
CREATE TABLE sales  (tenant_id text NOT NULL, sale_id int NOT NULL, store_id int NOT NULL, amount int NOT NULL, note text NOT NULL,
                     sold_at timestamptz NOT NULL, PRIMARY KEY (tenant_id, sale_id));
CREATE TABLE visits (tenant_id text NOT NULL, store_id int NOT NULL, visit_id int NOT NULL, note text NOT NULL,
                     PRIMARY KEY (tenant_id, store_id, visit_id));
CREATE TABLE units  (unit text PRIMARY KEY, factor int NOT NULL);
CREATE TABLE vault  (id int PRIMARY KEY, secret text NOT NULL);                      -- never in the plane

INSERT INTO shops SELECT t, s, 'CANARY-' || t || ' city ' || s FROM unnest(ARRAY['brand-a','brand-b','brand-c']) t, generate_series(1, 4) s;
INSERT INTO sales SELECT t, n, 1 + n % 4, 100 * k + n, 'CANARY-' || t || ' sale ' || n, '2026-01-01'::timestamptz + n * interval '1 hour'
  FROM unnest(ARRAY['brand-a','brand-b','brand-c']) WITH ORDINALITY AS tenants(t, k), generate_series(1, 40 + 10 * k::int) n;
INSERT INTO visits SELECT t, s, n, 'CANARY-' || t || ' visit ' || s || '/' || n
  FROM unnest(ARRAY['brand-a','brand-b','brand-c']) t, generate_series(1, 4) s, generate_series(1, 10 * s) n;
INSERT INTO units VALUES ('piece', 1), ('dozen', 12);
INSERT INTO vault VALUES (1, 'CANARY-vault');
ANALYZE;

SELECT splitplane.protect('shops',  '{"tenant_id": "tenant"}');
SELECT splitplane.protect('sales',  '{"tenant_id": "tenant"}');
SELECT splitplane.protect('visits', '{"tenant_id": "tenant", "store_id": "stores"}');
SELECT splitplane.share('units');

-- Every principal has the list claim; the franchisee sees two stores where the brand sees four.
SELECT splitplane.admit('brand-a', claims => '{"stores": [1, 2, 3, 4]}');
SELECT splitplane.admit('brand-b', claims => '{"stores": [1, 2, 3, 4]}');
SELECT splitplane.admit('brand-c', claims => '{"stores": [1, 2, 3, 4]}');
SELECT splitplane.admit('brand-a', 'franchise-7', claims => '{"stores": [2, 3]}');
