"""One call: its SQL for a driver, and what it returns, read without losing a digit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from splitplane.rows import Column
from splitplane.signing import Principal, SignedContext, Signer

# What may stand in a column definition list: a name or a quoted one, with a schema, a length, brackets. It cannot end the
# list.
TYPE = re.compile(
    r'(?:[A-Za-z_]\w*|"[^"\0]+")(?:\.(?:[A-Za-z_]\w*|"[^"\0]+"))?(?: (?:precision|varying|bit))?'
    r"(?: ?\(\d+(?: ?, ?\d+)?\))?(?: with(?:out)? time zone)?(?:\[\])*"
)
JSON_TYPES = ("json", "jsonb")


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked, for whom. `columns` are those of `ask_rows`."""

    function: Literal["ask", "ask_rows", "ask_dry_run"]
    principal: Principal
    question: str | None
    sql: str | None
    conversation: UUID | None = None
    columns: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        if self.question is None and self.sql is None:
            raise ValueError("a call needs a question or SQL")
        if self.function == "ask_rows" and not self.columns:
            raise ValueError("ask_rows needs at least one column")
        for column in self.columns:
            # Types are the program's, not a model's; that they can be nothing else is checked all the same.
            if not TYPE.fullmatch(column.type):
                raise ValueError(f"{column.type!r} is no name of a type")

    def signed(self, signer: Signer) -> SignedContext:
        """A fresh context: of the question if there is one, else of the SQL."""
        text = self.question if self.question is not None else self.sql
        assert text is not None
        return signer.sign(self.principal, text, conversation=self.conversation)

    def statement(self, placeholders: Sequence[str]) -> str:
        """The statement, with a driver's four placeholders (three for `ask_rows` and `ask_dry_run`).

        Every value is bound as text and the answer is fetched as text, so that no codec of a connection comes in between.
        """
        context, question, sql, conversation = placeholders
        arguments = f"{context}::text::jsonb, question => {question}::text, sql => {sql}::text"
        if self.function == "ask":
            return f"SELECT ask({arguments}, conversation => {conversation}::text::uuid)::text"
        if self.function == "ask_dry_run":
            return f"SELECT ask_dry_run({arguments})::text"
        # Columns are matched by place; names of our own need no quoting and are never given twice.
        names = [f"c{number}" for number in range(1, len(self.columns) + 1)]
        pairs = list(zip(names, self.columns, strict=True))
        wanted = ", ".join(f"{name}::text" if column.base in JSON_TYPES else name for name, column in pairs)
        listed = ", ".join(f"{name} {column.type}" for name, column in pairs)
        return f"SELECT {wanted} FROM ask_rows({arguments}) AS t({listed})"

    def arguments(self, context: SignedContext) -> list[str | None]:
        """The values of the placeholders."""
        values = [context.reveal(), self.question, self.sql]
        return [*values, str(self.conversation) if self.conversation else None] if self.function == "ask" else values


def listed(columns: Mapping[str, str]) -> tuple[Column, ...]:
    """Columns from names and types."""
    return tuple(Column(name, kind) for name, kind in columns.items())
