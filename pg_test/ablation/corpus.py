"""What is run through each combination: the hostile corpus of pg_test/attacks, whole or a sample, and a few probes.

The sample holds entries that are named for what they reach for, and an even choice of each category.
"""

from __future__ import annotations

import re

from pg_test.attacks.entries import load, text_of

# Entries that only burn time say nothing of rows; pg_test/attacks runs them.
BURNING = "dos"
# The canary that the aggregate `sneaky` of the attacked schema says once a row, whatever the row holds.
SAID_BY_ITSELF = "SECRET-CANARY-via-agg"
# Texts that reach for what row-level security knows nothing of, in any spelling that the corpus uses.
PAST_ROW_SECURITY = {
    "functions that run as their owner": re.compile(r"get_all_orders|lookup(_|\\005f)secret|peer_note|tok\b|evil_|read_secret|leak|comp\b|<<<|!!!", re.IGNORECASE),
    "large objects that everyone may read": re.compile(r"\blo_get\b|\bloread\b", re.IGNORECASE),
}
# Chosen by what they reach for: a table by other names, hidden columns, functions, predicates that fail on a value, forged tenants.
_NAMED = frozenset(
    """
    TI-001 TI-017 TI-019 TI-021 TI-033 TI-040 TI-050 TI-076 TI-089 TI-091 TI-094 TI-125 OWN-TI-013 OWN-TI-014 OWN-TI-016 OWN-TI-021
    OWN-TI-049 OWN-TI-059 OWN-TI-060 OWN-TI-061 OWN-TI-062 OWN-TI-063 OWN-TI-069 OWN-TI-073 OWN-TI-074 OWN-TI-075 OWN-TI-080 OWN-TI-083 OWN-TI-084
    SC-039 SC-040 SC-045 SC-048 OWN-SC-007 PR-002 PR-004 PR-015 OWN-PR-001 SV-065 CF-002 CF-009 CF-017 CF-033 CF-035 CF-058
    """.split()
)
_OTHERS_PER_CATEGORY = 2
# A superuser's functions that would reach past the throwaway cluster, or end the connections that the suite stands on.
_OUTWARD = re.compile(r"lo_export|pg_file_|program|pg_terminate_backend|pg_cancel_backend|pg_promote|pg_read_|pg_ls_|pg_reload|pg_rotate", re.IGNORECASE)


def _probe(number: int, category: str, title: str, sql: str) -> dict:
    return {"id": f"PROBE-{number}", "category": category, "title": title, "sql": sql, "expect": "own_rows_only"}


# Predicates as cheap as the filter itself, which the planner may therefore compute first. NULL tests cost nothing.
_CHEAP = [
    ("chr of an amount", "SELECT count(*) FROM orders WHERE chr(total_cents) IS NOT NULL"),
    ("make_date of an amount", "SELECT count(*) FROM orders WHERE make_date(total_cents, 1, 1) IS NOT NULL"),
    ("the same below a join", "SELECT count(*) FROM order_items i JOIN orders o USING (order_id) WHERE make_date(o.total_cents, 1, 1) IS NOT NULL"),
    ("smallint of an amount, one bit", "SELECT count(*) FROM orders WHERE total_cents::int2 IS NOT NULL"),
    ("over an inheritance tree", "SELECT count(*) FROM inventory WHERE chr(on_hand) IS NOT NULL"),
]
# By their full names, which no pinned search_path keeps out.
_OWNERS = [
    ("a secret", "SELECT public.lookup_secret('stripe')"),
    ("every order", "SELECT note FROM public.get_all_orders() AS o ORDER BY note DESC"),
    ("an invoker's function over a table", "SELECT note FROM public.invoker_orders() AS o ORDER BY note DESC"),
    ("an aggregate of user code", "SELECT public.sneaky(note) FROM orders"),
]
PROBES = [_probe(number, "side_channel", f"leaky predicate of the filter's own cost: {title}", sql) for number, (title, sql) in enumerate(_CHEAP, 1)]
PROBES += [_probe(number, "privilege", f"user code by its full name: {title}", sql) for number, (title, sql) in enumerate(_OWNERS, 11)]


def whole() -> list[dict]:
    """Every entry that can be run by its SQL or its contexts, but those that burn time, and the probes."""
    return [entry for entry in load() if entry["category"] != BURNING] + PROBES


def sample() -> list[dict]:
    """Some sixty entries of every category but those that burn time; always the same."""
    entries = [entry for entry in load() if entry["category"] != BURNING]
    chosen, rest = [], {}
    for entry in entries:
        sql = text_of(entry, "hostile") or ""
        if entry["category"] == "control" or entry["id"] in _NAMED:
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
