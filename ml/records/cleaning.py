"""Cleaning of occurrence records: every record left out is counted under one reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ml.records.checks import (
    SWAPPED_ISSUES,
    Column,
    both_zero,
    has_issue,
    is_absent,
    is_fossil,
    is_obscured,
    is_suspect,
    licence_texts,
    numbers,
    out_of_range,
    uncertainties,
)
from ml.records.darwin_core import read_archive, read_occurrences
from ml.records.duplicates import SAME_CELL, duplicates
from ml.records.errors import OccurrenceError
from ml.records.licences import licence_class
from ml.records.terms import check_coordinates

__all__ = ["CleaningRules", "OccurrenceError", "clean", "licence_class", "read_archive", "read_occurrences"]

Floats = NDArray[np.float64]
CellOf = Callable[[Floats, Floats], NDArray[np.int64]]


@dataclass(frozen=True)
class CleaningRules:
    """Which records are kept.

    Attributes
    ----------
    allow_non_commercial : bool
        Keep records under CC BY-NC.
    max_uncertainty_m : float or None
        Largest coordinate uncertainty, metres; a record without one is kept.
    implausible : pair of str and callable, or None
        A reason, and a function from longitudes and latitudes, shape (n,), to bool, shape (n,): True for places that
        are left out. It is called with finite coordinates only.
    cell_of : callable or None
        A function from longitudes and latitudes, shape (n,), to cell numbers, shape (n,). The first record of each cell
        is kept.
    """

    allow_non_commercial: bool = False
    max_uncertainty_m: float | None = None
    implausible: tuple[str, Callable[[Floats, Floats], NDArray[np.bool_]]] | None = None
    cell_of: CellOf | None = None


def clean(records: pd.DataFrame, rules: CleaningRules | None = None) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out records that are unreliable or may not be used.

    The checks run in this order, and each record counts once, for the first that applies: coordinates that are not
    numbers, no coordinates, coordinates out of range, coordinates at 0, 0, fossil, recorded as absent, licence not
    allowed, coordinate uncertainty that is not a
    number, negative or too large, location flagged as suspect, coordinates
    obscured, implausible place, another record in the same cell. A check is skipped if the file does not have its
    column.

    Parameters
    ----------
    records : DataFrame, shape (n_records, n_terms)
        As `read_occurrences` returns them: text, with Darwin Core's short names as columns.
    rules : CleaningRules, optional

    Returns
    -------
    kept : DataFrame, shape (n_kept, n_terms + 3)
        With ``longitude`` and ``latitude`` as numbers and ``license_class``, in the order of the file.
    dropped : dict
        Reason to number of rows; ``len(kept) + sum(dropped.values())`` is the number of records.

    Raises
    ------
    OccurrenceError
        A coordinate column is missing.
    """
    rules = rules or CleaningRules()
    n = len(records)
    check_coordinates(records, "the records")

    longitude, no_longitude = numbers(Column.of(records, "decimalLongitude"))
    latitude, no_latitude = numbers(Column.of(records, "decimalLatitude"))
    terms = licence_texts(records)
    licence = pd.Series(terms.each(licence_class, object), index=records.index)
    has_terms = "license" in records or "rights" in records
    licences = {"CC0", "CC BY", "CC BY-SA"} | ({"CC BY-NC"} if rules.allow_non_commercial else set())
    uncertainty, no_uncertainty = uncertainties(records)
    limit = rules.max_uncertainty_m if rules.max_uncertainty_m is not None else np.inf
    checks: list[tuple[str, ArrayLike]] = [
        ("coordinates unreadable", no_longitude | no_latitude),
        ("no coordinates", np.isnan(longitude) | np.isnan(latitude)),
        ("coordinates out of range", out_of_range(longitude, latitude)),
        ("coordinates at 0, 0", both_zero(longitude, latitude)),
        ("fossil", is_fossil(records)),
        ("recorded as absent", is_absent(records)),
        ("licence not allowed", ~licence.isin(licences) if has_terms else np.zeros(n, dtype=bool)),
        ("coordinate uncertainty unreadable", no_uncertainty & np.isfinite(limit)),
        (f"coordinate uncertainty above {limit / 1000:g} km", uncertainty > limit),
        ("location flagged as suspect", is_suspect(records) | has_issue(records, SWAPPED_ISSUES)),
        ("coordinates obscured", is_obscured(records)),
    ]
    remaining = np.ones(n, dtype=bool)
    dropped: dict[str, int] = {}

    def drop(reason: str, failing: ArrayLike) -> None:
        hit = remaining & np.asarray(failing, dtype=bool)
        if hit.any():
            dropped[reason] = int(hit.sum())
            remaining[hit] = False

    for reason, failing in checks:
        drop(reason, failing)
    if rules.implausible is not None:
        reason, is_implausible = rules.implausible
        rows, wrong = np.flatnonzero(remaining), np.zeros(n, dtype=bool)
        wrong[rows] = is_implausible(longitude[rows], latitude[rows])
        drop(reason, wrong)
    if rules.cell_of is not None and remaining.any():
        rows, repeated = np.flatnonzero(remaining), np.zeros(n, dtype=bool)
        repeated[rows] = duplicates(rules.cell_of(longitude[rows], latitude[rows]))
        drop(SAME_CELL, repeated)
    kept = records.loc[remaining].assign(
        longitude=longitude[remaining], latitude=latitude[remaining], license_class=licence[remaining]
    )
    return kept.reset_index(drop=True), dropped
