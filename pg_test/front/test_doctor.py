"""What doctor() says of data servers and directories: each finding comes when it should, and goes when it was seen to."""

import pytest

from pg_test.front.servers import PASSWORD, Front

MAPPING = "USER MAPPING FOR splitplane_reader SERVER one"
COLUMNS = ["order_id", "store_id", "total", "note"]
# Object, severity, sentence, what brings it, and what mends it where the fix of doctor() is a comment.
FINDINGS = [
    (
        "one",
        "warning",
        "Its option extensions must name splitplane_remote and nothing else: what it names is sent there.",
        "ALTER SERVER one OPTIONS (SET extensions 'splitplane_remote, postgres_fdw')",
        None,
    ),
    (
        "one",
        "warning",
        "There is no user mapping of splitplane_reader, as which statements are run.",
        f"DROP {MAPPING}",
        f"CREATE {MAPPING} OPTIONS (user 'splitplane_front', password '{PASSWORD}')",
    ),
    (
        "one",
        "warning",
        "The user mapping of splitplane_reader has neither a password nor a certificate.",
        f"ALTER {MAPPING} OPTIONS (DROP password)",
        f"ALTER {MAPPING} OPTIONS (ADD password '{PASSWORD}')",
    ),
    (
        "one",
        "warning",
        "It has a user mapping for PUBLIC: every role of this database logs in there.",
        "CREATE USER MAPPING FOR PUBLIC SERVER one OPTIONS (user 'somebody', password 'or other')",
        None,
    ),
    (
        "one",
        "warning",
        "splitplane_reader (by itself or by PUBLIC) may use it, and so make foreign tables.",
        "GRANT USAGE ON FOREIGN SERVER one TO PUBLIC",
        None,
    ),
    (
        "one",
        "warning",
        "Its connections need not be encrypted, or to the server that is meant: sslmode is not verify-full.",
        "ALTER SERVER one OPTIONS (SET sslmode 'require')",
        None,
    ),
    (
        "one",
        "info",
        "This server does not know how many rows it has, and fetches rows that could be counted or summed there.",
        "ALTER SERVER one OPTIONS (SET use_remote_estimate 'false')",
        None,
    ),
    (
        "one",
        "info",
        "It has no connect_timeout: a call waits for a server that does not answer, past its deadline.",
        "ALTER SERVER one OPTIONS (DROP connect_timeout)",
        None,
    ),
    (
        "one",
        "info",
        "Rows come in groups of fewer than 1000, each for a message and its answer.",
        "ALTER SERVER one OPTIONS (SET fetch_size '100')",
        None,
    ),
    (
        "orders",
        "warning",
        "Data servers keep its rows, and its partition public.orders_here is not a foreign table of postgres_fdw: calls that need it are refused.",
        "CREATE TABLE public.orders_here PARTITION OF public.orders FOR VALUES IN (77)",
        "DROP TABLE public.orders_here",
    ),
    (
        "orders_one",
        "warning",
        "It is a partition of public.orders that splitplane_reader may not read as the plane has it: calls of its tenants are refused.",
        "REVOKE SELECT ON public.orders_one FROM splitplane_reader",
        "registered again",
    ),
]


@pytest.fixture(scope="module")
def own(cluster, servers):
    return Front.build(cluster, servers, "doctored")


def found(front, name: str, said: str) -> list[tuple[str, str]]:
    """Severities and fixes of a finding."""
    rows = front.admin_rows("SELECT object, severity, finding, fix FROM splitplane.doctor()")
    return [(severity, fix) for object_, severity, finding, fix in rows if object_.removeprefix("public.") == name and finding == said]


@pytest.mark.parametrize(("name", "severity", "said", "broken", "mended"), FINDINGS, ids=[finding[2][:40] for finding in FINDINGS])
def test_finding_comes_and_goes(own, name, severity, said, broken, mended):
    assert found(own, name, said) == []
    own.run(broken)
    [(level, fix)] = found(own, name, said)
    assert level == severity
    match mended:
        case None:
            own.run(fix)
        case "registered again":
            own.protect_remote("orders", COLUMNS)
        case _:
            own.run(mended)
    assert found(own, name, said) == []
    for tenant in ("1", "3"):
        assert own.rows("SELECT count(*) FROM orders", tenant) == [[100]]


def test_values_that_analyze_has_copied(own, servers):
    said = "ANALYZE has put values of all tenants into this database, by which statements of each are planned."
    server, boss = servers["two"], own.cluster.superuser
    server.run(f"ALTER ROLE {server.superuser} PASSWORD '{PASSWORD}'")
    own.run(f"CREATE USER MAPPING FOR {boss} SERVER two OPTIONS (user '{server.superuser}', password '{PASSWORD}')")
    assert found(own, "stores_two", said) == []
    own.run("ANALYZE public.stores_two")
    assert [level for level, _ in found(own, "stores_two", said)] == ["warning"]
    own.run("DROP FOREIGN TABLE public.stores_two")
    own.run("CREATE FOREIGN TABLE public.stores_two PARTITION OF public.stores FOR VALUES IN (3) SERVER two OPTIONS (table_name 'stores')")
    own.protect_remote("stores", ["store_id", "city"])
    own.run(f"DROP USER MAPPING FOR {boss} SERVER two")
    assert found(own, "stores_two", said) == []
    assert own.rows("SELECT count(*) FROM stores", "3") == [[5]]


def test_server_that_was_dropped(own, servers):
    said = "There is no foreign server of postgres_fdw of this name."
    with own.admin() as admin:
        own.connect_to(admin, "three", servers["two"].port, servers["two"])
    assert found(own, "three", said) == []
    own.run("DROP SERVER three CASCADE")
    [(level, fix)] = found(own, "three", said)
    assert level == "warning"
    own.run(fix)
    assert found(own, "three", said) == []


def test_fences_of_a_data_server_that_are_gone(own, servers):
    """`On its data server: ..`, in the words of what was found there."""
    server = servers["one"]
    told = "SELECT object FROM splitplane.doctor() WHERE starts_with(finding, 'On its data server: ')"
    assert own.admin_rows(told) == []
    server.run("ALTER TABLE orders DISABLE ROW LEVEL SECURITY")
    try:
        assert [name.removeprefix("public.") for (name,) in own.admin_rows(told)] == ["orders_one"]
    finally:
        server.run("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    assert own.admin_rows(told) == []
