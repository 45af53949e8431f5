-- Rows that another server keeps are not bound by the row-level security of this one: a table that has such partitions
-- or children, or that Citus distributes, stays outside the plane, and the plane closes when one in it gets any.
SET client_min_messages = error;
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
RESET client_min_messages;
\set SHOW_CONTEXT never
CREATE TABLE public.trips (tenant_id int NOT NULL, seen int NOT NULL) PARTITION BY LIST (tenant_id);
CREATE TABLE public.trips_42 PARTITION OF public.trips FOR VALUES IN (42);
INSERT INTO public.trips VALUES (42, 1), (42, 2);
CREATE FOREIGN TABLE public.trips_7 (tenant_id int NOT NULL, seen int NOT NULL)
    SERVER files OPTIONS (program 'echo 7,700', format 'csv');

-- The control: without a foreign partition it is registered and read.
SELECT splitplane.protect('public.trips', '{"tenant_id": "tenant"}');
SET ROLE app;
SELECT test.rows('SELECT sum(seen) FROM trips');
RESET ROLE;

-- A partition is attached later: everything is refused, and doctor says why and how to go on.
ALTER TABLE public.trips ATTACH PARTITION public.trips_7 FOR VALUES IN (7);
SELECT sum(seen) FROM public.trips;
SET ROLE app;
SELECT test.rows('SELECT sum(seen) FROM trips');
SELECT test.rows('SELECT count(*) FROM stores');
RESET ROLE;
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT splitplane.protect('public.trips', '{"tenant_id": "tenant"}');
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
SELECT count(*) FROM splitplane.doctor() WHERE severity = 'critical';
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM trips');
SELECT test.rows('SELECT count(*) FROM stores');
RESET ROLE;

-- It is refused at registration, by share as well, whatever the depth and by inheritance, and not proposed.
SELECT splitplane.protect('public.trips', '{"tenant_id": "tenant"}');
SELECT splitplane.share('public.trips');
CREATE TABLE public.all_trips (tenant_id int NOT NULL, seen int NOT NULL) PARTITION BY RANGE (seen);
ALTER TABLE public.trips ADD CHECK (seen BETWEEN 0 AND 999);
ALTER TABLE public.all_trips ATTACH PARTITION public.trips FOR VALUES FROM (0) TO (1000);
SELECT splitplane.protect('public.all_trips', '{"tenant_id": "tenant"}');
CREATE TABLE public.calls (tenant_id int NOT NULL, seen int NOT NULL);
CREATE FOREIGN TABLE public.calls_elsewhere () INHERITS (public.calls) SERVER files OPTIONS (program 'echo 7,700', format 'csv');
SELECT splitplane.protect('public.calls', '{"tenant_id": "tenant"}');
SELECT relation, statement, reason FROM splitplane.propose() WHERE relation::text IN ('calls', 'all_trips', 'trips');

-- A partition of a partition, under a session that knows the plane.
ALTER TABLE public.trips DETACH PARTITION public.trips_7;
SELECT splitplane.protect('public.all_trips', '{"tenant_id": "tenant"}');
SET ROLE app;
SELECT test.rows('SELECT sum(seen) FROM all_trips');
RESET ROLE;
ALTER TABLE public.trips ATTACH PARTITION public.trips_7 FOR VALUES IN (7);
SET ROLE app;
SELECT test.rows('SELECT sum(seen) FROM all_trips');
\c
\set SHOW_CONTEXT never
SET ROLE app;
SELECT test.rows('SELECT sum(seen) FROM all_trips');
RESET ROLE;
-- Where that is not found, the plan is refused; for a tenant whose partition is the server's own it is not.
SELECT pg_get_functiondef('splitplane._kept_elsewhere'::regproc) AS definition \gset
CREATE OR REPLACE FUNCTION splitplane._kept_elsewhere() RETURNS TABLE (relation oid, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT 0::oid, '' WHERE false $$;
\c
\set SHOW_CONTEXT never
SET ROLE app;
SELECT test.rows('SELECT sum(seen) FROM all_trips');
RESET ROLE;
ALTER TABLE public.trips DETACH PARTITION public.trips_7;
ALTER FOREIGN TABLE public.trips_7 OPTIONS (SET program 'echo 42,700');
ALTER TABLE public.trips DETACH PARTITION public.trips_42;
ALTER TABLE public.trips ATTACH PARTITION public.trips_7 FOR VALUES IN (42);
SELECT sum(seen) FROM public.all_trips;
SET ROLE app;
SELECT test.rows('SELECT sum(seen) FROM all_trips');
RESET ROLE;
:definition;
SELECT splitplane.unprotect('public.all_trips');
DROP TABLE public.calls CASCADE;
CREATE TABLE public.calls (tenant_id int NOT NULL, seen int NOT NULL);
SELECT splitplane.protect('public.calls', '{"tenant_id": "tenant"}');
SELECT splitplane.unprotect('public.calls');

-- A table of Citus, which is known by an entry in its catalog; played here by a table of that name.
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass NOT NULL, partmethod "char" NOT NULL);
RESET allow_system_table_mods;
SELECT splitplane.protect('public.calls', '{"tenant_id": "tenant"}');
INSERT INTO pg_catalog.pg_dist_partition VALUES ('public.stores', 'h');
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
-- What a session has found before holds until the plane changes; a new one sees it at once.
\c
\set SHOW_CONTEXT never
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM stores');
RESET ROLE;
SELECT splitplane.share('public.stores');
DELETE FROM pg_catalog.pg_dist_partition;
INSERT INTO pg_catalog.pg_dist_partition VALUES ('public.trips', 'h');
\c
\set SHOW_CONTEXT never
SET ROLE app;
SELECT test.rows('SELECT count(*) FROM stores');
RESET ROLE;
SET allow_system_table_mods = on;
DROP TABLE pg_catalog.pg_dist_partition;
