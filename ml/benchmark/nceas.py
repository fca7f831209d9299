"""Files of the NCEAS benchmark as published in the R package disdat (Elith et al. 2020, Biodiv. Informatics 15: 69-80).

Six regions of anonymised species have presence-only records and 10,000 background points for training, and independent
presence-absence surveys for testing. Only `read_survey` reads presences and absences of the surveys, and it is called
after all predictions are made.
"""

from __future__ import annotations

import lzma
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import rdata
from numpy.typing import NDArray

from ml.training.default_model import Group

REGIONS = ("AWT", "CAN", "NSW", "NZ", "SA", "SWI")
CATEGORICAL = frozenset({"ontveg", "vegsys", "age", "toxicats", "calc"})
_NOT_PREDICTORS = frozenset({"siteid", "spid", "x", "y", "occ", "group"})
# nsw30 has two training records; published results leave it out (Valavi et al. 2022).
_LEFT_OUT = frozenset({"nsw30"})
_NEEDED_RECORDS = ("spid", "x", "y")
# What gzip, bzip2, xz and the parser of R's format raise on cut files and changed bytes.
_DAMAGED = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    LookupError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    MemoryError,
)


class NceasError(ValueError):
    """A file is missing or differs from the published format; the message names the file."""


@dataclass(frozen=True)
class RegionGroup:
    """Training records and test sites of one biotic group of a region.

    Attributes
    ----------
    region, name : str
    species : list of str
    n_presences : list of int
        Records of each species as published.
    predictors : list of str
    records : Group
        Distinct places of records, then background points.
    places : ndarray, shape (n, 2)
        Coordinates of `records`, for folds only; they are never predictors.
    geographic : bool
        Whether `places` are in degrees; otherwise they are in metres.
    sites : list of str
        Ids of the test sites.
    test_rows : ndarray of float32, shape (n_sites, n_predictors)
    unseen : dict of str to int
        Number of test sites whose level of a categorical predictor is missing from the training data, by predictor.
        They get the most common level.
    lender : str
        Name of the group whose places `records` has as its last column; empty if there is none.
    """

    region: str
    name: str
    species: list[str]
    n_presences: list[int]
    predictors: list[str]
    records: Group
    places: NDArray[np.float64]
    geographic: bool
    sites: list[str]
    test_rows: NDArray[np.float32]
    unseen: dict[str, int]
    lender: str = ""


def read_region(data: Path, region: str) -> list[RegionGroup]:
    """Read one region's training records and the environment of its test sites.

    Parameters
    ----------
    data : Path
        Directory of the ``.rds`` files.
    region : str
        One of `REGIONS`.

    Returns
    -------
    list of RegionGroup
        One for each biotic group, in alphabetical order.

    Raises
    ------
    NceasError
        An unknown region, a file that is missing, truncated or lacks a column, or a missing value.
    """
    if region not in REGIONS:
        raise NceasError(f"there is no region {region!r}; there are {', '.join(REGIONS)}")
    if not data.is_dir():
        raise NceasError(f"{data} is not a directory")
    records_file = data / f"{region}train_po.rds"
    records, background = _read(records_file), _read(data / f"{region}train_bg.rds")
    predictors = [name for name in background.columns if name not in _NOT_PREDICTORS]
    _check(records, records_file, [*_NEEDED_RECORDS, *predictors])
    _check(background, data / f"{region}train_bg.rds", ["x", "y", *predictors])
    records["spid"] = records["spid"].astype(str)
    records = records[~records["spid"].isin(_LEFT_OUT)]
    if not len(records) or not len(background):
        raise NceasError(f"{records_file.parent}: {region} has no records or no background points")
    group_of = _groups(records)
    # all groups of a region code a level alike, because they may exchange places
    everywhere = pd.concat([records[predictors], background[predictors]], ignore_index=True)
    codes = {
        predictor: {level: code for code, level in enumerate(sorted(_levels(everywhere[predictor]).unique()))}
        for predictor in CATEGORICAL.intersection(predictors)
    }
    return [
        _group(data, region, name, records[group_of == name], background, predictors, codes)
        for name in sorted(group_of.unique())
    ]


def read_survey(data: Path, group: RegionGroup) -> pd.DataFrame:
    """Read the presences and absences of a group's test sites.

    Parameters
    ----------
    data : Path
    group : RegionGroup

    Returns
    -------
    DataFrame of 0/1, shape (n_sites, n_species)
        In the order of the group's sites and species.
    """
    file = _test_file(data, group.region, "pa", group.name)
    survey = _read(file)
    _check(survey, file, ["siteid", *group.species])
    survey.index = pd.Index(survey["siteid"].astype(str))
    if survey.index.tolist() != group.sites:
        if survey.index.has_duplicates or sorted(survey.index) != sorted(group.sites):
            raise NceasError(f"{file} does not list the sites of its test_env file")
        survey = survey.loc[group.sites]
    out = survey[group.species]
    if not out.isin([0, 1]).all(axis=None):
        raise NceasError(f"{file} holds values other than 0 and 1")
    return out.astype(int)


