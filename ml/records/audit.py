"""The audit of records: every check of every record, whatever a recipe switches on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.recipes.recipe import LICENCES, Recipe
from ml.records.cells import Cells
from ml.records.centroids import Places, countries, near_places, read_gazetteer
from ml.records.checks import (
    NEGATED_ISSUES,
    SWAPPED_ISSUES,
    both_zero,
    dates,
    few_decimals,
    has_issue,
    has_unreadable_date,
    is_absent,
    is_captive,
    is_fossil,
    is_obscured,
    is_suspect,
    licence_of,
    licence_texts,
    out_of_range,
    uncertainties,
    years,
)
from ml.records.datums import to_wgs84
from ml.records.degrees import degrees_of
from ml.records.land import surroundings
from ml.records.outliers import unusual_conditions
from ml.records.reasons import CHECKS, STORED
from ml.records.saved_audit import Audit, pack
from ml.records.species import look_alike, number_species, species_texts
from ml.records.table import RecordTable

__all__ = ["audit"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Cells whose empty layers are counted.
_MOST_EMPTY = 10_000
#: Stored checks that drop their records.
_DROPPING = [check.code for check in CHECKS if check.code in STORED and check.kind == "drop"]


def audit(tables: Sequence[RecordTable], recipe: Recipe, cells: Cells | None, gazetteers: Sequence[Path] = ()) -> Audit:
    """Check every record of a study.

    Parameters
    ----------
    tables : sequence of RecordTable
    recipe : Recipe
        Only its files are used: datums, and the species of files without names. Switches and choices are not, so that
        `ml.records.recount.decide` applies any of them to the same audit.
    cells : Cells or None
        None where there are no layers yet.
    gazetteers : sequence of Path
        Further lists of centres, in the format of GBIF's gazetteer (`ml.records.centroids.read_gazetteer`).

    Returns
    -------
    Audit

    Raises
    ------
    OccurrenceError
        A datum of the recipe is unknown, or a list of centres cannot be read.
    """
    files = {file.name: file for file in recipe.records}
    parts = []
    for table in tables:
        file = files.get(table.name)
        parts.append(_single(table, file.datum if file else None))
    columns = [species_texts(t.frame, files[t.name].species if t.name in files else None) for t in tables]
    codes, names, spellings = number_species(columns)

    def joined(member: str, dtype: Any) -> NDArray[Any]:
        return np.concatenate([part.pop(member) for part in parts] or [np.zeros(0)]).astype(dtype, copy=False)

    species = np.concatenate([*codes, np.zeros(0, dtype=np.int32)]).astype(np.int32)
    marks = {code: joined(code, np.bool_) for code in STORED if parts and code in parts[0]}
    longitude, latitude = joined("longitude", np.float64), joined("latitude", np.float64)
    n = len(longitude)
    marks = {code: marks.get(code, np.zeros(n, dtype=bool)) for code in STORED}
    marks["no_species"] = species < 0
    usable = np.isfinite(longitude)
    order, place = _number_places(longitude, latitude, usable)
    event = _dense(place, joined("date", np.int64), usable)
    cell, empty = _locate(longitude, latitude, usable, cells, marks)
    _flag_places(longitude, latitude, usable, species, gazetteers, marks)
    if cells is not None:
        reliable = ~np.logical_or.reduce([marks[code] for code in _DROPPING]) if n else usable
        inside = np.where(marks["no_conditions"], -1, cell)
        marks["environmental_outlier"] = unusual_conditions(species, inside, reliable, cells)
    return Audit(
        files=[table.name for table in tables],
        states_licence=[bool(part["states_licence"]) for part in parts],
        names=names,
        spellings=spellings,
        alike=look_alike(names, np.bincount(species[species >= 0], minlength=len(names))),
        cell_width_m=None if cells is None else float(cells.width_m),
        empty_layers=empty,
        file=np.repeat(np.arange(len(tables), dtype=np.int16), [len(table.frame) for table in tables]),
        line=np.concatenate([*(table.lines for table in tables), np.zeros(0)]).astype(np.int32),
        longitude=longitude,
        latitude=latitude,
        species=species,
        licence=joined("licence", np.int8),
        uncertainty=joined("uncertainty", np.float32),
        year=joined("year", np.int16),
        cell=cell,
        place=place,
        event=event,
        occasion=_dense(event, species, (event >= 0) & (species >= 0)),
        species_cell=_dense(species, cell, (cell >= 0) & (species >= 0)),
        order=order,
        marks=pack(marks),
    )


def _single(table: RecordTable, datum: str | None) -> dict[str, Any]:
    """Return the numbers and checks of the records of one table that need no other record."""
    records = table.frame
    x, no_x = degrees_of(table, "decimalLongitude", datum)[:2]
    y, no_y = degrees_of(table, "decimalLatitude", datum)[:2]
    unreadable = no_x | no_y
    missing = ~unreadable & (np.isnan(x) | np.isnan(y))
    x, y = np.where(unreadable | missing, np.nan, x), np.where(unreadable | missing, np.nan, y)
    transformed = to_wgs84(x, y, records.get("geodeticDatum"), datum)
    # What cannot be transformed may be out of range.
    longitude = np.where(transformed.failed, x, transformed.longitude)
    latitude = np.where(transformed.failed, y, transformed.latitude)
    present = ~unreadable & ~missing
    outside = present & out_of_range(longitude, latitude)
    with np.errstate(invalid="ignore"):
        exchangeable = (np.abs(latitude) > 90.0) & (np.abs(latitude) <= 180.0) & (np.abs(longitude) <= 90.0)
    usable = present & ~outside & ~transformed.failed
    uncertainty, no_uncertainty = uncertainties(records)
    licence = licence_texts(records).each(lambda text: LICENCES.index(licence_of(text)), np.int8)
    zero = both_zero(longitude, latitude)
    return {
        "longitude": np.where(usable, longitude, np.nan),
        "latitude": np.where(usable, latitude, np.nan),
        "licence": licence,
        "states_licence": bool((licence != LICENCES.index("not stated")).any()),
        "uncertainty": np.where(no_uncertainty, np.nan, uncertainty).astype(np.float32),
        "year": years(records),
        "date": dates(records),
        "coordinates_unreadable": unreadable,
        "coordinates_missing": missing,
        "coordinates_swapped": exchangeable | has_issue(records, SWAPPED_ISSUES | NEGATED_ISSUES),
        "coordinates_out_of_range": outside,
        "coordinates_zero": zero,
        "coordinates_equal": (longitude == latitude) & ~zero,
        "datum_unknown": present & transformed.failed,
        "datum_assumed": present & transformed.unrecognised,
        "fossil": is_fossil(records),
        "captive": is_captive(records),
        "absent": is_absent(records),
        "uncertainty_unreadable": no_uncertainty,
        "date_unreadable": has_unreadable_date(records),
        "location_suspect": is_suspect(records),
        "coordinates_obscured": is_obscured(records),
        "one_zero": (longitude == 0.0) ^ (latitude == 0.0),
        "low_precision": usable & few_decimals(x) & few_decimals(y),
    }


def _number_places(longitude: Floats, latitude: Floats, usable: Bools) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the records in the order of places (unusable ones last), and the number of each record's place."""
    order = np.lexsort((longitude, latitude))
    x, y = longitude[order], latitude[order]
    changes = np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0)) if len(x) else np.zeros(0, dtype=bool)
    place = np.full(len(x), -1, dtype=np.int32)
    place[order] = np.cumsum(changes) - 1
    place[~usable] = -1
    return order.astype(np.int32), place


