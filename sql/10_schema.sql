-- The schema. CREATE EXTENSION runs this script as a superuser, who then owns everything that it makes.

-- For the whole script: the schema that the extension is installed into may hold operators of other owners. They must
-- neither be taken for PostgreSQL's own here nor stay in our views.
SET LOCAL search_path = pg_catalog, pg_temp;

-- No IF NOT EXISTS: a schema of this name that another role owns must stop the installation.
CREATE SCHEMA splitplane;
REVOKE ALL ON SCHEMA splitplane FROM PUBLIC;
