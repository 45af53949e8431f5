"""Conditions of every kind of node that PostgreSQL's planner may take for leakproof, by the words of shapes.py.

PostgreSQL evaluates a condition that it takes for leakproof, and for cheap, before row-level security. So most of these are
over columns of one relation, where they can go down to its scan, and most are tests that compute nothing themselves.
"""

from __future__ import annotations

import string

import shapes
from expressions import Column, Expressions, Relation, Scope

# A piece of a template: text, and what is to be written behind it.
Piece = tuple[str, str | None, str]


def _pieces(template: str) -> list[Piece]:
    return [(text, name, spec or "") for text, name, spec, _ in string.Formatter().parse(template)]


_SHAPED = {kind: [_pieces(one) for one in many] for kind, many in shapes.SHAPED.items()}
_DERIVED = {kind: [_pieces(one) for one in many] for kind, many in shapes.DERIVED.items()}
_TESTS = [_pieces(one) for one in shapes.TESTS]
_SUBLINKS = [_pieces(one) for one in shapes.SUBLINKS]
# How likely a value is made of others, by how deep it stands.
_NESTED = (0.7, 0.3, 0.1)
# Fields of anonymous rows: what can be compared.
_FIELDS = ["int", "int", "text", "bool", "date", "ints", "num"]


