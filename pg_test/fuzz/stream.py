"""The numbered statements of a seed: `Stream(seed).text(n)` is the same text on every machine and in every run.

Of a hundred, about half are honest queries of grammar.py, the others let hostile words in, are mutated, or are pieces of
the hostile corpus of pg_test/attacks built into a query.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import mutate
from grammar import Grammar

from pg_test.attacks.entries import load, text_of
from pg_test.attacks.verdict import canary_in
from pg_test.attacks.world import DATABASE

# Shares of the kinds, as cumulative probabilities.
_KINDS = ((0.50, "honest"), (0.66, "heated"), (0.86, "mutated"), (1.00, "spliced"))
# Longer than this is for the `dos` entries of the hostile suite; here it would only take time from other texts.
LONGEST = 20_000


class Statement(NamedTuple):
    number: int
    kind: str
    text: str


def corpus() -> list[str]:
    """Texts of both attack files that can be built in: none that only burns time, none that holds a canary itself."""
    texts = []
    for entry in load():
        text = text_of(entry, DATABASE) if "sql" in entry else None
        if text and entry["category"] != "dos" and len(text) < 2000 and "\0" not in text and not canary_in(text):
            texts.append(text)
    return texts


class Stream:
    def __init__(self, seed: int):
        self.seed = seed
        self.corpus = corpus()

    def statement(self, number: int) -> Statement:
        rng = random.Random(f"{self.seed}:{number}")
        draw = rng.random()
        kind = next(name for limit, name in _KINDS if draw < limit)
        if kind == "honest":
            text = Grammar(rng).statement()
        elif kind == "heated":
            text = Grammar(rng, heat=0.02 + 0.08 * rng.random()).statement()
        elif kind == "mutated":
            text = mutate.mutate(Grammar(rng, heat=rng.choice([0.0, 0.0, 0.05])).statement(), rng, Grammar(rng).statement())
        else:
            text = self.spliced(rng)
        # The protocol has no place for these two.
        text = text.replace("\0", "").encode("utf-8", "replace").decode()
        return Statement(number, kind, text[:LONGEST])

    def spliced(self, rng: random.Random) -> str:
        """A corpus entry by itself, mutated, or as a part of a query of the grammar."""
        entry = rng.choice(self.corpus)
        other = Grammar(rng).statement() if rng.random() < 0.7 else rng.choice(self.corpus)
        draw = rng.random()
        if draw < 0.4:
            return "".join(mutate.splice(mutate.TOKEN.findall(other), rng, entry))
        if draw < 0.6:
            return "".join(mutate.nesting(mutate.TOKEN.findall(entry), rng, other))
        return mutate.mutate(entry, rng, other)
