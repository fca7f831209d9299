"""Figures of the live accuracy against simulation and against known results."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.live import auc_interval, calibration_line
from ml.evaluation.metrics import auc_roc
from ml.kernels.logit import logistic


def test_the_interval_of_the_auc_holds_the_truth_in_19_of_20_cases():
    rng = np.random.default_rng(0)
    # two normal distributions a standard deviation apart
    truth, hits = 0.7602, []
    for _ in range(1_000):
        present, absent = rng.normal(1, 1, 15), rng.normal(0, 1, 30)
        y = np.repeat([1, 0], [15, 30])
        found = auc_interval(auc_roc(y, np.concatenate([present, absent])), [(15, 30)])
        hits.append(found.low <= truth <= found.high)
    assert 0.93 <= np.mean(hits) <= 0.98


def test_an_auc_at_the_end_of_the_scale_has_an_interval():
    perfect, worst = auc_interval(1.0, [(12, 12)]), auc_interval(0.0, [(12, 12)])
    assert (perfect.high, worst.low) == (1.0, 0.0)
    assert 0.7 < perfect.low < 0.95
    assert worst.high == pytest.approx(1 - perfect.low)


def test_more_records_and_more_groups_make_the_interval_narrower():
    def width(*sizes):
        found = auc_interval(0.8, sizes)
        assert found.low < 0.8 < found.high
        return found.high - found.low

    assert width((10, 10)) > width((10, 10), (10, 10)) > width((100, 100))


def test_the_line_of_the_calibration_is_that_of_the_simulation():
    rng = np.random.default_rng(1)
    logit = rng.normal(0, 1.5, 20_000)
    y = (rng.random(len(logit)) < logistic(-0.5 + 0.6 * logit)).astype(np.int64)
    line = calibration_line(y, logistic(logit))
    assert line is not None
    assert line.intercept.low < -0.5 < line.intercept.high
    assert line.slope.low < 0.6 < line.slope.high
    assert line.slope.high - line.slope.low < 0.1


def test_no_line_where_none_fits():
    y = np.repeat([0, 1], 40)
    assert calibration_line(y, np.full(80, 0.3)) is None
    assert calibration_line(y, np.linspace(0.01, 0.99, 80)) is None
    assert calibration_line(np.ones(80, np.int64), np.linspace(0.01, 0.99, 80)) is None


def test_suitabilities_of_0_and_1_are_allowed():
    y = np.tile([0, 1, 1, 0, 1], 20)
    line = calibration_line(y, np.tile([0.0, 1.0, 0.4, 0.6, 0.9], 20))
    assert line is None or np.isfinite(line.slope.value)
