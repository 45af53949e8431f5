-- What the plane can carry of which extension, as it was read and measured. What is on no list is refused.

-- Libraries that were read, by their file in PostgreSQL's library folder and its SHA-256: the same names and C symbols
-- mean other things in other builds.
CREATE FUNCTION splitplane._read_libraries()
RETURNS TABLE (extension name, library text, checksum text, build text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        ('citext', 'citext',
         '9ce25cce0f58b0728b1bfcb199d0019cd0c8350eae31f908125068e47a2639f1', '15, Debian 12, 15.20-0+deb12u1'),
        ('hstore', 'hstore',
         '16848143ebebc8e85093f16f8572d5421f4279c64a33cd048e426175b88af456', '15, Debian 12, 15.20-0+deb12u1'),
        ('ltree', 'ltree',
         'e0f78dde699bed177747720e4f835366428a0744e0e235df3c54ddc9e43b3d46', '15, Debian 12, 15.20-0+deb12u1'),
        ('pg_trgm', 'pg_trgm',
         '191f545d084e7507797967d3044e0d33be378a39d3db50db59f73e34b92c3be9', '15, Debian 12, 15.20-0+deb12u1'),
        ('unaccent', 'unaccent',
         '873733adcd07a56d1d08ba9e707423ec9dba0bc83d3b7354ee651c7ca4ed1c46', '15, Debian 12, 15.20-0+deb12u1'),
        ('fuzzystrmatch', 'fuzzystrmatch',
         'f241846b779ae498f4edee4551880fd40b10627bf8dcbbed3e1437d2f6a5e0ad', '15, Debian 12, 15.20-0+deb12u1'),
        ('intarray', '_int',
         'd5b9aa8fa2e0e8cdf824f7d982559bbc2d4271164d503e0095a7f60bd2987504', '15, Debian 12, 15.20-0+deb12u1'),
        ('cube', 'cube',
         '865b621798aba436f4c022b4389b5f4fa6f6b3e99d02bfa8bd1d1d0dd2ddf317', '15, Debian 12, 15.20-0+deb12u1'),
        ('earthdistance', 'earthdistance',
         '8e5dd8f3e1cab0be29312ff365256cedaf01c37ededd83ea42f96094c09f738d', '15, Debian 12, 15.20-0+deb12u1'),
        ('uuid-ossp', 'uuid-ossp',
         '8a5f34e917fcc95552a9da6a982cea8b7714a8beba27591fb337e5591b035a40', '15, Debian 12, 15.20-0+deb12u1'),
        ('pgcrypto', 'pgcrypto',
         '81c2755d5a3ec1566f77fa9e7a024c0f018aaf793aa385fd11a2c30dc5386c47', '15, Debian 12, 15.20-0+deb12u1'),
        ('ip4r', 'ip4r',
         'fd4657c3e2827608ba0a338558f47b30e74bbca6ecafeffe91d23200a7916627', '15, Debian 12, 2.4.1-8+b1'),
        ('hll', 'hll',
         '6a7e123dafce2152ce781f7fecc391a2306422bd633b691eba8fc04fb249200c', '15, Debian 12, 2.17-1+b1'),
        ('tdigest', 'tdigest',
         '5e8ed246ea6c535b25653364728035dbcff103fae7c85e77933590d23035cc33', '15, Debian 12, 1.4.0-2+b1'),
        ('postgis', 'postgis-3',
         '4b1ee76471ceb9a4b30e6851bafe35c1c4841bc7fc153247938b36e7ed54c1dd', '15, Debian 12, 3.3.2+dfsg-1+b1'),
        ('citext', 'citext',
         '613626e2e14b57799e99fad419ecf991f5c5782238cddc5338736ef904e0e9fa', '17, Debian 13, 17.12-0+deb13u1'),
        ('hstore', 'hstore',
         '69b9cf1fa8723f1b9484d090e15e8f94b7b315d066abf9f0758eb6d50f23ec8b', '17, Debian 13, 17.12-0+deb13u1'),
        ('ltree', 'ltree',
         'deda9600d3a7c5c3eab735b27e638edc9a010a7ab63d5b8969e68d8a42f198f3', '17, Debian 13, 17.12-0+deb13u1'),
        ('pg_trgm', 'pg_trgm',
         '2226d1a8626db783be708a471fe12f0375dbf483422135263d0c3f850b8b6121', '17, Debian 13, 17.12-0+deb13u1'),
        ('unaccent', 'unaccent',
         'a5a5fe1347f262666fd8069f3a4f16ff4aa19c8f7e5bb20e06a8c56fe938da58', '17, Debian 13, 17.12-0+deb13u1'),
        ('fuzzystrmatch', 'fuzzystrmatch',
         '3980773bcd1e3afd5065c6d8f178d477210990f27cdb7a7a4eb1a3be51bcceb2', '17, Debian 13, 17.12-0+deb13u1'),
        ('intarray', '_int',
         'd245d20b4a1c8f6e16da38e0fb5a86a34b1cd1127cf65aa286d6dd1ed1e8b9cc', '17, Debian 13, 17.12-0+deb13u1'),
        ('cube', 'cube',
         'c1c28fe874d4c043463f8ad045a2bd7ae33078496d337aa746b251e5819b9101', '17, Debian 13, 17.12-0+deb13u1'),
        ('earthdistance', 'earthdistance',
         'aee93d1b185bb57c9a259a684942c1ec1eb7a1db75004f9644a189a71ebffe09', '17, Debian 13, 17.12-0+deb13u1'),
        ('uuid-ossp', 'uuid-ossp',
         'efdcc4bd98a9db0578d8d257596831111656a09667bb87544c1cefc8fab77737', '17, Debian 13, 17.12-0+deb13u1'),
        ('pgcrypto', 'pgcrypto',
         '5f74b5d858de38029a06bb7dd893daec0e9b978e58146a116c791b5622ca725e', '17, Debian 13, 17.12-0+deb13u1'),
        ('ip4r', 'ip4r',
         '320d2fba767e7f1bf8aa2efc29a468a4e310f8cb870c7d714646095ca96262d4', '17, Debian 13, 2.4.2-3+b1'),
        ('hll', 'hll',
         'e83c90432439e5e3b1ea424bd9ced606eeb510132e9c3375ebf1c845455115d8', '17, Debian 13, 2.18-2+b1'),
        ('tdigest', 'tdigest',
         '2287a3b1241e1cea43e2db9d439aad0bef076e7ccba2857eb65fe00d30758670', '17, Debian 13, 1.4.3-1'),
        ('postgis', 'postgis-3',
         '2e09f705cd51dafb7b5b07cad8afabb8a373d9de3482f926018b54eb4ae0d440', '17, Debian 13, 3.5.2+dfsg-1')
$$;
REVOKE ALL ON FUNCTION splitplane._read_libraries() FROM PUBLIC;

-- Objects that were read. Types in signatures have their names in pg_type: regprocedure writes one that becomes a
-- keyword otherwise in the next major.
-- `kind`: function, aggregate, operator, cast, type, and what statements cannot name:
--   io         a function of types, orders and aggregates
--   estimator  a function that operators are estimated by
--   table      one of the extension's own, which its functions read as the reader
--   answer     by which function an answer shows values of a type whose cast to JSON must not run; then there is no
--              other way from that type to JSON
-- `body`, where builds differ in several lines:
--   of a function its C symbol, or "internal" and PostgreSQL's own symbol, or "sql" and the SHA-256 of its text, which
--   names nothing outside pg_catalog, or "parsed" and that of its body as PostgreSQL writes it, without the schema of
--   the extension; then what it returns and how it is called, unless that is strict, immutable and parallel safe: its C
--   code reads NULL as a pointer if it is not as strict as it was; then the defaults of its arguments, and what the
--   planner asks about it
--   of an aggregate the function that adds a row, and those that end, combine, write and read its state
--   of an operator and a cast its function, none for a cast over the same bytes
--   of a type the functions of its input, output, modifiers and subscripts, and the access methods whose default
--   operator class it has
-- `bound`: how a call grows with its arguments (in the library: cost::of_bound); of a type `stored` where its values
-- come of columns and functions alone, since some of its texts are not safe to read.
-- tools/extension_list.py writes such lines.
CREATE FUNCTION splitplane._extension_list()
RETURNS TABLE (extension name, kind text, object text, body text, bound text)
-- PL/pgSQL keeps its plan.
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT l.* FROM splitplane._contrib_lists() AS l
    UNION ALL
    SELECT l.* FROM splitplane._network_lists() AS l
    UNION ALL
    SELECT l.* FROM splitplane._sketch_lists() AS l
    UNION ALL
    SELECT l.* FROM splitplane._geometry_lists() AS l;
END
$$;
REVOKE ALL ON FUNCTION splitplane._extension_list() FROM PUBLIC;
