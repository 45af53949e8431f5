"""What two plans are compared by: their nodes, what they read and how they are joined, and nothing that is counted or named otherwise."""

import re
from collections.abc import Iterable

NODE = re.compile(r"^(?P<indent>\s*)(?:->\s+)?(?P<node>[A-Z][A-Za-z ]*?)(?P<of> (?:using|on) .*)?(?P<cost>  \(cost=.*)?$")
READ = re.compile(r"(?: using (?P<index>\S+))?(?: on (?P<relation>\S+))?")


def shape(lines: Iterable[str]) -> list[str]:
    """The nodes of a text plan in its order, indented by their depth, with index and table; of EXPLAIN without further options or with
    VERBOSE. A node that only passes rows on from a derived table is left out."""
    found: list[str] = []
    depths: list[int] = []
    for number, line in enumerate(lines):
        if number and not line.lstrip().startswith("->"):
            continue
        node = NODE.match(line)
        assert node, f"no node of a plan: {line}"
        indent = len(node["indent"])
        while depths and depths[-1] >= indent and number:
            depths.pop()
        if node["node"].startswith("Subquery Scan"):
            continue
        depths.append(indent if number else -1)
        read = READ.match(node["of"] or "")
        relation = (read["relation"] or "").rsplit(".", 1)[-1]
        found.append("  " * (len(depths) - 1) + " ".join(part for part in (node["node"].strip(), read["index"], relation) if part))
    return found
