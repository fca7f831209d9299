"""Cleaning of occurrence records: every record left out is counted under one reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ml.records.absence import is_zero, says_absent
from ml.records.darwin_core import read_archive, read_occurrences
from ml.records.duplicates import SAME_CELL, duplicates
from ml.records.errors import OccurrenceError
from ml.records.licences import licence_class
from ml.records.missing import MISSING, is_missing
from ml.records.terms import check_coordinates

__all__ = ["CleaningRules", "OccurrenceError", "clean", "licence_class", "read_archive", "read_occurrences"]

Floats = NDArray[np.float64]
CellOf = Callable[[Floats, Floats], NDArray[np.int64]]

#: Flags of GBIF's interpretation that make the coordinates doubtful.
_SERIOUS_ISSUES = frozenset(
    {
        "ZERO_COORDINATE",
        "COORDINATE_INVALID",
        "COORDINATE_OUT_OF_RANGE",
        "COUNTRY_COORDINATE_MISMATCH",
        "PRESUMED_SWAPPED_COORDINATE",
    }
)
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_OBSCURED = re.compile(r"coordinat|georef|localit|location|obscur|geoprivacy", re.IGNORECASE)


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


def _numbers(values: pd.Series) -> tuple[Floats, NDArray[np.bool_]]:
    """Return numbers, NaN where there is none, and which values are text that is not a finite number."""
    missing = values.str.lower().isin(MISSING).to_numpy(dtype=bool)
    plain = values.str.fullmatch(_NUMBER).to_numpy(dtype=bool)
    numbers = pd.to_numeric(values.where(plain), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    # A number such as 1e999 is infinite.
    readable = plain & np.isfinite(numbers)
    return np.where(readable, numbers, np.nan), ~missing & ~readable


def _is_true(values: pd.Series) -> NDArray[np.bool_]:
    return np.asarray(values.str.lower().isin(_TRUE), dtype=bool)


def _is_absent(text: Callable[[str], pd.Series]) -> NDArray[np.bool_]:
    """Return which records say that the species was not found: by status, or by a count of zero.

    GBIF warns where a status and a count contradict each other. Such a record is no evidence of a presence.
    """
    absent = _each(text("occurrenceStatus"), says_absent)
    for term in ("individualCount", "organismQuantity"):
        absent = absent | _each(text(term), is_zero) | (_numbers(text(term))[0] == 0.0)
    return absent


def _each(values: pd.Series, holds: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Return for which values a condition holds. Each different value is tested once."""
    return np.asarray(values.isin([value for value in values.unique() if holds(value)]), dtype=bool)


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

    def text(term: str) -> pd.Series:
        column = records[term] if term in records else pd.Series([""] * n, index=records.index)
        return column.fillna("").astype(str).str.strip()

    longitude, no_longitude = _numbers(text("decimalLongitude"))
    latitude, no_latitude = _numbers(text("decimalLatitude"))
    unreadable = no_longitude | no_latitude
    with np.errstate(invalid="ignore"):
        out_of_range = ~((np.abs(longitude) <= 180.0) & (np.abs(latitude) <= 90.0))
    # Older archives state the terms in ``rights`` and leave ``license`` empty.
    terms = text("license").mask(_each(text("license"), is_missing), text("rights"))
    licence = terms.map({value: licence_class(value) for value in terms.unique()})
    has_terms = "license" in records or "rights" in records
    licences = {"CC0", "CC BY", "CC BY-SA"} | ({"CC BY-NC"} if rules.allow_non_commercial else set())
    uncertainty, no_uncertainty = _numbers(text("coordinateUncertaintyInMeters"))
    limit = rules.max_uncertainty_m if rules.max_uncertainty_m is not None else np.inf
    serious = text("issue").map(lambda issues: not _SERIOUS_ISSUES.isdisjoint(re.split(r"[\s;,|]+", issues.upper())))
    flagged = _is_true(text("hasGeospatialIssues")) | serious.to_numpy(dtype=bool)
    obscured = text("informationWithheld").str.contains(_OBSCURED)
    obscured |= text("dataGeneralizations").str.contains(_OBSCURED)
    checks: list[tuple[str, ArrayLike]] = [
        ("coordinates unreadable", unreadable),
        ("no coordinates", np.isnan(longitude) | np.isnan(latitude)),
        ("coordinates out of range", out_of_range),
        ("coordinates at 0, 0", (longitude == 0.0) & (latitude == 0.0)),
        ("fossil", text("basisOfRecord").str.upper().str.replace("_", "").str.contains("FOSSIL")),
        ("recorded as absent", _is_absent(text)),
        ("licence not allowed", ~licence.isin(licences) if has_terms else np.zeros(n, dtype=bool)),
        ("coordinate uncertainty unreadable", (no_uncertainty | (uncertainty < 0.0)) & np.isfinite(limit)),
        (f"coordinate uncertainty above {limit / 1000:g} km", uncertainty > limit),
        ("location flagged as suspect", flagged),
        ("coordinates obscured", obscured),
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
