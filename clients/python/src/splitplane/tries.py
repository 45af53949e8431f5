"""How long a call may take, and which failures are tried again.

Each try signs a context of its own, since a context is good once. Only these are tried again, and only while the pause
before the next try ends within the caller's time:

- `Conflict` (40001, 40P01, 55P03): the server gave the call up and says to try again. Not inside a transaction of the
  caller's, which that error has ended.
- `LimitReached` with seconds (53400): a budget or a model that admits the call after so many. Without seconds waiting
  changes nothing.
- `ConnectionFailed` before anything was sent, over a pool. Once it was sent the call may have run: its tokens are paid for, it
  is in the audit log and counts against budgets, so that whether to ask again is the caller's decision.

Nothing else: a refused context (28000) is refused for a reason that a fresh one shares; SQL that was refused stays refused; a
deadline (57014) would be met again; the server itself tries a model again (08006, 38000) and says when it gave up.
"""

from __future__ import annotations

import random
import time

from splitplane.errors import CallTimeout, Conflict, ConnectionFailed, LimitReached, SplitplaneError

FIRST_PAUSE_SECONDS = 0.1


class Tries:
    """The tries of one call.

    seconds    for all of them together, pauses included
    attempts   at most so many
    """

    def __init__(self, seconds: float, attempts: int) -> None:
        if seconds <= 0 or attempts < 1:
            raise ValueError("a call needs more than 0 seconds and at least one attempt")
        self._end = time.monotonic() + seconds
        self._attempts = attempts
        self._made = 0
        # Set by a try: inside a transaction that the caller began, or on a connection that is closed and the only one.
        self.is_last = False

    def left(self) -> float:
        """Seconds that are left, 0 when none are."""
        return max(0.0, self._end - time.monotonic())

    def pause(self, error: SplitplaneError) -> float | None:
        """Seconds to wait before the next try after this error, or None when there must be none."""
        self._made += 1
        if self._made >= self._attempts or self.is_last:
            return None
        backoff = FIRST_PAUSE_SECONDS * 2 ** (self._made - 1) * random.uniform(0.5, 1.5)
        match error:
            case Conflict():
                pause = backoff
            case ConnectionFailed(sent=False):
                pause = backoff
            case LimitReached(retry_after=int(seconds)):
                pause = seconds + backoff
            case _:
                return None
        return pause if pause < self.left() else None


def out_of_time(sent: bool, stopped: bool = True) -> CallTimeout:
    """The error for it; `sent` as of a ConnectionFailed, `stopped` whether the server has said so."""
    if not sent:
        return CallTimeout("no connection in the time that the call has")
    if stopped:
        return CallTimeout("the call was given up and stopped in the server")
    return CallTimeout("the call was given up, and may go on in the server until its deadline", stopped=False)
