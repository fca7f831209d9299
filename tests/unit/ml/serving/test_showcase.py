"""The example of a model: suitable, and one condition leads to unsuitable inside the area of applicability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.card import Metric
from ml.serving.artifact import find_artifacts, load_artifact
from ml.serving.showcase import find_showcase
from ml.serving.verdict import VERDICTS, judge


@pytest.fixture(scope="module")
def leading(model_tree):
    """The first model of the small study that has an example."""
    models = map(load_artifact, find_artifacts(model_tree))
    return next(model for model in models if find_showcase(model) is not None)


def _answer(artifact, environment):
    return artifact.predictor.answer([environment[predictor.name] for predictor in artifact.card.predictors])


def _verdict(artifact, environment):
    answer = _answer(artifact, environment)
    return judge(
        answer.suitability,
        answer.interval,
        answer.threshold,
        inside=answer.novelty.inside,
        better_than_chance=True,
    )


def test_every_value_on_the_way_is_inside_and_the_verdicts_follow_in_order(leading):
    showcase = find_showcase(leading)
    assert showcase is not None
    assert _verdict(leading, showcase.environment) == "suitable"
    words = [step.verdict for step in showcase.steps]
    assert words[0] == "probably_suitable"
    assert words[-1] in ("probably_unsuitable", "unsuitable")
    assert [VERDICTS.index(word) for word in words] == sorted(map(VERDICTS.index, words))
    for step in showcase.steps:
        assert _verdict(leading, {**showcase.environment, showcase.predictor: step.value}) == step.verdict
    start, end = showcase.environment[showcase.predictor], showcase.steps[-1].value
    for value in np.linspace(start, end, 9):
        at = {**showcase.environment, showcase.predictor: float(value)}
        assert _answer(leading, at).novelty.inside


def test_the_same_model_gives_the_same_example(leading):
    assert find_showcase(leading) == find_showcase(leading)


def test_a_model_that_is_not_better_than_chance_has_none(survey):
    card = survey.card.model_copy(
        update={"metrics": {**survey.card.metrics, "auc_roc": Metric(value=0.55, low=0.45, high=0.65)}}
    )
    assert find_showcase(replace(survey, card=card)) is None
