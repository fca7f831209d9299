"""Intervals hold at their stated rate on held-out folds of the real studies.

With small forests and one network; `benchmarks.intervals` does the same with models as they are served.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.intervals import demo_studies, regions
from ml.evaluation.interval_calibration import bin_coverage, join
from ml.serving.interval import INTERVAL_LEVEL, IntervalModel
from ml.training.default_model import EngineSettings
from ml.training.held_out_summary import HeldOutSummary, study_intervals
from tools.live import PROJECT

SMALL = EngineSettings(n_estimators=60, n_networks=1)


def _covered_as_stated(summaries: list[HeldOutSummary]) -> None:
    found = study_intervals(summaries)
    error = np.sqrt(INTERVAL_LEVEL * (1 - INTERVAL_LEVEL) / found.n_bins)
    assert found.coverage > INTERVAL_LEVEL - 2.5 * error
    # the check can fail: intervals of no width do not hold
    bins = join([one.bins for one in summaries])
    bins.spread[:] = 0
    assert bin_coverage(bins, IntervalModel()).mean() < found.coverage


@pytest.fixture(scope="module")
def demo():
    return dict(demo_studies(PROJECT / "instance" / "raw", SMALL))


@pytest.mark.thorough
@pytest.mark.parametrize("study", ["mediterranean-birds", "banana-slug", "staghorn-coral"])
def test_on_the_demo_studies(demo, study):
    _covered_as_stated(demo[study])


@pytest.mark.thorough
def test_on_a_region_of_the_benchmark(nceas):
    ((_, summaries),) = regions(nceas, ["AWT"], SMALL, quick=True)
    assert len(summaries) == 12
    _covered_as_stated(summaries)
