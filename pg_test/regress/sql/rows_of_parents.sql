-- Tables without a tenant column: a row belongs to whom its parent row belongs, by the foreign key between the two.
\set SHOW_CONTEXT never
CREATE TABLE public.invoices (invoice_id int PRIMARY KEY, org_id int NOT NULL, number text NOT NULL, secret text DEFAULT 'hidden');
CREATE TABLE public.lines (line_id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES public.invoices, item text NOT NULL, amount int NOT NULL);
CREATE TABLE public.notes (note_id int PRIMARY KEY, line_id int REFERENCES public.lines, note text NOT NULL);
CREATE INDEX ON public.lines (invoice_id);
CREATE INDEX ON public.notes (line_id);
INSERT INTO public.invoices VALUES (1, 42, 'A-1'), (2, 42, 'A-2'), (3, 7, 'CANARY-1'), (4, 8, 'CANARY of nobody');
INSERT INTO public.lines VALUES (10, 1, 'tea', 5), (11, 1, 'milk', 7), (12, 2, 'rice', 11), (13, 3, 'CANARY item', 13), (14, 4, 'CANARY of nobody', 17);
INSERT INTO public.notes VALUES (100, 10, 'on tea'), (101, 13, 'CANARY note'), (102, NULL, 'CANARY of no line'), (103, 12, 'on rice');

-- Its parent comes first.
SELECT splitplane.protect_through('public.lines', 'public.invoices');
\echo :SQLSTATE
SELECT splitplane.protect('public.invoices', '{"org_id": "tenant"}', ARRAY['number']);
SELECT splitplane.protect_through('public.lines', 'public.invoices');
SELECT splitplane.protect_through('public.notes', 'public.lines');
SELECT link, relation, parent, key, columns, parent_columns, membership FROM splitplane.parents ORDER BY link;
SELECT relation, polname, pg_get_expr(polqual, polrelid) FROM pg_policy AS p JOIN splitplane.relations AS r ON r.relation = p.polrelid WHERE r.relation IN ('public.lines'::regclass, 'public.notes'::regclass) AND polname LIKE '!%' ORDER BY 1;
SELECT severity, object, finding FROM splitplane.doctor() WHERE object IN ('public.lines', 'public.notes', 'public.invoices') ORDER BY 1, 2, 3;

\c - app
SELECT test.rows('SELECT item, amount FROM lines ORDER BY line_id');
SELECT test.rows('SELECT item, amount FROM lines ORDER BY line_id', '7');
SELECT test.rows('SELECT note FROM notes ORDER BY note_id');
SELECT test.rows('SELECT note FROM notes ORDER BY note_id', '7');
SELECT test.rows('SELECT i.number, l.item, n.note FROM invoices i JOIN lines l ON true LEFT JOIN notes n USING (line_id) WHERE l.item <> i.number ORDER BY 1, 2');
SELECT test.rows('WITH lines AS (SELECT * FROM lines) SELECT count(*) FROM lines');
SELECT test.rows('SELECT count(*) FROM public.lines AS a, lines AS b');
SELECT test.rows('SELECT item FROM lines WHERE invoice_id = 3 OR true ORDER BY 1');
SELECT test.rows('SELECT sum(amount) FROM lines WHERE invoice_id IN (SELECT line_id FROM notes) OR EXISTS (SELECT FROM notes WHERE note LIKE ''%CANARY%'')');
-- No condition is evaluated over a row that the fence hides.
SELECT test.rows('SELECT count(*) FROM lines WHERE 1 / (amount - 13) IS NOT NULL');
SELECT test.rows('SELECT count(*) FROM lines WHERE 1 / (amount - 5) IS NOT NULL');
\echo :SQLSTATE
-- A function of one's own that runs as its caller finds the keys if the statement needs them itself; else there are none to find.
\c - postgres
SET client_min_messages = warning;
CREATE FUNCTION public.line_count() RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT count(line_id) FROM public.lines';
SELECT splitplane.allow_function('public.line_count()');
SELECT test.rows('SELECT line_count()');
\echo :SQLSTATE
SELECT test.rows('SELECT line_count(), count(*) FROM lines'), test.rows('SELECT line_count(), count(*) FROM lines', '7');
SELECT splitplane.disallow_function('public.line_count()');
\c - app
-- The key of the parent is granted to the reader, and is not in the plane.
SELECT test.rows('SELECT invoice_id FROM invoices');
\echo :SQLSTATE
SELECT test.rows('SELECT splitplane.in_parent(''1:1'', 1)');
\echo :SQLSTATE
SELECT ask_dry_run(test.ctx('SELECT note FROM notes'), sql => 'SELECT note FROM notes') -> 'plane_sql';
SELECT ask_dry_run(test.ctx('SELECT note FROM notes'), sql => 'SELECT note FROM notes') -> 'parameters';
\c - postgres
SET client_min_messages = warning;

