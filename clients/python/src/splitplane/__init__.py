"""Client of the PostgreSQL extension splitplane.

    from splitplane import Principal, Signer
    from splitplane.psycopg import Client

    client = Client(Signer(key_id, secret, audience="shop"), pool)
    answer = client.ask(Principal(tenant="brand-a"), sql="SELECT count(*) FROM orders")

`splitplane.psycopg` has Client and AsyncClient for psycopg 3, `splitplane.asyncpg` AsyncClient for asyncpg. Each call signs a
context of its own and gives an `Answer` or `Rows`, or raises a `SplitplaneError`.
"""

from splitplane.answers import Answer
from splitplane.errors import (
    CallTimeout,
    Conflict,
    ConnectionFailed,
    ContextRefused,
    DataFrameError,
    DriverError,
    InvalidArgument,
    LimitReached,
    ModelFailed,
    NotAvailable,
    SplitplaneError,
    StatementCancelled,
    StatementRefused,
)
from splitplane.rows import Column, Rows
from splitplane.signing import Principal, SignedContext, Signer

__all__ = [
    "Answer",
    "CallTimeout",
    "Column",
    "Conflict",
    "ConnectionFailed",
    "ContextRefused",
    "DataFrameError",
    "DriverError",
    "InvalidArgument",
    "LimitReached",
    "ModelFailed",
    "NotAvailable",
    "Principal",
    "Rows",
    "SignedContext",
    "Signer",
    "SplitplaneError",
    "StatementCancelled",
    "StatementRefused",
]
