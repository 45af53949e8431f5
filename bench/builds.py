"""The builds that a bench compares: this checkout's, and that of another commit beside it, each on a server of its own."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from splitplane_test.cluster import ROOT, Cluster, private_tree

NOW, BASELINE = "now", "baseline"


def tree_of(commit: str) -> Path:
    """The PostgreSQL tree with that commit's build, which is made where it is not there."""
    made = subprocess.run([ROOT / "tools/baseline.sh", commit], check=True, stdout=subprocess.PIPE, text=True)
    return Path(made.stdout.strip().splitlines()[-1])


@contextlib.contextmanager
def started(settings: Mapping[str, object], baseline: str | None) -> Iterator[dict[str, Cluster]]:
    """A server for each build, by its name, with the same settings."""
    trees = ({BASELINE: tree_of(baseline)} if baseline else {}) | {NOW: private_tree()}
    with contextlib.ExitStack() as stack:
        clusters = {build: stack.enter_context(Cluster(settings, tree=tree)) for build, tree in trees.items()}
        versions = {cluster.psql("postgres", "SHOW server_version").strip() for cluster in clusters.values()}
        if len(versions) > 1:
            raise SystemExit(f"the builds run on different servers: {sorted(versions)}")
        yield clusters