class Conditions(Expressions):
    def __init__(self, rng, heat: float = 0.0, style: shapes.Style = shapes.ATTACKED):
        super().__init__(rng, heat, style)
        # In HAVING: the grouped columns, and the rows that aggregates are over.
        self.grouped_over: tuple[Scope, Scope] | None = None

    def filters(self, scope: Scope, depth: int, likely: Scope | None = None) -> str:
        """What stands behind WHERE or ON; over the relations of `likely` rather than over others."""
        written = [self.filter(scope, depth, likely or scope) for _ in range(1 + (self.random() < 0.25))]
        return " AND ".join(written)

    def filter(self, scope: Scope, depth: int, likely: Scope) -> str:
        if not likely or self.random() >= self.style.conditions:
            return self.scalar("bool", scope, depth)
        # The one of two that has more to offer.
        one = max(self.pick(likely), self.pick(likely), key=lambda relation: len(relation.by_kind))
        return self.condition([one] if self.random() < 0.85 else scope, depth)

    def having(self, keys: Scope, rows: Scope, depth: int) -> str:
        """A condition on groups: over grouped columns, aggregates, and GROUPING."""
        draw = self.random()
        if keys and draw < 0.2:
            names = [f"{relation.alias}.{name}" for relation in keys for name, _ in relation.columns]
            return f"GROUPING({self.pick(names)}) = {self.pick(['0', '0', '1', 'count(*)'])}"
        # Without an aggregate it goes down to the scan as if it stood in WHERE.
        self.grouped_over = (keys, [] if keys and draw < 0.5 else rows)
        text = self.condition(keys, max(depth, 2))
        self.grouped_over = None
        return text

    def condition(self, scope: Scope, depth: int) -> str:
        draw = self.random()
        if draw < 0.08:
            return f"({self.condition(scope, depth + 1)} {self.pick(['AND', 'OR', 'OR'])} {self.condition(scope, depth + 1)})"
        if draw < 0.11:
            return f"NOT ({self.condition(scope, depth + 1)})"
        if draw < 0.19 and depth < 3 and self.budget > 0:
            return self.written(self.pick(_SUBLINKS), scope, depth)
        return self.written(self.pick(_TESTS), scope, 0)

    def written(self, template: list[Piece], scope: Scope, depth: int) -> str:
        parts = []
        for text, wanted, spec in template:
            parts.append(text)
            if wanted in ("select", "one", "window", "windows"):
                parts.append(self.subselect(wanted, spec.split(","), scope, depth))
            elif wanted:
                parts.append(self.shaped(wanted, scope, depth))
        return "".join(parts)

    def shaped(self, kind: str, scope: Scope, depth: int) -> str:
        """A value of that type, over columns in scope."""
        if kind == "any":
            has_rows = any(":" in kind for relation in scope for kind in relation.by_kind)
            kind = "field" if has_rows and self.random() < 0.5 else self.pick(shapes.ANY)
        if kind in ("field", "row"):
            found = self.field(scope) if kind == "field" else self.row(scope)
            if found:
                return found
            kind = "int" if kind == "field" and depth else "ints"
        if depth < len(_NESTED) and self.random() < _NESTED[depth]:
            return self.written(self.pick(_SHAPED[kind]), scope, depth + 1)
        return self.plain(kind, scope)

    def plain(self, kind: str, scope: Scope) -> str:
        """A column, or what stands for one."""
        if self.grouped_over is not None:
            rows = self.grouped_over[1]
            if rows and (self.random() < 0.6 or not any(kind in relation.by_kind for relation in scope)):
                over, self.grouped_over = self.grouped_over, None
                text = self.aggregate(kind, rows, 3)
                self.grouped_over = over
                return text
        column = self.column(kind, scope, 0.0) if self.random() < 0.88 else None
        if column:
            return column
        if kind in _DERIVED and self.random() < 0.75:
            return "".join(text + (self.column(wanted, scope, 0.0) or self.literal(wanted) if wanted else "") for text, wanted, _ in self.pick(_DERIVED[kind]))
        return self.literal(kind)

    def row(self, scope: Scope) -> str | None:
        if self.grouped_over is not None or not scope:
            return None
        return self.pick(scope).alias

    def field(self, scope: Scope) -> str | None:
        """A field of an anonymous row in scope, of any type."""
        found = [(relation, name, kind) for relation in scope for kind, names in relation.by_kind.items() if ":" in kind for name in names]
        if not found or self.grouped_over is not None:
            return None
        relation, name, kind = self.pick(found)
        return f"({relation.alias}.{name}).f{1 + int(self.random() * (1 + kind.count(',')))}"

    def fields(self) -> str:
        """A type of anonymous rows."""
        return "rec:" + ",".join(self.pick(_FIELDS) for _ in range(1 + int(self.random() * 3)))

    def other_fields(self, kind: str) -> str:
        """Another type of anonymous rows for a place where there are some of this type."""
        least = 1 if self.style.ragged else 1 + kind.count(",")
        return "rec:" + ",".join(self.pick(_FIELDS) for _ in range(least + int(self.random() * 2)))

    def subselect(self, how: str, kinds: list[str], outer: Scope, depth: int) -> str:
        """A SELECT with columns of these types: of any number of rows, of one, or of a window function's values."""
        over, self.grouped_over = self.grouped_over, None
        name, alias, columns = self.table(depth)
        inner = [Relation(alias, columns)]
        seen = inner + outer if self.random() < 0.3 else inner
        if how == "one":
            items = ", ".join(self.aggregate(kind, inner, 3) for kind in kinds)
        elif how == "select":
            items = ", ".join(self.shaped(kind, inner, 2) for kind in kinds)
        else:
            items = f"{self.pick(['row_number()', 'rank()', 'count(*)'])} OVER (ORDER BY {self.plain('int', inner)})"
        where = f" WHERE {self.condition(seen, 3)}" if self.random() < 0.6 else ""
        self.grouped_over = over
        return f"SELECT {items} FROM {name}{where}{' LIMIT 1' if how == 'window' else ''}"

    def united(self, depth: int) -> tuple[str, list[Column]]:
        """A UNION over plane relations with a column of anonymous rows, whose types may differ between the arms."""
        kind = self.fields()
        collations = [self.pick(['"C"', '"POSIX"', '"ucs_basic"']) for _ in range(2)]
        arms = []
        for number in range(self.pick([1, 2, 2, 2, 3])):
            name, alias, columns = self.table(depth + 1)
            inner = [Relation(alias, columns)]
            shape = kind if number == 0 or self.random() < 0.6 else self.other_fields(kind)
            row = self.anonymous(shape, lambda field, scope=inner: self.shaped(field, scope, 2))
            if number and self.random() < 0.4:
                other = self.anonymous(self.other_fields(kind), lambda field, scope=inner: self.plain(field, scope))
                row = f"CASE WHEN {self.plain('bool', inner)} THEN {row} ELSE {other} END"
            texts = ", ".join(f"({self.plain('text', inner)}) COLLATE {collation} AS x{place}" for place, collation in enumerate(collations))
            where = f" WHERE {self.condition(inner, 3)}" if self.random() < 0.3 else ""
            arms.append(f"SELECT {row} AS r, {self.plain('ints', inner)} AS s, {texts}, {self.plain('int', inner)} AS n FROM {name}{where}")
        return " UNION ALL ".join(arms), [("r", kind), ("s", "ints"), ("x0", "ctxt"), ("x1", "ctxt"), ("n", "int")]
