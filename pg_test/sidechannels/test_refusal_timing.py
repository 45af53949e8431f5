"""How long a refusal takes tells nothing about what exists: each bucket is compared with the others of its family.

What is promised: the medians of two refusals that must look the same are less than a tenth apart (some 25 us of 250 us), those of
any two refusals of identity less than a quarter.
What is measured: the client's wall time of one `ask` over a unix socket, warm session, 300 calls of each bucket, interleaved so
that the machine's moods hit all buckets alike. Two buckets differ when their medians are further apart and the ranks
agree (how often a call of one was slower than a call of the other: beyond 0.35 and 0.65), and when the same two do so in three
attempts. Each attempt holds its first bucket twice; where these two differ, the attempt does not count and is made again.
That finds a scan or a plan more, not a cache line: a patient attacker with millions of calls on a quiet network may still find
less. The controls are buckets with a little real work more.
"""

import itertools
import random
import statistics
import time

import psycopg
import pytest
from psycopg.types.json import Jsonb
from splitplane_test.session import replaced

CALLS = 300
ATTEMPTS = 3
TWIN = "the first once more"
# What must look the same, and what a caller may tell apart but not by a scan or a plan more.
ALIKE, NEAR = 0.1, 0.25
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


def differences(taken: dict[str, list[float]], most: float) -> dict[tuple[str, str], str]:
    """Pairs of buckets whose medians are further apart than `most`, as a part of the smaller, and by what."""
    found = {}
    for one, other in itertools.combinations(taken, 2):
        first, second = statistics.median(taken[one]), statistics.median(taken[other])
        often = slower(taken[one], taken[other])
        if abs(first - second) > most * min(first, second) and not 0.35 < often < 0.65:
            found[one, other] = f"{one} {1000 * first:.2f} ms, {other} {1000 * second:.2f} ms, slower {often:.2f}"
    return found


def attempt(session, buckets: dict, most: float = ALIKE) -> dict[tuple[str, str], str]:
    """The differences of one attempt that counts: one in which the first bucket does not differ from itself."""
    twin = next(iter(buckets))
    for _ in range(3 * ATTEMPTS):
        found = differences(measured(session, {**buckets, TWIN: buckets[twin]}), most)
        if (twin, TWIN) not in found:
            return {pair: said for pair, said in found.items() if TWIN not in pair}
    pytest.fail("this machine is too restless: one bucket differs from itself")


def lasting(session, buckets: dict, most: float = ALIKE) -> list[str]:
    """What differs in every attempt: noise comes and goes, a real difference stays."""
    found = attempt(session, buckets, most)
    for _ in range(ATTEMPTS - 1):
        if not found:
            break
        again = attempt(session, buckets, most)
        found = {pair: said for pair, said in again.items() if pair in found}
    return list(found.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_refusals_of_one_kind_take_alike(session, family):
    assert not lasting(session, {name: lambda sql=sql: (session.plane.sign(sql), sql) for name, sql in FAMILIES[family].items()})


def test_refusals_of_identity_take_alike(wire, session):
    """Whether a key id exists, to one who has no key; and which tenants exist, to one whose key is for another.

    The two are compared with each other, and with a context that was used before, by a wider bound alone: a caller that holds a
    key, or has used a context, knows that.
    """
    sql = "SELECT 1"
    wire.import_key("AKNARROW", "a-secret-of-one-tenant-alone", ["brand-a"])
    narrow = ("AKNARROW", "a-secret-of-one-tenant-alone")
    without_a_key = {
        "unknown key": lambda: (wire.sign(sql, key=("AKNOBODY", "a-secret-of-nobody-at-all")), sql),
        "wrong secret": lambda: (wire.sign(sql, key=("AKWIRE", "a-secret-of-nobody-at-all")), sql),
        "changed": lambda: (replaced(wire.sign(sql), x_splitplane_tenant="brand-b"), sql),
    }
    with_a_key = {
        "unknown tenant": lambda: (wire.sign(sql, "brand-x", key=narrow), sql),
        "another's tenant": lambda: (wire.sign(sql, "brand-b", key=narrow), sql),
    }
    for family in (without_a_key, with_a_key):
        assert not lasting(session, family)
    used = wire.sign(sql)
    session.call(used, sql)
    all_of_them = {**without_a_key, **with_a_key, "unknown tenant of a wider key": lambda: (wire.sign(sql, "brand-x"), sql), "used": lambda: (used, sql)}
    assert not lasting(session, all_of_them, NEAR)


def test_the_control_little_work_more_is_noticed(session):
    """The same refusal with a few kilobytes more to read, and a refusal beside an answer: both are told apart."""
    plain = "SELECT * FROM unknown_xxxxx"
    longer = plain + " WHERE " + " AND ".join(f"a{n} = {n}" for n in range(400))
    answered = "SELECT count(*) FROM generate_series(1, 20000)"
    for other in (longer, answered):
        buckets = {name: lambda sql=sql: (session.plane.sign(sql), sql) for name, sql in (("plain", plain), ("other", other))}
        for most in (ALIKE, NEAR):
            assert any(attempt(session, buckets, most) for _ in range(ATTEMPTS)), "the statistic is blind"
