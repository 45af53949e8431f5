\echo Use "CREATE EXTENSION splitplane_remote" to load this file. \quit

-- postgres_fdw sends calls of functions that are immutable and belong to an extension that a server's option `extensions` names. This
-- extension holds this function and nothing else, so that nothing else of ours is sent. What it does is done on the data server, by
-- a function of the same name; here it is never to run.
CREATE FUNCTION splitplane_remote.remote_claim(one text, token text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the call of splitplane_remote.remote_claim was not sent to a data server'
        USING ERRCODE = '55000', HINT = 'The foreign server needs the option extensions ''splitplane_remote''.';
END
$$;
REVOKE ALL ON FUNCTION splitplane_remote.remote_claim(text, text) FROM PUBLIC;
REVOKE ALL ON SCHEMA splitplane_remote FROM PUBLIC;
GRANT USAGE ON SCHEMA splitplane_remote TO splitplane_reader;
GRANT EXECUTE ON FUNCTION splitplane_remote.remote_claim(text, text) TO splitplane_reader;
