"""The endurance run in small, eight clients for half a minute, beside the faults of the other files. `run.py` is the long one."""

import json

from truth import Honest, analytics, foreign
from truth import load as queries


def test_the_control_the_judge_is_awake():
    """A foreign row, a foreign word in another form, a changed value and a missing row are each noticed."""
    assert foreign("acme", "CANARY-B note 7", "SELECT note FROM orders")
    assert foreign("acme", "7 eton B-YRANAC", "SELECT reverse(note) FROM orders")
    assert foreign("beta", "Ann Own", "SELECT full_name FROM customers")
    assert not foreign("beta", "CANARY-B Bob", "SELECT full_name FROM customers")
    query = next(query for query in queries() if "ordered" in query.flags)
    expected = analytics.Result(["n"], ["integer"], [[1], [2]])

    def told(rows, **changes) -> str | None:
        document = {"outcome": "answered", "truncated": False, "columns": [{"name": "n", "type": "integer"}], "rows": rows, **changes}
        return Honest.difference(query, expected, json.dumps(document))

    assert told([[1], [2]]) is None
    assert told([[1], [3]]) and told([[1]]) and told([[1], [2], [9]]) and told([[2], [1]]) and told([[1], [2]], truncated=True)


def test_mixed_traffic_of_several_tenants(endurance):
    """Its own judgement (load.py) says what was wrong; that the run did what it is for is part of it."""
    said, _ = endurance.communicate(timeout=300)
    print(said)
    assert endurance.returncode == 0, said
    assert said.splitlines()[-1].endswith(" 0 failed")
