"""Samples with data, recognised by the columns of their table."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ml.records.collecting import Plan
from ml.records.mapping import ColumnMap
from ml.records.synonyms import plain_label
from ml.records.terms import COORDINATES

_PRESENCE = "presence"
#: Terms that a table of samples may have beside its conditions, where a column says which rows are presences.
_KNOWN = {"species", "scientificName", "occurrenceStatus", *COORDINATES}


def plan_table(labels: list[str], columns: ColumnMap) -> Plan:
    """Return what is collected of a table. Samples with data have conditions beside coordinates, or without them."""
    used = set(columns.columns.values())
    rest = {label: i for i, label in enumerate(labels) if label and i not in used}
    has_id = any(plain_label(label) == "id" for label in rest)
    has_place = any(term in columns.columns for term in COORDINATES)
    are_likely = not has_id and (_is_maxents(columns) or _has_presence(labels, columns))
    environment = rest if are_likely or not has_place else {}
    unnamed = [i for i, label in enumerate(labels) if not label]
    return Plan(columns.columns, environment=environment, unnamed=unnamed, preview=range(len(labels)))


def _has_presence(labels: list[str], columns: ColumnMap) -> bool:
    """Return whether a table has a column of presence, and of the other known columns only names and coordinates."""
    at = columns.columns.get("occurrenceStatus")
    return at is not None and plain_label(labels[at]) == _PRESENCE and set(columns.columns) <= _KNOWN


def may_be_samples(columns: ColumnMap, texts: Mapping[str, pd.Series]) -> bool:
    """Return whether the rows of a table with coordinates may be samples with data.

    A column of presence beside other known columns has nothing but 1 and 0 then: words, such as absent, are those of
    plain records.
    """
    presence = texts.get("occurrenceStatus")
    return _is_maxents(columns) or presence is None or set(presence.unique()) <= {"0", "1"}


def _is_maxents(columns: ColumnMap) -> bool:
    """Return whether a table has Maxent's layout: species, longitude, latitude, then the conditions."""
    return set(columns.columns.values()) == {0, 1, 2}