\echo -- a second parent: each key that is not NULL must lead to a visible row, and there must be one
CREATE TABLE public.people (person_id int PRIMARY KEY, org_id int NOT NULL, name text NOT NULL);
INSERT INTO public.people VALUES (1, 42, 'ann'), (2, 7, 'CANARY bob');
CREATE TABLE public.calls (call_id int PRIMARY KEY, invoice_id int REFERENCES public.invoices, person_id int REFERENCES public.people, topic text);
CREATE INDEX ON public.calls (invoice_id);
CREATE INDEX ON public.calls (person_id);
INSERT INTO public.calls VALUES (1, 1, NULL, 'invoice'), (2, NULL, 1, 'person'), (3, 1, 1, 'both'), (4, 1, 2, 'CANARY: a person of 7'), (5, 3, 1, 'CANARY: an invoice of 7'), (6, NULL, NULL, 'CANARY of nobody'), (7, 3, 2, 'CANARY: both of 7');
SELECT splitplane.protect('public.people', '{"org_id": "tenant"}');
SELECT splitplane.protect_through('public.calls', 'public.invoices', ARRAY['call_id', 'topic'], private_columns => ARRAY['topic']);
SELECT test.rows('SELECT topic FROM calls ORDER BY call_id');
-- The control: by one key alone, call 4 is 42's.
SELECT splitplane.protect_through('public.calls', 'public.people');
SELECT test.rows('SELECT topic FROM calls ORDER BY call_id');
SELECT test.rows('SELECT topic FROM calls ORDER BY call_id', '7');
SELECT columns, private_columns, name FROM splitplane.relations WHERE relation = 'public.calls'::regclass;
SELECT ask_dry_run(test.ctx('SELECT topic FROM calls'), sql => 'SELECT topic FROM calls') ->> 'plane_sql';
-- Called again for one of them, it defines the registration, and keeps the other.
SELECT splitplane.protect_through('public.calls', 'public.people', name => 'phone_calls');
SELECT test.rows('SELECT topic, person_id FROM phone_calls ORDER BY call_id');

\echo -- a key of several columns: all of them are compared
CREATE TABLE public.branches (region text, branch int, org_id int NOT NULL, PRIMARY KEY (region, branch));
CREATE TABLE public.desks (desk int PRIMARY KEY, region text, branch int, what text, FOREIGN KEY (region, branch) REFERENCES public.branches);
INSERT INTO public.branches VALUES ('north', 1, 42), ('north', 2, 7), ('south', 1, 7), ('south', 2, 42);
INSERT INTO public.desks VALUES (1, 'north', 1, 'own'), (2, 'north', 2, 'CANARY'), (3, 'south', 1, 'CANARY'), (4, 'south', 2, 'own, too'), (5, 'north', NULL, 'CANARY of nobody');
SELECT splitplane.protect('public.branches', '{"org_id": "tenant"}', ARRAY['branch']);
SELECT splitplane.protect_through('public.desks', 'public.branches');
SELECT test.rows('SELECT what FROM desks ORDER BY desk');
SELECT ask_dry_run(test.ctx('SELECT what FROM desks'), sql => 'SELECT what FROM desks') ->> 'plane_sql';

