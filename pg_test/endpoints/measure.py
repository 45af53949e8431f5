#!/usr/bin/env python3
"""What a small real model makes of sixty questions over the demo's schema, by stage, and what its prompts cost: one table in Markdown.

    .tools/venv/bin/python pg_test/endpoints/measure.py [--questions N] [--weights NAME] [--setting NAME=VALUE]..

The model runs on llama.cpp's server on this machine (tools/endpoint-tools.sh). The figures are those of the requests as they went over the wire
and of the server's own counts. A model of this size is no analyst: what is measured is splitplane, not the model.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

from asking import CORE, STAGES, Asking, Outcome
from programs import LLAMA_SERVER, WEIGHTS, LlamaCpp, missing
from splitplane_test.cluster import ROOT, Cluster
from splitplane_test.standin.asked import GENERATION, VALIDATION
from splitplane_test.tally import NOT_RUN

HERE = Path(__file__).resolve().parent
DEADLINE = "120s"


def progress(number: int, outcome: Outcome) -> None:
    calls = ", ".join(f"{x.task[:3]} {x.cached_tokens}/{x.prompt_tokens}+{x.output_tokens} {x.seconds:.1f}s" for x in outcome.exchanges)
    print(f"{number:3} {outcome.stage:10} {outcome.word:12} {outcome.seconds:6.1f}s  [{calls}]  {outcome.message[:80]}", file=sys.stderr, flush=True)


def measured(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    """Rows of the table: a figure and its value."""
    stages = Counter(outcome.stage for outcome in outcomes)
    rows = [("questions", str(len(outcomes)))]
    rows += [(f"ended in: {stage}", str(stages[stage])) for stage in STAGES]
    exchanges = [exchange for outcome in outcomes for exchange in outcome.exchanges]
    replies = [exchange for exchange in exchanges if exchange.status == 200]
    rows.append(("requests; answered with 200", f"{len(exchanges)}; {len(replies)}"))
    for task, name in ((VALIDATION, "verdicts"), (GENERATION, "SQL")):
        of_task = [exchange for exchange in replies if exchange.task == task]
        later = of_task[1:]
        prompt, cached = sum(x.prompt_tokens for x in later), sum(x.cached_tokens for x in later)
        share = f"{100 * cached / prompt:.0f} % of {prompt:,}" if prompt else "-"
        rows.append((f"prompt tokens cached from the second call on, {name}", share))
        rows.append((f"seconds of a call, median, {name}", f"{median(x.seconds for x in of_task):.1f}" if of_task else "-"))
        whole = [exchange for exchange in of_task if exchange.said is not None]
        rows.append((f"replies that are one JSON object, {name}", f"{len(whole)} of {len(of_task)}"))
        if task == GENERATION:
            selects = [x for x in whole if str(x.said.get("sql", "")).lstrip(" `\n").lower().startswith(("select", "with", "sql"))]
            rows.append(("replies that hold a SELECT", f"{len(selects)} of {len(of_task)}"))
    verdicts = [outcome.verdict_seconds for outcome in outcomes if outcome.verdict_seconds is not None]
    rows.append(("seconds to a verdict, median", f"{median(verdicts):.1f}" if verdicts else "-"))
    rows.append(("seconds of a question, median", f"{median(outcome.seconds for outcome in outcomes):.1f}"))
    rows.append(("tokens read, of them cached", f"{sum(x.prompt_tokens for x in replies):,}, {sum(x.cached_tokens for x in replies):,}"))
    rows.append(("tokens written", f"{sum(x.output_tokens for x in replies):,}"))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--weights", choices=sorted(WEIGHTS), default="SmolLM2-135M-Instruct Q4_1")
    parser.add_argument("--setting", action="append", default=[], help="a setting of the asking role, NAME=VALUE")
    parser.add_argument("--minutes", type=float, help="no question is begun later")
    parser.add_argument("--core", action="store_true", help="four tables in the plane and not all seventeen, for a machine that is slow or busy")
    parser.add_argument("--without-validation", action="store_true", help="what is written and becomes of it, whatever the verdict would be")
    parser.add_argument("--save", type=Path, help="every exchange, as JSON lines")
    options = parser.parse_args()
    weights = WEIGHTS[options.weights]
    if why := missing(LLAMA_SERVER, weights):
        print(f"NOT RUN: {why}")
        return NOT_RUN
    questions = json.loads((HERE / "questions.json").read_text())[: options.questions]
    settings = {name.replace(".", "__"): value for name, _, value in (text.partition("=") for text in options.setting)}
    server_settings = {"jit": "off", "splitplane.validation": "off" if options.without_validation else "required"}
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, LlamaCpp(Path(folder), weights) as server, Cluster(server_settings) as cluster:
        plane = Asking.make(cluster, CORE if options.core else ())
        began = time.monotonic()
        with plane.through(server, **{"splitplane__deadline": DEADLINE, **settings}) as session:
            for number, question in enumerate(questions, 1):
                if options.minutes and time.monotonic() - began > 60 * options.minutes:
                    break
                outcomes.append(session.ask(question))
                progress(number, outcomes[-1])
    leaked = [outcome.question for outcome in outcomes if plane.leaked(outcome.texts())]
    if options.save:
        with open(options.save, "w", encoding="utf-8") as file:
            for outcome in outcomes:
                for x in outcome.exchanges:
                    file.write(json.dumps({"question": outcome.question, "task": x.task, "form": x.form, "status": x.status, "reply": x.reply}) + "\n")
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    print(f"{options.weights}, llama.cpp, {datetime.date.today()}, splitplane at {commit}: {' '.join(sys.argv[1:])}\n")
    print("| figure | value |\n|---|---|")
    for name, value in measured(outcomes):
        print(f"| {name} | {value} |")
    print(f"| answers with a row of another tenant | {len(leaked)} |")
    return 1 if leaked else 0


if __name__ == "__main__":
    sys.exit(main())
