"""For each alert the series that make it fire and those that do not, one evaluation of each.

Series are in promtool's notation, a sample a minute: `0+1x60` rises by one, `5x60` stays. What differs between the two is what the
alert is about, and as little as possible else.
"""

from __future__ import annotations

from dataclasses import dataclass

PLACE = 'instance="i", datname="shop"'
AT = {"instance": "i", "datname": "shop"}


@dataclass(frozen=True)
class Case:
    """`fires` and `silent`: (series, values). `labels`: those of the alert that fires."""

    alert: str
    fires: list[tuple[str, str]]
    silent: list[tuple[str, str]]
    labels: dict[str, str]
    at: str = "60m"
    name: str = ""


def calls(reason: str, outcome: str = "error") -> str:
    return f'splitplane_calls_total{{{PLACE}, entry_point="ask", outcome="{outcome}", reason="{reason}"}}'


def bucket(stage: str, le: str) -> str:
    return f'splitplane_stage_seconds_bucket{{{PLACE}, stage="{stage}", le="{le}"}}'


def slow(stage: str, bound: str, above: str) -> tuple[list, list]:
    """Of 100 calls a minute ten take longer than the bound, or two."""
    return (
        [(bucket(stage, bound), "0+90x60"), (bucket(stage, above), "0+100x60"), (bucket(stage, "+Inf"), "0+100x60")],
        [(bucket(stage, bound), "0+98x60"), (bucket(stage, above), "0+100x60"), (bucket(stage, "+Inf"), "0+100x60")],
    )


def model(result: str) -> str:
    return f'splitplane_model_calls_total{{{PLACE}, model="m", purpose="write", result="{result}"}}'


QUERY = 'instance="i", database="shop", query="splitplane_calls"'
UP = 'up{job="splitplane-sql-exporter", instance="i"}'
BUDGET = 'splitplane_budget_used_ratio{instance="i", datname="shop", tenant="acme", measure="tokens"}'

