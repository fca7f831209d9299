"""The rule that stops a rollout."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollouts.stopping import Counts, Evidence

LIMIT = math.log(100)


def expected_factor(judged, n_active, n_candidate, p_active, p_candidate):
    """The expectation of the factor of a block, by all of its outcomes."""
    total = 0.0
    for a, c in itertools.product(range(n_active + 1), range(n_candidate + 1)):
        chance = math.comb(n_active, a) * p_active**a * (1 - p_active) ** (n_active - a)
        chance *= math.comb(n_candidate, c) * p_candidate**c * (1 - p_candidate) ** (n_candidate - c)
        after = Evidence(0.0, judged).after(judged + Counts(n_active, a, n_candidate, c))
        total += chance * math.exp(after.log)
    return total


rates = st.floats(0, 1)


@given(
    judged=st.builds(
        Counts,
        active=st.integers(50, 500),
        active_failed=st.integers(0, 50),
        candidate=st.integers(20, 200),
        candidate_failed=st.integers(0, 20),
    ),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 6)),
    both=st.tuples(rates, rates),
)
def test_the_capital_is_not_expected_to_grow_while_the_candidate_fails_no_more_often(judged, sizes, both):
    low, high = sorted(both)
    assert expected_factor(judged, *sizes, high, low) <= 1 + 1e-9
    assert expected_factor(judged, *sizes, low, low) <= 1 + 1e-9


def test_a_shadow_is_not_expected_to_win_while_half_of_the_failures_are_the_actives():
    for judged in (Counts(), Counts(100, 3, 100, 1), Counts(100, 0, 100, 9)):
        gains = [
            math.exp(Evidence(0.0, judged).after(judged + Counts(1, a, 1, 1 - a), shadow=True).log) for a in (0, 1)
        ]
        assert sum(gains) / 2 <= 1 + 1e-12


def run(rate_active, rate_candidate, share, seed, blocks=300, size=100):
    """The requests of the candidate until it is stopped, or None."""
    draw = np.random.default_rng(seed)
    totals, evidence = Counts(), Evidence()
    for _ in range(blocks):
        n_candidate = int(draw.binomial(size, share))
        n_active = size - n_candidate
        failed = draw.binomial(n_active, rate_active), draw.binomial(n_candidate, rate_candidate)
        totals += Counts(n_active, int(failed[0]), n_candidate, int(failed[1]))
        evidence = evidence.after(totals)
        if evidence.stops():
            return totals.candidate
    return None


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.2])
def test_equal_models_are_hardly_ever_stopped(rate):
    stopped = sum(run(rate, rate, 0.1, seed) is not None for seed in range(200))
    # at most 1 of 100 by the bound; 8 of 200 would be four standard deviations above it
    assert stopped < 8


@pytest.mark.parametrize(("rate", "most"), [(0.5, 60), (0.1, 200), (0.03, 800)])
def test_a_worse_candidate_is_stopped_soon(rate, most):
    delays = [run(0.001, rate, 0.1, seed) for seed in range(50)]
    assert None not in delays
    assert sorted(delays)[45] <= most


def test_a_block_without_one_of_the_arms_waits():
    evidence = Evidence().after(Counts(50, 0, 0, 0))
    assert evidence == Evidence()
    assert evidence.after(Counts(50, 0, 1, 1)).judged == Counts(50, 0, 1, 1)


def test_a_shadow_that_fails_where_the_active_model_answers_is_stopped():
    evidence = Evidence()
    for failed in range(1, 40):
        evidence = evidence.after(Counts(10 * failed, 0, 10 * failed, failed), shadow=True)
        if evidence.stops():
            break
    assert failed < 12


def test_counts_go_through_the_database_and_older_ones_are_zero():
    counts = Counts(5, 1, 4, 2)
    assert Counts.of_json(counts.as_json()) == counts
    assert Counts.of_json({}) == Counts()
