"""A scrape through each exporter: every metric with its value, the same names from both, and no name in rules or dashboard that
neither has."""

import json
import re

import pytest
import yaml
from live import EXPORTERS, MONITORING
from splitplane_test.session import wait_until

from pg_test.wire.harness import COUNT_SALES
from pg_test.wire.test_tripwire import ARM, LEAK

NAME = re.compile(r"\bsplitplane_[a-z_]+\b")
# The exporters' own.
OTHERS = {"sql_exporter_last_scrape_failed", "pg_exporter_last_scrape_error", "pg_exporter_user_queries_load_error"}
# Metric, then the view's labels and columns. What moves by itself is compared apart.
COMPARED = {
    "splitplane_calls_total": ("stat_calls", ("entry_point", "outcome", "reason"), "calls"),
    "splitplane_stage_seconds_bucket": ("stat_stage_buckets", ("stage", "le"), "calls"),
    "splitplane_stage_seconds_sum": ("stat_stages", ("stage",), "seconds"),
    "splitplane_stage_seconds_count": ("stat_stages", ("stage",), "calls"),
    **{
        f"splitplane_tenant_{column}_total": ("stat_tenants", ("tenant",), column)
        for column in ("calls", "errors", "declined", "rows", "bytes", "seconds", "model_calls", "input_tokens", "output_tokens")
    },
    **{
        f"splitplane_model_{column}_total": ("stat_models", ("model", "purpose", "result"), column)
        for column in ("calls", "seconds", "input_tokens", "output_tokens")
    },
    "splitplane_ledger_entries": ("stat_ledger", (), "used"),
    "splitplane_ledger_capacity": ("stat_ledger", (), "capacity"),
    "splitplane_ledger_keys": ("stat_ledger", (), "keys"),
    "splitplane_ledger_horizon_timestamp_seconds": ("stat_ledger", (), "horizon"),
    "splitplane_ledger_refused_total": ("stat_ledger", (), "refused"),
    "splitplane_plane_shut": ("stat_plane", (), "shut"),
    "splitplane_plane_keys": ("stat_plane", (), "keys"),
    "splitplane_plane_figures_since_timestamp_seconds": ("stat_plane", (), "since"),
    "splitplane_plane_anomalies_total": ("stat_plane", (), "anomalies"),
    "splitplane_budget_used_ratio": ("stat_budgets", ("tenant", "measure"), "used_ratio"),
    "splitplane_audit_entries": ("stat_audit", (), "entries"),
    "splitplane_audit_stored_bytes": ("stat_audit", (), "stored"),
    "splitplane_audit_capacity_bytes": ("stat_audit", (), "capacity"),
    "splitplane_audit_gaps_total": ("stat_audit", (), "gaps"),
    "splitplane_doctor_findings": ("stat_doctor", ("severity",), "findings"),
}
MOVING = {"splitplane_plane_key_left_seconds"}


def rows(plane, view: str, labels: tuple, column: str) -> dict:
    listed = ", ".join((*labels, column))
    return {row[:-1]: float(row[-1]) for row in plane.admin_rows(f"SELECT {listed} FROM splitplane.{view}")}


@pytest.mark.parametrize("job", EXPORTERS)
def test_every_metric_has_the_view_s_value(live, plane, job):
    assert live.names(job) == set(COMPARED) | MOVING
    for metric, (view, labels, column) in COMPARED.items():
        found = live.values(f'{metric}{{job="{job}"}}')
        assert {series["datname"] for series, _ in found} == {plane.database}, metric
        scraped = {tuple(series[label] for label in labels): value for series, value in found}
        assert len(scraped) == len(found), f"two series of {metric} differ in other labels only"
        assert scraped == pytest.approx(rows(plane, view, labels, column)), metric
    left = live.values(f'splitplane_plane_key_left_seconds{{job="{job}"}}')[0][1]
    assert left == pytest.approx(rows(plane, "stat_plane", (), "key_seconds")[()], abs=60)


def test_both_exporters_give_the_same_names_and_labels(live):
    def shapes(job: str) -> set:
        found = live.values(f'{{job="{job}", __name__=~"splitplane_.+"}}')
        return {(labels["__name__"], tuple(sorted(set(labels) - {"__name__", "job", "instance", "server"}))) for labels, _ in found}

    assert shapes(EXPORTERS[0]) == shapes(EXPORTERS[1])


