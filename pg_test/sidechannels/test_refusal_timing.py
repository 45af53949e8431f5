"""How long a refusal takes tells nothing about what exists: each bucket is compared with its neighbours, call by call.

What is measured: the client's wall time of one `ask` over a unix socket, warm session, 300 calls of each bucket, interleaved so
that the machine's moods hit all buckets alike. What is compared, pair by pair: medians, and the rank statistic, which is how
often a call of one bucket was slower than a call of the other (0.5 when they are alike). Two buckets differ when their medians
are more than 25 percent apart and the ranks agree (beyond 0.4 and 0.6), or when the ranks alone say so (beyond 0.2 and
0.8); and when the same two do so in three attempts. That finds a look-up of a catalog or a file, not a cache line: a patient attacker
with millions of calls on a quiet network may still find less. The control is a bucket with a little real work more.
"""

import itertools
import random
import statistics
import time

import psycopg
import pytest
from psycopg.types.json import Jsonb

from harness import replaced

CALLS = 300
ATTEMPTS = 3
ASK = "SELECT ask(%s::jsonb, sql => %s)"
# Names of one length, so that only their existence differs.
FAMILIES = {
    "relation": {
        "unknown": "SELECT * FROM unknown_xxxxx",
        "unprotected": "SELECT * FROM hidden_table",
        "view": "SELECT * FROM hidden_view_",
        "catalog": "SELECT * FROM pg_stat_xxxx",
        "existing catalog": "SELECT * FROM pg_depend",
    },
    "column": {
        "unknown": "SELECT nobody FROM accounts",
        "hidden": "SELECT holder FROM accounts",
        "scope": "SELECT tenant_id FROM accounts",
        "system": "SELECT tableoid FROM accounts",
    },
    "function": {
        "unknown": "SELECT unknown_functio(1)",
        "hidden": "SELECT hidden_function(1)",
        "definer": "SELECT hidden_definer(1)",
        "refused": "SELECT pg_relation_size(1)",
    },
    "type": {
        "unknown": "SELECT 'x'::unknown_enu",
        "hidden": "SELECT 'x'::hidden_enum",
        "domain": "SELECT 'x'::hidden_domain",
        "row": "SELECT 'x'::hidden_row",
    },
}


def seconds(session, context, sql) -> float:
    arguments = (Jsonb(context), sql)
    started = time.perf_counter()
    try:
        session.connection.execute(ASK, arguments, prepare=True)
    except psycopg.Error:
        pass
    return time.perf_counter() - started


def measured(session, buckets: dict) -> dict[str, list[float]]:
    """Seconds of each call by bucket; a bucket is a function that makes a context and its text."""
    taken = {name: [] for name in buckets}
    order = random.Random(7)
    for turn in range(CALLS + 20):
        names = list(buckets)
        order.shuffle(names)
        for name in names:
            took = seconds(session, *buckets[name]())
            if turn >= 20:
                taken[name].append(took)
    return taken


def slower(one: list[float], other: list[float]) -> float:
    """How often a call of the first was slower than one of the second (Mann and Whitney's U over the number of pairs)."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    return (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other))


def differences(taken: dict[str, list[float]]) -> dict[tuple[str, str], str]:
    """Pairs of buckets that a glance tells apart, and by what."""
    found = {}
    for one, other in itertools.combinations(taken, 2):
        first, second = statistics.median(taken[one]), statistics.median(taken[other])
        apart, often = abs(first - second) > 0.25 * min(first, second), slower(taken[one], taken[other])
        if not 0.2 < often < 0.8 or (apart and not 0.4 < often < 0.6):
            found[one, other] = f"{one} {1000 * first:.2f} ms, {other} {1000 * second:.2f} ms, slower {often:.2f}"
    return found


def lasting(session, buckets: dict) -> list[str]:
    """What differs in every attempt: noise comes and goes, a real difference stays."""
    found = differences(measured(session, buckets))
    for _ in range(ATTEMPTS - 1):
        if not found:
            break
        again = differences(measured(session, buckets))
        found = {pair: said for pair, said in again.items() if pair in found}
    return list(found.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_refusals_of_one_kind_take_alike(session, family):
    assert not lasting(session, {name: lambda sql=sql: (session.wire.sign(sql), sql) for name, sql in FAMILIES[family].items()})


def test_refusals_of_identity_take_alike(wire, session):
    """Whether a key id, a tenant or a use is known: what a stranger without a key, and a signer for others, might learn."""
    sql = "SELECT 1"
    wire.import_key("AKNARROW", "a-secret-of-one-tenant-alone", ["brand-a"])
    narrow = ("AKNARROW", "a-secret-of-one-tenant-alone")
    used = wire.sign(sql)
    session.call(used, sql)
    assert not lasting(
        session,
        {
            "unknown key": lambda: (wire.sign(sql, key=("AKNOBODY", "a-secret-of-nobody-at-all")), sql),
            "wrong secret": lambda: (wire.sign(sql, key=("AKWIRE", "a-secret-of-nobody-at-all")), sql),
            "unknown tenant": lambda: (wire.sign(sql, "brand-x"), sql),
            "another's tenant": lambda: (wire.sign(sql, "brand-b", key=narrow), sql),
            "used": lambda: (used, sql),
            "changed": lambda: (replaced(wire.sign(sql), x_splitplane_tenant="brand-b"), sql),
        },
    )


def test_the_control_little_work_more_is_noticed(session):
    """The same refusal with a few kilobytes more to read, and a refusal beside an answer: both are told apart."""
    plain = "SELECT * FROM unknown_xxxxx"
    longer = plain + " WHERE " + " AND ".join(f"a{n} = {n}" for n in range(400))
    answered = "SELECT count(*) FROM generate_series(1, 20000)"
    for other in (longer, answered):
        buckets = {name: lambda sql=sql: (session.wire.sign(sql), sql) for name, sql in (("plain", plain), ("other", other))}
        assert any(differences(measured(session, buckets)) for _ in range(ATTEMPTS)), "the statistic is blind"
