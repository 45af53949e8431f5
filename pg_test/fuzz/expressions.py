"""Scalar expressions of a wanted type over the columns in scope, and the places where hostile ones are let in.

Everything is drawn from one `random.Random`: the same generator state writes the same text.
"""

from __future__ import annotations

import random
import string
from collections.abc import Sequence

import shapes
import vocabulary as words

Column = tuple[str, str]


class Relation:
    """Something in a FROM list: the alias to qualify with, and what it offers."""

    __slots__ = ("alias", "columns", "by_kind")

    def __init__(self, alias: str, columns: list[Column]):
        self.alias, self.columns = alias, columns
        self.by_kind: dict[str, list[str]] = {}
        for name, kind in columns:
            self.by_kind.setdefault(kind, []).append(name)


Scope = list[Relation]


def _compiled(table: dict[str, list[str]]) -> dict[str, list[list[tuple[str, str | None]]]]:
    """Templates as (text, type wanted after it) pairs, so that writing one is no parsing."""
    parse = string.Formatter().parse
    return {kind: [[(text, name) for text, name, _, _ in parse(one)] for one in many] for kind, many in table.items()}


_EXPRESSIONS = _compiled(words.EXPRESSIONS)
_RISKY = _compiled(words.RISKY)
_AGGREGATES = _compiled(words.AGGREGATES)


def _is_windowable(template: list[tuple[str, str | None]]) -> bool:
    text = "".join(part for part, _ in template)
    return not any(word in text for word in ("WITHIN", "DISTINCT", "ORDER", "round", "::"))


_WINDOWABLE = {kind: [one for one in many if _is_windowable(one)] for kind, many in _AGGREGATES.items()}
_WINDOW_ONLY = _compiled(words.WINDOW_ONLY)
_HOSTILE = _compiled(words.HOSTILE)
_SOURCES = [(_compiled({"x": [text]})["x"][0], columns) for text, columns in words.FUNCTION_SOURCES]
_DEEPEST = 4
# The last one is refused.
_ORDERS = [*["", " DESC", " NULLS FIRST", " ASC"] * 8, " USING <"]


