"""Dates as people write them: the year where it is certain, and one text for each day."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

from ml.records.missing import is_missing

_FIRST_YEAR, _LAST_YEAR = 1500, 2200
_YEAR = re.compile(r"(?<!\d)(\d{4})(?!\d)", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:T\d*Z?)?", re.ASCII)
_NUMBERS = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:[ T,].*)?", re.ASCII)
_SERIAL = re.compile(r"(\d{4,6})(?:\.\d+)?", re.ASCII)
#: Days that Excel counts from; valid from March 1900 on.
_EXCEL_EPOCH = datetime.date(1899, 12, 30)


def year_of(text: str) -> int:
    """Return the year of a date; 0 where there is none, or several that differ.

    Parameters
    ----------
    text : str
        As ``2001-05-03``, ``03/04/2001``, ``3.4.2001``, ``20010403``, ``Mar 1990``, or a range in ISO 8601, of which
        the first year counts.
    """
    if match := _COMPACT.fullmatch(text):
        return _in_range(int(match[1]))
    # Digits after a time are no year.
    years = [year for digits in _YEAR.findall(text) if (year := _in_range(int(digits)))]
    if not years:
        return 0
    # 2001-05-03T1200 and 2001/2003 begin with their year.
    return years[0] if len(set(years)) == 1 or re.match(r"\s*\d{4}(?!\d)", text) else 0


def _in_range(year: int) -> int:
    return year if _FIRST_YEAR <= year <= _LAST_YEAR else 0


def is_unreadable(text: str) -> bool:
    """Return whether a text that is not a missing value has no year that is certain."""
    return not is_missing(text) and not year_of(text)


def order_of(texts: Iterable[str]) -> str:
    """Return the order of day and month in dates as ``03/04/2001``: "day", "month", or "" where no date proves it."""
    proofs = set()
    for text in texts:
        if match := _NUMBERS.fullmatch(text):
            first, second = int(match[1]), int(match[2])
            # In German and other texts with points, the day comes first.
            if first > 12 or "." in text[:3]:
                proofs.add("day")
            elif second > 12:
                proofs.add("month")
    return proofs.pop() if len(proofs) == 1 else ""


def normal_day(text: str, order: str) -> str:
    """Return a date as ``2001-04-03`` where it is certain, else the text without its time of day.

    Parameters
    ----------
    text : str
    order : {"day", "month", ""}
        As `order_of` returns it for the table.
    """
    if is_missing(text):
        return ""
    parts: tuple[str, str, str] | None = None
    if match := _COMPACT.fullmatch(text):
        parts = match[1], match[2], match[3]
    elif (match := _NUMBERS.fullmatch(text)) is not None and order:
        day, month = (match[1], match[2]) if order == "day" else (match[2], match[1])
        parts = match[3], month, day
    if parts is not None:
        try:
            return datetime.date(int(parts[0]), int(parts[1]), int(parts[2])).isoformat()
        except ValueError:
            return text
    return text if "/" in text else re.split(r"[T ]", text)[0] if text[:1].isdigit() else text


def date_of_serial(text: str) -> str:
    """Return the date of a number of days as Excel counts them, as ``2015-03-01``; other texts as they are.

    Parameters
    ----------
    text : str
        A number from 1 January 1922 (8037, so that it is not a year) to 2200.
    """
    match = _SERIAL.fullmatch(text)
    if not match or not 8_037 <= int(match[1]) <= 109_939:
        return text
    return (_EXCEL_EPOCH + datetime.timedelta(days=int(match[1]))).isoformat()