\echo -- a further scope narrows it
ALTER TABLE public.desks ADD store_id int NOT NULL DEFAULT 2;
UPDATE public.desks SET store_id = 4 WHERE desk = 4;
SELECT splitplane.protect_through('public.desks', 'public.branches', scope => '{"store_id": "stores"}');
SELECT test.rows('SELECT what FROM desks ORDER BY desk', '42', 'franchise');
-- It is not bound by the claim alone, so that two tenants may well hold one value of it. The control is such a table.
BEGIN;
CREATE TABLE public.tills (store_id int);
SELECT splitplane.admit('42', 'mall', claims => '{"shops": [4]}'), splitplane.declare_claim('shops');
SELECT splitplane.protect('public.tills', '{"store_id": "shops"}');
SELECT splitplane.declare_claim('shops', false);
\echo :SQLSTATE
ROLLBACK;
BEGIN;
SELECT splitplane.admit('42', 'mall', claims => '{"shops": [4]}'), splitplane.declare_claim('shops');
SELECT splitplane.protect_through('public.desks', 'public.branches', scope => '{"store_id": "shops"}');
SELECT splitplane.declare_claim('shops', false);
SELECT splitplane.admit('7', 'mall', claims => '{"shops": [4]}');
SELECT severity, finding FROM splitplane.doctor() WHERE object = 'public.desks';
ROLLBACK;
SELECT splitplane.protect_through('public.desks', 'public.branches', scope => '{"store_id": "tenant"}');
\echo :SQLSTATE

\echo -- a membership table: its own scope says which memberships count
CREATE TABLE public.accounts (account_id int PRIMARY KEY, email text NOT NULL, password_hash text NOT NULL);
CREATE TABLE public.memberships (account_id int NOT NULL REFERENCES public.accounts, org_id int NOT NULL, PRIMARY KEY (account_id, org_id));
INSERT INTO public.accounts VALUES (1, 'ann@42', 'CANARY hash'), (2, 'CANARY bob@7', 'CANARY hash'), (3, 'eve@both', 'CANARY hash'), (4, 'CANARY of nobody', 'CANARY hash');
INSERT INTO public.memberships VALUES (1, 42), (2, 7), (3, 42), (3, 7);
SELECT splitplane.protect('public.memberships', '{"org_id": "tenant"}');
SELECT splitplane.protect_through('public.accounts', 'public.memberships');
\echo :SQLSTATE
SELECT splitplane.protect_through('public.accounts', 'public.memberships', ARRAY['account_id', 'email']);
SELECT test.rows('SELECT email FROM accounts ORDER BY account_id');
SELECT test.rows('SELECT email FROM accounts ORDER BY account_id', '7');
SELECT splitplane.arm_tripwire('public.accounts');
\echo :SQLSTATE

-- What belongs to people who belong to several tenants is shown to each of these.
CREATE TABLE public.logins (login_id int PRIMARY KEY, account_id int NOT NULL REFERENCES public.accounts, place text NOT NULL);
CREATE INDEX ON public.logins (account_id);
INSERT INTO public.logins VALUES (1, 1, 'ann of 42'), (2, 2, 'CANARY bob'), (3, 3, 'eve of both');
SELECT splitplane.protect_through('public.logins', 'public.accounts');
\echo :SQLSTATE
SELECT splitplane.protect_through('public.logins', 'public.accounts', ARRAY['place']);
SELECT test.rows('SELECT place FROM logins ORDER BY place');
SELECT test.rows('SELECT place FROM logins ORDER BY place', '7');
SELECT splitplane.arm_tripwire('public.logins');
\echo :SQLSTATE
SELECT splitplane.unprotect('public.logins');

