"""Cleaning of occurrence records: every record left out is counted under one reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ml.records.darwin_core import OccurrenceError, read_archive, read_occurrences
from ml.records.duplicates import SAME_CELL, duplicates

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


def licence_class(text: str) -> str:
    """Return the short name of a licence, for any usual spelling.

    Parameters
    ----------
    text : str
        As ``CC_BY_NC_4_0`` or ``http://creativecommons.org/licenses/by/4.0/legalcode``.

    Returns
    -------
    str
        ``CC0``, ``CC BY``, ``CC BY-SA``, ``CC BY-NC`` (any with NC), ``CC BY-ND`` or ``""`` when not recognised.
    """
    words = [w for w in re.split(r"[^A-Z0-9]+", text.upper()) if w]
    if "CC0" in words or "PUBLICDOMAIN" in words or words[:2] == ["PUBLIC", "DOMAIN"]:
        return "CC0"
    spelt_out = " ".join(words)
    if "NC" in words or "NONCOMMERCIAL" in words or "NON COMMERCIAL" in spelt_out:
        return "CC BY-NC"
    if "BY" in words or "ATTRIBUTION" in words:
        for short, long in (("ND", "NODERIVATIVES"), ("SA", "SHAREALIKE")):
            if short in words or long in words:
                return f"CC BY-{short}"
        return "CC BY"
    return ""


def _numbers(values: pd.Series) -> Floats:
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def clean(records: pd.DataFrame, rules: CleaningRules | None = None) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out records that are unreliable or may not be used.

    The checks run in this order, and each record counts once, for the first that applies: no coordinates, coordinates
    out of range, coordinates at 0, 0, fossil, recorded as absent, licence not allowed, coordinate uncertainty too
    large, location flagged as suspect, coordinates obscured, implausible place, another record in the same cell. A
    check is skipped if the file does not have its column.

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
    for term in ("decimalLatitude", "decimalLongitude"):
        if term not in records:
            raise OccurrenceError(f"there is no {term} column")

    def text(term: str) -> pd.Series:
        column = records[term] if term in records else pd.Series([""] * n, index=records.index)
        return column.fillna("").astype(str).str.strip()

    longitude, latitude = _numbers(records["decimalLongitude"]), _numbers(records["decimalLatitude"])
    with np.errstate(invalid="ignore"):
        out_of_range = ~((np.abs(longitude) <= 180.0) & (np.abs(latitude) <= 90.0))
    licence = text("license").map(licence_class)
    licences = {"CC0", "CC BY", "CC BY-SA"} | ({"CC BY-NC"} if rules.allow_non_commercial else set())
    uncertainty = _numbers(text("coordinateUncertaintyInMeters"))
    limit = rules.max_uncertainty_m if rules.max_uncertainty_m is not None else np.inf
    flagged = text("hasGeospatialIssues").str.lower().eq("true")
    flagged |= (
        text("issue").map(lambda issues: not _SERIOUS_ISSUES.isdisjoint(re.split(r"[;,|]\s*", issues))).astype(bool)
    )
    obscured = text("informationWithheld").str.contains(_OBSCURED)
    obscured |= text("dataGeneralizations").str.contains(_OBSCURED)
    checks: list[tuple[str, ArrayLike]] = [
        ("no coordinates", np.isnan(longitude) | np.isnan(latitude)),
        ("coordinates out of range", out_of_range),
        ("coordinates at 0, 0", (longitude == 0.0) & (latitude == 0.0)),
        ("fossil", text("basisOfRecord").str.upper().str.replace("_", "").str.contains("FOSSIL")),
        ("recorded as absent", text("occurrenceStatus").str.upper().eq("ABSENT")),
        ("licence not allowed", ~licence.isin(licences) if "license" in records else np.zeros(n, dtype=bool)),
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
