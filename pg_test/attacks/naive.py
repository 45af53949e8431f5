"""The wrapper this project must beat: pre-filtered CTEs written in front of the model's text.

It is here to show that the attacks attack: a suite that the naive wrapper passes would prove nothing.
"""

from __future__ import annotations

import re

from pg_test.attacks.entries import PLANE

_CTES = ", ".join(
    f"{table} AS (SELECT {', '.join(columns)} FROM public.{table} WHERE tenant_id = 'acme')" for table, columns in PLANE.items()
)
_WITH = re.compile(r"^\s*with\s+(recursive\s+)?", re.IGNORECASE)


def wrap(sql: str) -> str:
    """`WITH ours, theirs ...`: the model's own WITH list is joined to ours, as such wrappers do."""
    own = _WITH.match(sql)
    if own:
        return f"WITH {own.group(1) or ''}{_CTES}, {sql[own.end():]}"
    return f"WITH {_CTES} {sql}"


# Entries that get another tenant's data, or a secret, out of the wrapper. Asserted one by one by controls.py.
LEAKS: tuple[str, ...] = tuple(
    """
    TI-001 TI-013 TI-014 TI-017 TI-018 TI-019 TI-020 TI-021 TI-022 TI-023 TI-033 TI-037 TI-040 TI-050 TI-063 TI-068 TI-070
    TI-076 TI-079 TI-080 TI-083 TI-089 TI-091 TI-093 TI-094 TI-096 TI-113 TI-125 TI-147
    PR-002 PR-004 PR-006 PR-009 PR-010 PR-015 SV-016 SV-039 SV-048 SV-065 SC-048
    OWN-TI-011 OWN-TI-013 OWN-TI-034 OWN-TI-043 OWN-TI-049 OWN-TI-055 OWN-PR-001 OWN-PR-025 OWN-PR-031 OWN-SC-007
    """.split()
)
