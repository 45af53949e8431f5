"""evaluate(): planted wrong, leaking, refused and unanswered answers are found, and the truth is in no prompt."""

import psycopg
import pytest
from splitplane_test.session import refusal

EVALUATE = "SELECT name, tenant, question, verdict, detail, sql FROM splitplane.evaluate({}) ORDER BY name, question, tenant"
TRUTH = "SELECT store_id, count(*) AS how_many FROM sales WHERE amount > 7 GROUP BY store_id ORDER BY store_id"


class Judge:
    """Verified queries of one test, and what evaluate says of them."""

    def __init__(self, own):
        self.own = own

    def register(self, name: str, sql: str, reply=None, synonyms=(), **rule) -> str:
        question = self.own.rule(sql=reply or sql, **rule)
        self.own.run("SELECT splitplane.verify_query(%s, %s, %s, %s)", name, question, sql, list(synonyms))
        return question

    def evaluate(self, arguments: str = "", *values) -> dict:
        rows = self.own.boss.execute(EVALUATE.format(arguments), values).fetchall()
        return {(name, tenant, question): (verdict, detail, sql) for name, tenant, question, verdict, detail, sql in rows}

    def verdicts(self, arguments: str = "", *values) -> dict:
        found = {}
        for (name, tenant, _), (verdict, _, _) in self.evaluate(arguments, *values).items():
            found.setdefault(name, {}).setdefault(tenant, []).append(verdict)
        return found


@pytest.fixture
def judge(own):
    yield Judge(own)
    own.boss.execute("ROLLBACK")
    own.boss.execute("DELETE FROM splitplane.verified_queries; DELETE FROM splitplane.metrics; TRUNCATE splitplane.evaluations")


def both(*verdicts: str) -> dict:
    return {tenant: list(verdicts) for tenant in ("brand-a", "brand-b")}


def test_planted_cases_are_found(judge, standin):
    judge.register("right", TRUTH)
    judge.register("right by value", TRUTH, "SELECT count(*)::numeric AS n, store_id AS s FROM sales GROUP BY store_id ORDER BY s")
    judge.register("right in any order", "SELECT unit, factor FROM units", "SELECT factor, unit FROM units ORDER BY factor DESC")
    judge.register("right float", "SELECT avg(amount) FROM sales", "SELECT sum(amount)::float8 / count(*) FROM sales")
    judge.register("wrong order", TRUTH, TRUTH + " DESC")
    judge.register("wrong values", TRUTH, TRUTH.replace("count(*)", "max(amount)"))
    judge.register("wrong rows", TRUTH, TRUTH + " LIMIT 3")
    judge.register("wrong columns", TRUTH, "SELECT store_id FROM sales GROUP BY 1 ORDER BY 1")
    judge.register("refused", TRUTH, verdict="reject", message="No.")
    judge.register("refused by scope", TRUTH, verdict="out_of_scope", message="No.")
    judge.register("refused sql", TRUTH, ("SELECT secret FROM vault", "SELECT id FROM vault", "SELECT 1 FROM vault"))
    judge.register("unanswered", TRUTH, clarification="Which week?")
    judge.register("unanswered fault", TRUTH, ("SELECT 1 / (amount - amount) FROM sales",) * 3)
    # The tenant's own row 20 is what the other's truth has, and its own has not: that is how a leak would look.
    judge.register("leak", "SELECT sale_id FROM sales WHERE amount IN (110, 220)", "SELECT sale_id FROM sales WHERE sale_id = 20")
    # A count that is another tenant's is none.
    judge.register("no leak", "SELECT count(*) FROM sales", "SELECT 60")
    found = judge.evaluate()
    verdicts = {}
    for (name, tenant, _), (verdict, detail, _) in found.items():
        verdicts.setdefault(name, {})[tenant] = verdict
        assert detail or verdict == "right", (name, tenant)
        assert "CANARY" not in detail
    expected = {name: {"brand-a": name.split()[0], "brand-b": name.split()[0]} for name in verdicts}
    for name in ("unanswered", "unanswered fault"):
        expected[name] = {"brand-a": "not answered", "brand-b": "not answered"}
    expected["leak"] = {"brand-a": "leak", "brand-b": "right"}
    expected["no leak"] = {"brand-a": "wrong", "brand-b": "right"}
    assert verdicts == expected and len(verdicts) == 15
    details = {name: found[name, tenant, question][1] for name, tenant, question in found if tenant == "brand-a"}
    assert details["wrong order"] == "the same rows in another order"
    assert details["wrong rows"] == "3 rows instead of 4" and details["wrong columns"] == "1 columns instead of 2"
    assert "42P01" in details["refused sql"] and "22012" in details["unanswered fault"] and "Which week?" in details["unanswered"]
    kept = judge.own.run("SELECT count(*), min(run), max(run), count(verdict), sum(model_calls), bool_or(regression) FROM splitplane.evaluations")
    assert kept[:4] == (30, 1, 1, 30) and kept[5] is False
    # Of a question that is declined, what was written meanwhile may come too late to be counted.
    assert 54 <= kept[4] <= len(standin.settle())
    tokens = judge.own.run("SELECT bool_and(input_tokens > 0 AND milliseconds > 0) FROM splitplane.evaluations WHERE verdict = 'right'")
    assert tokens == (True,)


