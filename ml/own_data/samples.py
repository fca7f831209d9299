"""Samples with data: records that bring their conditions with them and need no layers.

Such tables are input of the program Maxent. They may have no coordinates. Rows with the species "background", or with 0
in the column of presence, are the background. Rows of one place are one site (`ml.own_data.sites`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.own_data.cleaned import records_files
from ml.own_data.problems import UnusableDataError, rarity, too_few
from ml.own_data.sites import number_sites, places_of
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, Problem, ReasonCount, RecordsReport, SpeciesCount
from ml.records.absence import is_zero, says_absent
from ml.records.duplicates import SAME_PLACE, duplicates
from ml.records.names import canonical_name
from ml.records.reading import read_records
from ml.records.table import RecordTable

_BACKGROUND = "background"
_INCOMPLETE = "a condition is missing"
_NAMELESS = "no species"
_FEWEST_BACKGROUND = 10
#: Most different whole numbers of a condition that is taken as categories.
_MOST_CODES = 20


@dataclass(frozen=True)
class Samples:
    """Samples with data.

    Attributes
    ----------
    environment : DataFrame, shape (n, n_predictors)
        Complete rows; of several records of one species at one site the first.
    species : ndarray of str, shape (n,)
        Name of the species; "" for background.
    places : ndarray, shape (n, 2)
        Longitude and latitude in degrees, WGS 84; NaN where a row has none.
    site : ndarray of int, shape (n,)
        Equal for rows of one site.
    dropped : dict of str to int
        Rows that are left out, by reason.
    n : int
        Rows of the files.
    files : list of str
    """

    environment: pd.DataFrame
    species: NDArray[np.str_]
    places: NDArray[np.float64]
    site: NDArray[np.int64]
    dropped: dict[str, int]
    n: int
    files: list[str]

    @property
    def have_places(self) -> bool:
        """Whether every row has a place."""
        return bool(np.isfinite(self.places).all())

    @property
    def categories(self) -> list[str]:
        """Conditions that are categories: at most 20 different whole numbers, as layers are judged."""
        return [str(column) for column in self.environment if _are_codes(self.environment[column])]

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each species, by name in alphabetical order."""
        return dict(sorted(Counter(name for name in self.species.tolist() if name).items()))

    @property
    def n_background(self) -> int:
        """Rows of background."""
        return int((self.species == "").sum())


def read_samples(folder: Path, recipe: Recipe, files: Sequence[FileReport]) -> Samples:
    """Read samples with data.

    Parameters
    ----------
    folder : Path
        Has the files.
    recipe : Recipe
    files : sequence of FileReport

    Returns
    -------
    Samples

    Raises
    ------
    UnusableDataError
        The files do not have the same conditions.
    ml.records.errors.OccurrenceError
        A file cannot be read.
    """
    tables = [read_records(folder / choice.name, choice) for choice in records_files(recipe, files)]
    names = tables[0].report.environment
    for table in tables[1:]:
        if set(table.report.environment) != set(names):
            differing = sorted(set(table.report.environment) ^ set(names))[:5]
            text = f"{table.name} and {tables[0].name} do not have the same conditions: {', '.join(differing)}."
            raise UnusableDataError([Problem(code="other_conditions", text=text, file=table.name)])
    environment = pd.concat([table.frame[names] for table in tables], ignore_index=True)
    species = np.concatenate([_species_of(table, recipe) for table in tables])
    nameless = species == "?"
    complete = environment.notna().all(axis=1).to_numpy(dtype=bool)
    kept = complete & ~nameless
    dropped = {_NAMELESS: int(nameless.sum()), _INCOMPLETE: int((~complete & ~nameless).sum())}
    places = places_of(tables, recipe)
    site = np.full(len(species), -1, dtype=np.int64)
    site[kept] = number_sites(environment[kept], places[kept], species[kept] == "")
    _, codes = np.unique(species, return_inverse=True)
    repeated = kept & duplicates(np.column_stack([np.where(kept, site, -1 - np.arange(len(site))), codes]))
    dropped[SAME_PLACE] = int(repeated.sum())
    kept &= ~repeated
    return Samples(
        environment[kept].reset_index(drop=True),
        species[kept],
        places[kept],
        site[kept],
        {reason: n for reason, n in dropped.items() if n},
        len(species),
        [table.name for table in tables],
    )


def _are_codes(values: pd.Series) -> bool:
    different = values.unique()
    few = 1 < len(different) <= _MOST_CODES and len(different) * 10 <= len(values)
    return few and bool(np.all(different == np.floor(different)))


def _species_of(table: RecordTable, recipe: Recipe) -> NDArray[np.str_]:
    """Return the species of each row: "" for background, "?" where there is none."""
    status = table.text("occurrenceStatus").astype(str)
    given = next((one.species for one in recipe.records if one.name == table.name and one.species), None)
    stem = table.name.split(".")[0]
    texts_of = table.text("species" if "species" in table.frame else "scientificName").astype(str)
    has_names = bool((texts_of != "").any())
    names = {text: _name(text, recipe) for text in texts_of.unique()}
    found = texts_of.map(names) if has_names else pd.Series([given or stem] * len(table.frame))
    absent = {text: says_absent(text) or is_zero(text) for text in status.unique()}
    return np.where(status.map(absent).to_numpy(dtype=bool), "", found.to_numpy(dtype=str))


def _name(text: str, recipe: Recipe) -> str:
    if text.strip().lower() == _BACKGROUND:
        return ""
    name = canonical_name(text)
    return recipe.merge.get(name, name) or "?"


def choose_samples(samples: Samples, recipe: Recipe) -> tuple[list[str], dict[str, str]]:
    """Return the species that can be trained, and the others with the reason.

    Raises
    ------
    UnusableDataError
        There is no background, or no species with enough rows.
    """
    if samples.n_background < _FEWEST_BACKGROUND:
        text = (
            f"The records bring their conditions, but only {samples.n_background} rows are background. Add a table of "
            'the same columns with the species "background", or add layers.'
        )
        raise UnusableDataError([Problem(code="no_background", text=text)])
    fewest = recipe.settings.fewest
    counts = {name: n for name, n in samples.counts.items() if recipe.species is None or name in recipe.species}
    untrained = {name: rarity(name, n, fewest, "row") for name, n in counts.items() if n < fewest}
    chosen = [name for name, n in counts.items() if n >= fewest]
    if not chosen:
        raise UnusableDataError([too_few(samples.n, sum(counts.values()), samples.dropped, untrained)])
    return chosen, untrained


def report_samples(samples: Samples, recipe: Recipe) -> RecordsReport:
    """Return the report on samples with data, in the form of the report on records."""
    kept = len(samples.species)
    return RecordsReport(
        n=samples.n,
        kept=kept,
        reasons=[
            ReasonCount(
                code=reason.replace(" ", "_"),
                label=reason,
                explanation="Such a row cannot be used.",
                kind="drop",
                on=True,
                drops=True,
                switchable=False,
                n=n,
                n_concerned=n,
            )
            for reason, n in samples.dropped.items()
        ],
        licences=[],
        species=[
            SpeciesCount(
                name=name,
                names=[name],
                n=n,
                kept=n,
                trained=(recipe.species is None or name in recipe.species) and n >= recipe.settings.fewest,
            )
            for name, n in samples.counts.items()
        ],
        problems=[
            Problem(
                code="kind-unsure",
                text=f"{column} has only {samples.environment[column].nunique()} different values, all whole numbers: "
                "it is used as categories.",
                blocking=False,
                file=samples.files[0],
            )
            for column in samples.categories
        ],
    )
