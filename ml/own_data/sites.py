"""Sites of samples with data: rows of one place are one site, however many species and records it has.

A site with several species has a row for each in such tables. If its rows were separate records, a model would be
tested at sites that it was trained on, and the places of other species would be the species' own places.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.recipes.recipe import Recipe
from ml.records.checks import out_of_range
from ml.records.datums import to_wgs84
from ml.records.degrees import degrees_of
from ml.records.table import RecordTable

#: From which share of different rows of background on equal conditions mean the same place.
_MOSTLY_DIFFERENT = 0.95

Floats = NDArray[np.float64]


def places_of(tables: Sequence[RecordTable], recipe: Recipe) -> Floats:
    """Return the places of the rows of several tables.

    Parameters
    ----------
    tables : sequence of RecordTable
    recipe : Recipe
        Has the datums of the files.

    Returns
    -------
    ndarray, shape (n, 2)
        Longitude and latitude in degrees, WGS 84. NaN where a row has none that can be used.
    """
    datums = {file.name: file.datum for file in recipe.records}
    parts = []
    for table in tables:
        datum = datums.get(table.name)
        x, no_x, _ = degrees_of(table, "decimalLongitude", datum)
        y, no_y, _ = degrees_of(table, "decimalLatitude", datum)
        unusable = no_x | no_y | np.isnan(x) | np.isnan(y)
        x, y = np.where(unusable, np.nan, x), np.where(unusable, np.nan, y)
        moved = to_wgs84(x, y, table.frame.get("geodeticDatum"), datum)
        unusable |= moved.failed | out_of_range(moved.longitude, moved.latitude)
        parts.append(np.where(unusable[:, None], np.nan, np.column_stack([moved.longitude, moved.latitude])))
    return np.concatenate(parts)


def number_sites(environment: pd.DataFrame, places: Floats, background: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the sites of complete rows.

    Rows of records with the same place and the same conditions are one site. Where rows have no places, those with the
    same conditions are, if conditions tell places apart: if at least 95 % of the rows of background are different.
    Each row of background is a site of its own, because random points may lie at one place twice.

    Parameters
    ----------
    environment : DataFrame, shape (n, n_predictors)
    places : ndarray, shape (n, 2)
        NaN where a row has no place.
    background : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
        Equal for rows of one site.
    """
    located = bool(np.isfinite(places).all())
    numbers = np.arange(len(environment), dtype=np.int64)
    if not located and not _tells_places(environment[background]):
        return numbers
    keys = environment.assign(**{"\0longitude": places[:, 0], "\0latitude": places[:, 1]}) if located else environment
    records = np.flatnonzero(~background)
    groups = keys.iloc[records].groupby(list(keys.columns), sort=False, dropna=False).ngroup().to_numpy(np.int64)
    first = np.full(len(records), len(numbers), dtype=np.int64)
    np.minimum.at(first, groups, records)
    numbers[records] = first[groups]
    return numbers


def _tells_places(background: pd.DataFrame) -> bool:
    different = ~background.duplicated()
    return len(background) > 0 and bool(different.mean() >= _MOSTLY_DIFFERENT)
