"""The metrics that pods are scaled by: the adapter's queries, asked of Prometheus' own engine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from app import create_app
from tests.contract.conftest import make_settings
from tools.live import PROJECT

RULES = yaml.safe_load((PROJECT / "kubernetes" / "prometheus-adapter" / "values.yaml").read_text())["rules"]
LABELS = 'namespace="eco",pod="%s"'
MATCHERS = 'namespace="eco"'


def _query(rule: dict[str, str], group: str) -> str:
    """A query as the adapter asks it."""
    series = re.match(r"\w+", rule["seriesQuery"])
    assert series
    text = rule["metricsQuery"].replace("<<.Series>>", series[0])
    return text.replace("<<.LabelMatchers>>", MATCHERS).replace("<<.GroupBy>>", group)


@pytest.mark.parametrize(
    ("rule", "group", "expected"),
    [
        # Two requests at a time in one pod, a half in the other. Routes and statuses of a pod are added.
        (RULES["custom"][0], "pod", {"one": 2.0, "two": 0.5}),
        # Three wait and one runs, as both pods say.
        (RULES["external"][0], "namespace", {"eco": 4.0}),
    ],
)
def test_the_queries_of_the_adapter(
    promtool: str, tmp_path: Path, rule: dict[str, str], group: str, expected: dict[str, float]
) -> None:
    seconds = "flask_http_request_duration_seconds_sum"
    series = [
        # in the 15 s between two readings
        {"series": f'{seconds}{{{LABELS % "one"},url_rule="/",status="200"}}', "values": "0+15x20"},
        {"series": f'{seconds}{{{LABELS % "one"},url_rule="/",status="503"}}', "values": "0+15x20"},
        {"series": f'{seconds}{{{LABELS % "two"},url_rule="/",status="200"}}', "values": "0+7.5x20"},
        {"series": f'{seconds}{{namespace="other",pod="one",status="200"}}', "values": "0+150x20"},
        *(
            {"series": f"ecopredict_jobs_{state}{{{LABELS % pod}}}", "values": f"{count}x20"}
            for state, count in (("queued", 3), ("running", 1))
            for pod in ("one", "two")
        ),
    ]
    samples = [{"labels": f'{{{group}="{name}"}}', "value": value} for name, value in expected.items()]
    case = {
        "interval": "15s",
        "input_series": series,
        "promql_expr_test": [
            {"expr": f"round({_query(rule, group)}, 1e-6)", "eval_time": "4m", "exp_samples": samples}
        ],
    }
    file = tmp_path / "queries.yml"
    # JSON is YAML
    file.write_text(json.dumps({"tests": [case]}))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_application_has_these_metrics(tmp_path: Path) -> None:
    text = create_app(make_settings(tmp_path)).test_client().get("/metrics").get_data(as_text=True)
    exported = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert exported["flask_http_request_duration_seconds"] == "histogram"
    queries = "".join(rule["metricsQuery"] for rule in RULES["external"])
    assert set(re.findall(r"ecopredict_\w+", queries)) <= set(exported)
