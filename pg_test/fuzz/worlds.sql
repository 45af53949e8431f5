-- The two worlds: tables with a column of every type that a condition may trip over. Tenant acme asks; beta's rows are what the
-- worlds differ in. Run as a superuser, by worlds.py.
--
-- acme's own rows are regular: arrays of one size, small numbers, and NULL in one of two columns whose collations conflict. So are
-- beta's rows in the first world; in the second they are anything but.
\set ON_ERROR_STOP on
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'worlds_app') THEN CREATE ROLE worlds_app LOGIN; END IF; END $$;

CREATE TABLE parcels (
    parcel_id int PRIMARY KEY, tenant_id text NOT NULL, depot_id int, sender text, label varchar(40), code char(6), note text COLLATE "C", mirror text COLLATE "POSIX",
    grams int, floor int2, serial int8, weight numeric, ratio float8, fragile bool, sizes int[], codes int[], tags text[], marks varchar(20)[],
    sent date, at timestamptz, took interval, doc jsonb, raw bytea, zone circle, leg lseg, pad text
);
CREATE TABLE depots (
    depot_id int PRIMARY KEY, tenant_id text NOT NULL, name text COLLATE "C", town text COLLATE "POSIX", slots int[], lanes int[], site circle, opened date, prefs jsonb, pad text
);
-- Partitioned, but not by tenant: every partition holds rows of both.
CREATE TABLE readings (
    reading_id int, tenant_id text NOT NULL, parcel_id int, kind varchar(20), value numeric, level int, grid int[], more int[], words text[],
    note text COLLATE "C", mirror text COLLATE "POSIX", ok bool, at timestamptz, pad text
) PARTITION BY RANGE (reading_id);
CREATE TABLE readings_low PARTITION OF readings FOR VALUES FROM (MINVALUE) TO (10);
CREATE TABLE readings_high PARTITION OF readings FOR VALUES FROM (10) TO (MAXVALUE);
-- The one with an index on the tenant column.
CREATE TABLE visits (visit_id int PRIMARY KEY, tenant_id text NOT NULL, depot_id int, parcel_id int, who text, hits int[], seen date, pad text);
CREATE INDEX ON visits (tenant_id);

-- What a row holds, by tenant and number. Rows are brought to one length by what no plane shows, so that both worlds have the same pages.
CREATE SCHEMA made;
CREATE VIEW made.parcels AS
    SELECT n AS parcel_id, tenant_id, 1 + n % 4 AS depot_id, 'sender ' || n AS sender, ('label ' || n % 5)::varchar(40) AS label, ('c' || n % 3)::char(6) AS code,
        'note ' || n AS note, NULL::text AS mirror, 100 + n AS grams, (n % 7)::int2 AS floor, (1000 + n)::int8 AS serial, n + 0.5 AS weight, n / 4.0::float8 AS ratio,
        n % 3 = 0 AS fragile, ARRAY[n, 2] AS sizes, ARRAY[3, n] AS codes, ARRAY['tag', 't' || n] AS tags, ARRAY['m', 'm' || n]::varchar(20)[] AS marks,
        date '2026-01-01' + n AS sent, timestamptz '2026-01-01 00:00+00' + n * interval '1 hour' AS at, n * interval '1 hour' AS took,
        jsonb_build_object('who', 'w' || n, 'a', jsonb_build_array(n, 2)) AS doc, convert_to('raw ' || n, 'UTF8') AS raw,
        circle(point(n, 1), 2) AS zone, lseg(point(n, 0), point(1, 1)) AS leg
    FROM (SELECT 'acme', n FROM generate_series(1, 12) AS n UNION ALL SELECT 'beta', n FROM generate_series(101, 112) AS n) AS t(tenant_id, n);
CREATE VIEW made.depots AS
    SELECT n AS depot_id, tenant_id, 'depot ' || n AS name, NULL::text AS town, ARRAY[n, 1] AS slots, ARRAY[n, n] AS lanes, circle(point(0, n), 1) AS site,
        date '2020-01-01' + n AS opened, jsonb_build_object('who', 'd' || n) AS prefs
    FROM (SELECT 'acme', n FROM generate_series(1, 4) AS n UNION ALL SELECT 'beta', n FROM generate_series(101, 104) AS n) AS t(tenant_id, n);
