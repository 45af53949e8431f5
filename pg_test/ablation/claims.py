"""What is asserted of the results, each with its control. Every check yields (name, what is wrong)."""

from __future__ import annotations

import psycopg
from psycopg.types.json import Jsonb

from pg_test.ablation import corpus
from pg_test.ablation.bench import DATABASE, DEAD_ENDPOINT, HOSTILE_QUESTION, Bench, Tally
from pg_test.ablation.combinations import FENCES, Combination
from pg_test.attacks.entries import text_of
from pg_test.attacks.forging import forge
from pg_test.attacks.verdict import canary_in


def of_combination(combination: Combination, tally: Tally, texts: dict[str, str]):
    """What must hold under one combination."""
    yield f"{combination.kind} {combination.name}: rows", _rows(combination, tally, texts)
    if combination.keeps_errors:
        yield f"{combination.kind} {combination.name}: errors", [f"a foreign value or bit in errors of {tally.errors + tally.bits}"] if tally.errors or tally.bits else []
    if combination.refuses_relations:
        over = [name for name in tally.over_relations if not combination.has("functions")]
        yield f"{combination.kind} {combination.name}: the proof refuses every table", [f"answered: {over}"] if over else []
    if combination.keeps_columns and tally.hidden:
        yield f"{combination.kind} {combination.name}: hidden columns", [f"shown by {tally.hidden}"]
    if not combination.has("signature"):
        yield f"{combination.kind} {combination.name}: forged contexts", [f"let in: {tally.let_in}"] if tally.let_in else []
    if tally.broken and not combination.has("functions"):
        yield f"{combination.kind} {combination.name}: the sessions live", tally.broken[:3]


def _rows(combination: Combination, tally: Tally, texts: dict[str, str]) -> list[str]:
    wrong = []
    if not tally.run:
        wrong.append("nothing was run")
    if combination.keeps_rows:
        ways = [corpus.PAST_ROW_SECURITY[way] for way in combination.past_row_security]
        shown = [name for name in tally.rows if not any(way.search(texts.get(name, "")) for way in ways)]
        if shown:
            wrong.append(f"CANARY in rows of {shown}")
        # A function that describes a schema describes another one where acme is alone.
        if tally.changed and not any(combination.has(fence) for fence in ("columns", "functions", "conditions")):
            wrong.append(f"answered otherwise than acme alone: {tally.changed}")
    return wrong


def awake(results: dict[Combination, Tally]):
    """Controls: what must leak does, and honest entries are answered while all fences stand."""
    by_name = {combination.name: tally for combination, tally in results.items()}

    def leaks(name: str, what: str, least: int = 1) -> list[str]:
        found = getattr(by_name[name], what)
        return [] if len(found) >= least else [f"only {len(found)} of {what}"]

    for name in ("filter+proof+row_security", "filter+proof+role", "+".join(FENCES)):
        yield f"control {name} leaks rows", leaks(name, "rows", 5)
    yield "control functions+definers leaks by their owner's rights", leaks("functions+definers", "rows")
    yield "control proof+functions leaks a large object that everyone may read", leaks("proof+functions", "rows")
    yield "control functions: the aggregate that says a canary itself is told apart", leaks("functions", "said")
    yield "control proof+role+columns shows hidden columns", leaks("proof+role+columns", "hidden")
    # An inlined common table expression is no barrier; that is why row-level security is there.
    yield "control proof+row_security leaks by errors", leaks("proof+row_security", "errors")
    yield "control proof+row_security leaks a bit", leaks("proof+row_security", "bits")
    yield "control proof+role leaks by errors", leaks("proof+role", "errors")
    yield "control signature: a forged context is let in and sees the tenant that it claims", leaks("signature", "claimed")
    honest = by_name["none"].by_category["control"]
    yield "control none: honest entries are answered", [] if honest["answered"] == honest["run"] > 0 else [f"{dict(honest)}"]