\echo -- what is no parent, or no key
SELECT splitplane.protect_through('public.lines', 'public.people');
\echo :SQLSTATE
SELECT splitplane.protect_through('public.lines', 'public.invoices', key => 'other');
\echo :SQLSTATE
ALTER TABLE public.invoices ADD parent_id int REFERENCES public.invoices;
SELECT splitplane.protect_through('public.invoices', 'public.invoices');
\echo :SQLSTATE
ALTER TABLE public.invoices ADD line_id int REFERENCES public.lines;
SELECT splitplane.protect_through('public.invoices', 'public.lines', key => 'invoices_line_id_fkey');
\echo :SQLSTATE
SELECT splitplane.protect_through('public.lines', 'public.invoices');
\echo :SQLSTATE
ALTER TABLE public.invoices DROP COLUMN line_id, DROP COLUMN parent_id;
SELECT splitplane.share('public.invoices');
\echo :SQLSTATE
SELECT splitplane.unprotect('public.invoices');
\echo :SQLSTATE
SELECT splitplane.protect_through('public.lines', NULL);
\echo :SQLSTATE

\echo -- each layer by itself, with the other gone
BEGIN;
DROP POLICY "!splitplane_scope" ON public.lines;
DROP POLICY splitplane_closed ON public.lines;
ALTER POLICY splitplane_read ON public.lines USING (true);
SET LOCAL ROLE splitplane_reader;
SELECT count(*) AS unfenced FROM public.lines;
ROLLBACK;
BEGIN;
SET LOCAL ROLE splitplane_reader;
SELECT count(*) AS outside_a_call FROM public.lines;
ROLLBACK;
BEGIN;
ALTER POLICY "!splitplane_scope" ON public.lines USING (splitplane.in_parent('1:1', line_id));
SELECT object, finding FROM splitplane.doctor() WHERE severity = 'critical';
SELECT test.rows('SELECT item FROM lines');
\echo :SQLSTATE
ROLLBACK;

\echo -- a key that is dropped, altered or not enforced, and a parent that is gone
BEGIN;
ALTER TABLE public.lines DROP CONSTRAINT lines_invoice_id_fkey;
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT test.rows('SELECT item FROM lines');
\echo :SQLSTATE
ROLLBACK;
BEGIN;
ALTER TABLE public.lines RENAME invoice_id TO of_invoice;
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' LIMIT 1 \gexec
SELECT test.rows('SELECT item FROM lines ORDER BY line_id');
ROLLBACK;
-- The column of the parent, and one of the child that takes the old name.
BEGIN;
ALTER TABLE public.invoices RENAME invoice_id TO id;
ALTER TABLE public.lines RENAME invoice_id TO of_invoice;
ALTER TABLE public.lines RENAME line_id TO invoice_id;
SELECT DISTINCT object, fix FROM splitplane.doctor() WHERE severity = 'critical' ORDER BY 1;
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' AND object = 'public.lines' LIMIT 1 \gexec
SELECT DISTINCT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical' ORDER BY 1;
SELECT test.rows('SELECT item FROM lines ORDER BY item');
SELECT test.rows('SELECT note FROM notes ORDER BY note');
ROLLBACK;
BEGIN;
ALTER TABLE public.lines DROP CONSTRAINT lines_invoice_id_fkey;
ALTER TABLE public.lines ADD CONSTRAINT lines_invoice_id_fkey FOREIGN KEY (line_id) REFERENCES public.invoices NOT VALID;
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
ROLLBACK;
BEGIN;
DELETE FROM splitplane.relations WHERE relation = 'public.invoices'::regclass;
SELECT object, finding FROM splitplane.doctor() WHERE severity = 'critical';
SELECT test.rows('SELECT note FROM notes');
\echo :SQLSTATE
ROLLBACK;
-- The table of the parent is dropped: its rows have no owner any more, and the plane opens when they are out of it.
BEGIN;
SET LOCAL client_min_messages = error;
DROP TABLE public.invoices CASCADE;
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical' AND object = 'public.lines';
SELECT test.rows('SELECT name FROM people');
\echo :SQLSTATE
ROLLBACK;
BEGIN;
SET LOCAL client_min_messages = error;
DROP TABLE public.invoices CASCADE;
SELECT splitplane.unprotect(relation) FROM splitplane.relations WHERE name = 'invoices';
SELECT splitplane.unprotect('public.calls'), splitplane.unprotect('public.notes'), splitplane.unprotect('public.lines');
SELECT count(*) FROM splitplane.doctor() WHERE severity = 'critical' OR object = 'invoices';
SELECT test.rows('SELECT name FROM people');
ROLLBACK;
BEGIN;
DELETE FROM splitplane.parents WHERE relation = 'public.lines'::regclass;
SELECT object, finding, fix FROM splitplane.doctor() WHERE severity = 'critical';
SELECT test.rows('SELECT item FROM lines');
\echo :SQLSTATE
ROLLBACK;
BEGIN;
ALTER TABLE public.lines DROP CONSTRAINT lines_invoice_id_fkey;
ALTER TABLE public.lines ADD CONSTRAINT lines_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices DEFERRABLE NOT VALID;
DROP INDEX public.lines_invoice_id_idx;
ALTER TABLE public.lines DISABLE TRIGGER ALL;
INSERT INTO public.lines VALUES (20, 99, 'CANARY orphan', 1);
SELECT severity, finding, fix FROM splitplane.doctor() WHERE object = 'public.lines';
SELECT test.rows('SELECT item FROM lines ORDER BY line_id');
ROLLBACK;