class Expressions:
    """heat: the chance, at each place where it could be, that something hostile is written instead."""

    def __init__(self, rng: random.Random, heat: float = 0.0, style: shapes.Style = shapes.ATTACKED):
        self.rng, self.random = rng, rng.random
        self.heat, self.style = heat, style
        # What is left to be written before only leaves are.
        self.budget = 10 + int(self.random() ** 2 * style.most)
        self.aliases = 0

    def pick(self, options: Sequence):
        return options[int(self.random() * len(options))]

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    # The query side is grammar.py's.
    def query(self, want: list[str] | None, outer: Scope, depth: int) -> tuple[str, list[Column]]:
        raise NotImplementedError

    def column(self, kind: str, scope: Scope, bare: float | None = None) -> str | None:
        """A column of that type, now and then bare; None when there is none. Whoever gives a part of the scope wants none bare."""
        if self.heat and self.random() < self.heat * 0.3:
            return self.hidden_column(scope)
        found = [relation for relation in scope if kind in relation.by_kind]
        if not found:
            return None
        relation = self.pick(found)
        name = self.pick(relation.by_kind[kind])
        if self.random() < (self.style.bare if bare is None else bare) and sum(name == other for one in scope for other, _ in one.columns) == 1:
            return name
        return f"{relation.alias}.{name}"

    def hidden_column(self, scope: Scope) -> str:
        name = self.pick(words.HIDDEN_COLUMNS)
        if scope and "." not in name and self.random() < 0.6:
            alias = self.pick(scope).alias
            return f"({alias}).{name}" if self.random() < 0.2 else f"{alias}.{name}"
        return name

    def literal(self, kind: str) -> str:
        return self.pick(words.ODD_LITERALS if kind == "text" and self.random() < self.style.odd else words.LITERALS[kind])

    def leaf(self, kind: str, scope: Scope) -> str:
        if self.random() < 0.9:
            column = self.column(kind, scope)
            if column:
                return column
        return self.literal(kind)

    def fill(self, template: list[tuple[str, str | None]], scope: Scope, depth: int) -> str:
        parts = []
        for text, wanted in template:
            parts.append(text)
            if wanted:
                parts.append(self.scalar(wanted, scope, depth + 1))
        return "".join(parts)

    def scalar(self, kind: str, scope: Scope, depth: int = 0) -> str:
        """An expression of that type that is no aggregate."""
        self.budget -= 1
        if ":" in kind:
            return self.anonymous(kind, lambda field: self.scalar(field, scope, depth + 2))
        if self.heat and self.random() < self.heat:
            return self.hostile(kind, scope, depth)
        if depth >= _DEEPEST or self.budget < 0 or self.random() < 0.35 + 0.15 * depth:
            if kind == "bool":
                table = _RISKY if self.random() < 0.08 else _EXPRESSIONS
                return self.fill(self.pick(table["bool"]), scope, _DEEPEST) if depth < _DEEPEST else self.leaf(kind, scope)
            return self.leaf(kind, scope)
        draw = self.random()
        if draw < 0.06:
            return self.scalar_subquery(kind, scope, depth)
        if kind == "bool" and draw < 0.22:
            return self.membership(scope, depth)
        if draw < 0.26:
            return f"CASE WHEN {self.scalar('bool', scope, depth + 1)} THEN {self.scalar(kind, scope, depth + 1)} ELSE {self.scalar(kind, scope, depth + 1)} END"
        if draw < 0.30:
            source = self.scalar(self.pick(words.CASTS[kind]) if self.random() < 0.95 else "text", scope, depth + 1)
            target = self.pick(words.SQL_TYPES[kind])
            return f"({source})::{target}" if self.random() < 0.7 else f"CAST({source} AS {target})"
        return self.fill(self.pick(_RISKY[kind] if kind in _RISKY and self.random() < 0.08 else _EXPRESSIONS[kind]), scope, depth)

    def anonymous(self, kind: str, value) -> str:
        """A row of no named type: `rec:int,text` has two fields, value(type) writes each."""
        fields = ((field, value(field)) for field in kind[4:].split(","))
        # A bare literal would stay of no type.
        return f"ROW({', '.join(f'({text})::text' if field == 'text' else text for field, text in fields)})"

    def hostile(self, kind: str, scope: Scope, depth: int) -> str:
        """An expression that a plane must refuse, or must answer as if the rest of the world were not there."""
        if kind in _HOSTILE and self.random() < 0.8:
            # What is inside need not be hostile as well: the first thing refused hides all others.
            heat, self.heat = self.heat, self.heat * 0.3
            text = self.fill(self.pick(_HOSTILE[kind]), scope, depth + 2)
            self.heat = heat
            return text
        return self.hidden_column(scope)

    def scalar_subquery(self, kind: str, scope: Scope, depth: int) -> str:
        draw = self.random()
        if draw < 0.7:
            sql, _ = self.single_row(kind, scope, depth)
            return f"({sql})"
        sql, columns = self.query([kind], scope, depth + 2)
        if draw < 0.9:
            alias = self.alias()
            return f"(SELECT {self.pick(['min', 'max'])}({alias}.{columns[0][0]}) FROM ({sql}) {alias})" if kind in ("int", "num", "text", "date", "ts", "iv", "flt") else f"({sql} LIMIT 1)"
        return f"(ARRAY({sql}))[1]"

    def single_row(self, kind: str, scope: Scope, depth: int) -> tuple[str, list[Column]]:
        """SELECT of one aggregate over a table, bound to the outer row now and then."""
        name, alias, columns = self.table(depth)
        inner = [Relation(alias, columns)]
        where = f" WHERE {self.scalar('bool', inner + scope, depth + 2)}" if self.random() < 0.6 else ""
        return f"SELECT {self.aggregate(kind, inner, depth + 1)} AS a FROM {name}{where}", [("a", kind)]

    def table(self, depth: int) -> tuple[str, str, list[Column]]:
        raise NotImplementedError

    def membership(self, scope: Scope, depth: int) -> str:
        kind = self.pick(["int", "int", "text", "date"])
        draw = self.random()
        if draw < 0.35:
            name, alias, columns = self.table(depth)
            inner = [Relation(alias, columns)]
            return f"{self.pick(['', '', 'NOT '])}EXISTS (SELECT {self.pick(['1', '*', ''])} FROM {name} WHERE {self.scalar('bool', inner + scope, depth + 2)})"
        sql, _ = self.query([kind], scope if self.random() < 0.5 else [], depth + 2)
        left = self.scalar(kind, scope, depth + 1)
        if draw < 0.75:
            return f"{left} {self.pick(['IN', 'IN', 'NOT IN'])} ({sql})"
        return f"{left} {self.pick(['=', '<', '>=', '<>'])} {self.pick(['ANY', 'ALL', 'SOME'])} ({sql})"

    def aggregate(self, kind: str, scope: Scope, depth: int) -> str:
        if ":" in kind:
            return self.anonymous(kind, lambda field: self.aggregate(field, scope, depth + 1))
        heat = self.heat
        if heat and self.random() < heat * 0.5:
            return self.hostile(kind, scope, depth)
        return self.fill(self.pick(_AGGREGATES[kind]), scope, max(depth, 2))

    def windowed(self, kind: str, scope: Scope, depth: int, named: str | None = None) -> str:
        """An aggregate or a window function OVER something."""
        if ":" in kind:
            return self.anonymous(kind, lambda field: self.windowed(field, scope, depth + 1, named))
        only = kind in _WINDOW_ONLY and self.random() < 0.6
        template = self.pick(_WINDOW_ONLY[kind] if only else _WINDOWABLE[kind] or _AGGREGATES[kind])
        call = self.fill(template, scope, max(depth, 3))
        if named:
            return f"{call} OVER {named}" if self.random() < 0.7 else f"{call} OVER ({named})"
        return f"{call} OVER ({self.window(scope, depth)}{'' if only else self.pick(words.FRAMES)})"

    def window(self, scope: Scope, depth: int) -> str:
        partition = f"PARTITION BY {self.scalar(self.pick(['int', 'text']), scope, depth + 2)} " if self.random() < 0.5 else ""
        ordering = f"{self.scalar('int', scope, depth + 2)}{self.pick(_ORDERS if self.style.odd else _ORDERS[:-1])}"
        return f"{partition}ORDER BY {ordering}, {self.leaf('text', scope)}"

    def source(self, scope: Scope, depth: int) -> tuple[str, list[Column]]:
        """A set-returning function for a FROM list."""
        template, columns = self.pick(_SOURCES)
        return self.fill(template, scope, depth + 2), columns

