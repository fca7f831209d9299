"""The form that starts a training: numbers as people write them."""

from __future__ import annotations

import pytest

from app.trainings import form
from ml.recipes.recipe import TrainingSettings


def test_missing_fields_have_their_defaults():
    assert form.read({}).settings == TrainingSettings()


def test_thousands_may_be_separated():
    read = form.read({"background": " 10,000 ", "trees": "1 000", "seed": "0"})
    assert read.errors == {}
    assert (read.settings.background, read.settings.trees) == (10_000, 1_000)


@pytest.mark.parametrize("text", ["", "many", "1.5", "-3", "1e3", "٣", "9" * 40, "\x00"])
def test_what_is_no_whole_number_is_named_and_kept(text):
    read = form.read({"trees": text})
    assert read.settings is None
    assert read.errors == {"trees": "Must be a whole number."}
    assert read.values["trees"] == text[:40].strip()


def test_a_number_out_of_range_names_the_bound():
    read = form.read({"folds": "21", "fewest": "3"})
    assert set(read.errors) == {"folds", "fewest"}
    assert "20" in read.errors["folds"] and "4" in read.errors["fewest"]
