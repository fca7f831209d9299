"""Response curves laid out: what is dashed, what is marked, and what lies where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.species.curve_axes import number_label, predictor_ticks, suitability_axis
from app.species.curve_drawing import HEIGHT, CurveData, draw_all


def draw(data, threshold=None):
    (drawing,) = draw_all([data], threshold)
    return drawing


def curve(values, suitability, inside, value, minimum=0.0, maximum=10.0, density=None, **more):
    return CurveData(
        predictor="trees",
        label="Trees",
        unit="%",
        value=value,
        minimum=minimum,
        maximum=maximum,
        values=values,
        suitability=suitability,
        inside=inside,
        density=[0.5] * len(values) if density is None else density,
        **{"type": "continuous", **more},
    )


def _points(line):
    return [tuple(map(float, pair.split(","))) for pair in line.split()]


def test_a_stretch_with_an_unknown_end_is_dashed_and_lines_meet():
    drawing = draw(curve([0, 2, 4, 6], [0.1, 0.2, 0.3, 0.4], [False, True, True, False], 2))
    (known,) = map(_points, drawing.inside)
    first, last = map(_points, drawing.outside)
    assert (first[-1], last[0]) == (known[0], known[-1])
    assert len(known) == 2


def test_the_own_value_is_marked_on_the_line():
    drawing = draw(curve([0, 5, 10], [0.0, 0.25, 1.0], [True] * 3, 5))
    assert drawing.mark == (50, HEIGHT * 0.75)
    assert drawing.mark in _points(drawing.inside[0])


def test_the_training_range_is_where_it_is():
    drawing = draw(curve([-5, 0, 10, 15], [0.5] * 4, [False, True, True, False], 0))
    assert drawing.training_range == (25, 75)


def test_a_value_far_beyond_stands_at_the_edge_and_leaves_the_curve_readable():
    drawing = draw(curve([0, 5, 10, 1e9], [0.1, 0.5, 0.4, 0.4], [True, True, True, False], 1e9))
    assert drawing.mark[0] == 100
    assert drawing.training_range[1] == 50


def test_levels_are_dots():
    drawing = draw(curve(["clay", "sand"], [0.2, 0.8], [True, True], "sand", None, None, [], type="categorical"))
    assert [(dot.label, dot.chosen) for dot in drawing.dots] == [("clay", False), ("sand", True)]
    assert drawing.inside == drawing.outside == []


def test_of_many_levels_the_best_and_the_own_are_shown():
    levels = [f"l{i}" for i in range(60)]
    drawing = draw(curve(levels, [i / 60 for i in range(60)], [True] * 60, "l0", None, None, [], type="categorical"))
    assert [dot.label for dot in drawing.dots] == ["l0", *levels[-11:]]


@pytest.mark.parametrize(
    ("suitability", "said"),
    [([0.2, 0.201, 0.2], "hardly changes"), ([0.1, 0.9, 0.2], "Between 0.10 and 0.90, highest at 5 %.")],
)
def test_the_curve_in_a_sentence(suitability, said):
    assert said in draw(curve([0, 5, 10], suitability, [True] * 3, 5)).summary


def test_the_sentence_says_when_the_peak_is_an_extrapolation():
    drawing = draw(curve([0, 5, 10], [0.1, 0.9, 0.2], [True, False, True], 5))
    assert "highest at 5 %, where no training record is similar." in drawing.summary


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1), st.booleans(), st.floats(0, 1)),
        min_size=2,
        max_size=30,
        unique_by=lambda row: row[0],
    ),
    st.data(),
)
def test_everything_lies_in_the_box(rows, data):
    rows.sort()
    values, suitability, inside, density = map(list, zip(*rows, strict=True))
    own = data.draw(st.sampled_from(values))
    drawing = draw(curve(values, suitability, inside, own, min(values), max(values), density))
    for line in drawing.inside + drawing.outside:
        assert all(0 <= x <= 100 and 0 <= y <= HEIGHT for x, y in _points(line))
    assert 0 <= drawing.mark[0] <= 100
    drawn = sum(len(_points(line)) - 1 for line in drawing.inside + drawing.outside)
    assert drawn == len(values) - 1


@pytest.mark.parametrize(
    ("highest", "top", "labels"),
    [
        ([0.0], 0.05, ["0", "0.01", "0.02", "0.03", "0.04", "0.05"]),
        ([0.07, 0.003], 0.08, ["0", "0.02", "0.04", "0.06", "0.08"]),
        ([0.31, 0.12], 0.4, ["0", "0.1", "0.2", "0.3", "0.4"]),
        # three tenths as a sum of floats is a little more than 0.3
        ([0.1 + 0.2], 0.3, ["0", "0.1", "0.2", "0.3"]),
        ([0.84], 1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([1.0], 1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
    ],
)
def test_the_axis_ends_at_a_round_number_above_every_curve(highest, top, labels):
    axis = suitability_axis(highest)
    assert axis.top == top
    assert [tick.label for tick in axis.ticks] == labels
    assert (axis.ticks[0].at, axis.ticks[-1].at) == (100, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_no_curve_rises_above_the_axis(highest):
    axis = suitability_axis(highest)
    assert max(highest) <= axis.top <= 1
    # less than half of a tall axis is empty
    assert axis.top == 0.05 or axis.top < 2 * max(highest)
    assert 3 <= len(axis.ticks) <= 6


def test_the_threshold_is_drawn_where_the_axis_reaches_it():
    within = suitability_axis([0.36], 0.1)
    assert (within.threshold_at, suitability_axis([0.36], 0.4).threshold_at) == (75, 0)
    assert "from 0 to 0.4; the dashed line across is the threshold, 0.10." in within.sentence
    above = suitability_axis([0.36], 0.41)
    assert above.threshold_at is None
    assert "the threshold, 0.41, lies above it" in above.sentence
    assert suitability_axis([0.36]).sentence.endswith("from 0 to 0.4.")


def test_curves_of_a_set_share_one_axis():
    low = curve([0, 10], [0.1, 0.2], [True, True], 0)
    high = curve([0, 10], [0.3, 0.5], [True, True], 0)
    one, other = draw_all([low, high], 0.25)
    assert one.axis is other.axis
    assert one.axis.top == 0.5
    # 0.2 of 0.5 is two fifths of the height, measured from the top
    assert _points(one.inside[0])[-1] == (100, HEIGHT * 0.6)
    assert _points(other.inside[0])[-1] == (100, 0)


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        (0.0, 90.0, ["0", "20", "40", "60", "80"]),
        (0.0, 7153.0, ["0", "2,000", "4,000", "6,000"]),
        (-3.2, 4.1, ["\u22122", "0", "2", "4"]),
        (0.11, 0.34, ["0.15", "0.20", "0.25", "0.30"]),
        (12.0, 12.0, ["12"]),
        (0.0, 1e9, ["0", "1,000,000,000"]),
    ],
)
def test_ticks_of_a_predictor_are_round_numbers(first, last, labels):
    assert [tick.label for tick in predictor_ticks(first, last)] == labels


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_lie_on_the_axis_and_their_labels_have_room(first, span):
    ticks = predictor_ticks(first, first + span)
    assert all(0 <= tick.at <= 100 for tick in ticks)
    assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})
    assert len(ticks) <= 6


def test_a_tiny_negative_number_is_zero():
    assert number_label(-1e-17, 0.5) == "0.0"


def test_labels_at_the_ends_stay_within_the_drawing():
    assert [tick.anchor for tick in predictor_ticks(0, 100)] == ["start", "middle", "middle", "middle", "middle", "end"]
