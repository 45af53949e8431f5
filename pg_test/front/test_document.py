"""The statements of docs/front-database.md, in the order in which a reader meets them, with names and secrets put in.

docs/run_examples.py has no data server to run them on.
"""

import re

from splitplane_test.cluster import ROOT
from splitplane_test.plane import Plane

from pg_test.front.servers import PASSWORD, SCRIPT, DataServer

PAGE = ROOT / "docs/front-database.md"
TABLES = """
CREATE TABLE orders (tenant_id text NOT NULL, order_id int PRIMARY KEY, store_id int, total numeric);
INSERT INTO orders SELECT CASE i % 2 WHEN 0 THEN 'brand-a' ELSE 'brand-b' END, i, i % 3, i FROM generate_series(1, 10) AS i;
CREATE TABLE stores (tenant_id text NOT NULL, store_id int);
"""
COUNT = "SELECT count(*), min(total) FROM orders"


def blocks() -> list[str]:
    return re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def put_in(text: str, values: dict[str, str]) -> str:
    """Each of the values is in the text, and is put in."""
    for name, value in values.items():
        assert name in text, name
        text = text.replace(name, value)
    return text


def test_the_page_runs(cluster):
    there, here, rotation = blocks()[:3]
    with DataServer(["brand-a"]) as server:
        server.createdb(server.database)
        server.psql(server.database, TABLES)
        server.psql(server.database, SCRIPT)
        secret = server.run(put_in(there, {"'..'": f"'{PASSWORD}'"}))
        assert re.fullmatch("[0-9a-f]{64}", secret)

        cluster.createdb("documented")
        place = f"host 'localhost', hostaddr '127.0.0.1', port '{server.port}'"
        known = {"host 'data-1.example.com'": place, "/etc/ssl/data.pem": str(server.root), "'..'": f"'{PASSWORD}'", "..the secret..": secret}
        cluster.psql("documented", put_in(here, known))
        with_key = "SELECT splitplane.create_key('AKPAGE', NULL, 1, '90 days')"
        front = Plane(cluster, "documented", cluster.psql("documented", with_key).strip(), "AKPAGE", "app_documented")
        front.run("CREATE ROLE app_documented LOGIN IN ROLE splitplane_caller")
        front.run("SELECT splitplane.admit(t) FROM unnest(ARRAY['brand-a', 'brand-b']) AS t")
        assert [row for row in front.admin_rows("SELECT severity, object, finding FROM splitplane.doctor()") if row[0] == "critical"] == []

        def answers() -> None:
            with front.session() as session:
                for tenant, least in (("brand-a", 2), ("brand-b", 1)):
                    assert session.call(front.sign(COUNT, tenant), COUNT)["rows"] == [[5, least]]

        answers()
        made, given, dropped = (line for line in rotation.splitlines() if line.strip())
        given = put_in(given, {"..the secret..": server.run(made)})
        front.run(given.split("--")[0])
        answers()
        server.run(dropped)
        answers()
        assert server.run("SELECT string_agg(key_id, ' ') FROM splitplane_remote.keys") == "KEY2027"


def test_the_form_without_the_script_runs(cluster):
    """Over the directory of the blocks before, which the reader has by then."""
    _, here, _, there, unclaimed = blocks()
    with DataServer(["brand-c"]) as server:
        server.createdb(server.database)
        server.psql(server.database, TABLES.replace("'brand-b'", "'brand-c'"))
        server.psql(server.database, put_in(there, {"'..'": f"'{PASSWORD}'"}))
        cluster.createdb("unclaimed")
        directory = next(statement for statement in here.split(";") if "PARTITION BY LIST" in statement)
        cluster.psql("unclaimed", f"CREATE EXTENSION splitplane; CREATE EXTENSION postgres_fdw; CREATE EXTENSION splitplane_remote;{directory}")
        place = f"host 'localhost', hostaddr '127.0.0.1', port '{server.port}'"
        known = {"host 'data-2.example.com'": place, "/etc/ssl/data.pem": str(server.root), "'..'": f"'{PASSWORD}'"}
        cluster.psql("unclaimed", put_in(unclaimed, known))
        with_key = "SELECT splitplane.create_key('AKFORM', NULL, 1, '90 days')"
        front = Plane(cluster, "unclaimed", cluster.psql("unclaimed", with_key).strip(), "AKFORM", "app_unclaimed")
        front.run("CREATE ROLE app_unclaimed LOGIN IN ROLE splitplane_caller")
        front.run("SELECT splitplane.admit('brand-c')")
        with front.session() as session:
            document = session.call(front.sign(COUNT, "brand-c"), COUNT)
        assert (document["rows"], document["data_server"]) == ([[5, 1]], "barrier")