CREATE VIEW made.readings AS
    SELECT n AS reading_id, tenant_id, 1 + n % 12 AS parcel_id, ('kind ' || n % 2)::varchar(20) AS kind, n * 1.25 AS value, n % 10 AS level,
        ARRAY[[n, 2], [3, 4]] AS grid, ARRAY[[5, 6], [7, n]] AS more, ARRAY['a', 'b' || n] AS words, 'n' || n AS note, NULL::text AS mirror, n % 2 = 0 AS ok,
        timestamptz '2026-02-01 00:00+00' + n * interval '1 day' AS at
    FROM (SELECT CASE WHEN n % 2 = 0 THEN 'acme' ELSE 'beta' END, n FROM generate_series(1, 20) AS n) AS t(tenant_id, n);
CREATE VIEW made.visits AS
    SELECT n AS visit_id, tenant_id, 1 + n % 4 AS depot_id, 1 + n % 12 AS parcel_id, 'who ' || n % 3 AS who, ARRAY[n, n] AS hits, date '2026-03-01' + n AS seen
    FROM (SELECT 'acme', n FROM generate_series(1, 8) AS n UNION ALL SELECT 'beta', n FROM generate_series(101, 108) AS n) AS t(tenant_id, n);

-- One list of values of each type, for the rows of beta in the second world: other sizes and shapes, huge ones, none, and other texts.
CREATE FUNCTION made.one_of(anycompatiblearray, int) RETURNS anycompatible LANGUAGE sql IMMUTABLE AS 'SELECT $1[1 + $2 % cardinality($1)]';
CREATE FUNCTION made.text(n int) RETURNS text LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['', NULL, '{x', '12', '\', 'é', repeat('long', 20), '99999999999999999999', '2026-13-45', 'NaN'], n) $$;
CREATE FUNCTION made.int(n int) RETURNS int LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY[2147483647, -2147483648, 0, NULL, 40000, -1, 1114112, 7], n) $$;
CREATE FUNCTION made.numeric(n int) RETURNS numeric LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['NaN', 'Infinity', '-Infinity', 1e400, 0, NULL, -1, 1e-30]::numeric[], n) $$;
CREATE FUNCTION made.float(n int) RETURNS float8 LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['NaN', 'Infinity', '-Infinity', 1e308, 0, NULL, -1, 1e-308]::float8[], n) $$;
CREATE FUNCTION made.array(n int) RETURNS text LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['{1,2,3}', '{}', NULL, '{NULL}', '{{1,2},{3,4}}', '{2147483647,40000,-1}', '[5:6]={1,2}', '{{{1}}}', '{1}', '{0,0}'], n) $$;
CREATE FUNCTION made.instant(n int) RETURNS timestamptz LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['infinity', '-infinity', NULL, '294276-12-31 00:00+00', '4714-11-24 00:00+00 BC', '1970-01-01 00:00+00']::timestamptz[], n) $$;
CREATE FUNCTION made.day(n int) RETURNS date LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['infinity', '5874897-12-31', NULL, '4713-01-01 BC', '1970-01-01', '-infinity']::date[], n) $$;
CREATE FUNCTION made.json(n int) RETURNS jsonb LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['null', '[]', '7', '"x"', NULL, '{"who": {"a": [[1], 2]}, "a": "text"}', '[[1, 2], [3]]', '{"a": 1e300}']::jsonb[], n) $$;
CREATE FUNCTION made.circle(n int) RETURNS circle LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['<(0,0),1e200>', '<(1e308,0),0>', NULL, '<(0,0),0>', '<(1,1),1e155>']::circle[], n) $$;
CREATE FUNCTION made.segment(n int) RETURNS lseg LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['[(-1e308,-1e308),(1e308,1e308)]', '[(0,0),(0,0)]', NULL, '[(0,0),(1e200,1e200)]']::lseg[], n) $$;
CREATE FUNCTION made.interval(n int) RETURNS interval LANGUAGE sql AS
    $$ SELECT made.one_of(ARRAY['178000000 years', '-178000000 years', NULL, '0', '1 month -30 days']::interval[], n) $$;