def _groups(records: pd.DataFrame) -> pd.Series:
    if "group" not in records:
        return pd.Series("", index=records.index)
    return records["group"].astype("string").fillna("").astype(str)


def _group(
    data: Path,
    region: str,
    name: str,
    records: pd.DataFrame,
    background: pd.DataFrame,
    predictors: list[str],
    codes: dict[str, dict[str, int]],
) -> RegionGroup:
    species = sorted(records["spid"].unique())
    # Records of several species at one place count as one visit.
    visit = records.groupby(["x", "y"], sort=True).ngroup().to_numpy()
    first = records.assign(visit=visit).drop_duplicates("visit").sort_values("visit")
    n_places = len(first)
    recorded = np.zeros((n_places + len(background), len(species)), dtype=np.int64)
    recorded[visit, np.searchsorted(species, records["spid"].to_numpy(dtype=str))] = 1
    table = pd.concat([first[predictors], background[predictors]], ignore_index=True)

    file = _test_file(data, region, "env", name)
    test = _read(file)
    _check(test, file, ["siteid", *predictors])
    categorical = tuple(j for j, p in enumerate(predictors) if p in CATEGORICAL)
    rows, test_rows = np.empty((len(table), len(predictors))), np.empty((len(test), len(predictors)))
    unseen: dict[str, int] = {}
    for j, predictor in enumerate(predictors):
        if j not in categorical:
            rows[:, j] = _numbers(table[predictor], predictor, region)
            test_rows[:, j] = _numbers(test[predictor], predictor, file.name)
            continue
        known, tested = _levels(table[predictor]), _levels(test[predictor])
        code = codes[predictor]
        rows[:, j] = known.map(code)
        new = ~tested.isin(known.unique())
        if new.any():
            unseen[predictor] = int(new.sum())
        test_rows[:, j] = tested.where(~new, known.mode().iloc[0]).map(code)
    places = pd.concat([first[["x", "y"]], background[["x", "y"]]]).to_numpy(dtype=np.float64)
    return RegionGroup(
        region=region,
        name=name,
        species=species,
        n_presences=[int((records["spid"] == one).sum()) for one in species],
        predictors=predictors,
        records=Group(rows.astype(np.float32), recorded, categorical),
        places=places,
        geographic=are_degrees(places),
        sites=test["siteid"].astype(str).tolist(),
        test_rows=test_rows.astype(np.float32),
        unseen=unseen,
    )


def are_degrees(places: NDArray[np.float64]) -> bool:
    """Return whether coordinates are degrees: the files do not say it, and a region in metres is wider than 360.

    Parameters
    ----------
    places : ndarray, shape (n, 2)
        x or longitude, and y or latitude.

    Returns
    -------
    bool
    """
    x, y = places.T
    return bool((np.abs(x) <= 360).all() and (np.abs(y) <= 90).all())


def _test_file(data: Path, region: str, kind: str, group: str) -> Path:
    """Return the group's own file where there is one, and the region's file otherwise."""
    own = data / f"{region}test_{kind}_{group}.rds"
    return own if group and own.exists() else data / f"{region}test_{kind}.rds"


def _read(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise NceasError(f"{file} is missing")
    try:
        with warnings.catch_warnings():
            # Factors and row names have no Python class, of which rdata warns; it reads their values correctly.
            warnings.simplefilter("ignore")
            table = rdata.read_rds(file)
    except _DAMAGED as error:
        raise NceasError(f"{file} is damaged or not an R data file ({type(error).__name__})") from error
    if not isinstance(table, pd.DataFrame):
        raise NceasError(f"{file} does not hold a data frame")
    return table.reset_index(drop=True)


def _check(table: pd.DataFrame, file: Path, columns: list[str]) -> None:
    for column in columns:
        if column not in table:
            raise NceasError(f"{file} has no column {column}")
        if table[column].isna().any():
            raise NceasError(f"{file}: {column} has {int(table[column].isna().sum())} missing values")


def _levels(column: pd.Series) -> pd.Series:
    """Return levels as text, the same for 2, 2.0 and a factor."""
    numbers = pd.to_numeric(column.astype(str), errors="coerce")
    return column.astype(str) if numbers.isna().any() else numbers.map("{:.15g}".format)


def _numbers(column: pd.Series, predictor: str, where: str) -> NDArray[np.float64]:
    try:
        numbers = column.to_numpy(dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise NceasError(f"{where}: {predictor} holds something that is not a number") from error
    if not np.isfinite(numbers).all() or np.abs(numbers).max() > 1e38:
        raise NceasError(f"{where}: {predictor} holds a number that is not finite or too large")
    return numbers
