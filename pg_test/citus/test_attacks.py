"""The hostile corpus on a coordinator and two workers, judged as on one server."""

import collections
import re
import sys

import pytest
from splitplane_test.plane import Plane
from splitplane_test.tally import Tally

from pg_test.attacks import run as attacks
from pg_test.attacks.entries import CHILDREN, HIDDEN, HIDDEN_ROWS, PLANE, VIEWS, load, text_of
from pg_test.attacks.world import DATABASE, SETTINGS, World
from pg_test.citus import nodes as servers
from pg_test.citus.restaurant import HERE
from pg_test.citus.shop import CLUSTER_KEY

# Rows that belong to those of a distributed table cannot be in the plane, and neither can views of them.
# Hidden tables stay out, too, since Citus loses the security barrier of the view that reads them.
ABSENT = {"wallets"} | {name for name, child in CHILDREN.items() if set(child.through) & {*PLANE, "payments"}}
ABSENT_VIEWS = {name for name, query in VIEWS.items() if set(re.findall(r"\w+", query)) & ABSENT}
ABSENT_NAMES = re.compile(r"\b(" + "|".join(sorted(ABSENT | ABSENT_VIEWS)) + r")\b", re.IGNORECASE)


class Distributed(World):
    """Tables with a tenant column are distributed; the rest of the plane is the coordinator's own."""

    def __init__(self, nodes: servers.Nodes):
        self.nodes = nodes
        super().__init__(nodes.coordinator)

    def _install(self, schema) -> Plane:
        for worker in self.nodes.workers:
            # The coordinator has them from a database without Citus.
            worker.psql("postgres", "CREATE ROLE demo_owner; CREATE ROLE splitplane_exec NOINHERIT; CREATE ROLE app LOGIN; CREATE ROLE naive_app LOGIN")
        self.nodes.join(DATABASE)
        self.cluster.psql(DATABASE, schema)
        # Citus distributes no table that others inherit from.
        self.cluster.psql(DATABASE, "ALTER TABLE inventory_archive NO INHERIT inventory")
        self.cluster.psql(DATABASE, "INSERT INTO inventory SELECT item_id, tenant_id, on_hand, memo FROM inventory_archive")
        self.cluster.psql(DATABASE, f"{HIDDEN} {HIDDEN_ROWS}")
        self.cluster.psql(DATABASE, HERE / "distribute.sql", variables={"tenant": "{tenant_id}", "shared": "{}"})
        return Plane.install(self.cluster, DATABASE, key_id="AKSPACME", after=[servers.LET_THE_READER_IN], tenants=["acme"])

    def _register_tables(self) -> None:
        for relation in PLANE:
            self.protect(relation)
        self._register_children()
        for view, query in VIEWS.items():
            if view not in ABSENT_VIEWS:
                self.plane.run("SELECT splitplane.define_view(%s, %s)", view, query)

    def children(self) -> dict:
        return {name: child for name, child in CHILDREN.items() if name not in ABSENT}


@pytest.fixture(scope="module")
def suite(bindir):
    with servers.running(bindir, **SETTINGS) as nodes:
        nodes.give_keys(CLUSTER_KEY)
        yield attacks.Suite(Distributed(nodes), against_naive=False)


def test_no_row_of_another_tenant(suite):
    # Answers hold numbers of any length.
    sys.set_int_max_str_digits(0)
    tally = Tally(False, shown=sys.maxsize)
    entries = [entry for entry in load() if not ABSENT_NAMES.search(text_of(entry, DATABASE) or "")]
    by_category = collections.defaultdict(list)
    for entry in entries:
        by_category[entry["category"]].append(entry)
    for category, group in by_category.items():
        results = suite.run_exhausting(group) if category == "dos" else map(suite.run, group)
        for entry, wrong in zip(group, results, strict=True):
            tally.add(f"{entry['id']} ({entry['title']}, expected {entry['expect']})", wrong)
    print(f"{len(entries)} of {len(load())} entries; how the calls ended: {dict(suite.states)}")
    assert tally.finish() == 0
