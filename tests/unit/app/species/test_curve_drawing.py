"""Response curves laid out: what is dashed, what is marked, and what lies where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.species.curve_drawing import HEIGHT, CurveData, draw


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