\echo -- a parent that was altered is a parent as before
BEGIN;
SELECT splitplane.unprotect('public.calls'), splitplane.unprotect('public.notes'), splitplane.unprotect('public.lines');
ALTER TABLE public.invoices ADD remark text;
SELECT splitplane.protect_through('public.lines', 'public.invoices');
SELECT object, finding FROM splitplane.doctor() WHERE severity = 'critical';
SELECT test.rows('SELECT item FROM lines ORDER BY line_id');
-- What was wrong with it before is not made right by the way.
ALTER POLICY "!splitplane_scope" ON public.invoices USING (true);
SELECT splitplane.protect_through('public.lines', 'public.invoices');
SELECT object, finding FROM splitplane.doctor() WHERE severity = 'critical';
ROLLBACK;

\echo -- rows that change hands
BEGIN;
UPDATE public.invoices SET org_id = 7 WHERE invoice_id = 1;
SELECT test.rows('SELECT item FROM lines ORDER BY line_id');
SELECT test.rows('SELECT item FROM lines ORDER BY line_id', '7');
SELECT test.rows('SELECT note FROM notes ORDER BY note_id', '7');
UPDATE public.lines SET invoice_id = 2 WHERE line_id = 13;
SELECT test.rows('SELECT item FROM lines ORDER BY line_id');
ROLLBACK;

\echo -- the self-test compares with an oracle of its own
SELECT shape, verdict, detail FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation IN ('public.lines', 'public.desks') AND shape IN ('scope columns', 'direct', 'aggregate') ORDER BY relation, shape;
BEGIN;
CREATE POLICY narrow ON public.lines AS RESTRICTIVE TO splitplane_reader USING (amount > 5);
SELECT verdict, count(*) FROM splitplane.selftest(ARRAY['42', '7']) WHERE relation = 'public.lines' AND shape NOT IN ('scope columns', 'hidden columns') GROUP BY 1 ORDER BY 1;
ROLLBACK;

