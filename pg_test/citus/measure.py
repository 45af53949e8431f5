#!/usr/bin/env python3
"""The table of docs/scale.md: with 1, 2 and 4 workers, how many tasks the queries of the analytic corpus are, and what they move.

    CITUS_PG_CONFIG=FILE SPLITPLANE_PG_MAJOR=17 measure.py [--scale 0.02]

Tasks are those of the statement as a call has it planned, by EXPLAIN of ask_dry_run: as the reader, with the fences. Bytes are what
EXPLAIN ANALYZE says of the same text with its parameters as literals, run by a superuser. A text that means something else by
hand is left out there: one that names a table with its schema, where a call puts the fence, and one that relies on a key of the
table below the fence, which a call resolves. No times: all servers are on one machine.
"""

from __future__ import annotations

import argparse
import collections
import os
import statistics

import psycopg

from pg_test.analytics.corpus import load
from pg_test.citus import nodes as servers
from pg_test.citus import restaurant
from pg_test.citus.shop import CLUSTER_KEY

BUSINESS = "headquarters"


def measured(nodes: servers.Nodes, scale: float) -> str:
    restaurant.build_alone(nodes.coordinator, scale)
    restaurant.build_distributed(nodes, "cluster", scale)
    restaurant.register(nodes, "cluster")
    counts, moved, results = collections.Counter(), [], []
    with nodes.connect("home") as home, nodes.connect("cluster") as cluster:
        shards, placements = cluster.execute(
            "SELECT (SELECT count(DISTINCT shardid) FROM pg_dist_shard), (SELECT count(*) FROM pg_dist_placement)"
        ).fetchone()
        for query in load():
            try:
                counts[restaurant.tasks("\n".join(restaurant.dry_run(cluster, query.sql, BUSINESS)["plan"]))] += 1
            except psycopg.Error:
                counts["refused"] += 1
        for _, text in restaurant.built(home, load(), BUSINESS):
            try:
                lines = cluster.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {text}").fetchall()
            except psycopg.Error:
                continue
            plan = "\n".join(line for (line,) in lines)
            if restaurant.tasks(plan) == 1:
                moved.append(restaurant.received(plan))
                results.append(len(cluster.execute(text).fetchall()))
    return (
        f"| {len(nodes.workers)} | {shards} | {placements} | {counts.total()} | {counts[1]} | {counts[0]} | {sum(counts[n] for n in counts if n not in (0, 1, 'refused'))} "
        f"| {counts['refused']} | {len(moved)} | {sum(results)} | {sum(moved)} | {int(statistics.median(moved))} | {max(moved)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.02)
    chosen = parser.parse_args()
    bindir = servers.installation(os.environ["CITUS_PG_CONFIG"])
    print("| workers | shards | placements | queries | one task | no task | more | refused | run by hand | rows | bytes | median | most |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for workers in (1, 2, 4):
        with servers.running(bindir, workers, **{"citus.shard_count": "32"}) as nodes:
            nodes.give_keys(CLUSTER_KEY)
            print(measured(nodes, chosen.scale), flush=True)


if __name__ == "__main__":
    main()
