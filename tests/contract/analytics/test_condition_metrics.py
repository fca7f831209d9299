"""What the metrics count about novelty and drift of requested conditions."""

from __future__ import annotations

import re

import pytest

from app.catalogue import snapshot
from app.registry import service as registry


def metric(client, name, **labels):
    """Value of one series."""
    wanted = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    text = client.get("/metrics").get_data(as_text=True)
    found = re.search(rf"^{name}\{{{re.escape(wanted)}\}} (\S+)$", text, re.MULTILINE)
    assert found, f"{name}{{{wanted}}} is not in\n" + "\n".join(line for line in text.splitlines() if name in line)
    return float(found[1])


def test_metrics_count_every_answer_cached_or_not_and_every_refusal(visitor, send):
    for _ in range(2):
        assert send().status_code == 200
    assert send(temperature=60).status_code == 200
    assert send(temperature=60, extrapolation="refuse").status_code == 409
    assert send(temperature="warm").status_code == 422
    kind = {name: metric(visitor, "ecopredict_answers_total", study="test-hills", novelty=name)
            for name in ("inside", "range", "combination", "unknown")}  # fmt: skip
    stored = visitor.get("/api/v1/predictions").json["items"]
    assert kind["range"] == 2
    assert sum(kind.values()) == len(stored) + 1 == 4
    assert metric(visitor, "ecopredict_refused_total", study="test-hills") == 1
    assert metric(visitor, "ecopredict_predictions_total", cached="true") == 1


def test_metrics_count_requested_conditions_by_quarter(site, visitor, send, environment):
    def parts(predictor):
        return {
            part: metric(
                visitor, "ecopredict_requested_conditions_total", study="test-hills", predictor=predictor, part=part
            )
            for part in ("below", "q1", "q2", "q3", "q4", "above")
        }

    with site.app_context():
        artifact = registry.opened(snapshot.current().best().model)
    names = [predictor.name for predictor in artifact.card.predictors]
    trained = artifact.predictor.reference[names.index("temperature")]
    for value in (trained[0] - 1, *trained[::10], trained[-1] + 1):
        # as it was recorded: single precision has no 14.03
        assert send(temperature=round(float(value), 2)).status_code == 200
    counted = parts("temperature")
    assert counted["below"] == counted["above"] == 1
    assert sum(counted[part] for part in ("q1", "q2", "q3", "q4")) == pytest.approx(len(trained[::10]))
    assert [counted[part] for part in ("q1", "q2", "q3", "q4")] == pytest.approx([3] * 4, abs=1)
    assert sum(parts("trees").values()) == pytest.approx(len(trained[::10]) + 2)
    assert 'predictor="soil"' not in visitor.get("/metrics").get_data(as_text=True)


def test_only_the_first_predictors_of_a_study_are_counted(visitor, send, monkeypatch):
    from app.predictions import usage

    monkeypatch.setattr(usage, "MOST_PREDICTORS", 2)
    send()
    text = visitor.get("/metrics").get_data(as_text=True)
    assert set(re.findall(r'ecopredict_requested_conditions_total\{.*predictor="(\w+)"', text)) == {
        "bare_rock",
        "trees",
    }
