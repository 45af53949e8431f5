"""Whole queries over the plane: joins of every kind, CTEs named like tables, recursion, grouping sets, windows, LATERAL,
set operations, subqueries in every place where one may stand.

    Grammar(random.Random("1:42"), heat=0.0).statement()

Most of what it writes with heat 0 is honest SQL that PostgreSQL accepts; heat lets hostile words in at every place.
"""

from __future__ import annotations

from string import ascii_lowercase

import shapes
import vocabulary as words
from conditions import Conditions
from expressions import Column, Relation, Scope


class Grammar(Conditions):
    def __init__(self, rng, heat: float = 0.0, style: shapes.Style = shapes.ATTACKED):
        super().__init__(rng, heat, style)
        self.tables = style.tables
        # CTEs in scope, innermost last: name -> columns.
        self.ctes: list[dict[str, list[Column]]] = []

    def statement(self) -> str:
        """One whole query."""
        sql, _ = self.query(None, [], 0)
        return sql

    def query(self, want: list[str] | None, outer: Scope, depth: int) -> tuple[str, list[Column]]:
        if want is None:
            want = [self.pick(self.style.types) for _ in range(1 + int(self.random() * 4))]
            want = [self.fields() if kind == "rec" else kind for kind in want]
        with_clause = ""
        named: dict[str, list[Column]] = {}
        if depth < 3 and self.budget > 0 and self.random() < (self.style.named if depth == 0 else 0.08):
            self.ctes.append(named)
            with_clause = self.with_clause(named, depth)
        draw = self.random()
        is_simple = not any(kind == "ctxt" or ":" in kind for kind in want)
        if draw < 0.03 and depth and is_simple:
            sql, columns = self.values(want, outer, depth)
        elif draw < 0.15 and depth < 3 and self.budget > 10 and is_simple:
            sql, columns = self.set_operation(want, outer, depth)
        else:
            sql, columns = self.core(want, outer, depth)
        if with_clause:
            self.ctes.pop()
        return with_clause + sql, columns

    def with_clause(self, named: dict[str, list[Column]], depth: int) -> str:
        made = []
        recursive = self.random() < 0.2
        for _ in range(1 + (self.random() < 0.4)):
            name = self.pick(list(self.tables)) if self.random() < 0.5 else self.pick(words.CTE_NAMES)
            if name in named:
                continue
            tail = ""
            if recursive and self.random() < 0.7:
                body, columns = self.recursion(name, depth)
                tail = self.pick(["", "", "", "", " CYCLE n SET cyc USING path", " SEARCH DEPTH FIRST BY n SET o"])
            else:
                body, columns = self.query(None, [], depth + 1)
            listed = ""
            if self.random() < 0.25:
                columns = [(f"k{index}", kind) for index, (_, kind) in enumerate(columns)]
                listed = f"({', '.join(column for column, _ in columns)})"
            how = self.pick(["AS", "AS", "AS", "AS MATERIALIZED", "AS NOT MATERIALIZED"])
            made.append(f"{name}{listed} {how} ({body}){tail}")
            # Seen by those that follow, as PostgreSQL scopes them.
            named[name] = columns
        return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(made)} "

    def recursion(self, name: str, depth: int) -> tuple[str, list[Column]]:
        columns = [("n", "int"), ("s", "text")]
        table, alias, offered = self.table(depth + 1)
        start = self.scalar("text", [Relation(alias, offered)], depth + 2)
        base = f"SELECT 1 AS n, ({start})::text AS s FROM {table}"
        step = f"SELECT {name}.n + 1, upper({name}.s) FROM {name} WHERE {name}.n < {1 + int(self.random() * 4)}"
        other, second, offered = self.table(depth + 1)
        keys = [key for key, kind in offered if kind == "int"]
        if keys and self.random() < 0.4:
            step = f"SELECT {name}.n + 1, {name}.s FROM {name} JOIN {other} ON {name}.n = {second}.{self.pick(keys)} WHERE {name}.n < 4"
        return f"{base} {self.pick(['UNION', 'UNION', 'UNION ALL'])} {step}", columns

    def values(self, want: list[str], outer: Scope, depth: int) -> tuple[str, list[Column]]:
        rows = (", ".join(self.scalar(kind, outer, depth + 3) for kind in want) for _ in range(1 + int(self.random() * 3)))
        return f"VALUES {', '.join(f'({row})' for row in rows)}", [(f"column{n + 1}", kind) for n, kind in enumerate(want)]

    def set_operation(self, want: list[str], outer: Scope, depth: int) -> tuple[str, list[Column]]:
        left, columns = self.core(want, outer, depth + 1, plain=True)
        for _ in range(1 + (self.random() < 0.25)):
            right, _ = self.core(want, outer, depth + 1, plain=True)
            operator = self.pick(["UNION", "UNION ALL", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"])
            left = f"{left} {operator} {f'({right})' if self.random() < 0.3 else right}"
        if self.random() < 0.3:
            left += f" ORDER BY {1 + int(self.random() * len(want))}"
        return left, columns

    # FROM

    def table(self, depth: int) -> tuple[str, str, list[Column]]:
        """A relation by its name: (what to write, alias, columns)."""
        if self.heat and self.random() < self.heat:
            alias = self.alias()
            columns = self.tables[self.pick(self.style.favoured)]
            found = self.pick(words.HIDDEN_RELATIONS)
            written = found if " AS " in found else f"{found} {alias}"
            return written, alias, columns
        visible = [name for level in self.ctes for name in level]
        name = self.pick(visible) if visible and self.random() < 0.6 else self.pick(self.style.favoured)
        columns = next((level[name] for level in reversed(self.ctes) if name in level), None) or self.tables.get(name)
        if columns is None:
            name = self.style.favoured[0]
            columns = self.tables[name]
        draw = self.random()
        if draw < 0.12 and name in self.tables and not any(name in level for level in self.ctes):
            return name, name, columns
        alias = self.alias()
        written = name
        if name in self.tables and draw < 0.20:
            # The real table whatever the CTEs say, or a refusal.
            written, columns = f"public.{name}", self.tables[name]
        elif name in self.tables and draw < 0.24:
            written = f'"{name}"'
        if draw > 0.92:
            columns = [(f"{alias}{ascii_lowercase[index]}", kind) for index, (_, kind) in enumerate(columns)]
            return f"{written} AS {alias}({', '.join(column for column, _ in columns)})", alias, columns
        return f"{written} {self.pick(['', 'AS '])}{alias}", alias, columns

    def item(self, before: Scope, outer: Scope, depth: int) -> tuple[str, Relation]:
        """One entry of a FROM list; LATERAL ones see what stands before them."""
        draw = self.random()
        if draw < 0.72 or self.budget < 0 or depth >= 3:
            written, alias, columns = self.table(depth)
            return written, Relation(alias, columns)
        alias = self.alias()
        if draw < 0.72 + self.style.united:
            sql, columns = self.united(depth)
            return f"({sql}) AS {alias}", Relation(alias, columns)
        if draw < 0.80 + self.style.united / 2:
            written, columns = self.source(before + outer, depth)
            columns = [(f"{alias}{name}", kind) for name, kind in columns]
            return f"{written} AS {alias}({', '.join(name for name, _ in columns)})", Relation(alias, columns)
        lateral = draw > 0.90
        sql, columns = self.query(None, before + outer if lateral else outer, depth + 1)
        columns = [(f"{alias}{index}", kind) for index, (_, kind) in enumerate(columns)]
        return f"{'LATERAL ' if lateral else ''}({sql}) AS {alias}({', '.join(name for name, _ in columns)})", Relation(alias, columns)

    def from_clause(self, outer: Scope, depth: int) -> tuple[str, Scope]:
        self.budget -= 2
        written, first = self.item([], outer, depth)
        scope = [first]
        more = 0 if self.budget < 0 else int(self.random() ** 1.5 * 3)
        for _ in range(more):
            other, relation = self.item(scope, outer, depth)
            shared = [name for name, kind in relation.columns if kind == "int" and any(name == mine for mine, _ in scope[-1].columns) and sum(name == mine for r in scope for mine, _ in r.columns) == 1]
            draw = self.random()
            if shared and draw < 0.35:
                written = f"{written} {self.pick(['JOIN', 'LEFT JOIN', 'INNER JOIN', 'FULL JOIN'])} {other} USING ({shared[0]})"
            elif draw < 0.75 or self.random() >= self.style.crossing:
                ints = [f"{r.alias}.{name}" for r in scope for name, kind in r.columns if kind == "int"]
                mine = [f"{relation.alias}.{name}" for name, kind in relation.columns if kind == "int"]
                if ints and mine:
                    condition = f"{self.pick(ints)} = {self.pick(mine)}"
                    how = self.pick(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL OUTER JOIN"])
                    if how != "FULL OUTER JOIN" and self.random() < self.style.joined:
                        condition += f" AND {self.filters([*scope, relation, *outer], depth + 2, [*scope[-1:], relation])}"
                    # Nothing LATERAL may stand on the nullable side of these.
                    how = "JOIN" if "LATERAL" in other or "(" in other else how
                    written = f"{written} {how} {other} ON {condition}"
                else:
                    written = f"{written} CROSS JOIN {other}"
            elif draw < 0.80:
                written = f"{written} NATURAL {self.pick(['', 'LEFT '])}JOIN {other}"
            elif draw < 0.9:
                written = f"{written} CROSS JOIN {other}"
            else:
                written = f"{written}, {other}"
            scope.append(relation)
        return written, scope

    # SELECT

    def core(self, want: list[str], outer: Scope, depth: int, plain: bool = False) -> tuple[str, list[Column]]:
        """SELECT .. FROM .. and what may follow; plain: as an arm of a set operation, without ORDER BY and LIMIT."""
        source, scope = self.from_clause(outer, depth)
        visible = scope + outer if outer and self.random() < 0.5 else scope
        where = f" WHERE {self.filters(visible, depth, scope)}" if self.random() < self.style.filtered else ""
        named = "w" if self.random() < 0.05 else None
        draw = self.random()
        tail, keys = "", []
        if draw < self.style.grouped:
            items, tail, keys = self.grouped(want, scope, visible, depth)
        elif draw < self.style.grouped + 0.12:
            items = [self.windowed(kind, scope, depth + 1, named) if self.random() < 0.6 else self.scalar(kind, visible, depth + 1) for kind in want]
        else:
            items = [self.scalar(kind, visible, depth + 1) for kind in want]
        if named and not keys:
            tail += f" WINDOW w AS ({self.window(scope, depth)})"
        columns = [(f"c{index}", kind) for index, kind in enumerate(want)]
        listed = ", ".join(f"{item}{self.pick([' AS ', ' AS ', ' '])}{name}" for item, (name, _) in zip(items, columns, strict=True))
        distinct = ""
        if not keys and self.random() < 0.08:
            distinct = "DISTINCT "
            if not plain and self.random() < 0.3:
                distinct = f"DISTINCT ON ({items[0]}) "
                tail += f" ORDER BY {', '.join(items)}"
                plain = True
        if depth == 0 and not keys and not distinct and self.random() < 0.06:
            listed = self.pick(["*", f"{scope[0].alias}.*", scope[0].alias, f"{scope[0].alias}::text", f"to_jsonb({scope[0].alias})", f"row_to_json({scope[0].alias})"])
        sql = f"SELECT {distinct}{listed} FROM {source}{where}{tail}"
        return sql + ("" if plain else self.ordering(columns, depth)), columns

    def grouped(self, want: list[str], scope: Scope, visible: Scope, depth: int) -> tuple[list[str], str, list[str]]:
        """Select list, GROUP BY and HAVING."""
        items, keys, grouped = [], [], []
        for kind in want:
            key = self.column(kind, scope) if self.random() < 0.4 else None
            if key:
                keys.append(key)
                items.append(key)
                alias, _, name = key.rpartition(".")
                if alias in (relation.alias for relation in scope):
                    grouped.append(Relation(alias, [(name, kind)]))
            else:
                items.append(self.aggregate(kind, scope, depth + 1))
        tail = ""
        if keys:
            listed = ", ".join(keys)
            draw = self.random()
            if draw < 0.72:
                tail = f" GROUP BY {listed}"
            elif draw < 0.80:
                tail = f" GROUP BY ROLLUP ({listed})"
            elif draw < 0.88:
                tail = f" GROUP BY CUBE ({listed})"
            elif draw < 0.95:
                tail = f" GROUP BY GROUPING SETS (({listed}), ({keys[0]}), ())"
            else:
                tail = f" GROUP BY DISTINCT {listed}"
        if self.random() < self.style.having:
            written = self.having(grouped, scope, depth) if self.random() < self.style.conditions else f"{self.aggregate('int', scope, depth + 2)} > {self.literal('int')}"
            tail += f" HAVING {written}"
        return items, tail, keys or ["all"]

    def ordering(self, columns: list[Column], depth: int) -> str:
        draw = self.random()
        if draw < 0.70 or (depth and draw < 0.85):
            return ""
        everything = ", ".join(str(index + 1) for index in range(len(columns)))
        if draw < 0.90:
            return f" ORDER BY {everything}"
        limit = self.pick(["LIMIT 5", "LIMIT 3 OFFSET 1", "FETCH FIRST 2 ROWS ONLY", "OFFSET 2 ROWS FETCH NEXT ROW ONLY", "LIMIT ALL", "FETCH FIRST 3 ROWS WITH TIES"])
        if draw < 0.97:
            return f" ORDER BY {everything} {limit}"
        return f" ORDER BY {columns[0][0]} DESC NULLS LAST {limit}"
