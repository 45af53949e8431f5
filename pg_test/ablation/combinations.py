"""Which fences are taken away together, and what must still hold then.

The rules here are the claim that the suite tests. They are written down before anything is run and know nothing of the
results:

- A filter of rows stands as long as what it rests on stands. Row-level security rests on the role switch (an owner or
  superuser is exempt). The common table expressions rest on the allowlist of functions: a function that runs a query of
  its own never sees them. One that is SECURITY DEFINER runs it as its owner, past row-level security; behind the allowlist
  the refusal of those (`definers`) stands before it.
- Large objects have no policies. Before those that everyone may read stand the list of functions and, in the proof, that
  of types.
- The proof is no filter, but it refuses what it cannot see filtered: with it, a statement over a protected table is
  answered only when row-level security is on it.
- Errors are another matter than rows: an inlined common table expression does not keep a predicate from being computed
  over a row that it hides. Only row-level security does, or a common table expression that is materialised.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

FENCES = ("signature", "validation", "filter", "proof", "row_security", "role", "functions", "columns")


@dataclass(frozen=True)
class Combination:
    """A set of fences that are off, in the order of FENCES, and why it is there."""

    kind: str  # none, single, pair, alone, control, probe
    off: tuple[str, ...]

    @property
    def name(self) -> str:
        return "+".join(self.off) or "none"

    def has(self, *fences: str) -> bool:
        """Whether all of these are off."""
        return all(fence in self.off for fence in fences)

    @property
    def left(self) -> str:
        """Of kind `alone`: what is on."""
        return ", ".join(fence for fence in FENCES if fence not in self.off) or "(none)"

    @property
    def row_security_is_on(self) -> bool:
        return not self.has("row_security") and not self.has("role")

    @property
    def row_security_stands(self) -> bool:
        """It is on, and asked of rows."""
        return self.row_security_is_on and not self.has("searched")

    @property
    def refuses_relations(self) -> bool:
        """The proof misses what it looks for on every protected table."""
        return not self.has("proof") and (not self.row_security_is_on or self.has("filter_text"))

    @property
    def filters_rows(self) -> bool:
        """Some fence still keeps foreign rows of a table from a statement that reads the table by its name."""
        is_filtered = not self.has("filter") and not self.has("filter_text")
        return is_filtered or self.row_security_stands or self.refuses_relations

    @property
    def keeps_rows(self) -> bool:
        """No foreign value may be in any answer."""
        return self.row_security_stands if self.has("functions") else self.filters_rows

    @property
    def past_row_security(self) -> tuple[str, ...]:
        """By what foreign values may be in answers all the same: row-level security knows nothing of these."""
        definers = ("functions that run as their owner",) if self.has("functions", "definers") else ()
        # With the proof its list of types is gone, which has neither `oid` nor `bytea`.
        objects = ("large objects that everyone may read",) if self.has("functions", "proof") else ()
        return definers + objects

    @property
    def keeps_errors(self) -> bool:
        """No foreign value or bit may be in any error either."""
        stands = self.row_security_stands or self.refuses_relations or (self.has("inlining") and not self.has("filter"))
        return stands and not self.has("functions")

    @property
    def keeps_columns(self) -> bool:
        """No hidden column may be in any answer: the list, the reader's grants or the proof keep it out."""
        return not self.has("functions") and (not self.has("columns") or not self.has("role", "proof"))


def _ordered(fences) -> tuple[str, ...]:
    return tuple(fence for fence in FENCES if fence in fences)


def combinations() -> list[Combination]:
    """None, each, every two, all but each (and what it rests on), and those that must leak or that answer a question of their own."""
    found = [Combination("none", ())]
    found += [Combination("single", (fence,)) for fence in FENCES]
    found += [Combination("pair", pair) for pair in itertools.combinations(FENCES, 2)]
    found += [Combination("alone", _ordered(set(FENCES) - {fence})) for fence in FENCES]
    # With what it rests on, a filter of rows is to be alone and hold.
    found += [Combination("alone", _ordered(set(FENCES) - left)) for left in ({"filter", "functions"}, {"row_security", "role"}, {"row_security", "role", "functions"})]
    found += [
        # Nothing is left that filters rows: these must leak, or the canaries are asleep.
        Combination("control", ("filter", "proof", "row_security")),
        Combination("control", ("filter", "proof", "role")),
        # Both fences before functions that run as their owner.
        Combination("control", ("functions", "definers")),
        # Hidden columns, with nothing left that hides them.
        Combination("control", ("proof", "role", "columns")),
        Combination("control", FENCES),
        # The filter is lost on the way to the tree: the proof must see that.
        Combination("probe", ("filter_text",)),
        # The common table expressions alone, and what materialising them would close.
        Combination("probe", ("proof", "row_security", "inlining")),
        Combination("probe", ("proof", "role", "inlining")),
        # The caller's conditions are wrong: answers are, and no foreign row is in them.
        Combination("probe", ("conditions",)),
        # A plane that another session has read is taken as it is: where nothing has changed since, nothing may be otherwise.
        Combination("probe", ("shared",)),
        # Row-level security is asked of no row: the filter holds, and without it nothing does.
        Combination("probe", ("searched",)),
        Combination("control", ("filter", "searched")),
    ]
    return found
