"""The cases of the alerts again, for a service of many instances that share the traffic."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.services.test_monitoring import CASES, MONITORING, RULES, run
from tests.variants import thorough

# A power of two, so that parts add up to the whole without rounding.
INSTANCES = 16
# A series that tells its instance is not divided: the case is about single instances.
COUNTERS = re.compile(r"^(?!.*\binstance=)\w+_(?:total|count|bucket)\b")


def divided(values: str) -> str:
    """Values in promtool's notation, divided by the number of instances."""

    def divide(number: re.Match[str]) -> str:
        return format(float(number[0]) / INSTANCES, "f")

    # the number after an "x" counts repetitions
    return re.sub(r"(?<![x\d.])\d+(?:\.\d+)?", divide, values)


def of_instance(series: str, number: int) -> str:
    label = f'instance="{number}"'
    return f"{series[:-1]},{label}}}" if series.endswith("}") else f"{series}{{{label}}}"


def shared_out(series: dict[str, str]) -> list[dict[str, str]]:
    """The series of all instances: parts of a counter, and the same value of a gauge."""
    name, values = series["series"], series["values"]
    if "instance=" in name or name.startswith("up{"):
        return [series]
    each = divided(values) if COUNTERS.match(name) else values
    return [{"series": of_instance(name, number), "values": each} for number in range(INSTANCES)]


def test_a_counter_is_divided_and_a_gauge_is_repeated() -> None:
    counter = shared_out({"series": 'a_total{kind="x"}', "values": "0+8x60 480 _x3 1.5x2"})
    assert len(counter) == INSTANCES
    assert counter[1]["series"] == 'a_total{kind="x",instance="1"}'
    assert counter[1]["values"] == "0.000000+0.500000x60 30.000000 _x3 0.093750x2"
    gauge = shared_out({"series": "a", "values": "3600x60"})
    assert gauge[15] == {"series": 'a{instance="15"}', "values": "3600x60"}


@pytest.mark.parametrize(
    # both files about objectives are about the same rules
    "cases",
    [thorough(file) if file.stem == "slo-slow" else file for file in CASES],
    ids=lambda file: file.stem,
)
def test_instances_that_share_the_traffic_raise_the_same_alerts(promtool: str, cases: Path, tmp_path: Path) -> None:
    # all scalars as text: the notation 0x60 is a number in YAML
    document = yaml.load(cases.read_text(), Loader=yaml.BaseLoader)
    for case in document["tests"]:
        case["input_series"] = [one for series in case["input_series"] for one in shared_out(series)]
    for file in RULES:
        shutil.copy(MONITORING / file, tmp_path)
    document["rule_files"] = [Path(name).name for name in document["rule_files"]]
    shared = tmp_path / "cases.yml"
    # JSON is YAML
    shared.write_text(json.dumps(document))
    assert "SUCCESS" in run(promtool, "test", "rules", shared)
