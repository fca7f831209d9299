"""Texts of CSV files in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest
from flask import Flask

from app.web.csv_download import csv_download
from ml.spreadsheets import without_formula


@pytest.mark.parametrize("text", ["-1", "+1", "-1.5", "-,5", "-1e-3", "", "clay", "1-2"])
def test_numbers_and_plain_texts_stay(text):
    assert without_formula(text) == text


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "-1-1", "-١"])
def test_a_formula_begins_with_an_apostrophe(text):
    assert without_formula(text) == f"'{text}"


def test_a_download_has_numbers_in_full_truth_values_as_digits_and_levels_as_they_are():
    with Flask(__name__).app_context():
        text = csv_download("a.csv", ["a", "b", "c", "d", "e"], [[True, False, None, "-1", -11577271.25]]).get_data(
            True
        )
    assert list(csv.reader(io.StringIO(text)))[1] == ["1", "0", "", "-1", "-11577271.25"]
