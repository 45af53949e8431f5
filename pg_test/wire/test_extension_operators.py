"""No operator of an extension's list has a catalog entry that lies: the program that finds such entries, over each of them."""

import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.operators import lies, members

EXTENSIONS = ["citext", "hstore", "ltree", "pg_trgm", "intarray", "cube", "earthdistance", "ip4r", "hll", "postgis"]
WITHOUT_OPERATORS = ["unaccent", "fuzzystrmatch", "uuid-ossp", "pgcrypto", "tdigest"]

# Both mistakes that were met in the wild: a negator that is none, and equal values with unequal hashes.
PLANTED = """
CREATE FUNCTION planted_ge(citext, citext) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 >= $2';
CREATE FUNCTION planted_gt(citext, citext) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 > $2';
CREATE FUNCTION planted_eq(citext, citext) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 = $2';
CREATE FUNCTION planted_hash(citext) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT hashtext($1::text)';
CREATE OPERATOR >>> (FUNCTION = planted_gt, LEFTARG = citext, RIGHTARG = citext, NEGATOR = >>=);
CREATE OPERATOR >>= (FUNCTION = planted_ge, LEFTARG = citext, RIGHTARG = citext, NEGATOR = >>>);
CREATE OPERATOR === (FUNCTION = planted_eq, LEFTARG = citext, RIGHTARG = citext, COMMUTATOR = ===, HASHES);
CREATE OPERATOR CLASS planted FOR TYPE citext USING hash AS OPERATOR 1 ===, FUNCTION 1 planted_hash(citext);
"""


@pytest.fixture(scope="module")
def connection():
    with Cluster() as cluster:
        cluster.createdb("operators")
        with cluster.connect("operators") as connection:
            connection.execute("CREATE EXTENSION splitplane")
            for extension in [*EXTENSIONS, *WITHOUT_OPERATORS]:
                connection.execute(f'CREATE EXTENSION IF NOT EXISTS "{extension}" CASCADE')
            yield connection


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_operators_do_what_their_entries_say(connection, extension):
    connection.execute("SELECT splitplane.allow_extension(%s)", [extension])
    sql = "SELECT object FROM splitplane._extension_objects() WHERE extension = %s AND kind = 'operator'"
    listed = [row[0] for row in connection.execute(sql, [extension])]
    assert listed and set(listed) <= set(members(connection, extension))
    wrong, compared = lies(connection, listed)
    assert wrong == []
    # Distances and the like make no such statement.
    assert compared >= (0 if extension in ("earthdistance", "hll") else 2)


def test_the_others_have_none(connection):
    """The control: what is not compared above has nothing to compare."""
    listed = {row[0] for row in connection.execute("SELECT extension FROM splitplane._extension_list() GROUP BY 1")}
    assert listed == {*EXTENSIONS, *WITHOUT_OPERATORS}
    assert [members(connection, extension) for extension in WITHOUT_OPERATORS] == [[]] * len(WITHOUT_OPERATORS)


def test_entries_that_lie_are_found(connection):
    connection.execute(PLANTED)
    planted = [row[0] for row in connection.execute("SELECT oid FROM pg_operator WHERE oprname IN ('>>>', '>>=', '===') AND oid >= 16384")]
    wrong, _ = lies(connection, planted)
    said = "\n".join(wrong)
    assert len(wrong) == 3 and said.count("has a negator") == 2 and said.count("hashes") == 1, wrong


# What only some majors' builds have.
FROM_17 = {"hash_ltree(ltree)", "hash_ltree_extended(ltree,int8)"}


def test_every_object_of_the_lists_is_there_and_as_it_was_read(connection):
    """With the libraries that the lists name, each line of a list means one object."""
    later = FROM_17 if connection.info.server_version < 170000 else set()
    for extension in [*EXTENSIONS, *WITHOUT_OPERATORS]:
        found = connection.execute("SELECT listed, is_as_read FROM splitplane._listed_objects(%s)", [extension]).fetchall()
        assert [listed for listed, is_as_read in found if not is_as_read] == []
        wanted = connection.execute("SELECT DISTINCT kind, object FROM splitplane._extension_list() WHERE extension = %s", [extension]).fetchall()
        assert sorted(listed for listed, _ in found) == sorted(name for _, name in wanted if name not in later)
