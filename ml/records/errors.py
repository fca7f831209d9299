"""The error of the package."""

from __future__ import annotations


class OccurrenceError(ValueError):
    """A file of records cannot be read; the message names the file, the line or the column."""
