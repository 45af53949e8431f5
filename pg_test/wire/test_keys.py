"""Keys and principals: validity, tenants, uses, rotation and revocation, also in the middle of an open transaction."""

import os
import threading
import time
from pathlib import Path

import psycopg
import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.session import fingerprint

from pg_test.wire.harness import COUNT_SALES, SALES

ANOTHER_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def plane(own_wire):
    return own_wire


@pytest.mark.parametrize(
    "secret",
    ["UPPERCASESECRETUPPERCASESECRET", "lowercasesecretlowercasesecret", ANOTHER_SECRET, "with space and %ünïcode 🔑 secret", "0" * 40],
)
def test_accepts_secrets_of_every_spelling(plane, secret):
    key = plane.import_key("AKIDEXAMPLE", secret)
    with plane.session() as session:
        assert session.value(COUNT_SALES, key=key) == SALES["brand-a"]
        if secret.swapcase() != secret:
            session.ask_refused("28000", COUNT_SALES, key=("AKIDEXAMPLE", secret.swapcase()))
        session.ask_refused("28000", COUNT_SALES, key=("AKIDEXAMPLE", secret + "\n"))
        session.ask_refused("28000", COUNT_SALES, key=("AKIDEXAMPLE", secret[:-1]))
        session.ask_refused("28000", COUNT_SALES, key=("akidexample", secret))


def test_secrets_of_one_key_do_not_serve_another(plane):
    first = plane.import_key("AKFIRST", "first-secret-first-secret")
    second = plane.import_key("AKSECOND", "second-secret-second-secret")
    with plane.session() as session:
        assert session.value(COUNT_SALES, key=first) == session.value(COUNT_SALES, key=second) == SALES["brand-a"]
        session.ask_refused("28000", COUNT_SALES, key=("AKFIRST", second[1]))
        session.ask_refused("28000", COUNT_SALES, key=("AKSECOND", first[1]))


def test_sealed_secrets_cannot_be_moved_between_keys(plane):
    """Whoever can write the table but holds no key file must not turn a secret he knows into another key's."""
    known = plane.import_key("AKKNOWN", "a-secret-that-the-thief-knows")
    plane.import_key("AKVICTIM", "a-secret-that-he-does-not-know")
    with plane.session() as session:
        assert session.value(COUNT_SALES, key=known) == SALES["brand-a"]
        plane.run("UPDATE splitplane.keys SET sealed = (SELECT sealed FROM splitplane.keys WHERE key_id = 'AKKNOWN') WHERE key_id = 'AKVICTIM'")
        plane.run("SELECT splitplane._config_changed()")
        session.ask_refused("28000", COUNT_SALES, key=("AKVICTIM", known[1]))


def test_no_secret_lies_in_a_table(plane):
    secret = "find-me-if-you-can-0123456789"
    plane.import_key("AKHIDDEN", secret)
    stored = str(plane.run("SELECT k::text, encode(sealed, 'escape') FROM splitplane.keys AS k WHERE key_id = 'AKHIDDEN'"))
    assert secret not in stored and secret.encode().hex() not in stored


