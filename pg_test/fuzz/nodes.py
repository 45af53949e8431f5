"""Which nodes the conditions of a statement hold, read from PostgreSQL's own analysed tree.

The statement is analysed by a server that prints its trees (debug_print_parse) in a database with the plane's tables and
columns. Counted are the nodes in WHERE, JOIN ON and HAVING whose query scans a plane table: a node over columns of such a
table, direct or through a subquery that PostgreSQL can push the condition into; and a node that reads nothing, such as a
constant, as a part of one that does.
"""

from __future__ import annotations

import re
import select
from collections.abc import Container, Sequence
from typing import NamedTuple

import psycopg
from psycopg import pq

WHERE, JOIN, HAVING = "WHERE", "JOIN ON", "HAVING"
PLACES = (WHERE, JOIN, HAVING)
# What a condition of an admitted SELECT can hold, each to be made at least once in every run. Where a node comes in forms that
# differ in what is computed, each form stands by itself.
NODES = (
    "VAR", "VAR of a whole row", "CONST", "AGGREF", "GROUPINGFUNC", "WINDOWFUNC", "SUBSCRIPTINGREF element", "SUBSCRIPTINGREF slice", "SUBSCRIPTINGREF of jsonb", "NAMEDARGEXPR",
    "FUNCEXPR", "OPEXPR", "DISTINCTEXPR", "NULLIFEXPR", "SCALARARRAYOPEXPR any", "SCALARARRAYOPEXPR all", "BOOLEXPR and", "BOOLEXPR or", "BOOLEXPR not", "SUBLINK exists", "SUBLINK all",
    "SUBLINK any", "SUBLINK row comparison", "SUBLINK value", "SUBLINK array", "FIELDSELECT", "RELABELTYPE", "COERCEVIAIO", "ARRAYCOERCEEXPR", "CASEEXPR", "CASEEXPR over an operand",
    "CASETESTEXPR", "ARRAYEXPR", "ARRAYEXPR of arrays", "ROWEXPR", "ROWCOMPAREEXPR", "COALESCEEXPR", "MINMAXEXPR", "SQLVALUEFUNCTION", "NULLTEST", "NULLTEST of a row", "BOOLEANTEST",
    "COLLATEEXPR", "PARAM",
)  # fmt: skip
# Read nothing themselves, or not always: they count as a part of what does.
_LEAVES = {"CONST", "PARAM", "SQLVALUEFUNCTION", "AGGREF"}
_SUBLINKS = ["SUBLINK exists", "SUBLINK all", "SUBLINK any", "SUBLINK row comparison", "SUBLINK value", "multiple assignment", "SUBLINK array", "CTE"]
# A brace in a name or string has a backslash before it.
_TOKEN = re.compile(r":(quals|havingQual) \{(\w+)|(?<!\\)\{(\w+)|(?<!\\)\}|:(reflowerindexpr|limitOffset|limitCount) (?=[({])")
_VAR = re.compile(r" :varno (-?\d+) :varattno (-?\d+) .*? :varlevelsup (\d+)")
_ENTRY = re.compile(r":rtekind (\d)(?: :relid (\d+))?")
# What a scan may be of, as bits.
_PLANE, _UNINDEXED = 1, 2


class _Query:
    __slots__ = ("entries", "is_limited", "scans")

    def __init__(self):
        # Of each entry of its range table: what it scans.
        self.entries: list[int] = []
        self.is_limited = False
        self.scans = 0


class _Frame:
    """A node that is open: in what condition it stands, and what it was seen to read."""

    __slots__ = ("name", "place", "reads", "leaves", "start", "query", "is_below")

    def __init__(self, name: str, place: str | None, start: int, query: _Query | None, is_below: str | None):
        self.name, self.place, self.start, self.query = name, place, start, query
        # Of a sub-select: the place that it stands below.
        self.is_below = is_below
        self.reads = 0
        self.leaves: list[str] = []


Found = set[tuple[str, str, bool]]


class Tables(NamedTuple):
    """The plane's tables by OID, and those of them without an index on the tenant column."""

    plane: Container[int]
    unindexed: Container[int] = ()


def read(tree: str, tables: Tables) -> Found:
    """(node, place, whether over a table without an index on the tenant column) of an analysed tree as PostgreSQL prints it."""
    # Long lines are broken at spaces.
    tree = tree.replace("\n", " ")
    found: Found = set()
    stack: list[_Frame] = [_Frame("", None, 0, None, None)]
    queries: list[_Query] = []
    for token in _TOKEN.finditer(tree):
        qual, first, other, label = token.groups()
        name = first or other
        if name:
            parent = stack[-1]
            if qual:
                place = HAVING if qual == "havingQual" else JOIN if parent.name == "JOINEXPR" else WHERE
            else:
                place = None if name == "QUERY" else parent.place
            query = parent.query
            if name == "QUERY":
                query = _Query()
                queries.append(query)
            stack.append(_Frame(name, place, token.end(), query, parent.place or parent.is_below))
            if name == "VAR":
                _read_var(tree, stack, queries)
            elif name == "CASETESTEXPR":
                # What it stands for is written before it.
                stack[-1].reads = next(frame.reads for frame in reversed(stack) if frame.name in ("CASEEXPR", "ARRAYCOERCEEXPR"))
        elif label:
            if label == "reflowerindexpr":
                stack[-1].leaves.append("slice")
            elif queries:
                queries[-1].is_limited = True
        else:
            frame = stack.pop()
            _close(tree, frame, stack, queries, token.start(), tables, found)
    return found