def of_identity(bench: Bench):
    """Without the signature, a context is taken at its word; the register still decides who there is."""
    combination = Combination("single", ("signature",))
    bench.prepare(combination)
    sql = "SELECT note FROM orders ORDER BY order_id LIMIT 1"

    def asked(**twist):
        context = forge(bench.world.keys, DATABASE, sql, {"key": "unknown", "signature": "0" * 64, **twist})
        with bench.world.caller() as connection:
            return bench.call(connection, combination, sql, context)

    document, error = asked(tenant="beta")
    is_beta = document is not None and canary_in(str(document["rows"]))
    yield "signature off: a context forged for beta sees beta", [] if is_beta else [str(error or document)]
    document, error = asked(tenant="acme")
    yield "signature off: one forged for acme sees acme alone", [] if document and document["rows"] == [["note 1"]] else [str(error or document)]
    for title, twist in (
        ("nobody's tenant", {"tenant": "nobody"}),
        ("a combination that is not registered", {"tenant": "gamma", "business": "south", "subject": "u-1"}),
        ("a principal that was put out", {"tenant": "acme", "business": "closed", "subject": "u-9"}),
    ):
        document, error = asked(**twist)
        is_refused = error is not None and error.sqlstate == "28000"
        yield f"signature off: {title} is refused", [] if is_refused else [str(error or document)]


# What doctor() advises, by the fences that it stands behind.
_THIRD_FENCES = {
    ("functions", "definers"): "REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA public FROM PUBLIC",
    ("proof", "functions"): "REVOKE ALL ON LARGE OBJECT 4242 FROM PUBLIC",
}


def of_third_fences(bench: Bench, entries: list[dict], results: dict[Combination, Tally]):
    """What a DBA revokes holds where both fences before it are off: entries that leaked there leak no more."""
    for off, revoke in _THIRD_FENCES.items():
        leaked = next(tally.rows for combination, tally in results.items() if combination.off == off)
        tally = bench.run(Combination("control", off), [entry for entry in entries if entry["id"] in leaked], first=revoke)
        wrong = [f"CANARY in {tally.rows + tally.errors}"] if tally.rows or tally.errors or not leaked else []
        yield f"{' and '.join(off)} off: nothing comes out after {revoke}", wrong


def of_validation(bench: Bench):
    """Layer 2 refuses when it cannot ask and when the question poses as the model; without it the SQL goes to layer 3."""
    sql = "SELECT count(*) FROM orders"
    for off in ((), ("validation",)):
        combination = Combination("single" if off else "none", off)
        bench.prepare(combination)
        with bench.admin() as admin:
            for name, value in DEAD_ENDPOINT.items():
                admin.execute(f"ALTER DATABASE {DATABASE} SET {name} = '{value}'")
        for title, question in (("a hostile question", HOSTILE_QUESTION), ("a question that no model validates", "How many orders are there?")):
            context = forge(bench.world.keys, DATABASE, question, {})
            with bench.world.caller() as connection:
                try:
                    row = connection.execute("SELECT public.ask(%s::jsonb, %s, %s)", [Jsonb(context), question, sql]).fetchone()
                    got = row[0].get("rows") if row[0]["outcome"] == "answered" else row[0]["outcome"]
                except psycopg.Error as error:
                    got = error.sqlstate
            if off:
                yield f"validation off: {title} goes to layer 3, and gives own rows", [] if got == [[50]] else [str(got)]
            else:
                yield f"validation on: {title} is refused", [] if got in ("refused", "08006", "38000", "55000") else [str(got)]


# Marked LEAKPROOF by the test itself, which PostgreSQL believes; it raises an error over another tenant's rows.
_TOLD = """
CREATE FUNCTION public.told(note text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE LEAKPROOF PARALLEL SAFE COST 0.0001 AS
    $$ BEGIN IF note LIKE '%CANARY%' THEN RAISE EXCEPTION 'told' USING ERRCODE = '22000'; END IF; RETURN true; END $$;
GRANT EXECUTE ON FUNCTION public.told(text) TO PUBLIC"""


