"""splitplane-mcp --config FILE [--check]: checks the configuration, the issuer's keys and the database, then serves."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import traceback
from pathlib import Path

import uvicorn

from splitplane_mcp.app import build
from splitplane_mcp.config import Config, ConfigurationError, load
from splitplane_mcp.database import Database
from splitplane_mcp.tokens import KeySet

SHUTDOWN_SECONDS = 10


class OneLine(logging.Formatter):
    """Of an exception its kind and place. Its message may hold what was asked, and a client that hangs up is one to the SDK."""

    def formatException(self, ei) -> str:
        kind, _, trace = ei
        frames = traceback.extract_tb(trace)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return f"{kind.__name__ if kind else 'exception'}{place}"

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " ")


def main() -> int:
    arguments = argparse.ArgumentParser(prog="splitplane-mcp", description="An MCP server in front of a database with splitplane.")
    arguments.add_argument("--config", type=Path, required=True, help="the TOML file")
    arguments.add_argument("--check", action="store_true", help="check configuration, keys and database, and end")
    given = arguments.parse_args()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Nothing below is of use to an administrator, and at DEBUG they print what was asked.
    for name in ("mcp", "httpx2", "httpcore2", "botocore", "psycopg"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        config = load(given.config)
        asyncio.run(_serve(config, given.check))
    except ConfigurationError as error:
        print(f"splitplane-mcp: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(config: Config, check: bool) -> None:
    keys = KeySet(config.tokens.keys_file, config.tokens.keys_url)
    await keys.start()
    database = Database(config)
    await database.check()
    if check:
        print("splitplane-mcp: ready to serve")
        return
    certificate, certificate_key = config.certificate or (None, None)
    server = uvicorn.Server(
        uvicorn.Config(
            build(config, keys, database),
            host=config.host,
            port=config.port,
            ssl_certfile=certificate,
            ssl_keyfile=certificate_key,
            # Lines of requests say nothing that ours do not, and hold whatever a caller puts into the URL.
            access_log=False,
            log_config=None,
            server_header=False,
            # Nothing depends on the caller's address, and a header must not set it.
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    await server.serve()
    if not server.started:
        raise ConfigurationError("the server could not listen")


if __name__ == "__main__":
    sys.exit(main())
