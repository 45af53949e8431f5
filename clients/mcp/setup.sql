-- What the MCP server's role needs in a database with splitplane. As a superuser, once, and again after an update of the server:
--
--     psql -d shop -v role=mcp_app -f setup.sql
--
-- The role may call `ask` and the two functions below, and nothing else of splitplane: it has no privilege on splitplane's own
-- objects, so that doctor() has nothing to say of it.
\set ON_ERROR_STOP on
BEGIN;
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE to_regrole(quote_ident(:'role')) IS NULL \gexec
GRANT splitplane_caller TO :"role";
-- Clients in JavaScript round JSON numbers.
ALTER ROLE :"role" SET splitplane.json_numbers = 'text';

CREATE SCHEMA IF NOT EXISTS splitplane_mcp;
GRANT USAGE ON SCHEMA splitplane_mcp TO :"role";

-- The plane as a model is shown it: names, types, keys and comments; no row.
CREATE OR REPLACE FUNCTION splitplane_mcp.describe() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT splitplane.describe()
$$;
REVOKE ALL ON FUNCTION splitplane_mcp.describe() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane_mcp.describe() TO :"role";

-- The words that verified queries and metrics are asked in. Neither their SQL nor the names of queries.
CREATE OR REPLACE FUNCTION splitplane_mcp.verified_queries() RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_build_object(
        'questions', (SELECT coalesce(json_agg(json_build_object('question', q.question, 'synonyms', q.synonyms) ORDER BY q.question), '[]')
                      FROM splitplane.verified_queries AS q),
        'metrics', (SELECT coalesce(json_agg(json_build_object('name', m.name, 'description', m.description, 'synonyms', m.synonyms)
                                             ORDER BY m.name), '[]')
                    FROM splitplane.metrics AS m))
$$;
REVOKE ALL ON FUNCTION splitplane_mcp.verified_queries() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane_mcp.verified_queries() TO :"role";
COMMIT;
