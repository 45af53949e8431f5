-- Extensions of Debian's packages: PostGIS, hll, tdigest and ip4r. Tables of their own, types without JSON, texts that are not read.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\set findings 'SELECT format(E''%s: %s\n    %s\n    %s'', severity, object, regexp_replace(finding, ''[0-9a-f]{64}'', ''..''), fix) FROM splitplane.doctor() WHERE object <> ''role dba'' AND severity <> ''info'' ORDER BY severity, object, finding'

CREATE SCHEMA ext;
CREATE EXTENSION postgis SCHEMA ext;
CREATE EXTENSION hll SCHEMA ext;
CREATE EXTENSION tdigest SCHEMA ext;
CREATE EXTENSION ip4r SCHEMA ext;
SET search_path = public, ext;
CREATE TABLE sites (tenant_id int NOT NULL, id int NOT NULL, spot geometry(Point, 4326), place geography, area geometry, path geometry[],
                    visitors hll, waits tdigest, network ip4r);
INSERT INTO sites
SELECT t, t * 10 + n, st_setsrid(st_makepoint(n, t), 4326), st_makepoint(n, t)::geography, st_expand(st_makepoint(n, t), 1),
       ARRAY[st_makepoint(n, t)], hll_add(hll_empty(11, 5, -1, 1), hll_hash_integer(n)),
       (SELECT tdigest(g::float8, 10) FROM generate_series(1, n) AS g), format('10.%s.%s.0/24', t, n)::ip4r
FROM unnest(ARRAY[42, 7]) AS t, generate_series(1, 3) AS n;
RESET search_path;

\echo -- a table of PostGIS that its functions read as the reader
REVOKE SELECT ON ext.spatial_ref_sys FROM PUBLIC;
\set VERBOSITY default
SELECT splitplane.allow_extension(e) FROM unnest(ARRAY['postgis', 'hll', 'tdigest', 'ip4r']) AS e;
\set VERBOSITY terse
SELECT splitplane.protect('sites', '{"tenant_id": "tenant"}');
SELECT splitplane.admit('7', claims => '{"stores": []}');
:findings;
SELECT test.rows('SELECT st_srid(st_transform(spot, 3857)) FROM sites LIMIT 1');
GRANT SELECT ON TABLE ext.spatial_ref_sys TO splitplane_reader;
REVOKE EXECUTE ON FUNCTION ext.st_estimatedextent(text, text), ext.st_estimatedextent(text, text, text), ext.st_estimatedextent(text, text, text, boolean) FROM PUBLIC;
:findings;
SELECT test.rows('SELECT st_srid(st_transform(spot, 3857)) FROM sites LIMIT 1');
SELECT test.rows('SELECT count(*) FROM spatial_ref_sys');
SELECT test.rows('SELECT count(*) FROM ext.spatial_ref_sys');

\echo -- geometries are answered as text, one curve or NaN among them or not
SELECT test.rows('SELECT id, spot, place FROM sites ORDER BY id');
SELECT test.rows('SELECT spot, area FROM sites ORDER BY id LIMIT 1', '7');
SELECT test.rows('SELECT g FROM (VALUES (''CIRCULARSTRING(0 0,1 1,2 0)''::geometry), (''POINT(NaN 1)''), (NULL)) AS v(g)');
SELECT test.ask('SELECT spot, place FROM sites') -> 'columns';
SELECT test.rows('SELECT st_extent(area), st_astext(st_collect(spot)) FROM sites');
SELECT test.rows('SELECT id, round(st_distance(place, ''POINT(0 42)''::geography)) FROM sites WHERE st_dwithin(place, ''POINT(0 42)'', 200000) ORDER BY 1');
SELECT test.rows('SELECT s.id FROM sites s JOIN sites o ON st_contains(s.area, st_setsrid(o.spot, 0)) WHERE o.id = 421 ORDER BY 1');
SELECT test.rows('SELECT count(*) FROM sites WHERE area && st_makeenvelope(0, 6, 4, 8)');
SELECT test.rows('SELECT count(*) FROM sites WHERE area && st_makeenvelope(0, 6, 4, 8)', '7');
GRANT USAGE ON SCHEMA ext TO app;
SET ROLE app;
\set q 'SELECT spot, id FROM sites ORDER BY id'
SELECT ext.st_astext(spot), id FROM ask_rows(test.ctx(:'q'), sql => :'q') AS t(spot ext.geometry, id int);
RESET ROLE;

