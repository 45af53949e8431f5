"""pg_upgrade from 15 to 17: what is in the databases comes along, what is in the data directory is the administrator's to bring."""

import contextlib

import pytest
import shop
from splitplane_test.cluster import Cluster, ClusterError

COUNT = "SELECT count(*) FROM orders"
FINGERPRINTS = """
    SELECT count(*), count(*) FILTER (WHERE r.saved ->> 'reader_fingerprint' = splitplane._reader_fingerprint(r.relation)),
           count(*) FILTER (WHERE r.saved ->> 'fingerprint' = f.fingerprint)
    FROM splitplane.relations AS r JOIN splitplane._fences AS f ON f.relation = r.relation"""


@contextlib.contextmanager
def stopped(*servers):
    for server in servers:
        server._halt()
    yield


def pg_upgrade(old: Cluster, new: Cluster, *options: str) -> str:
    """Both are stopped."""
    return new._as_server(
        new.bindir / "pg_upgrade",
        *(
            "--old-bindir",
            old.bindir,
            "--new-bindir",
            new.bindir,
            "--old-datadir",
            old.data_dir,
            "--new-datadir",
            new.data_dir,
        ),
        *("--username", new.superuser, "--socketdir", new.base, *options),
    )


@pytest.fixture(scope="module")
def upgraded(later_tree):
    """The shop, made on 15 and upgraded to 17; its key file is not there yet."""
    with Cluster() as old, Cluster(tree=later_tree, major="17") as new:
        shop.prepare(old)
        plane = shop.build(old)
        shop.assert_sound(plane)
        assert set(plane.run(FINGERPRINTS)) == {4}, "the control: they are those of the registration"
        with stopped(old, new):
            pg_upgrade(old, new)
        new._launch()
        yield old, shop.of(plane, new, plane.database)


def test_check_without_the_preload_line(later_tree, plane):
    """pg_upgrade loads every library of the old cluster into the new one, and ours refuses where it is not preloaded."""
    with Cluster() as old, Cluster({"shared_preload_libraries": ""}, tree=later_tree, major="17") as new:
        shop.prepare(old)
        old.psql("postgres", "CREATE EXTENSION splitplane")
        with stopped(old, new), pytest.raises(ClusterError) as refused:
            pg_upgrade(old, new, "--check")
        assert "pg_upgrade failed" in str(refused.value)
        told = "".join(path.read_text() for path in new.data_dir.rglob("loadable_libraries.txt"))
        assert "splitplane" in told and "shared_preload_libraries" in told, told
        new._configure({"shared_preload_libraries": "splitplane"})
        assert "Clusters are compatible" in pg_upgrade(old, new, "--check")


def test_upgraded_plane(upgraded):
    old, plane = upgraded
    assert (
        plane.run(
            "SELECT current_setting('server_version_num')::int / 10000, extversion FROM pg_extension WHERE extname = 'splitplane'"
        )[0]
        == 17
    )
    with plane.session() as session:
        session.ask_refused("28000", COUNT, "a")
    assert any("key file" in finding for _, _, finding, _ in shop.findings(plane)), "the control: it is to be brought"
    shop.copy_key_file(old, plane.cluster)

    # What bears on the reader is as it was, whatever became of numbers of functions and of the owner's own privileges.
    everything, same, to_the_bit = plane.run(FINGERPRINTS)
    assert (everything, same) == (4, 4)
    assert to_the_bit < everything, "the control: there is something that pg_upgrade changes"
    with plane.session() as session:
        assert session.value(COUNT, "a") == 10
    assert shop.settle(plane) == ["public.lines", "public.orders", "public.rates", "public.visits"]
    shop.assert_sound(plane)


def test_fence_that_was_altered_before(upgraded):
    """The control of the fingerprints: one that does not hold is not taken for one that was upgraded."""
    plane = upgraded[1]
    changes = (
        'ALTER POLICY "!splitplane_scope" ON orders USING (true)',
        "GRANT SELECT ON orders TO splitplane_reader",
        "GRANT SELECT (mail) ON orders TO splitplane_reader WITH GRANT OPTION",
        'ALTER POLICY "!splitplane_scope" ON orders TO PUBLIC',
        "ALTER TABLE orders RENAME amount TO amounts",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
    )
    same = "SELECT saved ->> 'reader_fingerprint' = splitplane._reader_fingerprint(relation) FROM splitplane.relations WHERE name = 'orders'"
    with plane.admin() as admin:
        for change in changes:
            admin.execute("BEGIN")
            assert admin.execute(same).fetchone() == (True,)
            admin.execute(change)
            assert admin.execute(same).fetchone() == (False,), change
            admin.execute("ROLLBACK")
        for harmless in (
            "GRANT ALL ON orders TO signer",
            "ALTER TABLE orders OWNER TO clerk",
            "REVOKE ALL ON orders FROM shop_owner",
        ):
            admin.execute("BEGIN")
            admin.execute(harmless)
            assert admin.execute(same).fetchone() == (True,), harmless
            admin.execute("ROLLBACK")
