-- The schema. CREATE EXTENSION runs this script as a superuser, who then owns everything that it makes.

-- For the whole script: the schema that the extension is installed into may hold operators of other owners. They must
-- neither be taken for PostgreSQL's own here nor stay in our views.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Everything here works on the text of statements, and the library reads it as UTF-8.
DO $encoding$
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'splitplane works in databases of encoding UTF8 alone, and this one has %',
            pg_catalog.getdatabaseencoding()
            USING ERRCODE = '0A000',
                  HINT = 'CREATE DATABASE .. ENCODING ''UTF8'' TEMPLATE template0, and move the data there.';
    END IF;
END
$encoding$;

-- No IF NOT EXISTS: a schema of this name that another role owns must stop the installation.
CREATE SCHEMA splitplane;
REVOKE ALL ON SCHEMA splitplane FROM PUBLIC;
