"""A base backup carries everything, the key file included: what is started or promoted from it answers at once."""

import shop


def promote(server) -> None:
    assert server.psql("postgres", "SELECT pg_promote()").strip() == "t"
    # Contexts dated before the end of recovery are still good; what is written is the control that it has ended.
    assert server.psql("postgres", "SELECT pg_is_in_recovery()").strip() == "f"


def test_base_backup_that_is_promoted(plane):
    with plane.cluster.standby() as replica:
        promoted = shop.of(plane, replica, plane.database)
        shop.assert_sound(promoted)
        assert replica.psql("postgres", "SELECT pg_is_in_recovery()").strip() == "t", "the control: on the standby"
        promote(replica)
        shop.assert_sound(promoted)
        # It is a server of its own now: what an administrator does there is done there alone.
        promoted.run("SELECT splitplane.revoke_key(%s)", shop.KEY)
        with promoted.session() as session:
            session.ask_refused("28000", "SELECT count(*) FROM orders", "a")
        promoted.secret = promoted.run("SELECT splitplane.create_key('AKPROMOTED')")[0]
        promoted.key_id = "AKPROMOTED"
        promoted.run("SELECT splitplane.protect('tenants', '{\"tenant\": \"tenant\"}')")
        with promoted.session() as session:
            assert session.value("SELECT label FROM tenants", "b") == "Shop b"
    shop.assert_sound(plane)
