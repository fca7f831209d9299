"""What the rule that stops a rollout counts of each client."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rollouts.by_client import ALONE_AFTER_S, Clients, clients_of, fewest_of, judged_counts, name_of
from app.rollouts.stopping import Counts, Evidence
from app.rollouts.streaks import Streak


def amounts(candidate_ok=(), candidate_failed=(), active_ok=(), active_failed=()):
    """Numbers of groups, from the group 0 on."""
    found = {}
    for arm, outcome, numbers in (
        ("active", "ok", active_ok),
        ("active", "failed", active_failed),
        ("candidate", "ok", candidate_ok),
        ("candidate", "failed", candidate_failed),
    ):
        found |= {(arm, name_of(outcome, group)): float(n) for group, n in enumerate(numbers) if n}
    return found | {("candidate", "failed"): 1e6, ("candidate", "failed_both"): 1e6}


def test_nobody_counts_more_than_the_third_client():
    counts = judged_counts(amounts([900, 5, 4, 1], [5000, 3, 2, 1], [80, 70, 60], [9, 1]))
    assert counts == Counts(active=180, active_failed=0, candidate=13 + 7, candidate_failed=7)


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(0, 7), st.integers(0, 10**6))
def test_a_client_adds_at_most_what_a_third_one_has(failed, which, more):
    failed = [*failed, *[0] * (8 - len(failed))]
    before = judged_counts(amounts(candidate_failed=failed)).candidate_failed
    failed[which] += more
    after = judged_counts(amounts(candidate_failed=failed)).candidate_failed
    largest = sorted(failed, reverse=True)
    assert before <= after <= sum(largest[2:]) + 2 * largest[2]


def test_an_arm_of_fewer_clients_has_answers_and_no_failures():
    counts = judged_counts(amounts([40, 9], [7, 7], [30], []))
    assert counts == Counts(30, 0, 18, 0)


def test_fewer_clients_are_enough_only_where_no_more_have_asked_for_an_hour():
    alone = amounts([5], [4])
    assert clients_of(alone, "candidate") == Clients(1, 1)
    assert (fewest_of(alone, 60.0), fewest_of(alone, ALONE_AFTER_S)) == (3, 1)
    several = amounts([5, 1, 1], [4])
    assert fewest_of(several, 10 * ALONE_AFTER_S) == 3
    assert judged_counts(several).candidate_failed == 0
    assert judged_counts(alone, 1).candidate_failed == 4
    assert fewest_of({}, 10 * ALONE_AFTER_S) == 1


def test_evidence_of_an_earlier_release_begins_anew():
    evidence = Evidence(3.0, Counts(5000, 2, 600, 9)).after(Counts(100, 0, 20, 0))
    assert evidence == Evidence(0.0, Counts(100, 0, 20, 0))


class Traffic:
    """Clients whose requests are shared out, in blocks of a second."""

    def __init__(self, seed, clients=200, share=0.1, rate=0.0):
        self.draw = np.random.default_rng(seed)
        self.clients, self.rate = clients, rate
        self.gets = self.draw.random(clients) < share
        self.totals, self.evidence = Counter(), Evidence()

    def block(self, size=60, hostile=0):
        for at in self.draw.integers(0, self.clients, size):
            failed = self.gets[at] and self.draw.random() < self.rate
            arm = "candidate" if self.gets[at] else "active"
            self.totals[arm, name_of("failed" if failed else "ok", int(at) % 64)] += 1
        if hostile:
            self.totals["candidate", name_of("failed", 7)] += hostile
        self.evidence = self.evidence.after(judged_counts(self.totals))
        return self.evidence.stops()

    def requests(self, arm):
        return sum(n for (of, _), n in self.totals.items() if of == arm)


@pytest.mark.parametrize("seed", range(10))
def test_one_hostile_client_stops_nothing(seed):
    traffic = Traffic(seed)
    assert not any(traffic.block(hostile=100) for _ in range(100))
    assert traffic.totals["candidate", "failed.7"] >= 10_000


@pytest.mark.parametrize("hostile", [0, 50])
def test_a_candidate_that_fails_for_one_request_in_twenty_is_stopped(hostile):
    for seed in range(10):
        traffic = Traffic(seed, rate=0.05)
        assert any(traffic.block(hostile=hostile) for _ in range(100))
        assert traffic.requests("candidate") - traffic.totals["candidate", "failed.7"] < 400


def test_a_client_with_good_requests_does_not_hide_the_failures_of_others():
    traffic = Traffic(3, rate=0.05)

    def flooded():
        traffic.totals["candidate", name_of("ok", 9)] += 5000
        return traffic.block()

    assert any(flooded() for _ in range(100))


def test_a_streak_needs_several_clients_unless_the_candidate_cannot_be_opened():
    one = Streak()
    for _ in range(1000):
        one.add(5, unopened=False)
        one.add(6, unopened=False)
    assert one.reason == ""
    one.add(7, unopened=False)
    assert "failed 2001 times in a row" in one.reason
    gone = Streak()
    for _ in range(5):
        assert gone.reason == ""
        gone.add(5, unopened=True)
    assert "could not be opened 5 times in a row" in gone.reason
