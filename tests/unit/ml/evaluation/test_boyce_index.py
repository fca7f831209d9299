"""The continuous Boyce index against a brute-force form of its definition."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from ml.evaluation.boyce_index import cbi


def brute_cbi(presence, background):
    everything = np.concatenate([presence, background])
    low, width = everything.min(), np.ptp(everything)
    p, b = (presence - low) / width, (background - low) / width
    ratios = []
    for k in range(101):
        start = 0.9 * k / 100
        inside = [np.mean((v >= start - 1e-12) & (v <= start + 0.1 + 1e-12)) for v in (p, b)]
        if inside[1] > 0:
            ratios.append((start, inside[0] / inside[1]))
    kept = [r for r, following in zip(ratios, [*ratios[1:], (None, None)], strict=True) if r[1] != following[1]]
    return spearmanr([r[0] for r in kept], [r[1] for r in kept]).statistic


def test_boyce_index_matches_its_definition():
    rng = np.random.default_rng(0)
    presence, background = rng.beta(4, 1, 300), rng.random(2000)
    assert cbi(presence, background) == pytest.approx(brute_cbi(presence, background))
    assert cbi(presence, background) > 0.8
    assert cbi(1 - presence, background) < -0.8
    assert cbi(presence * 9 - 4, background * 9 - 4) == pytest.approx(cbi(presence, background), abs=0.02)


def test_boyce_index_of_no_information():
    assert cbi([0, 1], [0, 1]) == 0.0
    with pytest.raises(ValueError, match="constant"):
        cbi([1, 1], [1, 1])
    with pytest.raises(ValueError, match="needs presences"):
        cbi([], [1, 2])
