"""Encoding: from a predictor in its natural unit to the number that models use, in training and in serving."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.card import Predictor


class EnvironmentValueError(ValueError):
    """A value that cannot be used for a predictor.

    Parameters
    ----------
    predictor : str
        Name of the predictor.
    detail : str
        What is wrong, as a sentence for the user.
    """

    def __init__(self, predictor: str, detail: str) -> None:
        super().__init__(f"{predictor}: {detail}")
        self.predictor = predictor
        self.detail = detail


#: No environmental variable is larger in any unit, and single precision can represent it.
LARGEST = 1e12
# Levels that a message lists.
_MOST_LEVELS = 10
_LARGEST_WHOLE = 10**40
_LEVEL_TYPES = (str, int, float, bool, np.integer, np.floating, np.bool_, type(None))
# Any usual form of a number without leading zeros: codes such as "007" are text.
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d{0,39})(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?")
# The form of a number that is also that of a level.
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same number, for fields, addresses and the names of levels."""
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def level_text(value: object) -> str:
    """Return a level of a categorical predictor as text. Equal numbers have one text: 1, 1.0 and "1.0" are "1"."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and abs(int(value)) >= 2**53:
        # Not every one of these is a float.
        return str(value) if abs(int(value)) < _LARGEST_WHOLE else "inf" if value > 0 else "-inf"
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        return number_text(float(value))
    # An accent is one character or two.
    text = unicodedata.normalize("NFC", str(value).strip())
    return number_text(float(text)) if _DECIMAL.fullmatch(text) else text


def find_level(levels: Sequence[str], value: object) -> int | None:
    """Return the position of a level, or None where there is no such level.

    Parameters
    ----------
    levels : sequence of str
        As the card stores them.
    value : str or number
        The exact text of a level, or a number equal to it in any form: 1000, ``"1e3"`` and ``"+1000."`` are one number.
    """
    if isinstance(value, int) and abs(value) >= _LARGEST_WHOLE:
        return None
    text = value.strip() if isinstance(value, str) else level_text(value)
    if text in levels:
        return levels.index(text)
    canonical = level_text(text)
    for code, level in enumerate(levels):
        if level_text(level) == canonical:
            return code
    number = _number(canonical)
    equal = [code for code, level in enumerate(levels) if number is not None and _number(level) == number]
    # Two levels of one number are codes, so that only their exact texts tell them apart.
    return equal[0] if len(equal) == 1 else None


def _number(text: str) -> Decimal | None:
    """Return the exact value of a number, or None for any other text."""
    return Decimal(text) if _NUMBER.fullmatch(text) and text.isascii() else None


def list_levels(levels: Sequence[str]) -> str:
    """Return the first levels for a message, and the number of the others."""
    more = f" and {len(levels) - _MOST_LEVELS:,} more" if len(levels) > _MOST_LEVELS else ""
    return ", ".join(level[:40] for level in levels[:_MOST_LEVELS]) + more


def not_a_level(levels: Sequence[str], value: object) -> str:
    """Return the message that a value is not a level."""
    return f"{level_text(value):.40} is not one of {list_levels(levels)}"


def why_impossible(predictor: Predictor, number: float) -> str | None:
    """Return why a number cannot be a value of a continuous predictor, or None where it can.

    Parameters
    ----------
    predictor : Predictor
    number : float
        In the predictor's unit.
    """
    if not np.isfinite(number):
        return "must be a finite number"
    unit = f" {predictor.unit}" if predictor.unit else ""
    if predictor.lowest_possible is not None and number < predictor.lowest_possible:
        return f"must be {number_text(predictor.lowest_possible)}{unit} or more"
    if predictor.highest_possible is not None and number > predictor.highest_possible:
        return f"must be {number_text(predictor.highest_possible)}{unit} or less"
    if abs(number) > LARGEST:
        return "is too large to be a measurement"
    return None


def limits_of(predictor: Predictor) -> tuple[float, float]:
    """Return the lowest and the highest possible value of a continuous predictor."""
    low, high = predictor.lowest_possible, predictor.highest_possible
    return max(-LARGEST, -LARGEST if low is None else low), min(LARGEST, LARGEST if high is None else high)


def encode_column(predictor: Predictor, values: ArrayLike) -> NDArray[np.float32]:
    """Encode the values of one predictor.

    Parameters
    ----------
    predictor : Predictor
        Its type, transform and (for a categorical one) levels.
    values : array-like, shape (n,)
        Numbers in the predictor's unit, or level names.

    Returns
    -------
    ndarray of float32, shape (n,)
        Trees compare in single precision; this is the only place where values are rounded to it.

    Raises
    ------
    EnvironmentValueError
        A number is missing, infinite, too large or outside the predictor's limits, a text stands for a number, or the
        training data do not have the level.
    """
    if predictor.type == "categorical":
        levels = predictor.levels or []
        codes: dict[object, int | None] = {}
        out = np.empty(np.size(values), dtype=np.float32)
        for i, value in enumerate(np.atleast_1d(np.asarray(values, dtype=object))):
            if not isinstance(value, _LEVEL_TYPES):
                raise EnvironmentValueError(predictor.name, "must be a text or a number")
            key = (type(value), value)
            if key not in codes:
                codes[key] = find_level(levels, value)
            code = codes[key]
            if code is None:
                raise EnvironmentValueError(predictor.name, not_a_level(levels, value))
            out[i] = code
        return out
    if not (isinstance(values, np.ndarray) and values.dtype.kind in "fiu"):
        for value in np.ravel(np.asarray(values, dtype=object)):
            if isinstance(value, bool | np.bool_):
                raise EnvironmentValueError(predictor.name, "must be a number")
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (ValueError, TypeError, OverflowError):
        raise EnvironmentValueError(predictor.name, "must be a number") from None
    low, high = limits_of(predictor)
    with np.errstate(invalid="ignore"):
        impossible = ~(np.isfinite(numbers) & (numbers >= low) & (numbers <= high))
    if impossible.any():
        number = float(numbers[impossible][0])
        raise EnvironmentValueError(predictor.name, f"{number_text(number)} {why_impossible(predictor, number)}")
    if predictor.transform == "log1p":
        if (numbers <= -1).any():
            raise EnvironmentValueError(predictor.name, "a number above -1 is needed")
        numbers = np.log1p(numbers)
    return numbers.astype(np.float32)
