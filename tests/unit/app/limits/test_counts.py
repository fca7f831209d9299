"""Reservations of a rate limit that threads make at the same time."""

from __future__ import annotations

import time

import pytest

from app.limits.counts import Window, _Lots


@pytest.mark.parametrize("order", [(8, 16), (16, 8)])
def test_two_reservations_in_one_window_are_used_once_in_either_order(order):
    """Redis has counted 8 and then 8 more; the thread that was second may be the first to store its reservation."""
    lots, ends = _Lots(), time.monotonic() + 60
    counts = [lots.add("client", Window(count, ends), 8, 400, 1, 3600).count for count in order]
    while isinstance(taken := lots.take("client", 400, 1), Window):
        counts.append(taken.count)
    # the reservations' sixteen requests, of which each gets a number of its own or a higher one
    assert len(counts) == 16
    assert max(counts) == 16
    assert min(counts) >= 1


def test_a_late_answer_of_an_ended_window_does_not_add_to_the_next():
    lots, now = _Lots(), time.monotonic()
    lots.add("client", Window(8, now + 60), 8, 400, 1, 60)
    assert lots.add("client", Window(400, now + 0.2), 8, 400, 1, 60).count <= 400
    taken = [lots.take("client", 400, 1) for _ in range(8)]
    assert [isinstance(each, Window) for each in taken] == [True] * 7 + [False]


@pytest.mark.parametrize("late", [(0.0, 5.0), (5.0, 0.0), (0.0, -5.0)])
def test_answers_that_took_long_belong_to_the_window_of_the_others(late: tuple[float, float]) -> None:
    """On a busy machine a thread goes on seconds after the answer of Redis came; no reservation is lost."""
    lots, ends = _Lots(), time.monotonic() + 3000
    counts = [
        lots.add("client", Window(count, ends + delay, abs(delay)), 8, 400, 1, 3600).count
        for count, delay in zip((8, 16), late, strict=True)
    ]
    while isinstance(taken := lots.take("client", 400, 1), Window):
        counts.append(taken.count)
    assert len(counts) == 16
    assert max(counts) == 16


def test_a_reservation_ends_before_its_window_may_end_and_clients_are_told_the_later_time() -> None:
    lots, now = _Lots(), time.monotonic()
    # the answer took 2 s: the window ends between 0.5 s ago and in 1.5 s
    assert lots.add("client", Window(8, now + 1.5, 2.0), 8, 400, 1, 3600).ends == now + 1.5
    assert lots.take("client", 400, 1) == 8, "nothing is taken from a reservation whose window may have ended"
    # of two answers the narrower times count
    lots.add("client", Window(16, now + 60, 0.5), 8, 400, 1, 3600)
    assert lots.add("client", Window(24, now + 62, 9.0), 8, 400, 1, 3600).ends == now + 60
    taken = lots.take("client", 400, 1)
    assert isinstance(taken, Window)
    assert taken.ends == now + 60
