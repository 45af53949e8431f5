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
-- The key of the parent is granted to the reader, and is not in the plane.
SELECT test.rows('SELECT invoice_id FROM invoices');
\echo :SQLSTATE
SELECT test.rows('SELECT splitplane.in_parent(''1:1'', 1)');
\echo :SQLSTATE
SELECT ask_dry_run(test.ctx('SELECT note FROM notes'), sql => 'SELECT note FROM notes') -> 'plane_sql';
SELECT ask_dry_run(test.ctx('SELECT note FROM notes'), sql => 'SELECT note FROM notes') -> 'parameters';
\c - postgres
