"""What a caller is told when there is no answer: one sentence, of splitplane's or of this server's own.

A message of splitplane's is passed on where it says what to do about the question or the SQL, so that a model can repair it. What
concerns the installation is said in general words, and the log has the SQLSTATE.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

OF_THE_CALL = ("0A", "20", "21", "22", "23", "2F", "38", "40", "42", "45", "53", "54", "57", "P0")
"""Classes of SQLSTATEs of a call (docs/reference-sqlstates.md) whose message is written for the caller."""
OF_THE_SERVER = ("40", "53", "54", "57")
"""Those of them that need no text of the caller's."""
SHUTDOWN = ("57P01", "57P02", "57P03", "57P04", "57P05")


# Not frozen: what passes an exception on sets its traceback. Not compared: exceptions are kept in sets.
@dataclass(eq=False)
class Refused(Exception):
    """No answer: the sentence, and the SQLSTATE where the database gave one."""

    sentence: str
    sqlstate: str | None = None


NOT_AVAILABLE = "The database cannot be reached. Try again later."
BUSY = "Too many calls are under way. Try again in a few seconds."
NOT_ADMITTED = "The database does not admit this account. Its administrator finds the reason in the database's log."
NOT_POSSIBLE = "The database refuses to answer because of its configuration. Its administrator finds the reason in the database's log."
INTERNAL = "An internal error occurred. The server's administrator finds the reason in its log."
TOO_DEEP = "The answer nests too deep. Select single values instead of whole documents."


def too_long(seconds: float) -> Refused:
    return Refused(f"The call took longer than {seconds:g} s and was stopped. Ask for less.", "57014")


def of_database(error: Exception, of_caller: bool = True) -> Refused:
    """What to tell of an error of the driver or the database. `of_caller`: the statement held a text of the caller's."""
    if not isinstance(error, psycopg.Error):
        return Refused(INTERNAL)
    state, message = error.sqlstate, error.diag.message_primary
    # 08006 of the server is splitplane's word for a model endpoint that cannot be reached; the driver's own errors, PoolTimeout
    # among them, have no message.
    if state == "08006" and message:
        return Refused(message, state)
    if state is None:
        return Refused(NOT_AVAILABLE if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else INTERNAL)
    if state in SHUTDOWN or state.startswith("08"):
        return Refused(NOT_AVAILABLE, state)
    if state == "28000":
        return Refused(NOT_ADMITTED, state)
    if message and (state == "55P03" or state.startswith(OF_THE_CALL if of_caller else OF_THE_SERVER)):
        return Refused(message, state)
    return Refused(NOT_POSSIBLE, state)