\echo -- the tripwire: planted rows of a child reference planted rows of its parent
SELECT splitplane.arm_tripwire('public.lines');
\echo :SQLSTATE
BEGIN;
SELECT splitplane.tripwire_row('public.invoices') \gexec
SELECT splitplane.arm_tripwire('public.invoices');
SELECT splitplane.arm_tripwire('public.lines');
\echo :SQLSTATE
ROLLBACK;
SELECT splitplane.tripwire_row('public.invoices') \gexec
SELECT splitplane.arm_tripwire('public.invoices');
SELECT splitplane.tripwire_row('public.lines') \gexec
SELECT splitplane.arm_tripwire('public.lines');
SELECT splitplane.tripwire_row('public.notes') \gexec
SELECT splitplane.arm_tripwire('public.notes');
SELECT splitplane.arm_tripwire('public.desks');
\echo :SQLSTATE
SELECT relation, column_name, value FROM splitplane.tripwires ORDER BY relation::text;
SELECT i.org_id, l.invoice_id = i.invoice_id AS line, n.line_id = l.line_id AS note
FROM public.invoices AS i JOIN public.lines AS l USING (invoice_id) JOIN public.notes AS n USING (line_id) WHERE i.org_id < 0;
-- The value of a child's tripwire is a key, and no tenant.
SELECT splitplane.admit('-1'), splitplane.expel('-1');
-- Honest statements do not touch it, nor does the collection of keys.
SELECT test.rows('SELECT count(*) FROM notes JOIN lines USING (line_id) JOIN invoices ON true');
SELECT relation, verdict, detail FROM splitplane.selftest(ARRAY['42', '7']) WHERE shape = 'tripwire' ORDER BY 1;
-- A leak does, and the control without one does not.
CREATE FUNCTION public.leaked_notes() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.notes';
CREATE FUNCTION public.notes_of(int) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.notes WHERE line_id = $1';
SELECT splitplane.allow_function('public.leaked_notes()'), splitplane.allow_function('public.notes_of(int)');
SELECT test.rows('SELECT notes_of(10)');
SELECT test.rows('SELECT leaked_notes()');
\echo :SQLSTATE
SELECT test.rows('SELECT count(*) FROM notes');
\echo :SQLSTATE
SELECT splitplane.reopen();
SELECT test.rows('SELECT count(*) FROM notes');
SELECT splitplane.disallow_function('public.leaked_notes()'), splitplane.disallow_function('public.notes_of(int)');
SELECT splitplane.disarm_tripwire('public.invoices');
\echo :SQLSTATE
-- Where the planted rows of the parent are another tenant's now, that is told.
BEGIN;
UPDATE public.invoices SET org_id = 9 WHERE org_id < 0;
SELECT relation, verdict, detail FROM splitplane.selftest(ARRAY['42', '7']) WHERE shape = 'tripwire' ORDER BY 1;
ROLLBACK;
SELECT splitplane.disarm_tripwire('public.notes'), splitplane.disarm_tripwire('public.lines'), splitplane.disarm_tripwire('public.invoices');

\echo -- the model is told the join, where both ends of it are in the plane
BEGIN;
SELECT splitplane.protect('public.invoices', '{"org_id": "tenant"}', ARRAY['invoice_id', 'number']);
SELECT line FROM regexp_split_to_table(splitplane.describe(), E'\n') AS line WHERE line LIKE '%references invoices%' OR line LIKE '%references lines%';
ROLLBACK;

\echo -- taken out again: nothing is left
SELECT splitplane.unprotect('public.calls'), splitplane.unprotect('public.notes'), splitplane.unprotect('public.lines');
SELECT a.attname, a.attacl FROM pg_attribute AS a WHERE a.attrelid IN ('public.invoices'::regclass, 'public.people'::regclass) AND a.attnum > 0 AND a.attacl IS NOT NULL ORDER BY 1;
SELECT count(*) FROM splitplane.parents WHERE relation IN ('public.calls'::regclass, 'public.notes'::regclass, 'public.lines'::regclass);
SELECT object, finding FROM splitplane.doctor() WHERE severity = 'critical' OR object LIKE 'public.invoices%';
SELECT splitplane.unprotect('public.invoices');
