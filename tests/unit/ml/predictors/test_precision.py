"""Values that single precision does not tell apart are refused or noted, and others are not."""

import numpy as np
import pytest

from ml.card import Predictor
from ml.predictors.encoding import EnvironmentValueError, encode_column
from ml.predictors.precision import lost_differences

SALT = Predictor(name="salt", label="Salt", unit="mg", type="continuous")


def _notes(values):
    return lost_differences(SALT, np.asarray(values), encode_column(SALT, np.asarray(values)))


@pytest.mark.parametrize(
    "values",
    [
        np.arange(50) * 1e-9,
        np.full(50, 1e6),
        np.random.default_rng(0).normal(size=5000),
        # a step of single precision is 1/16 here, of 4,000,000
        np.random.default_rng(0).normal(size=5000) * 1e6 + 1e6,
        # whole numbers up to 2**24 are exact
        1e7 + np.arange(50),
    ],
)
def test_nothing_is_said_where_nothing_that_matters_is_lost(values):
    assert _notes(values) == []


def test_values_of_which_some_become_equal_are_noted():
    # a step of single precision is 1/16 at 1,000,000: 1.6 / 16 has 26 steps, both ends included
    [note] = _notes(1e6 + np.arange(101) / 64)
    assert note.startswith("Salt: models tell only 26 of its 101 values apart; give it as the difference from")


def test_values_that_all_become_equal_are_refused():
    with pytest.raises(EnvironmentValueError, match="salt: its values differ by too little"):
        _notes(1e6 + np.arange(10) * 1e-3)
