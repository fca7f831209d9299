"""Duplicates are found by one function and counted under reasons that the ODMAP report recognises."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.odmap.records import TEXTS
from ml.odmap.wording import Run
from ml.records.duplicates import DUPLICATE_REASONS, SAME_CELL, SAME_PLACE, duplicates
from tests.unit.cards import CARD


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([-0.0, 0.0, 0.1, 1e300])), max_size=20))
def test_the_first_row_of_each_key_stays(rows):
    table = np.array(rows, float).reshape(-1, 2)
    assert duplicates(table).tolist() == pd.DataFrame(table).duplicated().tolist()
    assert duplicates(table[:, 1]).tolist() == pd.Series(table[:, 1]).duplicated().tolist()


def test_the_reasons_are_those_of_stored_cards():
    """Model ids depend on them."""
    assert (SAME_CELL, SAME_PLACE) == ("another record in the same cell", "another record at the same place")


@pytest.mark.parametrize("reason", DUPLICATE_REASONS)
def test_the_report_counts_them_as_scaling(reason):
    scaling = TEXTS["Biodiversity data", "Scaling"]
    card = CARD.model_copy(update={"dropped": {reason: 7, "another reason": 3}})
    assert scaling(Run(card, "m", None)).text == f"7 records left out because there was {reason}."
    assert scaling(Run(CARD, "m", None)).text == ""
