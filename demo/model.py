"""Who answers the demo's questions in words: a local stand-in that plays questions.json, or Amazon Bedrock itself.

The stand-in is no model. It remembers every request, so that the demo can search what a model was shown. The real service
is used when BEDROCK=1 is in the environment, with the AWS variables that stand there.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from splitplane_test.standin import Script, Standin
from splitplane_test.standin.asked import GENERATION, strings

HERE = Path(__file__).resolve().parent


# Pieces of a prompt that the asker or the model itself wrote: whatever they name, nobody learns it from them.
WRITTEN = ("question", "earlier-question", "failed-sql", "earlier-sql", "result-sql")
_WRITTEN_PIECE = re.compile(rf'<({"|".join(WRITTEN)})-([0-9A-Za-z]+)>"(?:[^"\\]|\\.)*"</\1-\2>')


# Inference profiles that docs/models.md lists: every commercial region routes to them.
MODEL = "global.anthropic.claude-sonnet-5-5"


class NoCredentials(Exception):
    """BEDROCK=1 without what the real service needs."""


class StandinModel:
    """The stand-in, plainly called so."""

    is_scripted = True
    # A name as any: the stand-in speaks for all of them.
    model = MODEL
    name = "a local stand-in for Amazon Bedrock; it is no model, it plays demo/questions.json"

    def __init__(self, standin: Standin):
        self._standin = standin
        self.environment: Mapping[str, str] = standin.environment()

    def requests(self) -> int:
        """How many requests a model has had."""
        return len(self._standin.requests)

    def has_seen(self, question: str) -> bool:
        """Whether a question was part of any request."""
        return any(question in text for record in self._standin.settle() for text in record.texts())

    def narrations(self) -> int:
        """How many of them showed it rows."""
        return sum(record.task == "narration" for record in self._standin.requests)

    def texts(self) -> list[str]:
        """Every text that a model was shown, decoded, apart from what the asker or the model itself wrote."""
        found: dict[str, None] = {}
        for record in self._standin.requests:
            if record.asked is None:
                raise RuntimeError(f"request {record.number} was not understood, so it cannot be searched")
            for text in strings(record.asked.body):
                found[_WRITTEN_PIECE.sub("", text)] = None
            for piece in record.asked.tags:
                if piece.name not in WRITTEN:
                    found.update(dict.fromkeys(strings(piece.value)))
        return list(found)

    def last_told(self, piece: str) -> list[str]:
        """The pieces of that name in the last prompt that asked for SQL."""
        writing = [record.asked for record in self._standin.requests if record.task == GENERATION and record.asked]
        return [tag.value for tag in writing[-1].tags if tag.name == piece] if writing else []

    @contextlib.contextmanager
    def playing(self, **how: object) -> Iterator[None]:
        """The stand-in misbehaves as told; see pg_test/lib/standin/stage.py and script.py."""
        self._standin.play(**how)
        try:
            yield
        finally:
            self._standin.play()


class RealModel:
    """Amazon Bedrock. What it answers cannot be foreseen, and what it was sent is not seen from here."""

    is_scripted = False

    def __init__(self, environment: Mapping[str, str]):
        self.environment = environment
        # An account may have access to another one.
        self.model = os.environ.get("MODEL") or MODEL
        self.name = f"{self.model} on Amazon Bedrock in {environment.get('AWS_REGION') or environment['AWS_DEFAULT_REGION']}"

    def requests(self) -> int:
        return 0

    def has_seen(self, question: str) -> bool:
        return False

    def narrations(self) -> int:
        return 0

    def texts(self) -> list[str]:
        return []

    def last_told(self, piece: str) -> list[str]:
        return []

    @contextlib.contextmanager
    def playing(self, **how: object) -> Iterator[None]:
        raise RuntimeError("a real model cannot be told to misbehave")
        yield


def at_hand() -> contextlib.AbstractContextManager[StandinModel | RealModel]:
    """The model that the environment asks for; raises NoCredentials at once."""
    if os.environ.get("BEDROCK", "0") not in ("", "0"):
        return contextlib.nullcontext(RealModel(_bedrock_environment()))
    return _standin()


@contextlib.contextmanager
def _standin() -> Iterator[StandinModel]:
    with Standin(**Script.load(HERE / "questions.json")) as standin:
        yield StandinModel(standin)


def _bedrock_environment() -> dict[str, str]:
    """The AWS variables of this environment; the throwaway server has no other way to credentials."""
    given = {name: value for name, value in os.environ.items() if name.startswith("AWS_") and value}
    has_keys = "AWS_ACCESS_KEY_ID" in given and "AWS_SECRET_ACCESS_KEY" in given
    missing = [] if has_keys or "AWS_BEARER_TOKEN_BEDROCK" in given else ["AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_BEARER_TOKEN_BEDROCK)"]
    if "AWS_REGION" not in given and "AWS_DEFAULT_REGION" not in given:
        missing.append("AWS_REGION")
    if missing:
        raise NoCredentials(f"BEDROCK=1 asks the real Amazon Bedrock and needs {' and '.join(missing)} in the environment.")
    return given
