-- The fences are made of functions of the extension. Where it is gone the reader sees nothing, and every other role
-- what it saw before.
SET client_min_messages = error;
CREATE TABLE public.plain (tenant_id int NOT NULL, note text NOT NULL);
INSERT INTO public.plain VALUES (7, 'seven'), (42, 'forty-two');
CREATE TABLE public.secured (LIKE public.plain);
INSERT INTO public.secured TABLE public.plain;
ALTER TABLE public.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.secured USING (true);
CREATE TABLE public.mine (LIKE public.plain);
INSERT INTO public.mine TABLE public.plain;
ALTER TABLE public.mine ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON public.mine TO reporting USING (tenant_id = 7);
CREATE TABLE public.common (LIKE public.plain);
INSERT INTO public.common TABLE public.plain;
ALTER TABLE public.common ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON public.common TO reporting USING (true);
GRANT SELECT ON public.plain, public.secured, public.mine, public.common TO reporting;
CREATE FUNCTION public.seen_by(role_name text) RETURNS TABLE (seen text) LANGUAGE plpgsql AS $$
DECLARE
    name text;
    found bigint;
BEGIN
    FOREACH name IN ARRAY ARRAY['plain', 'secured', 'mine', 'common'] LOOP
        EXECUTE format('SET LOCAL ROLE %I', role_name);
        BEGIN
            EXECUTE format('SELECT count(*) FROM public.%I', name) INTO found;
            seen := name || ': ' || found;
        EXCEPTION WHEN insufficient_privilege THEN
            seen := name || ': not granted';
        END;
        RESET ROLE;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM public.seen_by('reporting');
SELECT splitplane.protect(t, '{"tenant_id": "tenant"}') FROM unnest(ARRAY['public.plain', 'public.secured', 'public.mine']::regclass[]) AS t;
SELECT splitplane.share('public.common');
SET ROLE app;
SELECT test.rows('SELECT note FROM plain'), test.rows('SELECT note FROM secured'), test.rows('SELECT note FROM mine'), test.rows('SELECT count(*) FROM common');
RESET ROLE;
SELECT * FROM public.seen_by('reporting');
SELECT * FROM public.seen_by('splitplane_reader');

DROP EXTENSION splitplane CASCADE;
SELECT tablename, policyname FROM pg_policies WHERE tablename IN ('plain', 'secured', 'mine', 'common') ORDER BY 1, 2;
SELECT * FROM public.seen_by('reporting');
SELECT * FROM public.seen_by('splitplane_reader');
-- The control: what closes them is the policy that stayed.
BEGIN;
DROP POLICY splitplane_closed ON public.plain;
DROP POLICY splitplane_closed ON public.secured;
SELECT * FROM public.seen_by('splitplane_reader');
ROLLBACK;

-- Installed again, what was left is named, with what takes it away.
RESET client_min_messages;
CREATE EXTENSION splitplane;
SET client_min_messages = error;
SELECT severity, object, finding, fix FROM splitplane.doctor() WHERE object IN ('plain', 'secured', 'mine', 'common', 'public.plain', 'public.secured', 'public.mine', 'public.common');
-- As an installation before 0.2.0 left it, the plane stays closed until it is taken away.
DROP POLICY splitplane_closed ON public.plain;
SELECT severity, finding, fix FROM splitplane.doctor() WHERE object LIKE '%plain' ORDER BY 1, 2;
SELECT fix FROM splitplane.doctor() WHERE severity = 'critical' \gexec
SELECT severity, finding FROM splitplane.doctor() WHERE object LIKE '%plain' ORDER BY 1, 2;
SELECT * FROM public.seen_by('splitplane_reader');
-- Protected again, it is as new; taken out, as it was.
SELECT splitplane.admit('42');
SELECT splitplane.protect(t, '{"tenant_id": "tenant"}') FROM unnest(ARRAY['public.plain', 'public.secured', 'public.mine']::regclass[]) AS t;
SELECT * FROM public.seen_by('splitplane_reader');
SELECT splitplane.unprotect(t) FROM unnest(ARRAY['public.plain', 'public.secured', 'public.mine']::regclass[]) AS t;
SELECT tablename, policyname FROM pg_policies WHERE tablename IN ('plain', 'secured', 'mine', 'common') ORDER BY 1, 2;
SELECT relname, relrowsecurity FROM pg_class WHERE relname IN ('plain', 'secured', 'mine', 'common') ORDER BY 1;
SELECT * FROM public.seen_by('reporting');
SELECT * FROM public.seen_by('splitplane_reader');