def of_leaks(bench: Bench):
    """An expression that PostgreSQL takes for leakproof and that raises: three fences keep it from foreign rows, each alone."""
    sql = "SELECT count(*) FROM orders WHERE public.told(note) IS NOT NULL"
    answered, refused, told = [[50]], "42501", "22000"
    for off, wanted in (
        ((), answered),
        (("leaks",), answered),
        (("free",), answered),
        (("leaks", "proof"), answered),
        (("free", "proof"), answered),
        (("leaks", "free"), refused),
        (("leaks", "free", "proof"), told),
    ):
        combination = Combination("probe", ("functions", *off))
        bench.prepare(combination)
        with bench.admin() as admin:
            # The path by an index on the tenant column would hide it.
            for name in ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"):
                admin.execute(f"ALTER DATABASE {DATABASE} SET {name} = off")
        with bench.admin(DATABASE) as dba:
            dba.execute(_TOLD)
        with bench.world.caller() as connection:
            document, error = bench.call(connection, combination, sql, forge(bench.world.keys, DATABASE, sql, {}))
        got = error.sqlstate if error is not None else document["rows"]
        what = {refused: "the plan is refused", told: "the error tells of a foreign row (control)"}.get(str(wanted), "no foreign row is met")
        yield f"{', '.join(off) or 'nothing'} off beside functions: {what}", [] if got == wanted else [str(got)]


# The view's own condition costs more than the statement's, which would be evaluated first over the row that the view filters.
_BARRED = """
SET splitplane.ablate = 'functions';
CREATE TABLE public.barred (n int, tenant_id text NOT NULL, word text NOT NULL);
INSERT INTO public.barred VALUES (1, 'acme', 'good'), (2, 'acme', 'good'), (3, 'acme', 'filtered'), (4, 'beta', 'good');
SELECT splitplane.protect('public.barred', '{"tenant_id": "tenant"}', ARRAY['n', 'word'], hidden => true);
SELECT splitplane.define_view('let_through', 'SELECT n FROM barred WHERE length(reverse(upper(word))) = 4')"""


def of_barriers(bench: Bench):
    """An error over a row that a view over a hidden relation filters: the mark keeps it off, and the proof demands the mark."""
    sql = "SELECT count(*) FROM let_through WHERE 1 / (n - 3) < 5"
    for off, wanted, what in (
        ((), [[2]], "the filtered row is not met"),
        (("proof",), [[2]], "the filtered row is not met"),
        (("barriers",), "55000", "the proof refuses the view, which is closed"),
        (("barriers", "proof"), "22012", "the error tells of the filtered row (control)"),
    ):
        combination = Combination("probe", ("functions", *off))
        bench.prepare(combination)
        with bench.admin(DATABASE) as dba:
            dba.execute(_BARRED)
        with bench.world.caller() as connection:
            document, error = bench.call(connection, combination, sql, forge(bench.world.keys, DATABASE, sql, {}))
        got = error.sqlstate if error is not None else document["rows"]
        yield f"{', '.join(off) or 'nothing'} off beside functions: {what}", [] if got == wanted else [str(got)]


def of_conditions(bench: Bench):
    """Conditions that are lost on the way through `trust`: the answer is wrong, and of own rows. Neither fence is made of them."""
    sql = "SELECT count(*) FROM orders WHERE note LIKE 'note 1'"
    for off, is_so, what in (
        ((), lambda count: count == 1, "one row meets the condition"),
        (("conditions",), lambda count: count == 50, "own rows alone"),
        (("conditions", "filter"), lambda count: count == 50, "the policy holds"),
        (("conditions", "proof", "row_security"), lambda count: count == 50, "the filter holds"),
        (("conditions", "filter", "proof", "row_security"), lambda count: count > 50, "all rows (control)"),
    ):
        combination = Combination("probe", off)
        bench.prepare(combination)
        with bench.world.caller() as connection:
            document, error = bench.call(connection, combination, sql, forge(bench.world.keys, DATABASE, sql, {}))
        got = error.sqlstate if error is not None else document["rows"]
        is_right = isinstance(got, list) and is_so(got[0][0])
        yield f"{', '.join(off) or 'nothing'} off: {what}", [] if is_right else [str(got)]


# Of rows of parents: own rows, all rows, and those that have a parent at all, whoever's: two parents that may be NULL, a key of two
# columns, and a chain whose keys are so few that the planner is given each. There no set is asked but by the policy.
_OF_PARENTS = {
    "SELECT count(*), max(remark) FROM visits": ([[3, "customer"]], [[8, "customer"]], [[7, "customer"]]),
    "SELECT count(*), min(content) FROM crates": ([[2, "31"]], [[6, "31"]], [[4, "31"]]),
    "SELECT count(*), max(reason) FROM refunds": ([[2, "late"]], [[5, "late"]], [[2, "late"]]),
}


