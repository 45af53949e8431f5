"""Each alert fires where it should and is silent in its twin, by Debian's promtool; and a test that is turned round fails."""

import collections
import json
import re

import yaml
from alerts import CASES, Case
from live import MONITORING

RULES = yaml.safe_load((MONITORING / "rules.yml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}


def annotations(case: Case) -> dict[str, str]:
    """As Prometheus fills them in."""

    def filled(text: str) -> str:
        return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda label: case.labels.get(label[1], ""), text)

    return {name: filled(text) for name, text in ALERTS[case.alert]["annotations"].items()}


def part(case: Case, series: list[tuple[str, str]], fires: bool) -> dict:
    expected = {"exp_labels": {**case.labels, **ALERTS[case.alert]["labels"]}, "exp_annotations": annotations(case)}
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": [expected] if fires else []}],
    }


def result(programs, folder, *tests: dict):
    file = folder / "tests.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"rule_files": [str(MONITORING / "rules.yml")], "evaluation_interval": "1m", "tests": tests}))
    return programs.promtool("test", "rules", file)


def test_rules_are_sound(programs):
    done = programs.promtool("check", "rules", MONITORING / "rules.yml")
    assert done.returncode == 0 and f"{len(ALERTS)} rules found" in done.stdout, done.stderr
    done = programs.promtool("check", "config", MONITORING / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case():
    assert {case.alert for case in CASES} == set(ALERTS)


def test_each_alert_fires_and_its_twin_is_silent(programs, tmp_path):
    """All in one run, since the program takes longer to start than to test. What fails is named by alert and time."""
    parts = [part(case, series, fires) for case in CASES for series, fires in ((case.fires, True), (case.silent, False))]
    done = result(programs, tmp_path, *parts)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_fails_when_it_is_turned_round(programs, tmp_path):
    """The control: promtool compares, and neither of the two passes as the other."""
    parts = [part(case, series, fires) for case in CASES for series, fires in ((case.fires, False), (case.silent, True))]
    done = result(programs, tmp_path, *parts)
    failed = collections.Counter(re.findall(r"alertname: ?(\w+)", done.stdout + done.stderr))
    assert done.returncode == 1 and failed == collections.Counter(case.alert for case in CASES for _ in range(2)), failed


def test_reasons_of_layer_1_are_those_that_the_extension_gives(plane):
    """The list in the rule is that of the reference, and each of its words is one of stat_calls."""
    found = re.findall(r'reason=~"([a-z_|]+)"', ALERTS["SplitplaneIdentitiesRefused"]["expr"])
    assert len(found) == 3 and len(set(found)) == 1
    rule = found[0].split("|")
    source = (MONITORING.parent / "src/reason.rs").read_text()
    order = re.findall(r"^        Reason::(\w+),$", source, re.MULTILINE)
    words = dict(re.findall(r'Reason::(\w+) => "(\w+)"', source))
    # is_of_identity: up to Conversation.
    assert rule == [words[name] for name in order[: order.index("Conversation") + 1]]
    known = {row[0] for row in plane.admin_rows("SELECT DISTINCT reason FROM splitplane.stat_calls")}
    assert set(rule) <= known
