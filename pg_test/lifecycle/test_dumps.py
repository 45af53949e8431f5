"""Dump and restore: by the database's owner in two steps, into the same major and a later one, and what goes wrong otherwise."""

import re

import pytest
import shop
from shop import run
from splitplane_test.cluster import ROOT

# What only a superuser may restore: the extension, its comment, what its tables hold, and privileges on its objects. As the page has it.
PAGE = (ROOT / "docs/upgrading.md").read_text(encoding="utf-8")
(OURS,) = [re.compile(pattern) for pattern in re.findall(r"^ours='(.*)'$", PAGE, re.M)]
MADE = re.compile(r"^\d+; \d+ \d+ (?:EXTENSION|COMMENT) - ")


@pytest.fixture(scope="module")
def dump(plane, tmp_path_factory):
    """By a superuser, in a form that several processes can restore."""
    folder = tmp_path_factory.mktemp("dump") / "shop"
    run(plane.cluster, "pg_dump", "-Fd", "-d", plane.database, "-f", str(folder))
    return folder


def lists(cluster, dump, folder) -> tuple[str, str]:
    """The two lists of docs/upgrading.md: what the owner restores, and what a superuser does after him."""
    entries = [
        line for line in run(cluster, "pg_restore", "-l", str(dump)).stdout.splitlines() if not line.startswith(";")
    ]
    ours = [line for line in entries if OURS.match(line)]
    assert len(ours) > 10, "the control: the dump has entries of ours"
    owner, superuser = folder / "owner.list", folder / "superuser.list"
    owner.write_text("\n".join(line for line in entries if line not in ours) + "\n")
    superuser.write_text("\n".join(line for line in ours if not MADE.match(line)) + "\n")
    return str(owner), str(superuser)


def restore(plane, server, database, dump, folder, *options):
    """Both steps, each with exit status 0; the plane in the new database."""
    server.psql("postgres", f"CREATE DATABASE {database} TEMPLATE template0 OWNER shop_owner")
    server.psql(database, "CREATE EXTENSION splitplane; GRANT USAGE ON SCHEMA splitplane TO shop_owner")
    owner, superuser = lists(server, dump, folder)
    run(server, "pg_restore", "--no-owner", *options, "-L", owner, "-d", database, str(dump), user="shop_owner")
    run(server, "pg_restore", "-L", superuser, "-d", database, str(dump))
    server.psql(database, "REVOKE USAGE ON SCHEMA splitplane FROM shop_owner")
    return shop.of(plane, server, database)


@pytest.mark.parametrize("options", [(), ("-j", "2")], ids=["one", "parallel"])
def test_two_steps(plane, dump, tmp_path, options):
    restored = restore(plane, plane.cluster, f"restored_{len(options)}", dump, tmp_path, *options)
    assert shop.settle(restored) == ["public.lines", "public.orders", "public.rates", "public.visits"]
    shop.assert_sound(restored)
    assert restored.run(
        "SELECT count(*) FROM pg_class WHERE relname = 'orders' AND relowner = 'shop_owner'::regrole"
    ) == (1,)


def test_two_steps_into_the_later_major(plane, dump, later, tmp_path):
    shop.copy_key_file(plane.cluster, later)
    # Memberships are the server's: pg_dumpall --globals-only has them. The roles of ours come with the first CREATE EXTENSION.
    later.psql("postgres", "CREATE EXTENSION splitplane; DROP EXTENSION splitplane; GRANT splitplane_caller TO app")
    restored = restore(plane, later, "restored", dump, tmp_path, "-j", "2")
    assert shop.settle(restored) == ["public.lines", "public.orders", "public.rates", "public.visits"]
    shop.assert_sound(restored)


def test_superuser_restores_in_one_step(plane, dump):
    plane.cluster.createdb("in_one")
    run(plane.cluster, "pg_restore", "-d", "in_one", str(dump))
    restored = shop.of(plane, plane.cluster, "in_one")
    shop.settle(restored)
    shop.assert_sound(restored)


def test_owner_cannot_restore_in_one_step(plane, dump):
    """The control: it is what the two steps are for."""
    server = plane.cluster
    server.psql("postgres", "CREATE DATABASE owners TEMPLATE template0 OWNER shop_owner")
    server.psql("owners", "CREATE EXTENSION splitplane; GRANT USAGE ON SCHEMA splitplane TO shop_owner")
    done = run(server, "pg_restore", "--no-owner", "-d", "owners", str(dump), user="shop_owner", check=False)
    assert done.returncode == 1
    assert (
        "must be owner of extension splitplane" in done.stderr
        and "permission denied for table relations" in done.stderr
    )


def test_fingerprints_survive(plane, dump, tmp_path):
    """What bears on the reader is compared by names: the tables whose columns kept their numbers are as they were registered."""
    restored = restore(plane, plane.cluster, "numbered", dump, tmp_path)
    same = dict(
        restored.admin_rows(
            "SELECT name, saved ->> 'reader_fingerprint' = splitplane._reader_fingerprint(relation) FROM splitplane.relations"
        )
    )
    assert same == {"orders": False, "lines": True, "visits": True, "rates": True}, "orders lost a dropped column"