\echo -- their cast to JSON, which reads a table and fails on some of them, is not run; the control: outside the plane it is
SELECT to_json('CIRCULARSTRING(0 0,1 1,2 0)'::ext.geometry);
SELECT test.rows('SELECT to_jsonb(spot) FROM sites');
SELECT test.rows('SELECT spot::json FROM sites');
SELECT test.rows('SELECT json_agg(s) FROM sites s');
SELECT test.rows('SELECT json_build_object(''a'', ARRAY[spot]) FROM sites');
SELECT test.rows('SELECT jsonb_object_agg(id, area) FROM sites');
SELECT test.rows('SELECT array_agg(spot) FROM sites');
SELECT test.rows('SELECT s FROM sites s');
SELECT test.rows('SELECT row_to_json(x) FROM (SELECT id, network FROM sites ORDER BY id LIMIT 1) AS x');
SELECT test.rows('SELECT to_jsonb(st_astext(spot)), json_build_object(''id'', id) FROM sites ORDER BY id LIMIT 1');
SELECT splitplane.protect('sites', '{"tenant_id": "tenant"}', ARRAY['id', 'path']);
\echo -- and all of the rest is refused
SELECT test.rows('SELECT st_estimatedextent(''public'', ''sites'', ''spot'')');
SELECT test.rows('SELECT postgis_full_version()');
SELECT test.rows('SELECT st_union(area) FROM sites');
SELECT test.rows('SELECT st_buffer(area, 1) FROM sites');
SELECT test.rows('SELECT find_srid(''public'', ''sites'', ''spot'')');
SELECT test.rows('SELECT ''POINT(1 2)''::geometry(Point, 4326)');

\echo -- what is wrong with a value is said
SELECT test.rows('SELECT ''POINT(1''::geometry');
SELECT test.rows('SELECT st_intersects(spot, area) FROM sites');
SELECT test.rows('SELECT st_transform(spot, 99999) FROM sites');
SELECT test.rows('SELECT st_x(area) FROM sites');
SELECT test.rows('SELECT ''10.0.0.0/99''::ip4r');
SELECT test.rows('SELECT tdigest_percentile(waits, 2) FROM sites');
SELECT test.rows('SELECT count(*) FROM sites WHERE st_distance(area, (SELECT st_collect(st_makepoint(n, n)) FROM generate_series(1, 3000) AS n)) < 1');

\echo -- sketches
SELECT test.rows('SELECT hll_cardinality(hll_union_agg(visitors)), # hll_union_agg(visitors) FROM sites');
SELECT test.rows('SELECT hll_cardinality(hll_add_agg(hll_hash_integer(id % 2), 11, 5, -1, 1)) FROM sites');
SELECT test.rows('SELECT tdigest_percentile(waits, 0.5), tdigest_count(tdigest(waits)) FROM sites');
SELECT test.rows('SELECT waits FROM sites ORDER BY id LIMIT 1');
SELECT test.rows('SELECT hll_empty()');
SELECT test.rows('SELECT hll_add_agg(hll_hash_integer(id)) FROM sites');
SELECT test.rows('SELECT hll_set_defaults(1, 1, 1, 1)');
SELECT test.rows('SELECT hll_hash_any(id) FROM sites');
\echo -- no text becomes a digest
SELECT test.rows('SELECT ''flags 1 count 1 compression 10 centroids 1 (1, 1)''::tdigest');
SELECT test.rows('SELECT (''flags 1 count 1 compression 10 centroids 1 (1, 1)'' || left(id::text, 0))::tdigest FROM sites');
SELECT test.rows('SELECT (ARRAY[''flags 1 count 1 compression 10 centroids 1 (1, 1)'' || left(id::text, 0)])::tdigest[] FROM sites');
SELECT test.rows('SELECT x FROM json_to_record(''{"x": "flags 1 count 1 compression 10 centroids 1 (1, 1)"}'') AS t(x tdigest)');
SELECT test.rows('SELECT x FROM json_to_recordset(''[]'') AS t(x tdigest[])');
SELECT test.rows('SELECT tdigest(id, 10) FROM sites');
SELECT test.rows('SELECT NULL::tdigest');

\echo -- addresses
SELECT test.rows('SELECT network, family(network), lower(network) FROM sites WHERE network >>= ''10.42.1.7''::ip4r');
SELECT test.rows('SELECT network, family(network), lower(network) FROM sites WHERE network >>= ''10.42.1.7''::ip4r', '7');

\echo -- the self-test compares them as they are answered
SELECT relation, verdict, count(*) FROM splitplane.selftest() WHERE relation = 'public.sites' GROUP BY 1, 2 ORDER BY 1, 2;

\echo -- and what was granted goes with the extension
SELECT splitplane.disallow_extension(e) FROM unnest(ARRAY['postgis', 'hll', 'tdigest', 'ip4r']) AS e;
SELECT has_table_privilege('splitplane_reader', 'ext.spatial_ref_sys', 'SELECT');
SELECT test.rows('SELECT spot FROM sites');
SELECT test.rows('SELECT waits FROM sites');
