"""The continuous Boyce index against a definition in rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ml.evaluation.boyce_index import cbi


def exact_cbi(presence, background, n_bins=101, window=Fraction(1, 10)):
    """The index in rational arithmetic; scores are decimals as text."""
    p, b = ([Fraction(score) for score in scores] for scores in (presence, background))
    low, high = min(p + b), max(p + b)
    rows = []
    for k in range(n_bins):
        start = low + (high - low) * (1 - window) * k / (n_bins - 1)
        end = start + window * (high - low)
        inside = [sum(start <= score <= end for score in scores) for scores in (p, b)]
        if inside[1]:
            rows.append((start, Fraction(inside[0], inside[1])))
    kept = [
        row
        for row, following in zip(rows, [*rows[1:], None], strict=True)
        if following is None or row[1] != following[1]
    ]
    order = {ratio: rank for rank, ratio in enumerate(sorted({row[1] for row in kept}))}
    return spearmanr(range(len(kept)), [order[row[1]] for row in kept]).statistic


def test_boyce_index_matches_its_definition():
    rng = np.random.default_rng(0)
    presence, background = rng.beta(4, 1, 300), rng.random(2000)
    assert cbi(presence, background) == pytest.approx(exact_cbi(presence.tolist(), background.tolist()), abs=1e-9)
    assert cbi(presence, background) > 0.8
    assert cbi(1 - presence, background) < -0.8
    assert cbi(presence * 9 - 4, background * 9 - 4) == pytest.approx(cbi(presence, background), abs=0.02)


def test_boyce_index_of_no_information():
    assert cbi([0, 1], [0, 1]) == 0.0
    with pytest.raises(ValueError, match="constant"):
        cbi([1, 1], [1, 1])
    with pytest.raises(ValueError, match="needs presences"):
        cbi([], [1, 2])


def test_equal_ratios_and_scores_on_edges():
    presence, background = (
        [".2", ".25", ".45", ".75", ".75", ".8"],
        [".15", ".2", ".25", ".4", ".6", ".7", ".7", ".75", ".75", ".8"],
    )
    expected = exact_cbi(presence, background)
    assert expected == pytest.approx(0.09449111825, abs=1e-10)
    assert cbi([float(score) for score in presence], [float(score) for score in background]) == pytest.approx(expected)


decimals = st.lists(st.integers(0, 20), min_size=2, max_size=25)


@settings(max_examples=60, deadline=None)
@given(decimals, decimals)
def test_the_index_is_that_of_rational_arithmetic(presence, background):
    if len(set(presence + background)) == 1:
        return
    texts = [[f"{score / 20:.2f}" for score in scores] for scores in (presence, background)]
    expected = exact_cbi(*texts)
    computed = cbi(*[[float(text) for text in scores] for scores in texts])
    assert computed == (pytest.approx(expected) if np.isfinite(expected) else 0.0)