def test_dump_by_a_role_of_its_own(plane, tmp_path):
    """pg_read_all_data alone is refused by row-level security; with BYPASSRLS it dumps all but large objects."""
    server = plane.cluster
    server.psql("postgres", "GRANT pg_read_all_data TO backup")
    dump = ("-Fc", "-d", plane.database, "-f", str(tmp_path / "dump"))
    done = run(server, "pg_dump", *dump, user="backup", check=False)
    assert done.returncode == 1 and "row-level security" in done.stderr
    server.psql("postgres", "ALTER ROLE backup BYPASSRLS")
    run(server, "pg_dump", *dump, user="backup")
    server.createdb("from_backup")
    run(server, "pg_restore", "-d", "from_backup", str(tmp_path / "dump"))
    restored = shop.of(plane, server, "from_backup")
    shop.settle(restored)
    shop.assert_sound(restored)
    restored.run("SELECT lo_from_bytea(0, 'large')")
    done = run(server, "pg_dump", "-Fc", "-d", "from_backup", "-f", str(tmp_path / "large"), user="backup", check=False)
    assert done.returncode == 1 and "permission denied for large object" in done.stderr


def test_dump_by_the_owner(plane, tmp_path):
    """He may not read our tables; without them the rest can be dumped."""
    server, dump = plane.cluster, ("-Fc", "-d", plane.database, "-f", str(tmp_path / "dump"))
    done = run(server, "pg_dump", *dump, user="shop_owner", check=False)
    assert done.returncode == 1 and "permission denied" in done.stderr
    run(server, "pg_dump", "-T", "splitplane.*", *dump, user="shop_owner")


def test_sequences_of_dumped_tables_are_dumped(plane):
    """Otherwise a restored table would give numbers anew that it has. Today only what is not dumped has such a column."""
    owned = """
        SELECT t.oid::regclass::text, t.oid = ANY (e.extconfig), d.objid = ANY (e.extconfig)
        FROM pg_extension AS e, pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_class AS t ON t.oid = d.refobjid
        WHERE e.extname = 'splitplane' AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
          AND t.relnamespace = 'splitplane'::regnamespace"""
    sequences = plane.admin_rows(owned)
    assert sequences, "the control: there is one"
    assert [table for table, is_dumped, sequence_is in sequences if is_dumped and not sequence_is] == []


def own_shop(plane, database):
    return shop.build(plane.cluster, database)


def test_clean_over_a_living_plane(plane, tmp_path):
    """The extension cannot be dropped while a table that is not in the dump depends on it: our tables keep dead OIDs."""
    living = own_shop(plane, "living")
    run(plane.cluster, "pg_dump", "-Fc", "-d", "living", "-f", str(tmp_path / "dump"))
    living.run("CREATE TABLE later (tenant text NOT NULL, note text)")
    living.run("SELECT splitplane.protect('later', '{\"tenant\": \"tenant\"}')")
    done = run(
        plane.cluster, "pg_restore", "--clean", "--if-exists", "-d", "living", str(tmp_path / "dump"), check=False
    )
    assert done.returncode == 1 and "cannot drop extension splitplane" in done.stderr
    dead = "SELECT count(*) FROM splitplane.relations AS r WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.relation)"
    assert living.run(dead)[0] > 0, "the control: there are dead OIDs"
    with living.session() as session:
        session.ask_refused("42P01", "SELECT count(*) FROM orders", "a")
    fixes = [fix for _, _, finding, fix in shop.findings(living) if finding == "Its table was dropped."]
    assert len(fixes) == 4
    for fix in fixes:
        living.run(fix)
    assert living.run(dead) == (0,)
    # What the dump has of the tables whose rows were lost; those of keys and principals are still there.
    registered = [part for table in ("relations", "parents") for part in ("-t", table)]
    run(
        plane.cluster,
        "pg_restore",
        "--data-only",
        "-n",
        "splitplane",
        *registered,
        "-d",
        "living",
        str(tmp_path / "dump"),
    )
    living.run("SELECT splitplane.unprotect('later')")
    shop.settle(living)
    shop.assert_sound(living)


def test_clean_after_unprotect(plane, tmp_path):
    """Whoever takes the plane away first gets it back whole."""
    living = own_shop(plane, "cleaned")
    run(plane.cluster, "pg_dump", "-Fc", "-d", "cleaned", "-f", str(tmp_path / "dump"))
    living.run("CREATE TABLE later (tenant text NOT NULL, note text)")
    living.run("SELECT splitplane.protect('later', '{\"tenant\": \"tenant\"}')")
    living.run("SELECT splitplane.unprotect('later')")
    run(plane.cluster, "pg_restore", "--clean", "--if-exists", "-d", "cleaned", str(tmp_path / "dump"))
    restored = shop.of(living, plane.cluster, "cleaned")
    shop.settle(restored)
    shop.assert_sound(restored)
