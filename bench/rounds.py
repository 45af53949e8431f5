"""Ways of doing one thing, called in turn in shuffled order, and what their times say.

`hand` is the query by hand, and `again` is that once more, on a connection of its own: how far its ratio is from 1 is how far the
machine's noise reaches. Ratios are the median of each round's own, so that a minute in which the machine is busy with something else
falls on both sides.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from random import Random
from statistics import geometric_mean, median
from time import perf_counter

HAND, AGAIN = "hand", "again"
# By hand on the server of the baseline: two servers with the same data differ by some per cent.
HAND_THERE = "hand on the baseline"
# A run in which the same query differs by more from itself says nothing, and neither does one of few rounds.
QUIET = (0.99, 1.01)
ENOUGH_ROUNDS = 40


def quiet(again: float) -> bool:
    return QUIET[0] <= round(again, 4) <= QUIET[1]


@dataclass
class Times:
    """Seconds by way, one for each round."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, way: str, seconds: float) -> None:
        self.seconds.setdefault(way, []).append(seconds)

    def ms(self, way: str) -> float:
        return median(self.seconds[way]) * 1e3

    def us(self, way: str) -> float:
        return median(self.seconds[way]) * 1e6

    def ratio(self, way: str, to: str = HAND, less: str | None = None) -> float:
        """How often `to` goes into `way`; with `less`, of what each takes beyond that way."""
        off = self.seconds[less] if less else [0.0] * len(self.seconds[way])
        return median((a - c) / (b - c) for a, b, c in zip(self.seconds[way], self.seconds[to], off))

    @property
    def again(self) -> float:
        return self.ratio(AGAIN)


def overall(of: Mapping[Hashable, Times], way: str, to: str = HAND) -> float:
    """The geometric mean of the ratios of several tasks."""
    return geometric_mean(times.ratio(way, to) for times in of.values())


def in_turn(
    tasks: Mapping[Hashable, Mapping[str, Callable[[], object]]],
    rounds: int,
    *,
    before: Callable[[], None] = lambda: None,
    calls: int = 1,
    warm: bool = False,
) -> dict[Hashable, Times]:
    """The seconds of each way of each task, in so many rounds after one that only warms the backends.

    before  done at the start of each round, outside of all times
    calls   of one way in a row, whose median is the round's time
    warm    each way is called once before it is timed: the one before has left other rows in the processor's caches

    A way that times itself returns its seconds as a float; any other is timed from here.
    """
    shuffle, found = Random(7), {task: Times() for task in tasks}
    for number in range(rounds + 1):
        before()
        for task, ways in tasks.items():
            # In another order each time, so that no way always finds the caches that one certain other leaves.
            for way in shuffle.sample(list(ways), len(ways)):
                took = [timed(ways[way]) for _ in range(calls + warm)][warm:]
                if number:
                    found[task].add(way, median(took))
    return found


def timed(call: Callable[[], object]) -> float:
    start = perf_counter()
    said = call()
    return said if isinstance(said, float) else perf_counter() - start