def test_postgres_exporter_gives_types(live):
    page = live.page(EXPORTERS[0])
    for line in ("splitplane_calls_total counter", "splitplane_stage_seconds histogram", "splitplane_plane_shut gauge"):
        assert f"# TYPE {line}\n" in page
    assert "NaN" not in "".join(line for line in page.splitlines() if line.startswith("splitplane_"))
    assert live.values("pg_exporter_last_scrape_error")[0][1] == 0


def test_quantiles_can_be_computed_from_both(live):
    for job in EXPORTERS:
        expression = f'histogram_quantile(0.95, sum by (stage, le) (splitplane_stage_seconds_bucket{{job="{job}"}}))'
        found = {labels["stage"]: value for labels, value in live.values(expression)}
        assert 0 < found["total"] < 30 and found["verify"] > 0, job


def test_rules_name_metrics_that_are_there(live):
    text = "\n".join(rule["expr"] for rule in _rules())
    named = set(NAME.findall(re.sub(r'"[^"]*"', '""', text)))
    for job in EXPORTERS:
        assert named <= live.names(job), job
    assert set(re.findall(r"\b(?:sql|pg)_exporter_[a-z_]+", text)) == OTHERS
    for other in OTHERS:
        assert live.values(other), f"{other} is not scraped"


def _rules() -> list[dict]:
    return [rule for group in yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"] for rule in group["rules"]]


def test_prometheus_evaluates_every_rule(live):
    def evaluated():
        groups = live.api("rules")["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        return found if found and all(rule["health"] == "ok" for rule in found) else None

    found = wait_until(evaluated, 20, "every rule is evaluated without an error")
    assert len(found) == len(_rules())
    # Nothing is wrong here but what the tests have done: the model cannot be reached, and no audit log is there.
    assert {rule["name"] for rule in found if rule["state"] == "firing"} <= {"SplitplaneModelErrors"}


def test_dashboard_shows_what_is_there(live):
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(expressions) > 10
    named = {name for expression in expressions for name in NAME.findall(re.sub(r'"[^"]*"', '""', expression))}
    for job in EXPORTERS:
        assert named <= live.names(job), job
    with live.plane.session() as session:
        for _ in range(3):
            session.value(COUNT_SALES)
            session.ask_refused("42P01", "SELECT * FROM vault")
            live.fresh()
    for expression in expressions:
        asked = expression.replace("$datname", live.plane.database).replace("$__rate_interval", "1m")
        assert live.values(asked), f"nothing is shown by {asked}"


def test_an_alert_fires_from_end_to_end(live, plane):
    """The tripwire's: from the statement that reads a planted row to Prometheus, through both exporters; and it goes back."""

    def firing() -> int:
        return len(live.values('ALERTS{alertname="SplitplaneTripwire", alertstate="firing"}'))

    assert firing() == 0
    plane.run(ARM)
    with plane.session() as session:
        session.ask_refused("55000", LEAK)
        wait_until(lambda: firing() == len(EXPORTERS), 20, "it fires by both")
        assert plane.run("SELECT splitplane.reopen()") == (True,)
        wait_until(lambda: firing() == 0, 20, "it ends by both")
        session.value(COUNT_SALES)


def test_a_database_that_is_away_is_told_by_both(live, plane):
    """Last: the sql-exporter goes on serving what it had, the postgres-exporter's figures vanish; both say so."""
    plane.run("ALTER ROLE prometheus NOLOGIN")
    plane.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'prometheus'")
    try:
        # It tries again for some seconds, so that a scrape with a shorter timeout fails as a whole: the alert sees both.
        alert = 'ALERTS{alertname="SplitplaneScrapeFailed"}'
        wait_until(lambda: len(live.values(alert)) == 2, 30, "both say that they could not read")
        wait_until(lambda: not live.names(EXPORTERS[0]), 20, "the figures of the postgres-exporter are gone")
        assert live.names(EXPORTERS[1]), "those of the sql-exporter are served for ever"
    finally:
        plane.run("ALTER ROLE prometheus LOGIN")
    back = f'splitplane_calls_total{{job="{EXPORTERS[0]}"}}'
    wait_until(lambda: live.values(back), 30, "and come back")
