"""Reservations of a rate limit that threads make at the same time."""

from __future__ import annotations

import time

import pytest

from app.limits.counts import Window, _Lots


@pytest.mark.parametrize("order", [(8, 16), (16, 8)])
def test_two_reservations_in_one_window_are_used_once_in_either_order(order):
    """Redis has counted 8 and then 8 more; the thread that was second may be the first to store its reservation."""
    lots, ends = _Lots(), time.monotonic() + 60
    counts = [lots.add("client", Window(count, ends), 8, 400, 1).count for count in order]
    while isinstance(taken := lots.take("client", 400, 1), Window):
        counts.append(taken.count)
    # the reservations' sixteen requests, of which each gets a number of its own or a higher one
    assert len(counts) == 16
    assert max(counts) == 16
    assert min(counts) >= 1


def test_a_late_answer_of_an_ended_window_does_not_add_to_the_next():
    lots, now = _Lots(), time.monotonic()
    lots.add("client", Window(8, now + 60), 8, 400, 1)
    assert lots.add("client", Window(400, now + 0.2), 8, 400, 1).count <= 400
    taken = [lots.take("client", 400, 1) for _ in range(8)]
    assert [isinstance(each, Window) for each in taken] == [True] * 7 + [False]
