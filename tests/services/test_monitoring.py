"""The shipped rules, dashboards and routes: valid, about exported metrics, and raised and sent when they should be."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import create_app
from tests.boards import queries
from tests.contract.conftest import make_settings
from tools.live import PROJECT

MONITORING = PROJECT / "monitoring"
RULES = (MONITORING / "alerts.yml", MONITORING / "slo.yml")
CASES = sorted((MONITORING / "tests").glob("*.yml"))
_ALL = [rule for file in RULES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in _ALL if "alert" in rule}
RECORDS = [rule for rule in _ALL if re.search(r"\d", rule.get("record", ""))]


def run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_understands_its_files(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "check", "config", MONITORING / "prometheus.yml")
    assert run(promtool, "check", "rules", *RULES).count("SUCCESS") == len(RULES)


def test_prometheus_understands_the_queries_of_the_dashboards(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{i}", "expr": query} for i, query in enumerate(queries())]
    file = tmp_path / "board.yml"
    # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    run(promtool, "check", "rules", "--lint=none", file)


def test_every_metric_that_is_watched_exists(tmp_path: Path) -> None:
    text = create_app(make_settings(tmp_path)).test_client().get("/metrics").get_data(as_text=True)
    exported = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    histograms = [name for name, kind in exported.items() if kind == "histogram"]
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}
    watched = "\n".join([*(file.read_text() for file in RULES), *queries()])
    used = set(re.findall(r"(?<![:\w])(?:ecopredict|flask)_\w+", watched))
    assert used - set(exported) - parts == set()
    # and what is exported is on a dashboard
    shown = set(re.findall(r"(?<![:\w])(?:ecopredict|flask)_\w+", "\n".join(queries())))
    asked = {name for name in exported if not name.endswith("_created")}
    assert {name for name in asked if not any(one.startswith(name) for one in shown)} == set()


# alerts


@pytest.mark.parametrize("cases", CASES, ids=lambda file: file.stem)
def test_alerts_are_raised_when_they_should_be(promtool: str, cases: Path) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", cases)


def test_every_alert_has_cases_for_both_sides_of_its_limit_and_for_no_traffic() -> None:
    raised, quiet, idle = set(), set(), set()
    for file in CASES:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for test in case["alert_rule_test"]:
                if test["exp_alerts"]:
                    raised.add(test["alertname"])
                elif re.search(r": no (traffic|jobs|figure)", case["name"]):
                    idle.add(test["alertname"])
                else:
                    quiet.add(test["alertname"])
    assert raised == quiet == idle == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_severity_a_summary_and_a_runbook(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"page", "warn", "info"}
    assert set(rule["annotations"]) == {"summary", "runbook"}
    document, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor == name.lower()
    assert re.search(rf"^##+ {name}$", (PROJECT / document).read_text(), re.MULTILINE)


def windows(expression: str) -> list[str]:
    """The spans of time of an expression, once for each of its conditions."""
    found: list[str] = []
    for condition in re.split(r"\b(?:and|or|unless)\b", expression):
        spans = re.findall(r"(?:\[|:increase|:share)(\d+[smhdw])\b(?:\]( offset \w+))?", condition)
        found += dict.fromkeys(span + offset for span, offset in spans)
    return found


@pytest.mark.parametrize("name", ALERTS)
def test_the_documentation_states_limits_windows_time_and_severity_of_an_alert(name: str) -> None:
    document = (PROJECT / "docs/how-to/monitor.md").read_text()
    (row,) = re.findall(rf"^\| `{name}` \|(.*)\|$", document, re.MULTILINE)
    limits, spans, seconds, severity = (cell.strip() for cell in row.split(" | ")[-4:])
    rule = ALERTS[name]
    # selectors such as {status=~"5.."} are no limits
    expression = re.sub(r"\{[^}]*\}", "", rule["expr"])
    compared = re.findall(r"(==|[<>]=?)\s*([\d.]+(?: \*)?)(?=\s|\)|$)", expression)
    assert re.findall(r"`([^`]*)`", limits) == [f"{sign} {number}" for sign, number in compared]
    assert re.findall(r"`([^`]*)`", spans) == windows(expression)
    assert (seconds, severity) == (f"`{rule.get('for', '0m')}`", rule["labels"]["severity"])


@pytest.mark.parametrize("rule", RECORDS, ids=lambda rule: rule["record"])
def test_a_recorded_value_adds_up_over_the_window_of_its_name(rule: dict[str, Any]) -> None:
    (span,) = {span.partition(" ")[0] for span in windows(rule["expr"])}
    assert re.search(r":(?:increase|share)(\w+)$", rule["record"])[1] == span


# Alertmanager


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"severity": "page"}, "webhook"),
        ({"severity": "warn"}, "mail"),
        ({"severity": "info"}, "digest"),
        # a severity that nobody knows is not lost
        ({"severity": "odd"}, "mail"),
        ({}, "mail"),
    ],
)
def test_alerts_go_to_the_receiver_of_their_severity(amtool: str, labels: dict[str, str], receiver: str) -> None:
    pairs = [f"{key}={value}" for key, value in labels.items()]
    file = MONITORING / "alertmanager.yml"
    route = run(amtool, "config", "routes", "test", f"--config.file={file}", "alertname=EcoPredictSlow", *pairs)
    assert route.strip() == receiver


def test_alertmanager_understands_its_file_which_has_no_secret(amtool: str) -> None:
    file = MONITORING / "alertmanager.yml"
    assert "3 receivers" in run(amtool, "check-config", file)
    text = file.read_text()
    secrets = re.findall(r"\b(\w*(?:password|secret|token|credentials|key)\w*): ?(\S+)", text)
    assert {name for name, _ in secrets} == {"smtp_auth_password_file", "credentials_file"}
    assert all(value.startswith("/run/secrets/") for _, value in secrets)
    # alerts that it names exist
    assert set(re.findall(r"EcoPredict\w+", text)) <= set(ALERTS)
