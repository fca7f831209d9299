"""Figures by accepted observations of a study with a sensitive species: the digits tell no single suitability."""

from __future__ import annotations

import json
import re

from tests.contract.conftest import WHEATEAR
from tests.contract.rollouts.conftest import STUDY
from tests.contract.rollouts.test_accuracy import confirm, drawn


def numbers(value):
    """All floats of an answer."""
    if isinstance(value, float):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [number for part in parts for number in numbers(part)]


def figures(trial):
    client = trial.client
    metrics = client.get("/metrics").text
    gauges = re.findall(r"^ecopredict_(?:live|rollout)_(?:auc|auc_high|brier)\{.*\} (\S+)$", metrics, re.MULTILINE)
    return {
        "all": numbers(client.get("/api/v1/accuracy").json),
        "model": numbers(client.get(f"/api/v1/models/{trial.active}/accuracy").json),
        "rollout": numbers(trial.read()["accuracy"]),
        "metrics": [float(text) for text in gauges if text != "NaN"],
    }


def is_rounded(values):
    return all(round(value, 2) == value for value in values)


def test_figures_have_two_digits_where_a_species_is_sensitive(trial):
    trial.start()
    confirm(trial, trial.active, drawn(40, 2))
    confirm(trial, trial.candidate, drawn(40, 1, 1))
    exact = figures(trial)
    for outlet, values in exact.items():
        assert len(values) >= 5, outlet
        assert not is_rounded(values), outlet
    # the figures are kept, and the mark comes after that
    address = f"/api/v1/studies/{STUDY}/sensitive-species"
    marked = trial.client.put(address, json={"species": WHEATEAR, "grid_km": 10})
    assert marked.status_code == 200, marked.json
    shown = figures(trial)
    for outlet, values in shown.items():
        assert values == [round(value, 2) for value in exact[outlet]], outlet
    reliability = trial.client.get(f"/api/v1/models/{trial.active}/accuracy").json["reliability"]
    assert is_rounded([one["suitability"] for one in reliability])
    listed = trial.client.get(f"/api/v1/studies/{STUDY}/rollouts")
    if listed.status_code == 200:
        assert is_rounded(numbers([one["accuracy"] for one in json.loads(listed.text)["items"] if "accuracy" in one]))
    removed = trial.client.delete(f"{address}/{marked.json['items'][0]['id']}")
    assert removed.status_code == 200
    assert figures(trial) == exact
