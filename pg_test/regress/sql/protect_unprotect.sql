-- protect must not change what any other role of the application sees or may do; unprotect puts back what was there.
\set SHOW_CONTEXT never
SET client_min_messages = warning;

CREATE TABLE public.plain (tenant_id int NOT NULL, note text NOT NULL);
CREATE TABLE public.secured (tenant_id int NOT NULL, note text NOT NULL);
INSERT INTO public.plain VALUES (7, 'seven'), (42, 'forty-two');
INSERT INTO public.secured SELECT * FROM public.plain;
CREATE INDEX ON public.plain (tenant_id);
CREATE INDEX ON public.secured (tenant_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON public.plain, public.secured TO reporting;
-- One table has row-level security of its own already.
ALTER TABLE public.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON public.secured TO reporting USING (tenant_id = 42);
GRANT SELECT (note) ON public.plain TO splitplane_reader;

CREATE FUNCTION test.shape() RETURNS TABLE (relation regclass, row_security boolean, forced boolean, grants text, policies text)
LANGUAGE sql AS $$
    SELECT c.oid::regclass, c.relrowsecurity, c.relforcerowsecurity,
           (SELECT string_agg(g.who || '=' || g.what, ' ' ORDER BY g.who, g.what)
              FROM (SELECT a.grantee::regrole::text AS who, a.privilege_type AS what FROM aclexplode(c.relacl) AS a
                    UNION ALL SELECT x.grantee::regrole::text, x.privilege_type || '(' || t.attname || ')'
                    FROM pg_attribute AS t, aclexplode(t.attacl) AS x WHERE t.attrelid = c.oid) AS g
             WHERE g.who <> 'postgres'),
           (SELECT string_agg(p.polname || ':' || p.polcmd::text || ':' || p.polpermissive::text || ':' || array_to_string(p.polroles::regrole[], ','), ' ' ORDER BY p.polname)
              FROM pg_policy AS p WHERE p.polrelid = c.oid)
      FROM pg_class AS c WHERE c.oid IN ('public.plain'::regclass, 'public.secured'::regclass) ORDER BY c.relname
$$;
CREATE TABLE test.before AS SELECT * FROM test.shape();
TABLE test.before;
SELECT has_schema_privilege('splitplane_reader', 'public', 'USAGE') AS reader_in_public;

SELECT splitplane.protect('public.plain', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.secured', '{"tenant_id": "tenant"}', columns => ARRAY['note']);
SELECT * FROM test.shape();
\pset format unaligned
SELECT schemaname, tablename, policyname, permissive, roles, cmd, qual, with_check
  FROM pg_policies WHERE tablename IN ('plain', 'secured') ORDER BY 2, 3;
\pset format aligned

-- Others see and do what they did: all rows of one table, their own policy's rows of the other.
SET ROLE reporting;
SELECT * FROM public.plain ORDER BY tenant_id;
SELECT * FROM public.secured ORDER BY tenant_id;
INSERT INTO public.plain VALUES (8, 'eight');
UPDATE public.plain SET note = 'EIGHT' WHERE tenant_id = 8 RETURNING *;
DELETE FROM public.plain WHERE tenant_id = 8 RETURNING *;
INSERT INTO public.secured VALUES (7, 'refused by the policy that was there');
SET ROLE postgres;
SELECT count(*) FROM public.plain;
-- The reader without a verified identity sees nothing, and an error reveals nothing.
SET ROLE splitplane_reader;
SELECT count(*) FROM public.plain;
SELECT * FROM public.secured;
SELECT note FROM public.secured;
INSERT INTO public.plain VALUES (1, 'x');
RESET ROLE;

SELECT test.rows('SELECT * FROM plain');
SELECT test.rows('SELECT * FROM secured');

SELECT splitplane.unprotect('public.plain');
SELECT splitplane.unprotect('public.secured');
-- Nothing is left, and what was granted to the reader before is granted again.
TABLE test.before EXCEPT SELECT * FROM test.shape();
SELECT * FROM test.shape() EXCEPT TABLE test.before;
SELECT count(*) AS registered FROM splitplane.relations WHERE name IN ('plain', 'secured');
SELECT test.rows('SELECT * FROM plain');

-- Protecting twice and taking it back once restores the table as it was before the first time.
SELECT splitplane.protect('public.plain', '{"tenant_id": "tenant"}');
SELECT splitplane.protect('public.plain', '{"tenant_id": "tenant"}', columns => ARRAY['note']);
SELECT splitplane.unprotect('public.plain');
SELECT * FROM test.shape() EXCEPT TABLE test.before;

-- A table dropped while it is registered can be taken out of the plane by what doctor says.
SELECT splitplane.protect('public.plain', '{"tenant_id": "tenant"}');
DROP TABLE public.plain;
SELECT test.rows('SELECT * FROM plain');
SELECT severity, regexp_replace(object, '\d+', 'N', 'g') AS object, finding FROM splitplane.doctor() WHERE fix LIKE '%unprotect%';
SELECT fix FROM splitplane.doctor() WHERE fix LIKE '%unprotect%' \gset
SET client_min_messages = warning;
:fix;
SELECT count(*) AS left_over FROM splitplane.relations WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation);

-- Who replaces splitplane_others by policies of his own keeps them: neither protect nor unprotect opens the table again.
RESET client_min_messages;
SET client_min_messages = warning;
CREATE TABLE public.own_policies (tenant_id int NOT NULL, note text NOT NULL);
INSERT INTO public.own_policies VALUES (7, 'seven'), (42, 'forty-two');
GRANT SELECT ON public.own_policies TO reporting;
SELECT splitplane.protect('public.own_policies', '{"tenant_id": "tenant"}');
SET ROLE reporting;
SELECT count(*) AS all_rows FROM public.own_policies;
RESET ROLE;
DROP POLICY splitplane_others ON public.own_policies;
CREATE POLICY mine ON public.own_policies TO reporting USING (tenant_id = 42);
SELECT fix FROM splitplane.doctor() WHERE object = 'public.own_policies' AND finding LIKE '%splitplane_others%';
SELECT splitplane.protect('public.own_policies', '{"tenant_id": "tenant"}', columns => ARRAY['note']);
SET ROLE reporting;
SELECT * FROM public.own_policies;
RESET ROLE;
SELECT splitplane.unprotect('public.own_policies');
SET ROLE reporting;
SELECT * FROM public.own_policies;
RESET ROLE;
DROP TABLE public.own_policies;