def of_keys(bench: Bench):
    """Rows of parents: policy and filter each hold alone. Both ask one set of keys, and where that is wrong the self-test says so."""
    for off, place, what in (
        ((), 0, "own rows alone"),
        (("filter",), 0, "the policy holds"),
        (("row_security",), "55000", "the proof holds"),
        (("row_security", "proof"), 0, "the filter holds"),
        (("proof",), 0, "own rows alone"),
        (("filter", "proof", "row_security"), 1, "all rows (control)"),
        (("keys",), 2, "what the filter's own conditions let through (control)"),
    ):
        combination = Combination("probe", off)
        bench.prepare(combination)
        for sql, wanted in _OF_PARENTS.items():
            with bench.world.caller() as connection:
                document, error = bench.call(connection, combination, sql, forge(bench.world.keys, DATABASE, sql, {}))
            got = error.sqlstate if error is not None else document["rows"]
            right = place if isinstance(place, str) else wanted[place]
            yield f"{sql} with {', '.join(off) or 'nothing'} off: {what}", [] if got == right else [str(got)]
    for off, wanted in (((), {"pass"}), (("keys",), {"FAIL"})):
        bench.prepare(Combination("probe", off))
        for table in ("visits", "crates"):
            tested = "SELECT verdict FROM splitplane.selftest(ARRAY['acme', 'beta'], ARRAY[%s::text::regclass]) WHERE shape IN ('direct', 'CTE', 'LATERAL', 'window')"
            with bench.admin(DATABASE) as dba:
                got = {verdict for (verdict,) in dba.execute(tested, [f"public.{table}"]).fetchall()}
            yield f"the self-test of {table} with {', '.join(off) or 'nothing'} off says {min(wanted)}", [] if got == wanted else [str(got)]


# What a DBA changes once sessions share the plane, what is asked then, and what comes of it under which switches beside `shared`.
_SHARED = (
    ("ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY", "SELECT note FROM orders", (
        ((), "55000", "the proof finds the table without row-level security"),
        (("proof",), "own rows", "the filter holds"),
        (("filter", "proof"), "foreign rows", "it reads all rows (control)"),
    )),
    ("SELECT splitplane.unprotect('public.refunds')", "SELECT reason FROM refunds", (
        ((), "55000", "the proof finds the table without its policy"),
        (("proof",), "42501", "the reader's right is gone"),
    )),
)


def of_shared(bench: Bench):
    """A plane that a session takes from another, and that the catalog has gone past: what it says is not what keeps rows in."""
    for change, sql, expectations in _SHARED:
        for off, wanted, what in (*expectations, ((), None, "a session that compares it is refused")):
            is_compared = wanted is None
            combination = Combination("probe", off if is_compared else ("shared", *off))
            bench.prepare(combination)

            def asked():
                with bench.world.caller() as connection:
                    document, error = bench.call(connection, combination, sql, forge(bench.world.keys, DATABASE, sql, {}))
                if error is not None:
                    return error.sqlstate
                return "foreign rows" if canary_in(str(document["rows"])) else "own rows"

            before = [asked() for _ in range(4)]
            with bench.admin(DATABASE) as dba:
                dba.execute(change)
            bench.soil()
            got = asked()
            right = got in ("55000", "42P01") if is_compared else got == wanted
            yield f"{change} with {', '.join(combination.off) or 'nothing'} off: {what}", [] if right else [f"{before} {got}"]


# What beta is answered in a session that has a statement of acme's kept, under which switches; the last two are what acme asks.
_KEPT = (
    ((), "own rows", "its own statement is proved"),
    (("kept",), "no rows", "the policy holds against acme's filter"),
    (("kept", "proof"), "no rows", "the policy holds"),
    (("kept", "filter"), "own rows", "the policy holds alone"),
    (("kept", "row_security"), "55000", "nothing is kept of what the proof refuses"),
    (("kept", "row_security", "proof"), "foreign rows", "it reads acme's rows (control)"),
)


