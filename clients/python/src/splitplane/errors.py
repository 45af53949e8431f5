"""What can go wrong with a call, by who can do something about it.

Every error has the server's SQLSTATE and its one sentence, and nothing else of a driver's exception: that one holds, or leads
to, the values that were bound, among them the signed context. It is therefore never the cause or the context of one of these.
"""

from __future__ import annotations

import re

# Budgets say "in 1,200 seconds", a model without room "in 40 s".
RETRY_AFTER = re.compile(r"\bin (\d[\d,]*) s(?:econds?)?\b")


class SplitplaneError(Exception):
    """Any failure of a call.

    sqlstate   five characters, or None where the failure is not the server's
    message    one sentence
    """

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(f"{sqlstate}: {message}" if sqlstate else message)
        self.message = message
        self.sqlstate = sqlstate


class ContextRefused(SplitplaneError):
    """28000: whatever is wrong with the context. The server log has the reason."""


class StatementRefused(SplitplaneError):
    """The SQL names what is outside the plane, is not admitted, or is wrong. Give the message to whoever wrote the SQL."""


class InvalidArgument(SplitplaneError):
    """22023: a malformed argument, or a question that `ask_rows` cannot answer, with its message."""


class LimitReached(SplitplaneError):
    """53400: over a limit or a budget, or a model has no room in the time that the server gives a call.

    retry_after   seconds after which the call may be answered, or None where waiting does not help
    """

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message, sqlstate)
        found = RETRY_AFTER.search(message)
        self.retry_after = int(found[1].replace(",", "")) if found else None


class StatementCancelled(SplitplaneError):
    """57014: the server's deadline, or a cancel from elsewhere."""


class NotAvailable(SplitplaneError):
    """55000: the server cannot answer, or not safely. The message says why; an administrator has to act."""


class ModelFailed(SplitplaneError):
    """08006, 38000: the model cannot be reached or refused. The server has tried again where that could help."""


class Conflict(SplitplaneError):
    """40001, 40P01, 55P03: the call met a lock or a conflict with another session, and was not answered."""


class ConnectionFailed(SplitplaneError):
    """The connection could not be had, or was lost.

    sent   whether the call may have reached the server, and so may have run
    """

    def __init__(self, message: str, sqlstate: str | None = None, *, sent: bool) -> None:
        super().__init__(message, sqlstate)
        self.sent = sent


class CallTimeout(SplitplaneError):
    """The time that the caller gave is over.

    stopped   whether nothing of the call runs in the server any more; if not, no cancel got through, and the connection is closed
    """

    def __init__(self, message: str, sqlstate: str | None = None, *, stopped: bool = True) -> None:
        super().__init__(message, sqlstate)
        self.stopped = stopped


class DriverError(SplitplaneError):
    """The driver could not send the arguments or read the values, such as a timestamp 'infinity' in psycopg."""


class DataFrameError(SplitplaneError):
    """A value has no place in the data frame's types without losing digits."""


BY_SQLSTATE: dict[str, type[SplitplaneError]] = {
    "28000": ContextRefused,
    "42501": StatementRefused,
    "0A000": StatementRefused,
    "22023": InvalidArgument,
    "53400": LimitReached,
    "57014": StatementCancelled,
    "55000": NotAvailable,
    "08006": ModelFailed,
    "38000": ModelFailed,
    "40001": Conflict,
    "40P01": Conflict,
    "55P03": Conflict,
}
# Errors in the text, and over the asker's own rows; what allowed functions raise.
OF_THE_STATEMENT = ("20", "21", "22", "23", "42", "45", "54", "P0")


def of_server(sqlstate: str, message: str) -> SplitplaneError:
    """The error for what the server said of a call."""
    kind = BY_SQLSTATE.get(sqlstate, StatementRefused if sqlstate[:2] in OF_THE_STATEMENT else SplitplaneError)
    return kind(message, sqlstate)


def is_down(sqlstate: str | None) -> bool:
    """Whether this says that the server ends, starts or has no room: as the answer to a connection, none is there."""
    return sqlstate is not None and (sqlstate[:2] == "08" or sqlstate in ("53300", "57P01", "57P02", "57P03"))