def test_key_speaks_for_its_tenants_only(plane):
    limited = plane.import_key("AKLIMITED", "limited-secret-limited", tenants=["brand-b", "brand-c"])
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        plane.import_key("AKNOTENANT", "no-tenant-secret-no-tenant", tenants=[])
    with plane.session() as session:
        reference = fingerprint(session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x")))
        assert session.value(COUNT_SALES, "brand-b", key=limited) == SALES["brand-b"]
        assert session.value(COUNT_SALES, "brand-c", key=limited) == SALES["brand-c"]
        assert fingerprint(session.ask_refused("28000", COUNT_SALES, key=limited)) == reference


def test_key_outside_its_validity_is_refused_alike(plane):
    with plane.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        reference = fingerprint(session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x")))
        for change in (
            "not_before = now() + interval '1 hour', not_after = now() + interval '2 hours'",
            "not_before = now() - interval '2 hours', not_after = now() - interval '1 second'",
            "not_before = now() - interval '2 hours', not_after = now() + interval '1 hour', revoked_at = now() - interval '1 second'",
        ):
            plane.run(f"UPDATE splitplane.keys SET {change} WHERE key_id = 'AKWIRE'")
            plane.run("SELECT splitplane._config_changed()")
            assert fingerprint(session.ask_refused("28000", COUNT_SALES)) == reference, change
        plane.run("UPDATE splitplane.keys SET not_before = now() - interval '1 hour', not_after = now() + interval '1 hour', revoked_at = NULL")
        plane.run("SELECT splitplane._config_changed()")
        assert session.value(COUNT_SALES) == SALES["brand-a"], "the control"


def test_key_without_an_end_is_no_error(plane):
    """A DBA may write infinity into the table; that is a key without an end, and no new kind of error."""
    plane.run("UPDATE splitplane.keys SET not_before = '-infinity', not_after = 'infinity'")
    plane.run("SELECT splitplane._config_changed()")
    with plane.session() as session:
        try:
            assert session.value(COUNT_SALES) == SALES["brand-a"]
        except psycopg.Error as error:
            assert error.sqlstate == "28000", error


def test_key_ends_by_itself_in_a_warm_session(plane):
    """Nothing is changed and nothing invalidated: the cached key's own end must be looked at on every call."""
    short = plane.import_key("AKSHORT", "a-short-lived-secret-of-3s", valid_for="3 seconds")
    with plane.session() as session:
        assert session.value(COUNT_SALES, key=short) == SALES["brand-a"]
        time.sleep(4)
        session.ask_refused("28000", COUNT_SALES, key=short)
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_key_ends_inside_an_open_transaction(plane):
    """now() stands still in a transaction; the validity is a matter of the real clock."""
    short = plane.import_key("AKSHORT", "a-short-lived-secret-of-3s", valid_for="3 seconds")
    with plane.session(autocommit=False) as session:
        assert session.value(COUNT_SALES, key=short) == SALES["brand-a"]
        time.sleep(4)
        session.ask_refused("28000", COUNT_SALES, key=short)


def test_context_expires_inside_an_open_transaction(plane):
    role = plane.role(splitplane__clock_skew="2s")
    with plane.session(user=role, autocommit=False) as session:
        session.execute("SELECT now()")
        late = plane.sign(COUNT_SALES)
        time.sleep(4)
        session.refused("28000", late, COUNT_SALES)
        session.connection.rollback()
        assert session.value(COUNT_SALES) == SALES["brand-a"], "the control: a fresh context"


@pytest.mark.parametrize("uses", [1, 3])
def test_context_serves_as_often_as_its_key_allows(plane, uses):
    key = plane.import_key(f"AKUSES{uses}", "counted-secret-counted-secret", max_uses=uses)
    with plane.session() as first, plane.session() as second:
        context = plane.sign(COUNT_SALES, key=key)
        for turn in range(uses):
            session = (first, second)[turn % 2]
            assert session.call(context, COUNT_SALES)["rows"] == [[SALES["brand-a"]]]
        for session in (first, second, first):
            session.refused("28000", context, COUNT_SALES)
        # Another nonce is another context.
        assert second.value(COUNT_SALES, key=key) == SALES["brand-a"]


def test_rotation_overlaps_and_ends_at_once(plane):
    new = plane.import_key("AKNEW", "the-new-secret-the-new-secret")
    with plane.session() as warm:
        assert warm.value(COUNT_SALES) == SALES["brand-a"]
        assert warm.value(COUNT_SALES, key=new) == SALES["brand-a"]
        unused = plane.sign(COUNT_SALES)
        plane.run("SELECT splitplane.revoke_key('AKWIRE')")
        warm.refused("28000", unused, COUNT_SALES)
        warm.ask_refused("28000", COUNT_SALES)
        assert warm.value(COUNT_SALES, key=new) == SALES["brand-a"]
        with plane.session() as cold:
            cold.ask_refused("28000", COUNT_SALES)


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_revocation_reaches_an_open_transaction(plane, level):
    """A snapshot taken before the revocation would still see the key: identity is never read through it."""
    new = plane.import_key("AKNEW", "the-new-secret-the-new-secret")
    with plane.session(autocommit=False) as session:
        session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        plane.run("SELECT splitplane.revoke_key('AKWIRE')")
        session.execute("SAVEPOINT before_refusal")
        session.ask_refused("28000", COUNT_SALES)
        session.execute("ROLLBACK TO before_refusal")
        assert session.value(COUNT_SALES, key=new) == SALES["brand-a"], "the control: the other key, in the same transaction"


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_expulsion_reaches_an_open_transaction(plane, level):
    with plane.session(autocommit=False) as session:
        session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        assert session.value(COUNT_SALES) == SALES["brand-a"]
        plane.run("SELECT splitplane.expel('brand-a')")
        session.execute("SAVEPOINT before_refusal")
        session.ask_refused("28000", COUNT_SALES)
        session.execute("ROLLBACK TO before_refusal")
        assert session.value(COUNT_SALES, "brand-b") == SALES["brand-b"]


def test_revocation_that_is_rolled_back_changes_nothing(plane):
    with plane.session() as session:
        with psycopg.connect(plane.cluster.dsn(dbname=plane.database)) as admin:
            admin.execute("SELECT splitplane.revoke_key('AKWIRE')")
            admin.rollback()
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_revocation_during_calls_is_final(plane):
    """Once revoke_key has returned, no call that starts later is answered."""
    stop, revoked, late = threading.Event(), threading.Event(), []

    def caller():
        with plane.session() as session:
            while not stop.is_set():
                context = plane.sign(COUNT_SALES)
                already = revoked.is_set()
                try:
                    session.call(context, COUNT_SALES)
                    if already:
                        late.append(context)
                except psycopg.Error as error:
                    if error.sqlstate != "28000":
                        late.append(error)

    callers = [threading.Thread(target=caller) for _ in range(4)]
    for thread in callers:
        thread.start()
    time.sleep(1)
    plane.run("SELECT splitplane.revoke_key('AKWIRE')")
    revoked.set()
    time.sleep(1)
    stop.set()
    for thread in callers:
        thread.join()
    assert not late, late[:3]


def test_expelled_and_unregistered_are_refused_alike(plane):
    with plane.session() as session:
        reference = fingerprint(session.ask_refused("28000", COUNT_SALES, key=("AKNOBODY", "x")))
        plane.run("SELECT splitplane.admit('brand-c', 'closed-shop', claims => '{\"stores\": [1]}')")
        assert session.value(COUNT_SALES, "brand-c", business="closed-shop") == SALES["brand-c"]
        plane.run("SELECT splitplane.expel('brand-c', 'closed-shop')")
        # The wider row admits any business of brand-c, but not this one again.
        assert fingerprint(session.ask_refused("28000", COUNT_SALES, "brand-c", business="closed-shop")) == reference
        assert fingerprint(session.ask_refused("28000", COUNT_SALES, "brand-c", business="closed-shop", subject="u-1")) == reference
        assert session.value(COUNT_SALES, "brand-c", business="open-shop") == SALES["brand-c"]
        plane.run("SELECT splitplane.expel('brand-c')")
        for business in ("open-shop", "", None):
            assert fingerprint(session.ask_refused("28000", COUNT_SALES, "brand-c", business=business)) == reference
        plane.run("SELECT splitplane.admit('brand-c', claims => '{\"stores\": [1]}')")
        assert session.value(COUNT_SALES, "brand-c") == SALES["brand-c"]


def test_composite_identity_must_be_registered_together(plane):
    """Each part is known, the combination is not."""
    plane.run("SELECT splitplane.admit('brand-x', 'north', 'ann', '{\"stores\": [1]}')")
    plane.run("SELECT splitplane.admit('brand-y', 'south', 'bob', '{\"stores\": [1]}')")
    with plane.session() as session:
        assert session.value(COUNT_SALES, "brand-x", business="north", subject="ann") == 0, "the control: a tenant without rows"
        assert session.value(COUNT_SALES, "brand-y", business="south", subject="bob") == 0
        for tenant, business, subject in (
            ("brand-x", "south", "ann"), ("brand-x", "north", "bob"), ("brand-y", "north", "ann"),
            ("brand-x", "north", None), ("brand-x", None, "ann"), ("brand-x", "*", "ann"), ("brand-x", "north", "*"), ("brand-x", "ann", "north"),
        ):  # fmt: skip
            session.ask_refused("28000", COUNT_SALES, tenant, business=business, subject=subject)


def test_changed_claims_reach_a_warm_session(plane):
    visits = "SELECT count(*) FROM visits"
    with plane.session() as session:
        assert session.value(visits, business="franchise-7") == 50
        plane.run("SELECT splitplane.admit('brand-a', 'franchise-7', claims => '{\"stores\": [1]}')")
        assert session.value(visits, business="franchise-7") == 10
        plane.run("SELECT splitplane.admit('brand-a', 'franchise-7', claims => '{\"stores\": []}')")
        assert session.value(visits, business="franchise-7") == 0
        plane.run("SELECT splitplane.admit('brand-a', 'franchise-7', claims => '{\"stores\": 4}')")
        assert session.value(visits, business="franchise-7") == 40, "a scalar counts as a list of one"
        plane.run("SELECT splitplane.admit('brand-a', 'franchise-7', claims => '{}')")
        session.ask_refused("28000", visits, business="franchise-7")
        assert session.value(visits) == 100, "the wider row is as it was"


@pytest.mark.parametrize("claims", ['{"stores": ["x"]}', '{"stores": [99999999999]}', '{"stores": [1.5]}', '{"stores": [null]}', '{"stores": {"a": 1}}', '{"stores": [[1]]}', '{"stores": null}'])
def test_claims_that_do_not_fit_admit_nothing(plane, claims):
    """Refused by admit or by the call with a SQLSTATE of its own; never all rows, never another principal's."""
    visits = "SELECT count(*) FROM visits"
    try:
        plane.run("SELECT splitplane.admit('brand-a', 'odd', claims => %s::jsonb)", claims)
    except psycopg.Error as error:
        assert error.sqlstate in ("22023", "22P02", "22003"), error
        return
    with plane.session() as session:
        try:
            assert session.value(visits, business="odd") == 0
        except psycopg.Error as error:
            assert error.sqlstate in ("28000", "22023", "22P02", "22003", "55000"), error


def test_unknown_keys_and_principals_cannot_be_administered_away(plane):
    for statement in ("SELECT splitplane.revoke_key('AKNONE')", "SELECT splitplane.import_key('AKWIRE', 'again-again-again-again', NULL, 1, '1 day')"):
        with pytest.raises(psycopg.Error) as refused:
            plane.run(statement)
        assert refused.value.sqlstate not in (None, "XX000"), refused.value
    with plane.session() as session:
        assert session.value(COUNT_SALES) == SALES["brand-a"]


def test_without_a_key_file_administration_says_so():
    """An administrator is told what is wrong; the one message of refused contexts is for those who ask."""
    with Cluster({"splitplane.key_file": "absent/key"}) as running, psycopg.connect(running.dsn(), autocommit=True) as boss:
        boss.execute("CREATE EXTENSION splitplane")

        def refused(sql, *arguments):
            with pytest.raises(psycopg.Error) as raised:
                boss.execute(sql, arguments)
            return raised.value.sqlstate, raised.value.diag.message_primary

        unusable = ("55000", "the key file (splitplane.key_file) cannot be read or made")
        assert refused("SELECT splitplane.sign('AKNOBODY', 'brand-a')") == ("22023", "no such key")
        assert refused("SELECT splitplane.create_key('AKTHERE')") == unusable
        assert refused("SELECT splitplane.import_key('AKTHERE', %s)", ANOTHER_SECRET) == unusable
        # A key that came with a dump, whose key file did not.
        boss.execute(
            "INSERT INTO splitplane.keys (key_id, sealed, max_uses, not_before, not_after)"
            " VALUES ('AKTHERE', decode(repeat('01', 80), 'hex'), 1, now(), now() + interval '1 day')"
        )
        assert refused("SELECT splitplane.sign('AKTHERE', 'brand-a')") == ("55000", "the key cannot be opened")
        assert refused("SELECT splitplane.sign('AKNOBODY', 'brand-a')") == ("22023", "no such key")
        assert "key file: " in running.log_text(), "the reason is in the log"


def test_doctor_names_a_key_file_that_opens_nothing():
    """Missing, of another mode, of another length, of another server: each would have every new session refuse. Put back, it is as before."""
    with Cluster() as running, psycopg.connect(running.dsn(), autocommit=True) as boss:
        boss.execute("CREATE EXTENSION splitplane; SELECT splitplane.create_key('AKFIRST'), splitplane.create_key('AKSECOND')")
        boss.execute("SELECT splitplane.create_key('AKREVOKED'); SELECT splitplane.revoke_key('AKREVOKED')")
        (data,) = boss.execute("SELECT current_setting('data_directory') || '/' || current_setting('splitplane.key_file')").fetchone()
        file = Path(data)
        content = file.read_bytes()

        def found():
            return boss.execute("SELECT severity, finding, fix FROM splitplane.doctor() WHERE object = 'splitplane.key_file'").fetchall()

        def put_back():
            file.write_bytes(content)
            file.chmod(0o600)

        assert found() == []
        for damage, words in (
            (file.unlink, "No such file"),
            (lambda: file.chmod(0o644), "readable by others"),
            (lambda: file.write_bytes(content[:16]), "fail"),
            (lambda: file.write_bytes(content + b"x"), "longer than 32 bytes"),
            (lambda: file.write_bytes(bytes(reversed(content))), "did not seal this key"),
        ):
            damage()
            ((severity, finding, fix),) = found()
            assert severity == "warning" and fix.startswith("--"), (severity, fix)
            assert finding.startswith("Signing keys cannot be opened, so new sessions refuse contexts that are signed with them (28000): the key file"), finding
            assert words in finding and finding.endswith(". This concerns 2 keys, first AKFIRST."), finding
            if file.exists():
                file.unlink()
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
            os.close(descriptor)
            os.chown(file, Path(data).parent.stat().st_uid, Path(data).parent.stat().st_gid)
            put_back()
            assert found() == []
