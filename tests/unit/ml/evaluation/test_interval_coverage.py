"""Intervals hold at their stated rate on held-out folds of the real studies.

With small forests and one network; `benchmarks.intervals` does the same with models as they are served.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.intervals import demo_studies, regions
from ml.evaluation.intervals import holds, join
from ml.serving.interval import LEVEL, IntervalModel
from ml.training.default_model import EngineSettings
from ml.training.held_out_summary import Judged, study_intervals
from tools.live import PROJECT

SMALL = EngineSettings(n_estimators=60, n_networks=1)


def _holds_as_stated(judged: list[Judged]) -> None:
    found = study_intervals(judged)
    error = np.sqrt(LEVEL * (1 - LEVEL) / found.n_groups)
    assert found.coverage > LEVEL - 2.5 * error
    # the check can fail: intervals of no width do not hold
    groups = join([one.groups for one in judged])
    groups.spread[:] = 0
    assert holds(groups, IntervalModel()).mean() < found.coverage


@pytest.fixture(scope="module")
def demo():
    return dict(demo_studies(PROJECT / "instance" / "raw", SMALL))


@pytest.mark.parametrize("study", ["mediterranean-birds", "banana-slug", "staghorn-coral"])
def test_on_the_demo_studies(demo, study):
    _holds_as_stated(demo[study])


def test_on_a_region_of_the_benchmark(nceas):
    ((_, judged),) = regions(nceas, ["AWT"], SMALL, quick=True)
    assert len(judged) == 12
    _holds_as_stated(judged)