def _read_var(tree: str, stack: list[_Frame], queries: list[_Query]) -> None:
    """A column counts for every node it stands in, up to the condition of the query that it is a column of."""
    number, attribute, level = map(int, _VAR.match(tree, stack[-1].start).groups())
    frame = stack[-1]
    if attribute == 0:
        frame.leaves.append("whole")
    if level < len(queries):
        entries = queries[-1 - level].entries
        frame.reads = entries[number - 1] if 0 < number <= len(entries) else 0


def _close(tree: str, frame: _Frame, stack: list[_Frame], queries: list[_Query], end: int, tables: Tables, found: Found) -> None:
    parent = stack[-1]
    if frame.name == "QUERY":
        query = queries.pop()
        # A sub-select is a part of the condition that it stands in, and reads what it scans; one in FROM is read through.
        parent.reads |= 0 if parent.name == "RANGETBLENTRY" and query.is_limited else query.scans
        return
    if frame.name == "RANGETBLENTRY":
        queries[-1].entries.append(_scanned(tree, frame, queries[-1], end, tables))
        queries[-1].scans |= queries[-1].entries[-1]
        return
    if frame.place is None:
        # Window functions stand in sub-selects of conditions only.
        if frame.name == "WINDOWFUNC" and frame.is_below and queries[-1].scans:
            found.add(("WINDOWFUNC", frame.is_below, bool(queries[-1].scans & _UNINDEXED)))
        return
    label = _label(tree, frame, end)
    if label:
        leaves = [leaf for leaf in frame.leaves if leaf not in ("slice", "whole")]
        if frame.reads:
            found.update((one, frame.place, bool(frame.reads & _UNINDEXED)) for one in (label, *leaves))
        elif parent.place is not None:
            parent.leaves += [*leaves, *([label] if frame.name in _LEAVES else [])]
    elif frame.leaves and parent.place is not None:
        parent.leaves += frame.leaves
    if parent.place is not None:
        parent.reads |= frame.reads


def _scanned(tree: str, frame: _Frame, query: _Query, end: int, tables: Tables) -> int:
    kind = _ENTRY.search(tree, frame.start, end)
    if kind is None:
        return 0
    if kind[1] == "0":
        relation = int(kind[2])
        return (_PLANE if relation in tables.plane else 0) | (_UNINDEXED if relation in tables.unindexed else 0)
    if kind[1] == "2":
        return query.scans
    return frame.reads if kind[1] == "1" else 0


def _label(tree: str, frame: _Frame, end: int) -> str | None:
    """The node's name in NODES, with its form; None for what is no expression."""
    name, start = frame.name, frame.start
    if name == "VAR":
        return "VAR of a whole row" if "whole" in frame.leaves else name
    if name == "SUBSCRIPTINGREF":
        if tree.startswith(" :refcontainertype 3802", start):
            return "SUBSCRIPTINGREF of jsonb"
        return "SUBSCRIPTINGREF slice" if "slice" in frame.leaves else "SUBSCRIPTINGREF element"
    if name == "SCALARARRAYOPEXPR":
        return f"SCALARARRAYOPEXPR {'any' if ':useOr true' in tree[start : start + 120] else 'all'}"
    if name == "BOOLEXPR":
        return f"BOOLEXPR {tree[start + 9 : start + 12].strip()}"
    if name == "SUBLINK":
        return _SUBLINKS[int(tree[start + 14])]
    if name == "CASEEXPR":
        return "CASEEXPR over an operand" if ":arg {" in tree[start : start + 60] else name
    if name == "ARRAYEXPR":
        return "ARRAYEXPR of arrays" if ":multidims true" in tree[end - 45 : end] else name
    if name == "NULLTEST":
        return "NULLTEST of a row" if ":argisrow true" in tree[end - 45 : end] else name
    return name if name in _KNOWN else None


_KNOWN = set(NODES)


class Reader:
    """A superuser's session on a database with the plane's tables and columns, that analyses statements and runs none."""

    def __init__(self, connection: psycopg.Connection, tables: Tables):
        self.connection, self.tables = connection, tables
        self.trees: list[str] = []
        # To the client alone, and on few lines.
        connection.execute("SET log_min_messages = fatal; SET client_min_messages = log; SET debug_pretty_print = off; SET debug_print_parse = on")
        connection.add_notice_handler(self._notice)

    def _notice(self, diagnostic) -> None:
        if diagnostic.message_primary == "parse tree:":
            self.trees.append(diagnostic.message_detail or "")

    def nodes(self, texts: Sequence[str]) -> list[Found | None]:
        """What each statement's conditions hold; None where this database does not take the statement."""
        libpq = self.connection.pgconn
        libpq.enter_pipeline_mode()
        for text in texts:
            libpq.send_prepare(b"", text.encode())
            libpq.pipeline_sync()
        found: list[Found | None] = []
        for _ in texts:
            result = self._result()
            taken = result.status == pq.ExecStatus.COMMAND_OK
            found.append(read(self.trees[-1], self.tables) if taken and self.trees else None)
            self.trees.clear()
            while self._result().status != pq.ExecStatus.PIPELINE_SYNC:
                pass
        libpq.exit_pipeline_mode()
        return found

    def _result(self) -> pq.PGresult:
        """The next result that is one."""
        libpq = self.connection.pgconn
        while libpq.status == pq.ConnStatus.OK:
            while libpq.is_busy():
                select.select([libpq.socket], [], [])
                libpq.consume_input()
            if (result := libpq.get_result()) is not None:
                return result
        raise psycopg.OperationalError("the connection is lost")
