"""The stand-in as a command; see the package's own text."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import signal
import sys
import threading
from pathlib import Path

from . import FAULTS, Script, Standin


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m splitplane_test.standin", description="A local stand-in for Amazon Bedrock. It is no model."
    )
    arguments.add_argument("--script", help="JSON file of rules and behaviours")
    arguments.add_argument("--port", type=int, default=0, help="by default a free one")
    arguments.add_argument("--region", default="us-east-1")
    arguments.add_argument("--unsigned", action="store_true", help="the OpenAI form needs no bearer key")
    arguments.add_argument("--keep", type=int, default=1000, help="how many requests are remembered")
    arguments.add_argument("--environment", help="write a client's variables to this file (mode 0600) instead of printing them")
    arguments.add_argument("--quiet", action="store_true", help="no line per request")
    arguments.add_argument("--faults", action="store_true", help="list the behaviours and leave")
    given = arguments.parse_args()
    if given.faults:
        for name, fault in FAULTS.items():
            options = f" {json.dumps(dict(fault.options))}" if fault.options else ""
            print(f"{name}: {fault.what}{options}")
        return
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING if given.quiet else logging.INFO, format="%(asctime)s %(message)s")
    script = Script.load(given.script) if given.script else {}
    standin = Standin(
        script.get("rules", ()),
        script.get("play", ()),
        port=given.port,
        region=given.region,
        allow_unsigned=given.unsigned,
        keep=given.keep,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with standin:
        # The keys are made for this run and open nothing but this process.
        lines = [f"export {name}={shlex.quote(value)}" for name, value in standin.environment().items()]
        lines += [f"export STANDIN_BEARER={shlex.quote(standin.bearer)}", f"export STANDIN_OPENAI_URL={standin.openai_url}"]
        text = "\n".join(lines) + "\n"
        if given.environment:
            _write_private(Path(given.environment), text)
        else:
            print(text, end="", flush=True)
        print(f"# splitplane-standin (a stand-in, not a model) listens on {standin.url}", flush=True)
        stop.wait()


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
