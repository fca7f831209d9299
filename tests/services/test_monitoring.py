"""The shipped alert rules and dashboard: valid, about exported metrics, and raised when they should be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from tests.contract.conftest import make_settings
from tools.live import PROJECT

MONITORING = PROJECT / "monitoring"
BOARD = json.loads((MONITORING / "grafana" / "ecopredict.json").read_text())
# what Grafana fills in
STEP = ("$__rate_interval", "5m")


def board_queries() -> list[str]:
    return [target["expr"].replace(*STEP) for panel in BOARD["panels"] for target in panel["targets"]]


def run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_understands_its_files(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "check", "config", MONITORING / "prometheus.yml")
    assert "SUCCESS: 12 rules" in run(promtool, "check", "rules", MONITORING / "alerts.yml")


def test_prometheus_understands_the_queries_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{i}", "expr": query} for i, query in enumerate(board_queries())]
    file = tmp_path / "board.yml"
    # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    run(promtool, "check", "rules", "--lint=none", file)


def test_every_metric_that_is_watched_exists(tmp_path: Path) -> None:
    text = create_app(make_settings(tmp_path)).test_client().get("/metrics").get_data(as_text=True)
    exported = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    histograms = [name for name, kind in exported.items() if kind == "histogram"]
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}
    watched = "\n".join([(MONITORING / "alerts.yml").read_text(), *board_queries()])
    used = set(re.findall(r"(?<![:\w])(?:ecopredict|flask)_\w+", watched))
    assert used - set(exported) - parts == set()
    # and what is exported is on the dashboard
    shown = set(re.findall(r"\b(?:ecopredict|flask)_\w+", "\n".join(board_queries())))
    asked = {name for name in exported if not name.endswith("_created")}
    assert {name for name in asked if not any(one.startswith(name) for one in shown)} == {"ecopredict_refused_total"}


def test_panels_of_the_dashboard_do_not_cover_each_other() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


QUERY = 'flask_http_request_duration_seconds_bucket{method="POST",url_rule="/api/v1/predictions",status="200",le="%s"}'
CONDITIONS = 'ecopredict_requested_conditions_total{study="hills",predictor="trees",part="%s"}'


ANSWERS = 'ecopredict_answers_total{study="hills",novelty="%s"}'
TOTAL = 'flask_http_request_total{method="GET",status="%s"}'
POOL = "ecopredict_database_pool_"
SHIFTED = {
    CONDITIONS % part: f"0+{step}x2500" for part, step in (("q1", 1), ("q2", 0), ("q3", 0), ("q4", 0), ("above", 3))
}


@pytest.mark.parametrize(
    ("alert", "series", "at", "raised"),
    [
        ("Down", {'up{job="ecopredict"}': "0x20"}, "10m", True),
        ("Errors", {TOTAL % 200: "0+95x60", TOTAL % 500: "0+5x60"}, "30m", True),
        ("Errors", {TOTAL % 200: "0+100x60", TOTAL % 404: "0+100x60"}, "30m", False),
        # two failures of two requests are no alarm
        ("Errors", {TOTAL % 500: "0 2 2x60"}, "6m", False),
        ("Slow", {QUERY % "0.1": "0+50x60", QUERY % "0.25": "0+100x60", QUERY % "+Inf": "0+100x60"}, "30m", True),
        ("Slow", {QUERY % "0.1": "0+99x60", QUERY % "0.25": "0+100x60", QUERY % "+Inf": "0+100x60"}, "30m", False),
        ("FailsInside", {'ecopredict_errors_total{kind="model"}': "0x10 1x20"}, "15m", True),
        ("PoolExhausted", {f"{POOL}size": "5x60", f"{POOL}checked_out": "5x60", f"{POOL}overflow": "0x60"}, "9m", True),
        (
            "PoolExhausted",
            {f"{POOL}size": "5x60", f"{POOL}checked_out": "5x60", f"{POOL}overflow": "3x60"},
            "9m",
            False,
        ),
        ("AnswersWait", {"ecopredict_handover_oldest_seconds": "0+60x60"}, "20m", True),
        ("AnswersPutAside", {"ecopredict_handover_rejected_rows": "0x5 1x20"}, "10m", True),
        ("OutsideArea", {ANSWERS % "inside": "0+3x400", ANSWERS % "range": "0+2x400"}, "28h", True),
        ("OutsideArea", {ANSWERS % "inside": "0+3x400", ANSWERS % "combination": "0+1x400"}, "28h", False),
        ("Drift", SHIFTED, "180h", True),
        ("Drift", {CONDITIONS % part: "0+1x2500" for part in ("q1", "q2", "q3", "q4")}, "180h", False),
    ],
)
def test_an_alert_is_raised_when_it_should_be(
    promtool: str, tmp_path: Path, alert: str, series: dict[str, str], at: str, raised: bool
) -> None:
    shutil.copy(MONITORING / "alerts.yml", tmp_path)
    file = tmp_path / "cases.yml"
    interval = "5m" if at.endswith("h") else "1m"
    query = f'count by (alertname) (ALERTS{{alertname="EcoPredict{alert}",alertstate="firing"}})'
    expected = [{"labels": f'{{alertname="EcoPredict{alert}"}}', "value": 1}] if raised else []
    case: dict[str, Any] = {
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": at, "exp_samples": expected}],
    }
    file.write_text(json.dumps({"rule_files": ["alerts.yml"], "evaluation_interval": interval, "tests": [case]}))
    run(promtool, "test", "rules", file)
