"""Numbers as text: exact ones, rounded ones, ranges and distances."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.numbers import distances, exact, fixed, range_seen, rounded, with_unit

APP = Path(__file__).resolve().parents[3] / "app"
VALUES = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


def _read(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.678, "12345.678"),
        (-11577271.0, "-11577271"),
        (1e12, "1000000000000"),
        (0.0000123, "0.0000123"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (5e-324, "5 × 10⁻³²⁴"),
        (-1.5e-40, "-1.5 × 10⁻⁴⁰"),
    ],
)
def test_an_exact_number_has_all_of_its_digits(value, text):
    assert exact(value) == text


@given(VALUES)
def test_an_exact_number_reads_back_as_itself(value):
    text = exact(value)
    assert "e" not in text.lower()
    if "×" not in text:
        assert float(text) == value


def test_a_value_has_its_unit_and_a_level_stays():
    assert with_unit(12345.678, "mm") == "12345.678 mm"
    assert with_unit("chalk") == "chalk"
    assert with_unit(-3.0, "°C") == "−3 °C"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999.7, "1,000"),
        (999.4, "999"),
        (1612.3, "1,612"),
        (-880000000.0, "−880,000,000"),
        (20823.4, "20,823"),
        (0.000012345, "0.0000123"),
        (0.5, "0.5"),
        (-3.4028234663852886e38, "−3.4 × 10³⁸"),
        (1.7e308, "1.7 × 10³⁰⁸"),
        (123456789012345680000.0, "123,456,789,012,345,680,000"),
        (5.33582, "5.34"),
        (0.0, "0"),
        (float("nan"), "–"),
    ],
)
def test_a_rounded_number_is_never_in_e_notation(value, text):
    assert rounded(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (5.33582, 45.9967, "5.34 to 45.9"),
        (8.2032, 832.91, "8.21 to 832"),
        (4893.2, 20823.9, "4,894 to 20,823"),
        (-11577271.5, -3.4567, "−11,577,271 to −3.46"),
        (0.0, 80.0, "0 to 80"),
        (5.3351, 5.3369, "5.3351 to 5.3369"),
        (7.0, 7.0, "7 to 7"),
        (-3.4028234663852886e38, 1e300, "−3.4 × 10³⁸ to 1 × 10³⁰⁰"),
    ],
)
def test_a_range_is_rounded_inward(low, high, text):
    assert range_seen(low, high) == text


@given(st.tuples(VALUES, VALUES).map(sorted))
def test_the_shown_ends_of_a_range_lie_inside(ends):
    low, high = ends
    text = range_seen(low, high)
    assert "e" not in text
    if "×" not in text:
        shown_low, shown_high = (_read(part) for part in text.split(" to "))
        assert low <= shown_low <= shown_high <= high


def test_a_range_has_its_unit_once():
    assert range_seen(5.33582, 45.9967, "°C") == "5.34 to 45.9 °C"


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((0.31, 0.22), ("0.31", "0.22")),
        ((0.0, 0.0), ("0.00", "0.00")),
        ((0.001234, 0.000987), ("0.0012", "0.0010")),
        ((0.2201, 0.22), ("0.2201", "0.2200")),
        ((1e-30, 2e-30), ("1 × 10⁻³⁰", "2 × 10⁻³⁰")),
    ],
)
def test_different_distances_look_different(values, texts):
    assert distances(*values) == texts


def test_a_fixed_number_has_separators_and_zero_has_no_sign():
    assert fixed(-880000000.0, 0) == "−880,000,000"
    assert fixed(-1e-17, 1) == "0.0"


def test_no_other_module_or_template_formats_with_significant_digits():
    """Such formats switch to e-notation."""
    pattern = re.compile(r"%\.\d+g|:[,+]?\.?\d*g\}|:\.\{\w+\}g")
    files = [*APP.rglob("*.py"), *(APP / "templates").rglob("*.html")]
    # a time limit in an error of the database
    files.remove(APP / "database" / "connections.py")
    assert not [str(path) for path in files if pattern.search(path.read_text(encoding="utf-8"))]
