"""The restaurant group of pg_test/worlds on a coordinator and workers: distributed by tenant, and the analytic corpus over it.

What a call asks is built on a plane of one server, `home`, of which ask_dry_run gives the query with its parameters; so the same
text can be explained and run by hand on the distributed tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
from splitplane_test.cluster import Cluster
from splitplane_test.plane import Plane

from pg_test.analytics import run as analytics
from pg_test.analytics.corpus import Query
from pg_test.citus.nodes import LET_THE_READER_IN, Nodes
from pg_test.worlds import restaurant

HERE = Path(__file__).resolve().parent
DISTRIBUTION = {"tenant": "{tenant_id,tenantId}", "shared": "{calendar,tax_rates}"}


def build_alone(cluster: Cluster, scale: float) -> None:
    """The databases that answers are compared with, on one server, and the plane `home` over the same rows."""
    analytics.build(cluster, scale, with_plane=False)
    cluster.createdb("home", template="shared")
    Plane.install(
        cluster, "home", key_id=analytics.KEY_ID, after=[restaurant.REGISTER], caller="analyst", tenants=[analytics.TENANT]
    )


def build_distributed(nodes: Nodes, database: str, scale: float) -> None:
    nodes.join(database)
    for script in restaurant.TABLES:
        nodes.coordinator.psql(database, script, variables={"scale": scale})
    nodes.coordinator.psql(database, HERE / "distribute.sql", variables=DISTRIBUTION)


# As register.sql does it, which calls splitplane.admit over a distributed table: Citus then calls it on the workers.
ADMIT = """DO $$
DECLARE
    brand record;
BEGIN
    FOR brand IN SELECT s.tenant_id, jsonb_agg(s.store_id ORDER BY s.store_id) AS stores FROM public.stores AS s GROUP BY 1 LOOP
        PERFORM splitplane.admit(brand.tenant_id, 'headquarters', '*', jsonb_build_object('stores', brand.stores));
    END LOOP;
END $$"""


def register(nodes: Nodes, database: str) -> Plane:
    after = [LET_THE_READER_IN, restaurant.REGISTER, ADMIT]
    return Plane.install(nodes.coordinator, database, key_id=analytics.KEY_ID, after=after, caller="analyst", tenants=[analytics.TENANT])


def dry_run(session: psycopg.Connection, sql: str, business: str) -> dict:
    """What a call would run, without running it; the session is an administrator's."""
    sign = "SELECT splitplane.sign(%s, %s, %s, 'corpus', %s)::text"
    context = session.execute(sign, (analytics.KEY_ID, analytics.TENANT, business, sql)).fetchone()[0]
    return json.loads(session.execute("SELECT ask_dry_run(%s::jsonb, sql => %s)::text", (context, sql)).fetchone()[0])


def built(home: psycopg.Connection, queries: list[Query], business: str) -> Iterator[tuple[Query, str]]:
    """Each query as a call builds it, with the parameters as literals."""
    for query in queries:
        document = dry_run(home, query.sql, business)
        text = document["plane_sql"]
        literals = {p["number"]: home.execute("SELECT format('%%L::%%s', %s::text, %s::text)", (p["value"], p["type"])).fetchone()[0] for p in document["parameters"]}
        yield query, re.sub(r"\$(\d+)", lambda found, known=literals: known.get(int(found[1]), found[0]), text)


def tasks(plan: str) -> int:
    """Over all of a plan's parts; a distributed sub-plan counts as its own tasks."""
    return sum(int(count) for count in re.findall(r"Task Count: (\d+)", plan))


def received(plan: str) -> int:
    """The bytes that came from workers, of a plan that was run; sub-plans count what they made besides."""
    return sum(int(count) for count in re.findall(r"(?:Tuple data received from nodes|Intermediate Data Size): (\d+) bytes", plan))
