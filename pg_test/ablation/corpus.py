"""What is run through each combination: the hostile corpus of pg_test/attacks, whole or a sample, and a few probes.

The sample holds every leaky predicate, every entry that asks for a hidden column or runs a function as its owner, named
entries that the naive wrapper leaks on, and an even choice of each category.
"""

from __future__ import annotations

import re

from entries import load, text_of

# Entries that only burn time say nothing of rows; they are run with single fences in a full run, and not in pairs.
BURNING = "dos"
_LEAKY = re.compile(r"leaky predicate", re.IGNORECASE)
_HIDDEN = re.compile(r"\bssn\b|\bphone\b|cost_cents|hidden column", re.IGNORECASE)
# Functions of the attacked schema that run as their owner, by any spelling that the corpus uses.
DEFINERS = re.compile(r"get_all_orders|lookup(_|\\005f)secret|peer_note|tok\b|evil_|read_secret|sneaky|leak|comp\b|<<<|!!!", re.IGNORECASE)
_NAMED = frozenset(
    "TI-001 TI-017 TI-019 TI-021 TI-033 TI-040 TI-050 TI-076 TI-125 PR-002 PR-004 PR-015 SV-065 SC-048 OWN-PR-001 OWN-SC-007".split()
)
_OTHERS_PER_CATEGORY = 4
# A superuser's functions that would reach past the throwaway cluster, or end the connections that the suite stands on.
_OUTWARD = re.compile(r"lo_export|pg_file_|program|pg_terminate_backend|pg_cancel_backend|pg_promote|pg_read_|pg_ls_|pg_reload|pg_rotate", re.IGNORECASE)

# Predicates as cheap as the filter itself, which the planner may therefore compute first. NULL tests cost nothing.
PROBES = [
    {"id": f"PROBE-{number}", "category": "side_channel", "title": f"leaky predicate of the filter's own cost: {title}", "sql": sql, "expect": "own_rows_only"}
    for number, (title, sql) in enumerate(
        [
            ("chr of an amount", "SELECT count(*) FROM orders WHERE chr(total_cents) IS NOT NULL"),
            ("make_date of an amount", "SELECT count(*) FROM orders WHERE make_date(total_cents, 1, 1) IS NOT NULL"),
            ("the same below a join", "SELECT count(*) FROM order_items i JOIN orders o USING (order_id) WHERE make_date(o.total_cents, 1, 1) IS NOT NULL"),
            ("smallint of an amount, one bit", "SELECT count(*) FROM orders WHERE total_cents::int2 IS NOT NULL"),
            ("a column's own test", "SELECT count(*) FROM inventory WHERE chr(on_hand) IS NOT NULL"),
        ],
        1,
    )
]


def whole() -> list[dict]:
    """Every entry that can be run by its SQL or its contexts, and the probes."""
    return load() + PROBES


def sample() -> list[dict]:
    """Some hundred entries of every category but those that burn time; always the same."""
    entries = [entry for entry in load() if entry["category"] != BURNING]
    chosen, rest = [], {}
    for entry in entries:
        sql = text_of(entry, "hostile") or ""
        if entry["category"] == "control" or _LEAKY.search(entry["title"]) or _HIDDEN.search(sql) or entry["id"] in _NAMED:
            chosen.append(entry)
        elif len(sql) < 2000:
            rest.setdefault(entry["category"], []).append(entry)
    for group in rest.values():
        step = max(1, len(group) // _OTHERS_PER_CATEGORY)
        chosen += group[::step][:_OTHERS_PER_CATEGORY]
    return chosen + PROBES


def is_outward(sql: str) -> bool:
    """Whether this may not be run by a superuser without an allowlist."""
    return bool(_OUTWARD.search(sql))