CASES = [
    # Half a refusal a minute for five hours and 50 minutes, then five a minute; or five a minute all the time.
    Case("SplitplaneIdentitiesRefused", [(calls("signature"), "0+0.5x350 175+5x20")], [(calls("signature"), "0+5x370")], AT, "369m"),
    Case("SplitplaneIdentitiesRefused", [(calls("unknown_key"), "0x350 0+5x20")], [(calls("unknown_relation"), "0x350 0+5x20")], AT, "369m", "other reasons"),
    # A database without a past, at its tenth minute: five a minute, or two, which is below the floor.
    Case("SplitplaneIdentitiesRefused", [(calls("signature"), "0+5x9")], [(calls("signature"), "0+2x9")], AT, "9m", "no past"),
    Case("SplitplaneProofDisagreement", [(calls("proof"), "0x30 1x30")], [(calls("proof"), "1x60")], AT),
    Case("SplitplaneTripwire", [(f"splitplane_plane_shut{{{PLACE}}}", "0x30 1x30")], [(f"splitplane_plane_shut{{{PLACE}}}", "1x30 0x30")], AT),
    Case(
        "SplitplaneDoctorCritical",
        [(f'splitplane_doctor_findings{{{PLACE}, severity="critical"}}', "2x60")],
        [(f'splitplane_doctor_findings{{{PLACE}, severity="critical"}}', "0x60"), (f'splitplane_doctor_findings{{{PLACE}, severity="warning"}}', "2x60")],
        AT,
    ),
    Case(
        "SplitplaneLedgerNearlyFull",
        [(f"splitplane_ledger_entries{{{PLACE}}}", "81x60"), (f"splitplane_ledger_capacity{{{PLACE}}}", "100x60")],
        [(f"splitplane_ledger_entries{{{PLACE}}}", "79x60"), (f"splitplane_ledger_capacity{{{PLACE}}}", "100x60")],
        {"instance": "i"},
    ),
    Case(
        "SplitplaneLedgerRefuses",
        [(f"splitplane_ledger_refused_total{{{PLACE}}}", "0x55 3x10")],
        [(f"splitplane_ledger_refused_total{{{PLACE}}}", "0x30 3x35")],
        AT,
    ),
    Case("SplitplaneKeyEndsSoon", [(f"splitplane_plane_key_left_seconds{{{PLACE}}}", "604700x60")], [(f"splitplane_plane_key_left_seconds{{{PLACE}}}", "604900x60")], AT),
    # Without any key there is none that ends; that is the next alert's.
    Case("SplitplaneKeyEndsSoon", [(f"splitplane_plane_key_left_seconds{{{PLACE}}}", "60x60")], [(f"splitplane_plane_key_left_seconds{{{PLACE}}}", " ".join(["Inf"] * 61))], AT, "60m", "no key"),
    Case("SplitplaneNoKey", [(f"splitplane_plane_keys{{{PLACE}}}", "0x60")], [(f"splitplane_plane_keys{{{PLACE}}}", "1x60")], AT),
    Case("SplitplaneAuditGap", [(f"splitplane_audit_gaps_total{{{PLACE}}}", "0x30 1x30")], [(f"splitplane_audit_gaps_total{{{PLACE}}}", "1x60")], AT),
    Case("SplitplaneBudgetNearlyUsed", [(BUDGET, "0.91x60")], [(BUDGET, "0.89x60")], {**AT, "tenant": "acme", "measure": "tokens"}),
    # For five minutes, or for shorter ones with one between: a reservation that was given back.
    Case(
        "SplitplaneBudgetNearlyUsed",
        [(BUDGET, "0.5x54 0.95x6")],
        [(BUDGET, "0.5x54 0.95x2 0.5 0.95x3")],
        {**AT, "tenant": "acme", "measure": "tokens"},
        name="reserved",
    ),
    Case(
        "SplitplaneModelErrors",
        [(model("ok"), "0+8x60"), (model("refused"), "0+1x60")],
        [(model("ok"), "0+12x60"), (model("refused"), "0+1x60")],
        {**AT, "model": "m"},
    ),
    # Calls that nobody waited for are no errors.
    Case(
        "SplitplaneModelErrors",
        [(model("ok"), "0+1x60"), (model("unreachable"), "0+1x60")],
        [(model("ok"), "0+1x60"), (model("abandoned"), "0+1x60")],
        {**AT, "model": "m"},
        name="abandoned",
    ),
    Case("SplitplaneStageSlow", *slow("run", "1", "2.5"), {**AT, "stage": "run"}),
    Case("SplitplaneStageSlow", slow("understand", "10", "30")[0], slow("understand", "2.5", "5")[0], {**AT, "stage": "understand"}, name="model"),
    Case(
        "SplitplaneScrapeFailed",
        [(f"sql_exporter_last_scrape_failed{{{QUERY}}}", "0x30 1x30")],
        [(f"sql_exporter_last_scrape_failed{{{QUERY}}}", "0x60")],
        {"instance": "i"},
    ),
    Case(
        "SplitplaneScrapeFailed",
        [('pg_exporter_last_scrape_error{instance="i"}', "1x60")],
        [('pg_exporter_last_scrape_error{instance="i"}', "0x60")],
        {"instance": "i"},
        name="postgres exporter",
    ),
    Case(
        "SplitplaneScrapeFailed",
        [('pg_exporter_user_queries_load_error{instance="i"}', "1x60")],
        [('pg_exporter_user_queries_load_error{instance="i"}', "0x60")],
        {"instance": "i"},
        name="queries not loaded",
    ),
    Case("SplitplaneScrapeFailed", [(UP, "1x30 0x30")], [(UP, "0x30 1x30")], {"instance": "i"}, name="exporter away"),
    Case("SplitplaneFiguresAbsent", [(UP, "1x60")], [(calls("none", "answered"), "0x60")], {}, name="nothing at all"),
    # Those of another database are there.
    Case(
        "SplitplaneFiguresAbsent",
        [(calls("none", "answered"), "0x50 _x60"), ('splitplane_calls_total{instance="i", datname="other"}', "0x110")],
        [(calls("none", "answered"), "0x110"), ('splitplane_calls_total{instance="i", datname="other"}', "0x110")],
        AT,
        "100m",
        "one database",
    ),
]