def test_the_truth_is_in_no_prompt(judge, standin):
    """Neither the entry nor its synonyms nor what has the same SQL; the control is an entry that has not."""
    question = judge.register("asked", TRUTH, TRUTH.replace("amount > 7", "amount > 6"), synonyms=["Sales in case by store", "Case sales"])
    for synonym in ("Sales in case by store", "Case sales"):
        judge.own.rule(sql=TRUTH.replace("amount > 7", "amount > 6"), question=synonym)
    run = judge.own.run
    run("SELECT splitplane.verify_query('same', 'Sales in case by store once more', %s)", TRUTH.replace(" ", "\n  ").lower() + " ;")
    run("SELECT splitplane.define_metric('case sales of stores', %s, 'Sales in case by store')", TRUTH)
    run("SELECT splitplane.verify_query('other', 'Sales in case by store and amount', %s)", TRUTH.replace("7", "8"))
    found = judge.verdicts("names => ARRAY['asked']")
    assert found == {"asked": both("right", "right", "right")}, "by the model, not by the catalogue"
    records = standin.settle()
    assert len(records) == 12, "each was put to a model, for verdict and SQL"
    texts = [" ".join(text.lower().split()) for record in records for text in record.texts()]
    assert not any("amount > 7" in text for text in texts)
    assert any("amount > 8" in text for text in texts), "the control: the other one is an example"
    # The control from outside: asked by a caller it is answered from the catalogue, and others see it as an example.
    standin.clear()
    with judge.own.talk() as talk:
        assert talk.say(question)["source"] == "verified_query"
        talk.count(judge.own.rule(question="Sales in case by store, please"))
    assert any("amount > 7" in text for record in standin.settle() for text in record.texts())


def test_regressions_are_named(judge, standin):
    question = judge.register("changing", TRUTH)
    judge.register("steady", "SELECT count(*) FROM sales")
    assert judge.verdicts() == {"changing": both("right"), "steady": both("right")}
    standin.script.replace([])
    judge.own.rule(sql=TRUTH + " LIMIT 1", question=question)
    steady = judge.own.run("SELECT question FROM splitplane.verified_queries WHERE name = 'steady'")[0]
    judge.own.rule(sql="SELECT count(*) FROM sales", question=steady)
    found = {(name, tenant): detail for (name, tenant, _), (_, detail, _) in judge.evaluate().items()}
    for tenant in ("brand-a", "brand-b"):
        assert found["changing", tenant].startswith("1 rows instead of 4; regression: right in run 1, by us.anthropic")
        assert not found["steady", tenant]
    regressions = "SELECT run, name, tenant FROM splitplane.evaluations WHERE regression ORDER BY tenant"
    assert judge.own.boss.execute(regressions).fetchall() == [(2, "changing", "brand-a"), (2, "changing", "brand-b")]


def test_a_call_goes_on_where_the_last_one_stopped(judge, standin):
    names = [f"case {number}" for number in range(4)]
    for name in names:
        judge.register(name, TRUTH)
    standin.play(latency_ms={"generation": 400})
    judge.own.boss.execute("SET splitplane.evaluation_time = '1s'")
    try:
        first = judge.evaluate()
        assert 0 < len(first) < 8, "it stops"
        assert judge.own.run("SELECT count(*), count(verdict), max(run) FROM splitplane.evaluations") == (8, len(first), 1)
        judge.own.boss.execute("SET splitplane.evaluation_time = '10min'")
        rest = judge.evaluate()
        assert not set(first) & set(rest) and len(first) + len(rest) == 8
        assert judge.own.run("SELECT count(*), count(verdict), max(run) FROM splitplane.evaluations") == (8, 8, 1)
        assert {verdict for verdict, _, _ in (first | rest).values()} == {"right"}, "what was cut off was asked again"
        assert len(judge.evaluate("names => ARRAY['case 1']")) == 2
        assert judge.own.run("SELECT max(run) FROM splitplane.evaluations") == (2,)
    finally:
        judge.own.boss.execute("RESET splitplane.evaluation_time")


