"""Predictors that cannot be told apart are found and said, and others are not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ml.card import Predictor
from ml.predictors.collinearity import INFLATION, PAIR, find_collinear
from ml.serving.artifact import load_artifact
from ml.training.train import train_species
from tests.synthetic import recorded_study, synthetic_study

SLUG = "oenanthe-hispanica"
seeds = st.integers(0, 10_000)


def _predictors(n, categorical=()):
    kinds = ["categorical" if j in categorical else "continuous" for j in range(n)]
    return [Predictor(name=f"x{j}", label=f"X{j}", type=kind) for j, kind in enumerate(kinds)]


def _find(rows, categorical=()):
    return find_collinear(np.asarray(rows, np.float32), _predictors(np.shape(rows)[1], categorical))


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(-1, 1), st.integers(10, 200))
def test_pairs_are_found_exactly_from_the_threshold_on(seed, share, n):
    draw = np.random.default_rng(seed)
    a = draw.normal(size=n)
    b = share * a + np.sqrt(1 - share**2) * draw.normal(size=n)
    # a bent line is as good as a straight one, for ranks
    rows = np.column_stack([np.exp(a), b, draw.normal(size=n)]).astype(np.float32)
    found = {tuple(one.predictors): one.value for one in _find(rows) if one.measure == "spearman"}
    for j, k in ((0, 1), (0, 2), (1, 2)):
        expected = spearmanr(rows[:, j], rows[:, k]).statistic
        if abs(abs(expected) - PAIR) < 1e-9:
            continue
        assert ((f"x{j}", f"x{k}") in found) == (abs(expected) >= PAIR)
        if abs(expected) >= PAIR:
            assert found[(f"x{j}", f"x{k}")] == pytest.approx(expected)


def test_ties_are_ranked_by_their_mean():
    draw = np.random.default_rng(0)
    a = draw.integers(0, 3, 80)
    rows = np.column_stack([a, a + (draw.random(80) < 0.1), draw.normal(size=80)])
    [found] = _find(rows)
    assert found.value == pytest.approx(spearmanr(rows[:, 0], rows[:, 1]).statistic)


def test_the_strongest_pair_comes_first_whatever_its_sign():
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, 300))
    rows = np.column_stack([a, a + 0.8 * draw.normal(size=300), b, -b + 0.01 * draw.normal(size=300)])
    found = _find(rows)
    assert [one.predictors for one in found] == [["x2", "x3"], ["x0", "x1"]]
    assert found[0].value < -0.99
    assert 0.7 <= found[1].value < 0.9


def _sum_of_three(noise=0.01, n=300):
    draw = np.random.default_rng(0)
    three = draw.normal(size=(n, 3))
    return np.column_stack([three, three.sum(axis=1) + noise * draw.normal(size=n), draw.normal(size=n)])


def _inflation(rows, j):
    """One over what is left of the variance when the others have told what they can."""
    rows = np.asarray(rows, float)
    return np.diag(np.linalg.inv(np.corrcoef(rows, rowvar=False)))[j]


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.3])
def test_a_sum_of_others_is_found_though_no_pair_is(noise):
    rows = _sum_of_three(noise).astype(np.float32)
    found = _find(rows)
    assert {one.measure for one in found} == {"vif"}
    # each of the four follows from the other three; the fifth does not
    assert [one.predictors for one in found] == [["x0"], ["x1"], ["x2"], ["x3"]]
    assert [one.value for one in found] == pytest.approx([_inflation(rows, j) for j in range(4)], rel=1e-3)


def test_factors_below_the_limit_are_not_told():
    rows = _sum_of_three(2.0).astype(np.float32)
    assert max(_inflation(rows, j) for j in range(5)) < INFLATION
    assert _find(rows) == []


def test_what_follows_exactly_is_told_with_a_finite_number():
    draw = np.random.default_rng(0)
    three = draw.integers(-8, 8, (200, 3))
    found = _find(np.column_stack([three, three.sum(axis=1)]))
    assert len(found) == 4
    assert all(1e5 < one.value <= 1e6 for one in found)
    twice = _find(np.column_stack([three[:, 0], 2 * three[:, 0], three[:, 1]]))
    assert [(one.measure, one.predictors, one.value) for one in twice] == [("spearman", ["x0", "x1"], pytest.approx(1))]


def test_one_of_a_pair_is_not_told_again_for_its_factor():
    rows = _sum_of_three()
    rows = np.column_stack([rows, rows[:, 0] + 0.1 * np.random.default_rng(1).normal(size=len(rows))])
    found = _find(rows)
    assert found[0].predictors == ["x0", "x5"]
    assert [one.predictors for one in found[1:]] == [["x1"], ["x2"], ["x3"]]


@pytest.mark.parametrize("column", [np.full(100, 3.0), np.zeros(100), np.full(100, 1e6)])
def test_constant_and_categorical_predictors_are_passed_over(column):
    draw = np.random.default_rng(0)
    a = draw.normal(size=100)
    rows = np.column_stack([column, a, np.round(a), -a])
    assert [one.predictors for one in _find(rows, (2,))] == [["x1", "x3"]]
    assert _find(rows[:, :3], (2,)) == []


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_predictors_have_nobody_to_follow(n):
    rows = np.random.default_rng(0).normal(size=(50, n))
    assert _find(rows) == []
    assert _find(np.column_stack([rows, np.zeros(50)]).astype(np.float32)) == []


@settings(max_examples=30, deadline=None)
@given(seeds, st.permutations(range(5)))
def test_the_order_and_the_units_of_predictors_do_not_matter(seed, turned):
    draw = np.random.default_rng(seed)
    rows = _sum_of_three(0.1, 120)
    rows = np.column_stack([rows[:, :4], rows[:, 0] + 0.5 * draw.normal(size=120)])
    plain = _by_names(_find(rows), range(5))
    assert _by_names(_find((rows * [1, 100, 0.01, 5, 3] + [0, 7, 1, -100, 0])[:, turned]), turned) == plain


def _by_names(found, columns):
    """What was found, by the columns as they were before they were put in another order."""
    columns = list(columns)
    return {
        (one.measure, tuple(sorted(columns[int(name[1:])] for name in one.predictors))): pytest.approx(
            one.value, rel=0.01
        )
        for one in found
    }


def test_warnings_name_labels_and_tell_the_sign():
    draw = np.random.default_rng(0)
    a = draw.normal(size=200)
    rows = np.column_stack([a, a + 0.3 * draw.normal(size=200), -a + 0.1 * draw.normal(size=200)])
    *falling, rising = sorted(_find(rows), key=lambda one: one.value)
    assert len(falling) == 2
    for one in falling:
        first, second = (name.upper() for name in one.predictors)
        assert one.warning.startswith(f"{first} and {second} move against each other")
        assert f"(rank correlation {one.value:.2f})" in one.warning
    assert rising.warning.startswith("X0 and X1 rise and fall together")
    assert f"(rank correlation {rising.value:.2f})" in rising.warning
    for one in _find(_sum_of_three()):
        assert one.warning.startswith(f"{one.predictors[0].upper()} follows almost completely from the other")
        assert f"(variance inflation factor {one.value:,.0f})" in one.warning


def _collinear_study(kind):
    """Trees follow from bare rock, and it is equally warm everywhere."""
    study = synthetic_study() if kind == "survey" else recorded_study(100, 200)
    draw = np.random.default_rng(0)
    rock = study.environment["bare_rock"]
    trees = (100 - rock + draw.normal(scale=3, size=len(rock))).clip(0, 100)
    return replace(study, environment=study.environment.assign(trees=trees, temperature=9.5))


@pytest.mark.parametrize("kind", ["survey", "records"])
def test_a_trained_models_card_warns_of_both(kind, tmp_path):
    card = load_artifact(train_species(_collinear_study(kind), SLUG, tmp_path, 10, 3, n_networks=1)).card
    # the notes on the number of presences follow
    constant, paired = card.notes[:2]
    assert constant == "Temperature has the same value in all records, so nothing can be learned from it."
    assert paired.startswith("Bare rock and Trees move against each other in the records (rank correlation -0.9")
    [found] = card.collinear
    assert (found.predictors, found.measure) == (["bare_rock", "trees"], "spearman")
    assert found.value < -0.9
    assert found.warning == paired
    assert card.importance["temperature"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", ["survey", "records"])
def test_a_trained_models_card_does_not_warn_without_reason(request, kind):
    card = request.getfixturevalue(kind).card
    assert card.collinear == []
    assert not any("correlation" in note or "inflation" in note for note in card.notes)
