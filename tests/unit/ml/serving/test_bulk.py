"""Answers for many rows equal those of the single rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.card import Metric
from ml.serving.artifact import find_artifacts, load_artifact
from ml.serving.bulk import BLOCK_ROWS, answer_rows
from ml.serving.verdict import VERDICTS, judge


def _rows(artifact, n, seed=0):
    """Rows near the training values, some outside, as a table of natural values."""
    rng = np.random.default_rng(seed)
    columns = []
    for predictor, seen in zip(artifact.card.predictors, artifact.predictor.reference, strict=True):
        if predictor.type == "categorical":
            columns.append(rng.choice(predictor.levels, n).astype(object))
            continue
        spread = float(seen[-1] - seen[0])
        values = rng.choice(seen, n) + rng.normal(0, spread / 30, n) * rng.integers(0, 2, n)
        columns.append(np.clip(values, predictor.lowest_possible, predictor.highest_possible).astype(object))
    return np.column_stack(columns)


def _single(artifact, row, threshold=None, extrapolation=False):
    answer = artifact.predictor.answer(list(row))
    cutoff = artifact.predictor.cutoff(threshold)
    verdict = judge(
        answer.suitability,
        answer.interval,
        cutoff,
        inside=answer.novelty.inside or extrapolation,
        better_than_chance=artifact.quality.better_than_chance,
    )
    index = np.nan if answer.novelty.index is None else answer.novelty.index
    novelty = (answer.novelty.inside, index, answer.novelty.mess, answer.novelty.most_dissimilar)
    return (verdict, answer.suitability, *answer.interval, *novelty)


def _of(artifact, answers, i):
    return (
        VERDICTS[answers.verdict[i]],
        answers.suitability[i],
        answers.low[i],
        answers.high[i],
        answers.inside[i],
        answers.index[i],
        answers.mess[i],
        artifact.card.predictors[answers.most_dissimilar[i]].name,
    )


@pytest.fixture(scope="module")
def models(model_tree, survey):
    return [survey, *map(load_artifact, find_artifacts(model_tree))]


def test_every_number_equals_that_of_the_single_row(models):
    for artifact in models:
        rows = _rows(artifact, 200)
        answers = answer_rows(artifact, rows)
        for i, row in enumerate(rows):
            np.testing.assert_equal(_of(artifact, answers, i), _single(artifact, row))


@pytest.mark.parametrize(("threshold", "extrapolation"), [(0.3, False), (0.3, True), ("MTP", True)])
def test_threshold_and_extrapolation_of_a_request(models, threshold, extrapolation):
    artifact = models[-1]
    rows = _rows(artifact, 100, seed=1)
    cutoff = artifact.predictor.cutoff(threshold)
    answers = answer_rows(artifact, rows, threshold=cutoff, extrapolation=extrapolation)
    for i, row in enumerate(rows):
        np.testing.assert_equal(_of(artifact, answers, i), _single(artifact, row, threshold, extrapolation))


def test_a_model_that_is_not_better_than_chance_says_nothing_anywhere(survey):
    metrics = {**survey.card.metrics, "auc_roc": Metric(value=0.55, low=0.45, high=0.65)}
    artifact = replace(survey, card=survey.card.model_copy(update={"metrics": metrics}))
    answers = answer_rows(artifact, _rows(artifact, 50), extrapolation=True)
    assert set(answers.verdict.tolist()) == {VERDICTS.index("cannot_say")}


@pytest.mark.parametrize("n", [0, 1, BLOCK_ROWS, BLOCK_ROWS + 1])
def test_the_number_of_rows_does_not_matter(survey, n):
    rows = np.repeat(_rows(survey, 1), n, axis=0)
    answers = answer_rows(survey, rows)
    assert len(answers) == len(answers.verdict) == len(answers.most_dissimilar) == n
    assert len(set(answers.suitability.tolist())) == min(n, 1)
