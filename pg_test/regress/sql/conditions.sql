-- Conditions that PostgreSQL does not trust under row-level security use the index that they have by hand: the usual
-- spellings of a time condition, and prefixes. Some use it where none does by hand. The rows are the same.
SET client_min_messages = warning;
CREATE TABLE public.arrivals (tenant_id int NOT NULL, visit_id int NOT NULL, day date, local_time timestamp, moment timestamptz,
    name text COLLATE "C", label varchar(20) COLLATE "C", note text, remark text COLLATE "C", PRIMARY KEY (tenant_id, visit_id));
INSERT INTO public.arrivals
SELECT 42 + i % 2, i, current_date - i / 4, localtimestamp - i * interval '6 hours', now() - i * interval '6 hours',
       'visit ' || i, 'visit ' || i, 'visit ' || i, 'visit ' || i
  FROM generate_series(1, 6000) AS i;
INSERT INTO public.arrivals VALUES (42, 10001, 'infinity', 'infinity', 'infinity', '', '', ''),
    (42, 10002, '-infinity', '-infinity', '-infinity', NULL, NULL, NULL), (42, 10003, NULL, NULL, NULL, NULL, NULL, NULL),
    (42, 10004, '294276-12-30', '294276-12-31 23:59:59', '294276-12-31 12:00+00', 'visit', 'visit', 'visit'),
    (43, 10005, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', 'visit', 'visit', 'visit');
-- Beside the last character, beside those that are none, and prefixes of them.
INSERT INTO public.arrivals (tenant_id, visit_id, name, label, note)
SELECT 42, 20000 + row_number() OVER (), n, n, n
  FROM unnest(ARRAY[U&'\+10FFFF', U&'\+10FFFFx', U&'a\+10FFFF', U&'a\+10FFFF\+10FFFFb', 'a', 'b', U&'\D7FFx', U&'\E000x', U&'\007fx', U&'\0080x']) AS n;
CREATE INDEX ON public.arrivals (tenant_id, day);
CREATE INDEX ON public.arrivals (tenant_id, local_time);
CREATE INDEX ON public.arrivals (tenant_id, moment);
CREATE INDEX ON public.arrivals (tenant_id, name);
CREATE INDEX ON public.arrivals (tenant_id, label);
CREATE INDEX ON public.arrivals (tenant_id, note text_pattern_ops);
VACUUM ANALYZE public.arrivals;
SELECT splitplane.protect('public.arrivals', '{"tenant_id": "tenant"}');
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET TimeZone = 'UTC';

-- Whether an index is searched by the column that the condition is on.
CREATE FUNCTION test.is_searched(plan text, condition text) RETURNS boolean LANGUAGE sql AS
    $$ SELECT plan ~ ('Index Cond: [^\n]*\m' || substring(regexp_replace(condition, '''[^'']*''', '', 'g') FROM '\m(day|local_time|moment|name|label|note|remark)\M') || '\M') $$;
-- A condition by hand and as it is asked: whether an index is searched, and whether the rows are the same.
CREATE FUNCTION test.compared(condition text, OUT by_hand boolean, OUT asked boolean, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
    hand text := 'SELECT count(*), sum(visit_id) FROM public.arrivals WHERE tenant_id = 42 AND (' || condition || ')';
    ask text := 'SELECT count(*), sum(visit_id) FROM arrivals WHERE ' || condition;
    line text;
    plan text := '';
    counted jsonb;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || hand LOOP
        plan := plan || line || E'\n';
    END LOOP;
    by_hand := test.is_searched(plan, condition);
    SELECT string_agg(step, E'\n') INTO plan
      FROM jsonb_array_elements_text(public.ask_dry_run(test.ctx(ask, '42'), sql => ask) -> 'plan') AS step;
    asked := test.is_searched(plan, condition);
    EXECUTE 'SELECT jsonb_build_array(jsonb_build_array(a, b)) FROM (' || hand || ') AS t (a, b)' INTO counted;
    same := counted = public.ask(test.ctx(ask, '42'), sql => ask) -> 'rows';
END
$$;

SELECT condition, (test.compared(condition)).*
  FROM unnest(ARRAY[
    'day >= current_date - 7',
    'day >= current_date - interval ''7 days''',
    'day > current_date - interval ''7 days''',
    'day >= now() - interval ''7 days''',
    'now() - interval ''7 days'' <= day',
    'day < timestamp ''2020-01-01 12:00''',
    'day = current_date - interval ''1 day''',
    'day = timestamp ''2026-01-01 12:00''',
    'day = now()',
    'day >= date_trunc(''month'', current_date)',
    'day >= date_trunc(''month'', now()) AND day < date_trunc(''month'', now()) + interval ''1 month''',
    'day BETWEEN current_date - interval ''7 days'' AND current_date',
    'date_trunc(''month'', day) = date_trunc(''month'', current_date)',
    'day::timestamp >= localtimestamp - interval ''7 days'' AND day < ''5874897-12-31''',
    'day > timestamp ''infinity''', 'day < timestamp ''-infinity''', 'day >= timestamp ''infinity''',
    'local_time >= current_date',
    'local_time >= current_date - interval ''7 days''',
    'local_time >= now() - interval ''7 days''',
    'local_time >= localtimestamp - interval ''7 days''',
    'local_time BETWEEN current_date - 7 AND current_date',
    'local_time::date = current_date',
    'local_time::date >= current_date - 7',
    'local_time::date > current_date - interval ''7 days''',
    'local_time::date < date ''2020-01-01''',
    'date_trunc(''month'', local_time) = date_trunc(''month'', now())',
    'date_trunc(''day'', local_time) = current_date',
    'date_trunc(''week'', local_time) >= date_trunc(''week'', localtimestamp)',
    'local_time >= date ''5874897-12-31''',
    'moment >= current_date',
    'moment >= current_date - interval ''7 days''',
    'moment >= now() - interval ''7 days''',
    'moment >= localtimestamp - interval ''7 days''',
    'moment BETWEEN current_date - 7 AND current_date',
    'moment::date = current_date',
    'moment::date >= current_date - interval ''7 days''',
    'date_trunc(''month'', moment) = date_trunc(''month'', now())',
    'date_trunc(''day'', moment) >= current_date',
    'extract(year FROM day) = extract(year FROM current_date) - 2',
    'extract(year FROM day) < 2022 AND extract(month FROM day) = 3',
    'extract(year FROM day) > 2099', 'extract(year FROM day) <= 2021.5', '2100 <= extract(year FROM day)',
    'extract(year FROM day) BETWEEN 2100 AND 2200', 'extract(year FROM day) IN (2026, 2100)', 'extract(year FROM day) = 1969.5',
    'extract(year FROM day) = NULL', 'extract(year FROM day) IN (2100, NULL)', 'isfinite(day) AND extract(year FROM day)::int = 2100',
    'date_part(''year'', day) IN (2100, 2101)', 'extract(YEAR from day::timestamp) = 2100', 'extract(year FROM date_trunc(''month'', day)) = 2100',
    'extract(year FROM local_time) = extract(year FROM now()) - 2', 'extract(year FROM local_time) >= 2100',
    'date_part(''year'', local_time) = 2100', 'extract(year FROM local_time::date) = 2100',
    'extract(year FROM moment) = extract(year FROM current_date)::int - 2', 'extract(year FROM moment) > 2099', 'date_part(''year'', moment) < 2000',
    'extract(year FROM moment) IN (2100, 2000)', 'extract(year FROM date_trunc(''quarter'', moment)) = 2100',
    'to_char(day, ''YYYY-MM'') = ''2100-02''', 'to_char(day, ''YYYY'') IN (''2100'', ''2101'')',
    'to_char(local_time, ''YYYY-MM-DD'') = ''2100-02-28''', '''2100-02'' = to_char(local_time, ''YYYY-MM'')',
    'to_char(moment, ''YYYY'') = ''2100''', 'to_char(moment, ''YYYY-MM'') IN (''2100-01'', ''2100-02'')', 'to_char(moment, ''YYYY-MM-DD'') = ''2100-02-28''',
    'to_char(date_trunc(''month'', moment), ''YYYY-MM-DD'') = ''2100-02-01''', 'to_char(moment::date, ''YYYY-MM'') = ''2100-02''',
    'moment < date ''2020-01-01'' OR moment = date ''5874897-12-31''',
    'name LIKE ''visit 17%''',
    'name LIKE ''visit 17''', 'remark LIKE ''visit 17%''',
    'name LIKE ''visit 17_0''',
    'name LIKE ''visit%''',
    'name LIKE ''vis\it 17%%''',
    'label LIKE ''visit 17%''',
    'label LIKE ''visit 17%0''',
    'name LIKE ''''',
    'name LIKE ''vis\\%''',
    'name LIKE ''visit 17\_%''',
    'name LIKE ''a'||U&'\+10FFFF'||'%''', 'name LIKE '''||U&'\+10FFFF'||'%''', 'name LIKE '''||U&'\D7FF'||'%''', 'name LIKE '''||U&'\007f'||'%''',
    'note LIKE ''visit 17%''', 'note LIKE ''visit 17_0''', 'note LIKE ''a'||U&'\+10FFFF'||'%''', 'note LIKE '''||U&'\D7FF'||'%''',
    'name LIKE ''%17'' OR name LIKE ''visit 18%'''
  ]) AS condition;

\echo -- in a time zone whose clocks change
SET splitplane.time_zone = 'Europe/Berlin';
SET TimeZone = 'Europe/Berlin';
SELECT condition, (test.compared(condition)).*
  FROM unnest(ARRAY[
    'day >= now() - interval ''7 days''',
    'day = now()',
    'local_time >= now() - interval ''7 days''',
    'local_time = now()',
    'moment >= current_date',
    'moment >= localtimestamp - interval ''7 days''',
    'moment::date = current_date',
    'moment::date > current_date - interval ''7 days''',
    'date_trunc(''month'', moment) = date_trunc(''month'', now())',
    'date_trunc(''month'', day) = date_trunc(''month'', current_date)',
    'extract(year FROM moment) = extract(year FROM current_date) - 2',
    'to_char(moment, ''YYYY-MM'') = ''2100-02''',
    'to_char(day, ''YYYY-MM'') = ''2100-02'''
  ]) AS condition;
\echo -- rules that no place has are left as they are
SET splitplane.time_zone = '<+100>-100';
SET TimeZone = '<+100>-100';
SELECT condition, (test.compared(condition)).*
  FROM unnest(ARRAY['day >= now() - interval ''7 days''', 'moment::date = current_date', 'day >= localtimestamp - interval ''7 days''',
    'extract(year FROM moment) = 2100', 'to_char(moment, ''YYYY'') = ''2100''', 'extract(year FROM day) = 2100']) AS condition;
SET splitplane.time_zone = 'AAA3BBB-20,M3.1.0,M10.1.0';
SET TimeZone = 'AAA3BBB-20,M3.1.0,M10.1.0';
SELECT condition, (test.compared(condition)).*
  FROM unnest(ARRAY['day >= now() - interval ''7 days''', 'moment::date = current_date', 'date_trunc(''month'', moment) = date_trunc(''month'', now())']) AS condition;
RESET splitplane.time_zone;
SET TimeZone = 'UTC';

\echo -- what is no condition of a row stays as it is, and so do those that say something else for NULL
SELECT condition, (test.compared(condition)).*
  FROM unnest(ARRAY[
    'NOT (day >= current_date - interval ''7 days'')',
    '(day >= current_date - interval ''7 days'') IS NOT TRUE',
    'CASE WHEN day >= now() THEN true ELSE false END',
    'name NOT LIKE ''visit 17%''',
    'day <> now()',
    'extract(year FROM day) <> 2026',
    'extract(year FROM day) NOT IN (2026, 2027)',
    'extract(month FROM day) = 3',
    'extract(isoyear FROM day) = 2026',
    'extract(year FROM day) = (SELECT 2026)',
    'extract(year FROM day) = visit_id',
    'to_char(day, ''YYYY-MM'') >= ''2100-03''',
    'to_char(day, ''YYYY-MM'') <> ''2026-03''',
    'to_char(day, ''YYYY-MM'') LIKE ''2100-03''',
    'to_char(day, ''YYYY-MM'') = ''2026-3''',
    'to_char(day, ''YYYY-MM'') = ''2026-13''',
    'to_char(day, ''YYYY-MM'') IN (''2100-03'', ''2100'')',
    'to_char(day, ''YYYY-MM-DD'') = ''2026-02-29''',
    'to_char(day, ''YYYY'') = ''12026''',
    'to_char(day, ''FMYYYY'') = ''2100''',
    'to_char(day, ''MM-YYYY'') = ''03-2100''',
    'to_char(day, name) = ''2100''',
    'day >= (SELECT localtimestamp - interval ''7 days'')',
    'lower(name) LIKE ''visit 17%'''
  ]) AS condition;

\echo -- where several queries meet: each by the rows that it is about
CREATE VIEW public.mine AS SELECT * FROM public.arrivals WHERE tenant_id = 42;
CREATE FUNCTION test.same(sql text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    by_hand jsonb;
BEGIN
    EXECUTE 'SELECT jsonb_agg(jsonb_build_array(a, b)) FROM (' || replace(sql, 'arrivals', 'mine') || ') AS t (a, b)' INTO by_hand;
    RETURN by_hand = public.ask(test.ctx(sql, '42'), sql => sql) -> 'rows';
END
$$;
SELECT test.same(sql), sql
  FROM unnest(ARRAY[
    'SELECT date_trunc(''month'', day), count(*) FROM arrivals GROUP BY 1 HAVING date_trunc(''month'', day) >= now() - interval ''90 days'' OR count(*) > 61 ORDER BY 1',
    'SELECT day, count(*) FROM arrivals GROUP BY day HAVING day >= now() - interval ''9 days'' ORDER BY 1',
    'SELECT a, count(*) FROM (SELECT day AS a FROM arrivals) AS q WHERE a >= now() - interval ''9 days'' AND a < now() GROUP BY a ORDER BY a',
    'WITH w AS (SELECT local_time::date AS a FROM arrivals) SELECT a, count(*) FROM w WHERE a > current_date - interval ''9 days'' AND isfinite(a) AND a < ''2099-01-01'' GROUP BY a ORDER BY a',
    'SELECT count(*), max(visit_id) FROM arrivals WHERE day = (SELECT max(local_time) FROM (SELECT current_date - interval ''3 days'' AS local_time) AS q)',
    'SELECT q.d, (SELECT count(*) FROM arrivals WHERE day >= q.d AND day < q.d + interval ''1 day'') FROM (VALUES (localtimestamp - interval ''5 days''), (current_date - interval ''8 days''), (NULL)) AS q (d) ORDER BY 1',
    'SELECT count(*), sum(q.d) FROM (VALUES (1, now()), (2, now() - interval ''1000 days'')) AS q (d, m) LEFT JOIN arrivals ON day >= q.m AND visit_id % 100 = 0 AND isfinite(day)',
    'SELECT count(*), 1 FROM arrivals WHERE EXISTS (SELECT FROM (VALUES (now())) AS q (m) WHERE arrivals.day >= q.m AND arrivals.moment::date > q.m)',
    'SELECT count(*), 1 FROM arrivals AS x FULL JOIN (SELECT 1 AS n) AS y ON x.visit_id = y.n WHERE x.day >= now() - interval ''9 days'' OR x.name LIKE ''visit 1_''',
    'SELECT visit_id, day FROM arrivals WHERE (day >= now() - interval ''3 days'' AND isfinite(day) OR name LIKE ''visit 100_'') AND day < ''2099-01-01'' ORDER BY 1'
  ]) AS sql;

\echo -- the years of boundary values, in time zones: conditions, those whose rows differ from the rows by hand, those that some row meets
CREATE TABLE public.ages (tenant_id int NOT NULL, visit_id int NOT NULL, day date, local_time timestamp, moment timestamptz, PRIMARY KEY (tenant_id, visit_id));
INSERT INTO public.ages
SELECT 42, row_number() OVER (), t::date, t, t AT TIME ZONE 'UTC'
  FROM (SELECT t + apart
          FROM unnest(ARRAY['4713-01-01 BC', '0045-12-31 BC', '0001-12-31 BC', '0001-01-01', '0004-02-29', '1999-12-31', '2011-12-30', '2024-02-29',
                            '2026-03-01', '2026-03-31', '2026-12-31', '2027-01-01', '9999-12-31', '10000-01-01', '294275-12-31', '294276-12-01']::timestamp[]) AS t,
               unnest(ARRAY['0', '-1 microsecond', '11 hours', '14 hours', '23:59:59.999999', '-10 hours']::interval[]) AS apart
        UNION ALL SELECT unnest(ARRAY['infinity', '-infinity', NULL]::timestamp[])) AS v (t);
-- Of the outermost moments the local year is beyond the range in some zones.
INSERT INTO public.ages VALUES (42, 1001, NULL, '4714-11-24 BC', '4714-11-24 00:00+00 BC'),
    (42, 1002, NULL, '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00'),
    (43, 1003, '5874897-12-31', NULL, NULL), (43, 1004, '4714-11-24 BC', NULL, NULL);
CREATE INDEX ON public.ages (tenant_id, day);
CREATE INDEX ON public.ages (tenant_id, local_time);
CREATE INDEX ON public.ages (tenant_id, moment);
VACUUM ANALYZE public.ages;
SELECT splitplane.protect('public.ages', '{"tenant_id": "tenant"}');
CREATE VIEW test.year_conditions AS
SELECT format('%s %s %s', side, operator, number) AS condition
  FROM unnest(ARRAY['extract(year FROM day)', 'date_part(''year'', day)', 'extract(year FROM local_time)', 'date_part(''year'', local_time)',
                    'extract(year FROM moment)', 'date_part(''year'', moment)', 'extract(year FROM moment::date)',
                    'extract(year FROM date_trunc(''day'', local_time))']) AS side,
       unnest(ARRAY['=', '<', '<=', '>', '>=']) AS operator,
       unnest(ARRAY['-4714', '-4713', '-1', '-0.5', '0', '1', '2026', '2026.5', '1999 + 0.0', '294276', '294277', '''NaN''', '''Infinity''',
                    '''-Infinity''', '1e300', 'NULL']) AS number
UNION ALL
SELECT format('%s IN (%s)', side, numbers)
  FROM unnest(ARRAY['extract(year FROM day)', 'date_part(''year'', moment)', 'extract(year FROM local_time)']) AS side,
       unnest(ARRAY['2026, 1999', '-1, 1, 0', '2026, NULL', '''NaN'', 294276', '2026.5, 9999', '''Infinity'', -4713']) AS numbers
UNION ALL
SELECT format('to_char(%s, ''%s'') %s', side, pattern, comparison)
  FROM unnest(ARRAY['day', 'local_time', 'moment']) AS side,
       (VALUES ('YYYY', '2026', '1999'), ('YYYY', '0001', '0045'), ('YYYY', '4714', '9999'), ('YYYY', '4713', '2011'), ('YYYY', '0000', '10000'),
               ('YYYY-MM', '2026-03', '2026-12'), ('YYYY-MM', '0001-12', '0001-01'), ('YYYY-MM', '4714-11', '2024-02'),
               ('YYYY-MM-DD', '2026-03-31', '2011-12-31'), ('YYYY-MM-DD', '2024-02-29', '0004-02-29'), ('YYYY-MM-DD', '0001-12-31', '4714-11-23'),
               ('YYYY-MM-DD', '4714-11-24', '2011-12-30'), ('YYYY-MM-DD', '2026-02-29', '0001-02-29')) AS t (pattern, one, other),
       LATERAL unnest(ARRAY[format('= %L', one), format('= %L', other), format('IN (%L, %L)', one, other), format('IN (%L, NULL)', other)]) AS comparison;
CREATE FUNCTION test.years_compared(zone text, OUT conditions bigint, OUT different text[], OUT met bigint) LANGUAGE plpgsql AS $$
DECLARE
    c text;
    by_hand jsonb;
    ask text;
BEGIN
    PERFORM set_config('splitplane.time_zone', zone, false), set_config('TimeZone', zone, false);
    conditions := 0;
    met := 0;
    FOR c IN SELECT condition FROM test.year_conditions LOOP
        EXECUTE 'SELECT jsonb_build_array(jsonb_build_array(count(*), sum(visit_id))) FROM public.ages WHERE tenant_id = 42 AND (' || c || ')' INTO by_hand;
        ask := 'SELECT count(*), sum(visit_id) FROM ages WHERE ' || c;
        conditions := conditions + 1;
        met := met + (by_hand #>> '{0,0}' <> '0')::int;
        IF by_hand IS DISTINCT FROM public.ask(test.ctx(ask, '42'), sql => ask) -> 'rows' THEN
            different := different || c;
        END IF;
    END LOOP;
END
$$;
SELECT zone, (test.years_compared(zone)).* FROM unnest(ARRAY['UTC', 'Europe/Berlin', 'Pacific/Apia', 'Etc/GMT-14', 'Etc/GMT+12']) AS zone;
RESET splitplane.time_zone;
SET TimeZone = 'UTC';

\echo -- a prefix has bounds beside it where an index has the column, and else not
SELECT splitplane.define_view('remarks', 'SELECT visit_id, name, remark FROM arrivals');
CREATE FUNCTION test.seen(sql text, OUT has_bounds boolean, OUT untrusted jsonb) LANGUAGE sql AS $$
    SELECT (seen -> 'plan')::text ~ '>= ''visit 17''' AND (seen -> 'plan')::text ~ '< ''visit 18''', seen -> 'untrusted_conditions'
      FROM public.ask_dry_run(test.ctx(sql, '42'), sql => sql) AS seen
$$;
SELECT sql, (test.seen(sql)).*
  FROM unnest(ARRAY[
    'SELECT count(*) FROM arrivals WHERE name LIKE ''visit 17%''',
    'SELECT count(*) FROM arrivals WHERE remark LIKE ''visit 17%''',
    'SELECT count(*) FROM (SELECT name AS a FROM arrivals) AS q WHERE a LIKE ''visit 17%''',
    'SELECT count(*) FROM (SELECT remark AS a FROM arrivals) AS q WHERE a LIKE ''visit 17%''',
    'WITH w AS (SELECT * FROM arrivals) SELECT count(*) FROM w WHERE label LIKE ''visit 17%''',
    'WITH w AS (SELECT * FROM arrivals) SELECT count(*) FROM w WHERE remark LIKE ''visit 17%''',
    'SELECT count(*) FROM arrivals AS a JOIN arrivals AS b USING (visit_id) WHERE b.remark LIKE ''visit 17%''',
    'SELECT count(*) FROM remarks WHERE name LIKE ''visit 17%''',
    'SELECT count(*) FROM remarks WHERE remark LIKE ''visit 17%'''
  ]) AS sql;
CREATE INDEX ON public.arrivals (tenant_id, remark);
SELECT sql, (test.seen(sql)).*, (test.compared('remark LIKE ''visit 17%''')).*
  FROM unnest(ARRAY['SELECT count(*) FROM arrivals WHERE remark LIKE ''visit 17%''']) AS sql;
