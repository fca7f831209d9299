"""Numbers as text, without e-notation.

`exact` and `with_unit` write the values of a request with all of their digits; `rounded`, `fixed` and `distances` write
numbers that are read only; `range_seen` writes the range that a model has seen.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal, cast

#: Longest number in digits and zeros; a longer one is written as a product with a power of ten.
_LONGEST = 24
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MINUS = "\N{MINUS SIGN}"
#: Significant digits of a rounded number, and of an end of a range.
DIGITS = 3


def exact(value: float) -> str:
    """Return a number of a request with all of its digits, for pages: with a hyphen and without separators.

    Fields and addresses have `ml.predictors.encoding.number_text`, which reads back as the same number however large
    it is; here a number of more than 24 digits is written as a product with a power of ten.
    """
    return _plain(Decimal(repr(float(value))))


def with_unit(value: float | str, unit: str = "") -> str:
    """Return a value of a request with all of its digits, a minus sign and its unit; a level stays as it is."""
    return f"{value if isinstance(value, str) else exact(value).replace('-', _MINUS)} {unit}".strip()


def rounded(value: float, digits: int = DIGITS) -> str:
    """Return a number that is read and not typed, with at least `digits` significant digits.

    Whole thousands keep all of their digits, with separators; a negative number has a minus sign.
    """
    if not math.isfinite(value):
        return "–"
    return _grouped(_quantized(Decimal(repr(float(value))), digits, None))


def fixed(value: float, decimals: int) -> str:
    """Return a number with a number of decimals, with separators and a minus sign. Zero has no sign."""
    return _grouped(Decimal(f"{value:.{decimals}f}"), decimals)


def range_seen(minimum: float, maximum: float, unit: str = "") -> str:
    """Return a range, each end rounded into it, so that an end that is shown and typed lies inside.

    The ends have more digits where fewer would make them equal or exchange them.

    Parameters
    ----------
    minimum, maximum : float
    unit : str
    """
    low, high = Decimal(repr(float(minimum))), Decimal(repr(float(maximum)))
    ends = low, high
    for digits in range(DIGITS, 18):
        ends = _quantized(low, digits, ROUND_CEILING), _quantized(high, digits, ROUND_FLOOR)
        if ends[0] < ends[1]:
            break
    else:
        ends = low, high
    return f"{_grouped(ends[0])} to {_grouped(ends[1])} {unit}".strip()


def distances(*values: float) -> tuple[str, ...]:
    """Return distances with the same decimals: at least two, and enough to tell different ones, and zero, apart."""
    different = {*values, 0.0}
    for decimals in range(2, _LONGEST):
        texts = {f"{value:.{decimals}f}" for value in different}
        if len(texts) == len(different):
            return tuple(fixed(value, decimals) for value in values)
    return tuple(rounded(value) for value in values)


def _quantized(number: Decimal, digits: int, rounding: Literal["ROUND_CEILING", "ROUND_FLOOR"] | None) -> Decimal:
    if not number:
        return Decimal(0)
    place = number.adjusted() - digits + 1
    if number.adjusted() < _LONGEST:
        place = min(0, place)
    # a number with fewer digits needs no rounding
    fewer = cast("int", number.normalize().as_tuple().exponent) >= place
    return number if fewer else number.quantize(Decimal(1).scaleb(place), rounding)


def _plain(number: Decimal) -> str:
    if not number:
        return "0"
    number = number.normalize()
    text = f"{number:f}"
    if len(text.lstrip("-")) <= _LONGEST:
        return text
    power = number.adjusted()
    return f"{number.scaleb(-power):f} × 10{str(power).translate(_SUPERSCRIPTS)}"


def _grouped(number: Decimal, decimals: int | None = None) -> str:
    text = _plain(number) if decimals is None else f"{number:.{decimals}f}"
    if not number:
        return text.lstrip("-")
    whole, point, rest = text.lstrip("-").partition(".")
    if whole.isdigit():
        whole = f"{int(whole):,}"
    return (_MINUS if number < 0 else "") + whole + point + rest
