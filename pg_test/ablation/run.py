#!/usr/bin/env python3
"""Takes the fences away one at a time and two at a time, and runs the hostile corpus through what is left.

    run.py [--full] [--off FENCE[,FENCE..]] [--only ENTRY] [--markdown] [--no-build]

Builds the extension with the switches of src/ablation.rs into .tools/pgNN-ablation and starts a cluster that is marked
as a test's own. Each combination of combinations.py has a database of its own, made from one pristine copy. What must
hold is told in combinations.py before anything is run; claims.py compares.

    --full       every entry of the corpus but those that only burn time; a sample of it otherwise
    --off        this combination alone, with what came out of it, and no verdict on the others
    --only       this entry of the corpus alone, through every combination; no verdict on what needs the others
    --markdown   write the tables into docs/ablation.md
    --no-build   take the build that is there

The last line is `N passed, N failed`; exit 1 on failure.
"""

from __future__ import annotations

import argparse
import collections
import subprocess
import sys
import time

from splitplane_test.tally import Tally

from pg_test.ablation import claims, corpus, loading, matrix
from pg_test.ablation.bench import ROOT, Bench, TestCluster
from pg_test.ablation.combinations import Combination, combinations


def measured(bench: Bench, chosen: list[Combination], entries: list[dict], verbose: bool = False):
    """Each combination with its tally."""
    results = {}
    for combination in chosen:
        began = time.monotonic()
        results[combination] = bench.run(combination, entries)
        if verbose:
            print(f"  {combination.kind:<8}{combination.name[:70]:<72}{time.monotonic() - began:6.1f} s", flush=True)
    return results


def main() -> int:
    sys.set_int_max_str_digits(0)
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--full", action="store_true")
    arguments.add_argument("--off", metavar="FENCE[,FENCE..]")
    arguments.add_argument("--only", metavar="ENTRY")
    arguments.add_argument("--markdown", action="store_true")
    arguments.add_argument("--no-build", action="store_true")
    arguments.add_argument("--verbose", action="store_true", help="print how long each combination took")
    options = arguments.parse_args()
    entries = corpus.whole() if options.full or options.only else corpus.sample()
    if options.only:
        entries = [entry for entry in entries if entry["id"] == options.only]
        if not entries:
            arguments.error(f"no entry is called {options.only}")
    is_whole = not options.off and not options.only
    if not options.no_build:
        subprocess.run([str(ROOT / "tools/install-extension.sh"), "--ablation"], check=True, stdout=subprocess.DEVNULL)

    started = time.monotonic()
    chosen = combinations()
    if options.off:
        off = tuple(options.off.split(","))
        chosen = [next((known for known in chosen if set(known.off) == set(off)), Combination("probe", off))]
    verdicts = Tally(verbose=False)
    with TestCluster() as cluster:
        bench = Bench(cluster)
        results = measured(bench, chosen, entries, options.verbose)
        texts = claims.texts_of(entries)
        for combination, tally in results.items():
            # Where its own rights would let an entry reach out of the cluster, it is not run; others are then.
            if tally.run or not options.only:
                verdicts.take(claims.of_combination(combination, tally, texts))
        if is_whole:
            verdicts.take(claims.awake(results))
            verdicts.take(claims.of_identity(bench))
            verdicts.take(claims.of_validation(bench))
            verdicts.take(claims.of_third_fences(bench, entries, results))
            verdicts.take(claims.of_leaks(bench))
            verdicts.take(claims.of_barriers(bench))
            verdicts.take(claims.of_conditions(bench))
            verdicts.take(claims.of_keys(bench))
            verdicts.take(claims.of_shared(bench))
            verdicts.take(claims.of_kept(bench))
            verdicts.take(claims.of_warm(bench, entries, texts))
            verdicts.take(claims.of_lists(bench))
            verdicts.take(claims.of_barred_entries(bench))
    if is_whole:
        verdicts.take(loading.checks())

    print("what came out, and by which entries:", *matrix.through(results), sep="\n")
    calls = sum(tally.run for tally in results.values())
    counted = ", ".join(f"{name} {count}" for name, count in sorted(collections.Counter(entry["category"] for entry in entries).items()))
    how = f"{calls} calls under {len(results)} combinations; {len(entries)} entries: {counted}."
    if is_whole:
        lines = matrix.tables(results, how)
        print("", *lines, sep="\n")
        if options.markdown:
            matrix.write(ROOT / "docs/ablation.md", lines)
    print(f"\n{time.monotonic() - started:.0f} s beside the build")
    return verdicts.finish()


if __name__ == "__main__":
    sys.exit(main())
