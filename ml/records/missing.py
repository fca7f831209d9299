"""Texts that stand in a cell without a value."""

from __future__ import annotations

#: In lower case. They include what pandas and spreadsheets write for a missing value.
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none", "-", "\\n"})


def is_missing(text: str) -> bool:
    """Return whether a text is a missing value."""
    return text.strip().lower() in MISSING
