-- A claim of which no two tenants hold one value can say by itself whose a row is.
\set SHOW_CONTEXT never
\set VERBOSITY default
CREATE TABLE public.tasks (project_id int NOT NULL, title text NOT NULL);
CREATE INDEX ON public.tasks (project_id);
INSERT INTO public.tasks VALUES (1, 'of 42, first'), (2, 'of 42, second'), (8, 'CANARY'), (9, 'CANARY of nobody');
SELECT splitplane.admit('42', claims => '{"stores": [1, 2, 3, 4], "projects": [1, 2]}');
SELECT splitplane.admit('42', 'lead', claims => '{"projects": [2], "stores": []}');
SELECT splitplane.admit('7', claims => '{"stores": [1, 2, 3, 4], "projects": [8]}');
-- Not before it is declared.
SELECT splitplane.protect('public.tasks', '{"project_id": "projects"}');
\echo :SQLSTATE
SELECT splitplane.protect('public.tasks', '{"project_id": "business"}');
SELECT splitplane.declare_claim('projects', false);
SELECT splitplane.protect('public.tasks', '{"project_id": "projects"}');
-- Nor can a claim be declared whose values two tenants hold, in whatever spelling.
SELECT splitplane.declare_claim('stores');
\echo :SQLSTATE
SELECT splitplane.admit('9', claims => '{"projects": "02"}');
SELECT splitplane.declare_claim('projects');
SELECT splitplane.expel('9');
SELECT splitplane.declare_claim('projects');
SELECT splitplane.protect('public.tasks', '{"project_id": "projects"}');
SELECT * FROM splitplane.claims;
\c - app
SELECT test.rows('SELECT title FROM tasks ORDER BY project_id');
SELECT test.rows('SELECT title FROM tasks ORDER BY project_id', '42', 'lead');
SELECT test.rows('SELECT title FROM tasks ORDER BY project_id', '7');
SELECT test.rows('SELECT title FROM tasks WHERE project_id = 8 OR true ORDER BY project_id');
\c - postgres
\set SHOW_CONTEXT never
-- From now on no value goes to a second tenant.
SELECT splitplane.admit('9', claims => '{"projects": [5, 2]}');
\echo :SQLSTATE
SELECT splitplane.admit('9', claims => '{"projects": ["+2"]}');
SELECT splitplane.admit('9', claims => '{"projects": 2.0}');
SELECT splitplane.admit('9', claims => '{"projects": " 8 "}');
-- A claim of another name with this value, other values, and the same tenant again.
SELECT splitplane.admit('9', claims => '{"regions": [2], "projects": [3]}');
SELECT splitplane.admit('42', 'other', claims => '{"projects": [1], "stores": []}');
SELECT splitplane.expel('42', 'other');
-- What is given back can be held by another.
SELECT splitplane.admit('9', claims => '{"projects": []}');
SELECT splitplane.admit('7', 'north', claims => '{"projects": [3], "stores": []}');
SELECT splitplane.expel('7', 'north'), splitplane.expel('9');
-- Texts and UUIDs: spellings of one uuid are one value, texts are what they are.
SELECT splitplane.admit('42', 'u', claims => '{"devices": ["00000000-0000-4000-8000-00000000000a", "left"], "projects": [], "stores": []}');
SELECT splitplane.declare_claim('devices');
SELECT splitplane.admit('7', 'u', claims => '{"devices": ["{00000000-0000-4000-8000-00000000000A}"], "projects": [], "stores": []}');
SELECT splitplane.admit('7', 'u', claims => '{"devices": ["left"], "projects": [], "stores": []}');
SELECT splitplane.admit('7', 'u', claims => '{"devices": ["Left"], "projects": [], "stores": []}');
-- A value too long for an index as it is.
SELECT splitplane.admit('7', 'u', claims => jsonb_build_object('devices', repeat('x', 100000), 'projects', '[]'::jsonb, 'stores', '[]'::jsonb));
SELECT left(splitplane.expel('7', 'u')::text, 9), splitplane.expel('42', 'u');