CREATE VIEW made.other_parcels AS
    SELECT parcel_id, tenant_id, made.int(n) AS depot_id, made.text(n) AS sender, left(made.text(n + 1), 40)::varchar(40) AS label, left(made.text(n + 2), 6)::char(6) AS code,
        made.text(n + 3) AS note, made.text(n + 4) AS mirror, made.int(n + 1) AS grams, made.one_of('{32767,-32768,0,NULL,1}'::int2[], n) AS floor,
        made.one_of('{9223372036854775807,-9223372036854775808,0,NULL,5000000000}'::int8[], n) AS serial, made.numeric(n) AS weight, made.float(n) AS ratio,
        made.one_of('{t,f,NULL}'::bool[], n) AS fragile, made.array(n)::int[] AS sizes, made.array(n + 3)::int[] AS codes, made.array(n + 1)::text[] AS tags,
        made.array(n + 6)::varchar(20)[] AS marks, made.day(n) AS sent, made.instant(n + 1) AS at, made.interval(n) AS took, made.json(n) AS doc,
        made.one_of('{"\\\\x","\\\\xff00",NULL,"\\\\x5c5c"}'::bytea[], n) AS raw, made.circle(n) AS zone, made.segment(n) AS leg
    FROM (SELECT *, parcel_id - 101 AS n FROM made.parcels) AS made;
CREATE VIEW made.other_depots AS
    SELECT depot_id, tenant_id, made.text(n + 2) AS name, made.text(n + 3) AS town, made.array(n)::int[] AS slots, made.array(n + 4)::int[] AS lanes, made.circle(n) AS site,
        made.day(n) AS opened, made.json(n + 5) AS prefs
    FROM (SELECT *, depot_id - 101 AS n FROM made.depots) AS made;
CREATE VIEW made.other_readings AS
    SELECT reading_id, tenant_id, made.int(n) AS parcel_id, left(made.text(n), 20)::varchar(20) AS kind, made.numeric(n) AS value, made.int(n + 2) AS level,
        made.array(n)::int[] AS grid, made.array(n + 4)::int[] AS more, made.array(n + 2)::text[] AS words, made.text(n + 2) AS note, made.text(n + 3) AS mirror,
        made.one_of('{t,f,NULL}'::bool[], n) AS ok, made.instant(n) AS at
    FROM (SELECT *, reading_id / 2 AS n FROM made.readings) AS made;
CREATE VIEW made.other_visits AS
    SELECT visit_id, tenant_id, made.int(n) AS depot_id, made.int(n + 1) AS parcel_id, made.text(n) AS who, made.array(n)::int[] AS hits, made.day(n) AS seen
    FROM (SELECT *, visit_id - 101 AS n FROM made.visits) AS made;

-- Fills the tables anew with acme's rows and with beta's of the first world or of the second.
CREATE PROCEDURE made.fill(second bool) LANGUAGE plpgsql AS $$
DECLARE
    name text;
    key text;
BEGIN
    -- beta's rows stand before acme's, behind them, and among them.
    FOR name, key IN VALUES ('parcels', 'parcel_id DESC'), ('depots', 'depot_id'), ('readings', 'reading_id'), ('visits', 'visit_id DESC') LOOP
        EXECUTE format('TRUNCATE public.%I', name);
        EXECUTE format(
            'INSERT INTO public.%1$I SELECT made.*, repeat(''.'', 760 - pg_column_size(made.*)) FROM'
            ' (SELECT * FROM made.%1$I WHERE tenant_id = ''acme'' UNION ALL SELECT * FROM made.%2$I WHERE tenant_id <> ''acme'') AS made ORDER BY %3$s',
            name, CASE WHEN second THEN 'other_' ELSE '' END || name, key);
    END LOOP;
END $$;
