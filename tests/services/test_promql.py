"""The queries that the README gives to operators, asked of Prometheus' own engine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.live import PROJECT

ANSWERS = {"inside": 60, "range": 10, "combination": 30, "unknown": 0}
CONDITIONS = {"below": 0, "q1": 10, "q2": 25, "q3": 25, "q4": 30, "above": 10}


def _series(name: str, label: str, per_hour: dict[str, int], **labels: str) -> list[dict[str, str]]:
    given = "".join(f',{key}="{value}"' for key, value in labels.items())
    return [
        {"series": f'{name}{{{label}="{value}"{given}}}', "values": f"0+{step}x240"} for value, step in per_hour.items()
    ]


@pytest.mark.parametrize(
    ("query", "labels", "value"),
    [
        (0, '{study="hills"}', 0.4),
        # a quarter of .25 is .15 short, the others are not
        (1, '{predictor="trees", study="hills"}', 0.15),
    ],
)
def test_the_queries_of_the_readme(promtool: str, tmp_path: Path, query: int, labels: str, value: float) -> None:
    queries = re.findall(r"```promql\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert len(queries) == 2
    # rounded, because Prometheus extrapolates to the ends of its window
    expected: dict[str, Any] = {"labels": labels, "value": value}
    case = {
        "interval": "1h",
        "input_series": _series("ecopredict_answers_total", "novelty", ANSWERS, study="hills")
        + _series("ecopredict_requested_conditions_total", "part", CONDITIONS, study="hills", predictor="trees"),
        "promql_expr_test": [
            {"expr": f"round({queries[query]}, 1e-6)", "eval_time": "200h", "exp_samples": [expected]}
        ],
    }
    file = tmp_path / "queries.yml"
    # JSON is YAML
    file.write_text(json.dumps({"tests": [case]}))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
