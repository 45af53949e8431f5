"""The fences of a cluster taken away, one and two at a time: each of two keeps another tenant's rows in without the other.

A statement carries the filter of its common table expressions to the nodes, and each node adds the fence of a table by itself.
The corpus of pg_test/ablation runs on a coordinator and two workers with the build that has switches; what must hold is told in
COMBINATIONS before anything runs. With `nodes` off a worker adds nothing, and each shard has a policy that lets everyone see
everything, as somebody at a worker could make it: then the fence on the nodes is gone whole.
"""

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.session import wait_until
from splitplane_test.tally import Tally

from pg_test.ablation import claims, corpus
from pg_test.ablation.bench import DATABASE, MARKER, ROOT, TREE, Bench
from pg_test.ablation.combinations import Combination
from pg_test.attacks.alone import Alone
from pg_test.attacks.entries import PLANE, text_of
from pg_test.attacks.world import SETTINGS
from pg_test.citus import nodes as servers
from pg_test.citus.shop import CLUSTER_KEY
from pg_test.citus.test_attacks import ABSENT_NAMES, Distributed


@dataclass(frozen=True)
class Together(Combination):
    """Fences of a cluster that are off. The proof sees the coordinator's tables: of what nodes lack it knows nothing."""

    @property
    def row_security_stands(self) -> bool:
        return not self.has("nodes") and not self.has("role")

    @property
    def refuses_relations(self) -> bool:
        return not self.has("proof") and (self.has("role") or self.has("filter_text"))

    @property
    def filters_rows(self) -> bool:
        is_filtered = not self.has("filter") and not self.has("filter_text")
        return is_filtered or self.row_security_stands or self.refuses_relations

    @property
    def keeps_errors(self) -> bool:
        return (self.row_security_stands or self.refuses_relations) and not self.has("functions")


SINGLES = "filter filter_text nodes proof role inlining functions definers leaks free columns conditions shared kept".split()
# Both fences of rows, each without the other and without what stands before it.
PAIRS = (
    ("filter", "proof"),
    ("filter_text", "proof"),
    ("filter", "functions"),
    ("filter", "leaks"),
    ("filter", "kept"),
    ("nodes", "proof"),
    ("nodes", "leaks"),
    ("nodes", "shared"),
    ("role", "proof"),
)
# Nothing is left that filters rows.
CONTROLS = (("filter", "nodes"), ("filter_text", "proof", "nodes"), ("filter", "proof", "role"))
COMBINATIONS = [
    Together("none", ()),
    *(Together("single", (fence,)) for fence in SINGLES),
    *(Together("pair", pair) for pair in PAIRS),
    *(Together("control", off) for off in CONTROLS),
]


class Marked(Cluster):
    """With the marker that a build with switches asks for."""

    def _configure(self, settings) -> None:
        super()._configure(settings)
        (self.data_dir / MARKER).write_text("its fences may be taken away\n", encoding="ascii")


class ClusterBench(Bench):
    def __init__(self, nodes: servers.Nodes):
        self.nodes = nodes
        self.world = Distributed(nodes)
        self.alone = Alone(self.world)
        self._alone_states = {}
        self._is_open = False
        self.world.plane.set(splitplane__deadline="5000")

    def prepare(self, combination: Combination) -> None:
        # The coordinator keeps no shards here. What it adds to a statement of its own is no node's fence, and the proof looks for it.
        here = ",".join(fence for fence in combination.off if fence != "nodes")
        wanted = [here] + [",".join(combination.off)] * len(self.nodes.workers)
        for node, off in zip(self.nodes, wanted, strict=True):
            node.psql("postgres", f"ALTER SYSTEM SET splitplane.ablate = '{off}'")
            node.psql("postgres", "SELECT pg_reload_conf()")
        for node, off in zip(self.nodes, wanted, strict=True):
            wait_until(lambda node=node, off=off: node.psql(DATABASE, "SHOW splitplane.ablate").strip() == off, 10, f"{off} is off")
        if combination.has("nodes") != self._is_open:
            self._is_open = combination.has("nodes")
            change = "CREATE POLICY open_door ON %s USING (true)" if self._is_open else "DROP POLICY open_door ON %s"
            for table in PLANE:
                made = self.world.plane.admin_rows("SELECT success, result FROM run_command_on_placements(%s, %s)", table, change)
                assert made and all(success for success, _ in made), made


@pytest.fixture(scope="module")
def bench():
    subprocess.run([str(ROOT / "tools/install-extension.sh"), "--ablation"], check=True, stdout=subprocess.DEVNULL)
    bindir = servers.installation(os.environ["CITUS_PG_CONFIG"], TREE)
    with servers.running(bindir, kind=Marked, **SETTINGS) as nodes:
        nodes.give_keys(CLUSTER_KEY)
        yield ClusterBench(nodes)


@pytest.fixture(scope="module")
def entries():
    return [entry for entry in corpus.sample() if not ABSENT_NAMES.search(text_of(entry, DATABASE) or "")]


@pytest.fixture(scope="module")
def results(bench, entries):
    sys.set_int_max_str_digits(0)
    found = {}
    for combination in COMBINATIONS:
        found[combination] = tally = bench.run(combination, entries)
        print(
            f"  {combination.kind:<8}{combination.name:<24} run {tally.run}, answered {tally.answered}; another tenant's in"
            f" rows {len(tally.rows)}, errors {len(tally.errors)}, bits {len(tally.bits)}; changed {len(tally.changed)}"
        )
    return found


def test_each_fence_holds_without_the_other(results, entries):
    verdicts = Tally(verbose=False)
    texts = claims.texts_of(entries)
    for combination, tally in results.items():
        if combination.has("filter") or combination.has("filter_text"):
            # Without the filter Citus sees no tenant in a statement: of some that are several tasks it gives wrong counts.
            tally.changed.clear()
        verdicts.take(claims.of_combination(combination, tally, texts))
    assert verdicts.finish() == 0


@pytest.mark.parametrize("off", CONTROLS, ids="+".join)
def test_without_both_rows_come_out(results, off):
    """The control: the corpus finds rows of another tenant on other nodes."""
    tally = next(tally for combination, tally in results.items() if combination.off == off)
    assert len(tally.rows) >= 3, tally.states


def test_honest_statements_are_answered(results):
    none = next(tally for combination, tally in results.items() if combination.kind == "none")
    assert none.by_category["control"]["answered"] == none.by_category["control"]["run"] > 0
    for fence in ("filter", "nodes", "proof", "free", "shared"):
        single = next(tally for combination, tally in results.items() if combination.off == (fence,))
        assert single.by_category["control"]["answered"] > 0, fence