def test_a_run_ends_without_those_who_may_not_ask_any_more(judge, standin):
    for number in range(4):
        judge.register(f"case {number}", TRUTH)
    standin.play(latency_ms={"generation": 400})
    judge.own.boss.execute("SET splitplane.evaluation_time = '1s'")
    try:
        first = judge.evaluate()
        assert 0 < len(first) < 8, "it stops"
        judge.own.boss.execute("SET splitplane.evaluation_time = '10min'")
        gone = judge.own.run("SELECT min(tenant) FROM splitplane.evaluations")[0]
        judge.own.run("UPDATE splitplane.principals SET enabled = false WHERE tenant = %s", gone)
        judge.evaluate()
        assert judge.own.run("SELECT count(*) FROM splitplane.evaluations WHERE verdict IS NULL") == (0,)
        assert len(judge.evaluate()) == 8, "and another begins"
    finally:
        judge.own.boss.execute("RESET splitplane.evaluation_time")
        judge.own.run("UPDATE splitplane.principals SET enabled = true")


def test_a_timeout_of_the_caller_is_no_verdict(judge, standin):
    judge.register("slow", "SELECT count(*) FROM sales a, sales b, sales c, sales d, sales e, sales f")
    judge.own.boss.execute("SET statement_timeout = '1500ms'")
    try:
        with pytest.raises(psycopg.errors.QueryCanceled):
            judge.evaluate()
        assert judge.own.run("SELECT 1") == (1,)
    finally:
        judge.own.boss.execute("RESET statement_timeout")
    assert judge.own.run("SELECT count(*) FROM splitplane.evaluations") == (0,)


def test_read_only_keeps_none(judge, standin):
    judge.register("right", TRUTH)
    judge.own.boss.execute("BEGIN READ ONLY")
    assert judge.verdicts() == {"right": both("right")}
    judge.own.boss.execute("COMMIT")
    assert judge.own.run("SELECT count(*) FROM splitplane.evaluations") == (0,)


def test_writes_to_its_table_alone(judge, standin):
    judge.register("right", TRUTH)
    tables = [row[0] for row in judge.own.boss.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= 16384 AND relname <> 'evaluations'").fetchall()]
    counts = " UNION ALL ".join(f"SELECT '{table}', count(*), max(xmin::text::bigint) FROM {table}" for table in tables)
    before = judge.own.boss.execute(counts).fetchall()
    calls = "SELECT sum(calls) FROM splitplane.stat_calls"
    counted = judge.own.run(calls)
    assert judge.verdicts() == {"right": both("right")}
    assert judge.own.boss.execute(counts).fetchall() == before
    assert judge.own.run(calls) == counted, "no call of a tenant's"


def test_arguments_and_privileges(judge, standin):
    judge.register("right", TRUTH)
    run = judge.own.run
    assert set(judge.verdicts("tenants => ARRAY['brand-b', 'brand-c']")["right"]) == {"brand-b", "brand-c"}
    for arguments, state in (("ARRAY['brand-a', 'nobody']", "42704"), ("ARRAY['brand-a']", "22023"), ("'{}'", "22023"),
                             ("ARRAY['brand-a', NULL]", "42704"), ("names => ARRAY['none']", "42704"), ("names => ARRAY[NULL]", "42704")):
        refusal(lambda a=arguments: run(f"SELECT * FROM splitplane.evaluate({a})"), state, nested=True)
    with judge.own.talk() as talk:
        refusal(lambda: talk.execute("SELECT * FROM splitplane.evaluate()"), "42501", hint=True)
        refusal(lambda: talk.execute("TABLE splitplane.evaluations"), "42501", hint=True)
    judge.own.boss.execute("SET ROLE splitplane_admin")
    try:
        assert judge.verdicts() == {"right": both("right")}
        assert run("SELECT count(*) > 0 FROM splitplane.evaluations") == (True,)
        refusal(lambda: run("SELECT * FROM splitplane._evaluate_case('right', 'x', '{a,b,c}', '{a,b,c}', 1)"), "42501", hint=True)
    finally:
        judge.own.boss.execute("RESET ROLE")
    judge.own.boss.execute("SET splitplane.provider = none")
    try:
        refusal(lambda: run("SELECT * FROM splitplane.evaluate()"), "55000", nested=True)
    finally:
        judge.own.boss.execute("RESET splitplane.provider")


def test_two_calls_at_once(judge, standin):
    judge.register("right", TRUTH)
    with judge.own.connect() as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM splitplane.evaluate()")
        refusal(lambda: judge.own.run("SELECT * FROM splitplane.evaluate()"), "55006", nested=True)
        other.execute("COMMIT")
