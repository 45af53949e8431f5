"""Objects of the user's own that depend on what the update takes away: it stops, names them, and leaves everything as it was."""

import planes
import psycopg
import pytest
from catalogue import differences, snapshot
from planes import criticals, update

# By what the update takes away: the objects that depend on it, what the error must call each, and how they go.
DEPENDENTS = {
    "function that gets an argument": [
        ("CREATE VIEW signed AS SELECT splitplane.sign('k', 't', payload => 'p') AS context", "view public.signed", "DROP VIEW signed"),
        (
            "CREATE FUNCTION sign_for(tenant text) RETURNS jsonb LANGUAGE sql BEGIN ATOMIC SELECT splitplane.sign('k', tenant); END",
            "function public.sign_for(text)",
            "DROP FUNCTION sign_for",
        ),
    ],
    "function that goes": [
        ("CREATE VIEW chosen AS SELECT note FROM vault WHERE splitplane.among(note, ARRAY['a'])", "view public.chosen", "DROP VIEW chosen"),
        (
            "CREATE POLICY chosen ON vault USING (splitplane.among(note, ARRAY['a']))",
            "policy chosen on table public.vault",
            "DROP POLICY chosen ON vault",
        ),
    ],
    "internal function that goes": [
        (
            "CREATE FUNCTION keep() RETURNS void LANGUAGE sql BEGIN ATOMIC SELECT splitplane._keep_turn('', '', '', '', '', '', ''); END",
            "function public.keep()",
            "DROP FUNCTION keep()",
        ),
    ],
}


def of(plane):
    with plane.admin() as admin:
        return snapshot(admin)


@pytest.mark.parametrize("case", DEPENDENTS)
def test_update_stops_at_dependents_and_leaves_all_as_it_was(earlier, case):
    dependents = DEPENDENTS[case]
    for made, _, _ in dependents:
        earlier.run(made)
    for at, (_, _, gone) in enumerate(dependents):
        before = of(earlier)
        with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refusal:
            earlier.run(planes.UPDATE)
        said = f"{refusal.value.diag.message_primary} {refusal.value.diag.message_detail}"
        assert [name in said for _, name, _ in dependents] == [False] * at + [True] * (len(dependents) - at), said
        assert differences(before, of(earlier), "database before", "database after the refusal") == []
        earlier.run(gone)
    update(earlier)
    assert criticals(earlier) == []
    planes.assert_isolated(earlier, ("orders", "stores"))


def test_objects_on_what_stays_are_no_obstacle(earlier):
    """The control: it is not any dependent that stops it. Those on functions and views that are replaced live on."""
    earlier.run("CREATE VIEW plane_text AS SELECT splitplane.describe() AS text")
    earlier.run("CREATE VIEW fence_count AS SELECT count(*) FROM splitplane._fences")
    earlier.run("CREATE FUNCTION admit_one(tenant text) RETURNS void LANGUAGE sql BEGIN ATOMIC SELECT splitplane.admit(tenant); END")
    update(earlier)
    assert "shout" in earlier.run("SELECT text FROM plane_text")[0]
    assert earlier.run("SELECT * FROM fence_count") == (18,)
    earlier.run("SELECT admit_one('5')")


def test_refusal_says_what_to_do(earlier):
    earlier.run(DEPENDENTS["function that gets an argument"][0][0])
    with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refusal:
        earlier.run(planes.UPDATE)
    assert refusal.value.diag.message_hint == "Drop them, run ALTER EXTENSION splitplane UPDATE again, and create them anew."
