"""Texts in the cells of a CSV file that a spreadsheet opens safely."""

from __future__ import annotations

import re

#: A spreadsheet runs a text that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


def without_formula(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula: an apostrophe comes before one. Numbers stay as they are."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
