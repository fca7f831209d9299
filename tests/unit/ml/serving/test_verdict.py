"""The verdict of an answer: one of five, by the threshold and the interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.serving.threshold import Cutoff
from ml.serving.verdict import VERDICTS, WORDS, is_suitable, judge

#: From the worst to the best.
ASCENDING = ("unsuitable", "probably_unsuitable", "probably_suitable", "suitable")
unit = st.floats(0, 1)
answers = st.tuples(unit, unit, unit).map(sorted)


def cut(value: float) -> Cutoff:
    return Cutoff(value, "own", None, None)


def verdict(low: float, suitability: float, high: float, threshold: float) -> str:
    return judge(suitability, (low, high), cut(threshold), inside=True, better_than_chance=True)


@given(answers, unit)
def test_the_table_of_verdicts(answer: list[float], threshold: float) -> None:
    """The four cells, worked out from the definition and not by the function's order of comparisons."""
    low, suitability, high = answer
    sides = {value >= threshold for value in (low, suitability, high)}
    word = "suitable" if suitability >= threshold else "unsuitable"
    assert verdict(low, suitability, high, threshold) == (word if len(sides) == 1 else f"probably_{word}")


@given(answers, unit, unit)
def test_a_higher_threshold_never_makes_a_verdict_better(answer: list[float], one: float, other: float) -> None:
    lower, higher = sorted((one, other))
    assert ASCENDING.index(verdict(*answer, higher)) <= ASCENDING.index(verdict(*answer, lower))


@given(answers, unit)
def test_the_side_of_the_threshold_is_that_of_the_suitability(answer: list[float], threshold: float) -> None:
    assert is_suitable(verdict(*answer, threshold)) is (answer[1] >= threshold)


@given(answers, unit, st.sampled_from([(False, True), (True, False), (False, False)]))
def test_a_model_that_cannot_be_applied_or_is_no_better_than_chance_cannot_say(
    answer: list[float], threshold: float, reasons: tuple[bool, bool]
) -> None:
    low, suitability, high = answer
    inside, better = reasons
    said = judge(suitability, (low, high), cut(threshold), inside=inside, better_than_chance=better)
    assert said == "cannot_say"
    assert is_suitable(said) is None


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (np.nextafter(0.4, 0), "suitable"),
        (0.4, "suitable"),
        (np.nextafter(0.4, 1), "probably_suitable"),
        (np.nextafter(0.5, 0), "probably_suitable"),
        (0.5, "probably_suitable"),
        (np.nextafter(0.5, 1), "probably_unsuitable"),
        (np.nextafter(0.6, 0), "probably_unsuitable"),
        (0.6, "probably_unsuitable"),
        (np.nextafter(0.6, 1), "unsuitable"),
    ],
)
def test_at_the_threshold_counts_as_above_it_for_the_suitability_and_for_both_ends(threshold: float, expected: str):
    assert verdict(0.4, 0.5, 0.6, threshold) == expected


def test_each_verdict_has_its_words() -> None:
    assert list(WORDS) == list(VERDICTS)
    assert {name.replace("_", " ") for name in VERDICTS} == {words.lower() for words in WORDS.values()}
