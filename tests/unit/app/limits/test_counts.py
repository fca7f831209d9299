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
    assert lots.add("client", Window(400, now + 0.2, 0.3), 8, 400, 1).count <= 400
    taken = [lots.take("client", 400, 1) for _ in range(8)]
    assert [isinstance(each, Window) for each in taken] == [True] * 7 + [False]


@pytest.mark.parametrize("late", [(0.0, 5.0), (5.0, 0.0), (3.0, 5.0)])
def test_answers_that_took_long_belong_to_the_window_of_the_others(late: tuple[float, float]) -> None:
    """On a busy machine a thread goes on seconds after the answer of Redis came; no reservation is lost."""
    lots, ends = _Lots(), time.monotonic() + 3000
    counts = [
        lots.add("client", Window(count, ends + took, took), 8, 400, 1).count
        for count, took in zip((8, 16), late, strict=True)
    ]
    while isinstance(taken := lots.take("client", 400, 1), Window):
        counts.append(taken.count)
    assert len(counts) == 16
    assert max(counts) == 16


def test_a_late_answer_of_a_window_that_has_ended_adds_nothing_to_the_next() -> None:
    """A window of 1 s; the answer for 20 of 1,000 requests took 0.6 s, within which the next window began."""
    lots, now = _Lots(), time.monotonic()
    lots.add("client", Window(20, now + 0.95), 20, 1000, 1)
    assert lots.add("client", Window(999, now + 0.55, 0.6), 20, 1000, 1).count == 980
    # nor where no other thread has asked yet
    assert lots.add("other", Window(999, now + 0.55, 0.6), 20, 1000, 1).count == 980
    taken = [lots.take(client, 1000, 1) for client in ["client"] * 20 + ["other"]]
    assert [each.count for each in taken[:19] if isinstance(each, Window)] == list(range(2, 21))
    # the next reservation is a fiftieth of what is left
    assert taken[19:] == [19, 20]


@pytest.mark.parametrize("shift", [-25.0, 20.0])
def test_a_reservation_is_replaced_where_redis_lost_its_keys_or_its_clock_was_set(shift: float) -> None:
    lots, ends = _Lots(), time.monotonic() + 60
    lots.add("client", Window(196, ends, 0.01), 4, 200, 1)
    assert lots.add("client", Window(4, ends + shift, 0.01), 4, 200, 1) == Window(1, ends + shift)
    assert [lots.take("client", 200, 1) for _ in range(3)] == [Window(count, ends + shift) for count in (2, 3, 4)]


def test_a_reservation_ends_before_its_window_may_end_and_clients_are_told_the_later_time() -> None:
    lots, now = _Lots(), time.monotonic()
    # of two answers the narrower times count
    lots.add("client", Window(8, now + 60, 0.5), 8, 400, 1)
    assert lots.add("client", Window(16, now + 62, 9.0), 8, 400, 1).ends == now + 60
    taken = lots.take("client", 400, 1)
    assert isinstance(taken, Window)
    assert taken.ends == now + 60
    # this window ends in 0.01 to 0.5 s
    lots.add("other", Window(8, now + 0.5, 0.45), 8, 400, 1)
    time.sleep(0.06)
    assert lots.take("other", 400, 1) == 8, "nothing is taken from a reservation whose window may have ended"