def of_kept(bench: Bench):
    """A statement that was proved before, found for whoever asks whatever, with the claims that it was proved with."""
    acmes, betas = "SELECT note FROM orders WHERE note <> 'acme asks'", "SELECT note FROM orders WHERE note <> 'beta asks'"
    for off, wanted, what in _KEPT:
        combination = Combination("probe", off)
        bench.prepare(combination)
        with bench.world.caller() as connection:
            for _ in range(3):
                document, error = bench.call(connection, combination, acmes, forge(bench.world.keys, DATABASE, acmes, {}))
            before = error.sqlstate if error is not None else document["rows"]
            for _ in range(2):
                twist = {"tenant": "beta", "key": "beta"}
                document, error = bench.call(connection, combination, betas, forge(bench.world.keys, DATABASE, betas, twist))
        if error is not None:
            got = error.sqlstate
        else:
            # What is marked as foreign is beta's.
            got = "no rows" if not document["rows"] else "own rows" if canary_in(str(document["rows"])) else "foreign rows"
        yield f"beta after acme with {', '.join(off) or 'nothing'} off: {what}", [] if got == wanted else [f"{got} after {str(before)[:80]}"]


# What runs each entry until its statement is kept, in one session for all of them.
_WARM = ((), ("filter",), ("proof",))


def of_warm(bench: Bench, entries: list[dict], texts: dict[str, str]):
    """The corpus over statements that have been proved before is the corpus."""
    for off in _WARM:
        combination = Combination("warm", off)
        tally = bench.run(combination, entries, times=3)
        yield from of_combination(combination, tally, texts)
        yield f"warm {combination.name}: answers", [] if tally.answered else ["nothing is answered"]


# Beside an allowed extension, by another role: what takes the place of a function of the list, and reads a table for itself.
_PLANTED = """
CREATE OR REPLACE FUNCTION public.replace(citext, text, text) RETURNS text LANGUAGE sql AS 'SELECT string_agg(note, '','') FROM public.orders';
GRANT EXECUTE ON FUNCTION public.replace(citext, text, text) TO PUBLIC;
SELECT splitplane.allow_extension('citext')"""


def of_lists(bench: Bench):
    """A function that others put into an extension's schema: the list keeps it from running; where it runs, it does as the reader."""
    sql = "SELECT replace('x'::citext, 'a'::text, 'b'::text)"
    for off, wanted, what in (
        ((), "42501", "it is refused"),
        (("functions",), "own rows", "row-level security holds"),
        (("functions", "row_security"), "foreign rows", "it reads all rows (control)"),
    ):
        combination = Combination("probe", off)
        bench.prepare(combination)
        with bench.admin(DATABASE) as dba:
            dba.execute(_PLANTED)
        with bench.world.caller() as connection:
            document, error = bench.call(connection, combination, sql, forge(bench.world.keys, DATABASE, sql, {}))
        got = error.sqlstate if error is not None else str(document["rows"])
        if error is None:
            got = "foreign rows" if canary_in(got) else "own rows" if "note 1" in got else got
        yield f"a planted overload with {', '.join(off) or 'nothing'} off: {what}", [] if got == wanted else [got]


# Entries of the corpus that pass by the mark alone, with what they raise over the filtered row without it.
_BARRED_ENTRIES = {"OWN-PV-018": "22012", "OWN-PV-019": "22023", "OWN-PV-020": "22012"}


def of_barred_entries(bench: Bench):
    """What the corpus tries at a view over a hidden relation is stopped by the mark, and by nothing else."""
    entries = {entry["id"]: entry for entry in corpus.whole()}
    for off in ((), ("barriers", "proof")):
        combination = Combination("probe", ("functions", *off))
        bench.prepare(combination)
        for name, state in _BARRED_ENTRIES.items():
            sql = text_of(entries[name], DATABASE)
            with bench.world.caller() as connection:
                document, error = bench.call(connection, combination, sql, forge(bench.world.keys, DATABASE, sql, {}))
            got = error.sqlstate if error is not None else "answered"
            wanted = state if off else "answered"
            what = "the error tells of the filtered row (control)" if off else "the filtered row is not met"
            yield f"{name}: {', '.join(off) or 'nothing'} off beside functions: {what}", [] if got == wanted else [got]


def texts_of(entries: list[dict]) -> dict[str, str]:
    return {entry["id"]: text_of(entry, DATABASE) or "" for entry in entries}
