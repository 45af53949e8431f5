"""A local stand-in for Amazon Bedrock and OpenAI-compatible endpoints, for splitplane's tests, demo and bench.

It is no model and never calls one: it plays a script. It answers on 127.0.0.1 only, sends `server: splitplane-standin` with
every response, and says `splitplane-standin` in every log line.

    from splitplane_test.standin import Standin
    rules = [{"question": "How many orders?", "verdict": "allow", "sql": "SELECT count(*) FROM orders", "answer": "{0.0} orders."}]
    with Standin(rules) as standin:
        client = boto3.client("bedrock-runtime", endpoint_url=standin.url, region_name=standin.region, ..)
        standin.play("throttle", times=2, task="generation")    # every behaviour: standin.stage.FAULTS
        standin.play(latency_ms={"validation": 75, "generation": 800})
        ...
        assert not any("CANARY" in text for text in standin.texts())
        assert standin.overlaps == 1 and [record.task for record in standin.requests] == ["validation", "generation"]

From a shell, printing the variables a client needs:

    python -m splitplane_test.standin --script demo/questions.json --port 8123

Endpoints: POST /model/{modelId}/converse and /guardrail/{id}/version/{v}/apply, signed with SigV4 (checked with botocore) or
with a bearer key; POST /chat/completions and /v1/chat/completions with a bearer key or, if told so, without; where AWS SDKs
fetch credentials: GET /credentials (container), /latest/.. (instance metadata v2), POST / (STS), GET /federation/credentials
(IAM Identity Center); and, for other processes, POST /standin/play, POST /standin/clear, GET /standin/requests, /standin/texts
and /standin/state.
"""

from .asked import GENERATION, GUARDRAIL, NARRATION, VALIDATION
from .record import Record
from .script import Script, ScriptError
from .service import Standin
from .stage import FAULTS, PlayError

__all__ = [
    "FAULTS",
    "GENERATION",
    "GUARDRAIL",
    "NARRATION",
    "PlayError",
    "Record",
    "Script",
    "ScriptError",
    "Standin",
    "VALIDATION",
]
