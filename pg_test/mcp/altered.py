"""The server with one of its protections taken away, for controls: `python -m pg_test.mcp.altered untied --config FILE`.

    untied     sessions are tied to nobody: the subject that the SDK ties them to is left out
    buffered   answers come in one piece, without a stream
    hasty      keys are fetched again after half a second, where they are sought in vain
"""

import functools
import sys

from mcp.server import Server
from splitplane_mcp import __main__, app, tokens


class Untied(tokens.Verifier):
    async def verify_token(self, token: str):
        verified = await super().verify_token(token)
        return verified and verified.model_copy(update={"subject": None})


if __name__ == "__main__":
    if (altered := sys.argv.pop(1)) == "untied":
        app.Verifier = Untied
    elif altered == "buffered":
        Server.streamable_http_app = functools.partialmethod(Server.streamable_http_app, json_response=True)
    elif altered == "hasty":
        tokens.RETRY_SECONDS = 0.5
    else:
        sys.exit(f"there is no {altered}")
    sys.exit(__main__.main())