def _dense(first: NDArray[Any], second: NDArray[Any], usable: Bools) -> NDArray[np.int32]:
    """Return a number for each different pair of two numbers, shape (n,); -1 where unusable."""
    out = np.full(len(first), -1, dtype=np.int32)
    rows = np.flatnonzero(usable)
    _, seconds = np.unique(second[rows], return_inverse=True)
    keys = first[rows].astype(np.int64) * (int(seconds.max(initial=0)) + 1) + seconds
    out[rows] = np.unique(keys, return_inverse=True)[1]
    return out


def _locate(
    longitude: Floats, latitude: Floats, usable: Bools, cells: Cells | None, marks: dict[str, Bools]
) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Return the cell of each record, and the records without a value by layer; mark those outside the layers."""
    cell = np.full(len(longitude), -1, dtype=np.int64)
    if cells is None or not usable.any():
        return cell, {}
    rows = np.flatnonzero(usable)
    cell[rows] = cells.cell_of(longitude[rows], latitude[rows])
    marks["outside_layers"] = usable & (cell < 0)
    distinct, inverse, counts = np.unique(cell[cell >= 0], return_inverse=True, return_counts=True)
    complete = cells.has_values(distinct) if len(distinct) else np.zeros(0, dtype=bool)
    marks["no_conditions"][cell >= 0] = ~complete[inverse]
    empty = np.flatnonzero(~complete)[:_MOST_EMPTY]
    labels: Sequence[str] = getattr(cells, "names", ())
    if not len(empty) or not labels:
        return cell, {}
    lacking = counts[empty] @ np.isnan(cells.values(distinct[empty])).astype(np.int64)
    return cell, {label: int(n) for label, n in zip(labels, lacking, strict=True) if n}


def _flag_places(
    longitude: Floats,
    latitude: Floats,
    usable: Bools,
    species: NDArray[np.int32],
    gazetteers: Sequence[Path],
    marks: dict[str, Bools],
) -> None:
    """Mark records on the other side of the coast, at centres of countries and provinces, and at capitals."""
    rows = np.flatnonzero(usable)
    x, y = longitude[rows], latitude[rows]
    sea, all_sea, all_land = surroundings(x, y)
    # Records without a species are a group of their own.
    group = species[rows] + 1
    share = np.bincount(group, weights=sea) / np.maximum(np.bincount(group), 1)
    marks["sea_or_land"][rows] = np.where(share[group] < 0.5, all_sea, all_land) if len(rows) else False
    centres, capitals = countries()
    lists: list[Places] = [centres, *(read_gazetteer(path) for path in gazetteers)]
    for places in lists:
        marks["country_centroid"][rows] |= near_places(x, y, places)
    marks["capital"][rows] = near_places(x, y, capitals)
