-- The privilege matrix. A row too many here is a hole; a row too few locks out those who need it.

-- Nobody outside these roles may call anything: EXECUTE is with PUBLIC on no function of the extension.
SELECT p.oid::regprocedure AS open_to_public
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
 WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'splitplane')
   AND g.grantee = 0;

-- Who may call what; functions whose names start with an underscore are granted to no role.
SELECT p.oid::regprocedure AS function, string_agg(g.grantee::regrole::text, ', ' ORDER BY g.grantee::regrole::text) AS callers
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
  LEFT JOIN LATERAL (SELECT * FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner) g ON true
 WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'splitplane')
 GROUP BY 1 HAVING bool_or(g.grantee IS NOT NULL) ORDER BY p.oid::regprocedure::text COLLATE "C";

-- Every function of ours that runs with its owner's rights or is written in SQL or PL/pgSQL pins its search_path.
SELECT p.oid::regprocedure AS not_pinned
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid JOIN pg_language l ON l.oid = p.prolang
 WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'splitplane')
   AND (p.prosecdef OR l.lanname IN ('sql', 'plpgsql'))
   AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false);

-- Tables, views and the schema.
SELECT c.relname, g.grantee::regrole AS role, g.privilege_type, NULL AS "column"
  FROM pg_class c, aclexplode(c.relacl) g WHERE c.relnamespace = 'splitplane'::regnamespace AND g.grantee <> c.relowner
UNION ALL
SELECT c.relname, g.grantee::regrole, g.privilege_type, a.attname
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) g WHERE c.relnamespace = 'splitplane'::regnamespace
ORDER BY 1, 4, 3, 2;
SELECT g.grantee::regrole AS role, g.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) g
 WHERE n.nspname = 'splitplane' AND g.grantee <> n.nspowner ORDER BY g.grantee::regrole::text;

-- The roles: no login, no power, the reader a member of no role, no role a member of the reader.
SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname LIKE 'splitplane%' ORDER BY 1;
SELECT count(*) AS memberships_of_the_reader FROM pg_auth_members WHERE member = 'splitplane_reader'::regrole OR roleid = 'splitplane_reader'::regrole;
SELECT count(*) AS owned_by_the_reader FROM pg_shdepend WHERE refobjid = 'splitplane_reader'::regrole AND deptype = 'o';
-- What the reader may read: the plane's columns and the scope columns, by column.
SELECT c.oid::regclass AS relation, string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) g
 WHERE g.grantee = 'splitplane_reader'::regrole GROUP BY 1 ORDER BY c.oid::regclass::text;
SELECT c.oid::regclass AS table_level_grant FROM pg_class c, aclexplode(c.relacl) g WHERE g.grantee = 'splitplane_reader'::regrole;

-- A stranger can call nothing and read nothing.
\c - stranger
SELECT ask('{}', sql => 'SELECT 1');
SELECT ask_dry_run('{}', sql => 'SELECT 1');
SELECT * FROM ask_rows('{}', sql => 'SELECT 1') AS t(a int);
SELECT splitplane.create_key('AKMINE');
SELECT splitplane.sign('AKREGRESS', '42');
SELECT splitplane.claim('tenant');
SELECT splitplane.describe();
SELECT * FROM splitplane.propose();
SELECT * FROM splitplane.doctor() WHERE object <> 'role dba';
SELECT * FROM splitplane.selftest();
SELECT splitplane.arm_tripwire('public.orders');
SELECT splitplane.reopen();
SELECT splitplane.verify_query('mine', 'Mine?', 'SELECT 1');
SELECT splitplane.define_metric('mine', 'SELECT 1', 'Mine');
TABLE splitplane.keys;
TABLE splitplane.verified_queries;
TABLE splitplane.metrics;
TABLE splitplane.views;
SELECT splitplane.define_view('mine', 'SELECT 1 AS one');
SET ROLE splitplane_reader;

-- A caller can ask, and that is all: it reads no table, signs nothing, and cannot become the reader.
\c - app
SELECT ask(test.ctx('SELECT count(*) FROM orders'), sql => 'SELECT count(*) FROM orders') -> 'rows' AS rows;
SELECT count(*) FROM public.orders;
SELECT splitplane.sign('AKREGRESS', '42');
SELECT splitplane.protect('public.orders', '{}');
SELECT splitplane.unprotect('public.orders');
TABLE splitplane.principals;
SELECT splitplane.claim('tenant');
SET ROLE splitplane_reader;
SET splitplane.audience = 'other';
SET splitplane.max_rows = 100000;
SET splitplane.deadline = 0;

-- An administrator registers; the sealed secrets and the internals are not its own.
\c - dba
SELECT count(*) > 0 AS sees_keys FROM (SELECT key_id FROM splitplane.keys) k;
TABLE splitplane.keys;
SELECT splitplane._seal('AK', 'x');
SELECT splitplane._new_secret();
SELECT splitplane._prove('SELECT 1');
SELECT splitplane._selftest_run('42', '', '', 'SELECT 1');
SELECT splitplane._normalise_question('Who?');
SELECT count(*) AS queries FROM splitplane.verified_queries;
SELECT count(*) AS metrics FROM splitplane.metrics;
SELECT count(*) AS views FROM splitplane.views;
SELECT count(*) AS tripwires FROM splitplane.tripwires;
DELETE FROM splitplane.tripwires;
UPDATE splitplane.verified_queries SET sql = '';
DELETE FROM splitplane.metrics;
DELETE FROM splitplane.views;
SELECT splitplane._view_columns('mine');
SELECT splitplane._view_problem('mine');
SELECT splitplane._view_is_open('mine');
DELETE FROM splitplane.relations;
UPDATE splitplane.principals SET claims = '{}';
SELECT count(*) FROM public.payroll;
-- It is no caller unless it is granted that too.
SELECT ask('{}', sql => 'SELECT 1');
SET splitplane.audience = 'other';