-- What rests on it, it keeps.
SELECT splitplane.declare_claim('projects', false);
\echo :SQLSTATE
SELECT splitplane.arm_tripwire('public.tasks');
\echo :SQLSTATE
SELECT shape, verdict, detail FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation = 'public.tasks' AND verdict <> 'pass';
SELECT count(*) FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation = 'public.tasks' AND verdict = 'pass';
SELECT severity, object, finding FROM splitplane.doctor() WHERE object IN ('public.tasks', 'claim projects');
-- With business or subject besides.
CREATE TABLE public.desks (project_id int NOT NULL, desk text NOT NULL, note text);
INSERT INTO public.desks VALUES (2, 'lead', 'own'), (2, 'clerk', 'of a colleague'), (8, 'lead', 'CANARY');
SELECT splitplane.protect('public.desks', '{"project_id": "projects", "desk": "business"}');
SELECT test.rows('SELECT note FROM desks', '42', 'lead');
SELECT verdict, count(*) FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation = 'public.desks' GROUP BY 1 ORDER BY 1;
SELECT splitplane.unprotect('public.desks');
DROP TABLE public.desks;

-- The fence by itself: without it the foreign rows are there.
BEGIN;
SET LOCAL ROLE splitplane_reader;
SELECT title FROM public.tasks;
RESET ROLE;
DROP POLICY "!splitplane_scope" ON public.tasks;
DROP POLICY splitplane_closed ON public.tasks;
ALTER POLICY splitplane_read ON public.tasks USING (true);
SET LOCAL ROLE splitplane_reader;
SELECT count(*) FROM public.tasks;
RESET ROLE;
SELECT test.rows('SELECT title FROM tasks');
\echo :SQLSTATE
ROLLBACK;

-- Rows that were changed by hand.
\pset format unaligned
\pset tuples_only on
\set found 'SELECT format(E''%s: %s\n    %s\n    %s'', severity, object, finding, fix) FROM splitplane.doctor() WHERE object IN (''public.tasks'', ''claim projects'') ORDER BY object, finding'
UPDATE splitplane.principals SET claims = '{"stores": [1], "projects": [8, "002"]}' WHERE tenant = '7';
:found;
SELECT test.rows('SELECT title FROM tasks ORDER BY project_id', '7');
SELECT splitplane.protect('public.tasks', '{"project_id": "projects"}');
\echo :SQLSTATE
SELECT fix FROM splitplane.doctor() WHERE object = 'claim projects' \gexec
SELECT splitplane.protect('public.tasks', '{"project_id": "projects"}');
:found;
SELECT claims FROM splitplane.principals WHERE tenant = '7';
SELECT test.rows('SELECT title FROM tasks ORDER BY project_id', '7');
-- Several values of several claims, with several tenants: one statement takes all of them, and nothing else.
BEGIN;
UPDATE splitplane.principals SET claims = '{"stores": [1, 2], "projects": [1, 2], "devices": ["left", "right"]}' WHERE tenant = '42' AND business = '*';
UPDATE splitplane.principals SET claims = '{"stores": [1, 2], "projects": ["02", 8, 1], "devices": ["right", "mine"]}' WHERE tenant = '7';
INSERT INTO splitplane.principals VALUES ('9', '*', '*', '{"stores": 3, "projects": [8, 9], "devices": "mine"}', true);
:found;
SELECT fix FROM splitplane.doctor() WHERE object LIKE 'claim %' AND finding LIKE 'It is exclusive%' \gexec
SELECT tenant, claims FROM splitplane.principals ORDER BY tenant, business;
SELECT count(*) FROM splitplane.doctor() WHERE finding LIKE 'It is exclusive%';
ROLLBACK;
-- A principal that is put out does not count.
UPDATE splitplane.principals SET claims = '{"projects": [1]}', enabled = false WHERE tenant = '7';
:found;
DELETE FROM splitplane.claims;
:found;
SELECT test.rows('SELECT title FROM tasks ORDER BY project_id');
SELECT fix FROM splitplane.doctor() WHERE object = 'public.tasks' \gexec
:found;

-- What cannot be declared.
SELECT splitplane.declare_claim('tenant');
SELECT splitplane.declare_claim('Projects');
SELECT splitplane.declare_claim(NULL);
SELECT splitplane.declare_claim('projects', NULL);
SET ROLE app;
SELECT splitplane.declare_claim('projects');
SELECT * FROM splitplane.claims;
RESET ROLE;
SET ROLE dba;
SELECT * FROM splitplane.claims;
SELECT splitplane.declare_claim('regions');
RESET ROLE;

