"""Numbers as people write them: which mark of decimals the texts of a file use."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: One mark and three digits, so that it may be a mark of thousands: 5.000 is five, or five thousand.
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_ONE_MARK = re.compile(r"[+-]?\d*([.,])\d+", re.ASCII)
_BOTH_MARKS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(,)\d+|[+-]?[1-9]\d{0,2}(?:,\d{3})+(\.)\d+", re.ASCII)


def number(text: str) -> float:
    """Return a finite number with a decimal point, or NaN."""
    if not _NUMBER.fullmatch(text):
        return np.nan
    value = float(text)
    # A number such as 1e999 is infinite.
    return value if np.isfinite(value) else np.nan


def decimal_mark(text: str, *, thousands: bool = True) -> str:
    """Return the decimal mark that a number shows, ``.`` or ``,``; "" where it shows none, or may mean thousands.

    Parameters
    ----------
    text : str
    thousands : bool
        Whether a mark before three digits may be one of thousands. Degrees have no thousands.
    """
    if match := _ONE_MARK.fullmatch(text):
        return "" if thousands and _AMBIGUOUS.fullmatch(text) else match[1]
    if match := _BOTH_MARKS.fullmatch(text):
        return match[1] or match[2]
    return ""


def common_mark(texts: Iterable[str], *, thousands: bool = True) -> str:
    """Return the decimal mark of several numbers; "" where none shows it, and ``.,`` where they contradict."""
    return "".join(sorted({decimal_mark(text, thousands=thousands) for text in texts}, reverse=True))


def number_with(text: str, mark: str) -> float:
    """Return a finite number, or NaN.

    Parameters
    ----------
    text : str
    mark : str
        Decimal mark of the file where it is known. Without one, a text such as 5.000 is not read.
    """
    own = decimal_mark(text)
    if not own and _AMBIGUOUS.fullmatch(text):
        if len(mark) != 1:
            return np.nan
        own = mark
    if own:
        text = text.replace("." if own == "," else ",", "").replace(",", ".")
    return number(text)