-- Where the table of the projects is in the plane, doctor() compares the values with its tenant column.
CREATE TABLE public.projects (project_id int PRIMARY KEY, org_id text NOT NULL, name text);
INSERT INTO public.projects VALUES (1, '42', 'a'), (2, '42', 'b'), (8, '7', 'CANARY'), (9, '9', 'CANARY of nobody');
ALTER TABLE public.tasks ADD CONSTRAINT of_project FOREIGN KEY (project_id) REFERENCES public.projects;
DELETE FROM splitplane.principals;
SELECT splitplane.admit('42', claims => '{"projects": [1, "02"], "stores": []}'), splitplane.admit('7', claims => '{"projects": ["x", 8, 77, "99999999999999999999"], "stores": []}');
SELECT splitplane.declare_claim('projects');
SELECT splitplane.protect('public.tasks', '{"project_id": "projects"}', ARRAY['title'], 'jobs');
:found;
SELECT splitplane.protect('public.projects', '{"org_id": "tenant"}', ARRAY['name']);
:found;
-- A project that changed hands, and a value that was never the tenant's.
BEGIN;
UPDATE public.projects SET org_id = '42' WHERE project_id = 8;
SELECT splitplane.admit('42', 'lead', claims => '{"projects": [9, 2], "stores": []}');
:found;
SELECT fix FROM splitplane.doctor() WHERE object = 'claim projects' \gexec
:found;
SELECT fix FROM splitplane.doctor() WHERE object = 'claim projects' \gexec
:found;
SELECT claims FROM splitplane.principals ORDER BY tenant, business;
ROLLBACK;
-- What it proposes shows the same rows, and none of another tenant by a wrong claim. Who of a tenant has fewer projects
-- sees no more than before.
SELECT test.rows('SELECT title FROM jobs ORDER BY title');
SELECT fix FROM splitplane.doctor() WHERE object = 'public.tasks' AND finding LIKE 'Its foreign key%' \gexec
:found;
BEGIN;
UPDATE splitplane.principals SET claims = '{"projects": [8], "stores": []}' WHERE tenant = '7';
SELECT test.rows('SELECT title FROM jobs ORDER BY title'), test.rows('SELECT title FROM jobs ORDER BY title', '7');
UPDATE splitplane.principals SET claims = '{"projects": [1], "stores": []}' WHERE tenant = '42';
SELECT test.rows('SELECT title FROM jobs ORDER BY title');
UPDATE splitplane.principals SET claims = '{"projects": [8], "stores": []}' WHERE tenant = '42';
SELECT test.rows('SELECT title FROM jobs ORDER BY title'), test.rows('SELECT title FROM jobs ORDER BY title', '7');
ROLLBACK;
-- Without the claim the rows are those of the projects, whatever it holds.
SELECT splitplane.protect_through('public.tasks', 'public.projects', '{title}', name => 'jobs', scope => '{}');
UPDATE splitplane.principals SET claims = '{"projects": [8], "stores": []}' WHERE tenant = '42';
SELECT test.rows('SELECT title FROM jobs ORDER BY title'), test.rows('SELECT title FROM jobs ORDER BY title', '7');
:found;
SELECT splitplane.unprotect('public.tasks');
-- Ids that are texts and uuids.
CREATE TABLE public.sites (site uuid PRIMARY KEY, code text NOT NULL UNIQUE, org_id int NOT NULL);
INSERT INTO public.sites VALUES ('00000000-0000-4000-8000-00000000000a', 'n', 42), ('00000000-0000-4000-8000-00000000000b', 's', 7);
CREATE TABLE public.site_visits (site uuid REFERENCES public.sites, code text REFERENCES public.sites (code));
UPDATE splitplane.principals SET claims = '{"projects": [], "stores": [], "sites": ["00000000-0000-4000-8000-00000000000A"], "codes": ["n", "s"]}' WHERE tenant = '42';
SELECT splitplane.declare_claim('sites'), splitplane.declare_claim('codes');
SELECT splitplane.protect('public.sites', '{"org_id": "tenant"}');
SELECT splitplane.protect('public.site_visits', '{"site": "sites", "code": "codes"}');
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE object IN ('claim sites', 'claim codes');
UPDATE public.sites SET org_id = 7;
SELECT severity, object, finding FROM splitplane.doctor() WHERE object IN ('claim sites', 'claim codes');
SELECT splitplane.unprotect('public.site_visits'), splitplane.unprotect('public.sites'), splitplane.unprotect('public.projects');
SELECT splitplane.declare_claim('projects', false);
