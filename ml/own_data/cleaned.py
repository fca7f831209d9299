"""The records of a study after cleaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.coarse_places import rounded
from ml.recipes.recipe import LICENCES, Recipe, RecordFile
from ml.recipes.reports import FileReport, RecordsReport
from ml.records.audit import audit
from ml.records.cells import Cells
from ml.records.reading import read_records
from ml.records.reasons import COMPARISONS, within_a_sentence
from ml.records.recount import Audit, Decision, decide, recount
from ml.records.rows import write_rows
from ml.records.table import RecordTable


@dataclass(frozen=True)
class CleanedRecords:
    """The records of a study and what became of each.

    Attributes
    ----------
    tables : list of RecordTable
    audit : Audit
    decision : Decision
    report : RecordsReport
    """

    tables: list[RecordTable]
    audit: Audit
    decision: Decision
    report: RecordsReport

    @property
    def n_kept(self) -> int:
        """Number of records that are kept."""
        return int(self.decision.kept.sum())

    @cached_property
    def cells_of(self) -> dict[str, NDArray[np.int64]]:
        """The cells with a kept record, ascending, by species."""
        kept = self.decision.kept & (self.audit.cell >= 0)
        species, cell = self.decision.species[kept], self.audit.cell[kept]
        names = self.decision.names
        return {names[code]: np.unique(cell[species == code]) for code in np.unique(species) if code >= 0}

    @cached_property
    def places_of(self) -> dict[str, NDArray[np.float64]]:
        """Longitudes and latitudes of the kept records in a cell, to 0.01° and each once, by species."""
        kept = self.decision.kept & (self.audit.cell >= 0)
        species = self.decision.species[kept]
        places = rounded(np.column_stack([self.audit.longitude[kept], self.audit.latitude[kept]]))
        names = self.decision.names
        return {names[code]: np.unique(places[species == code], axis=0) for code in np.unique(species) if code >= 0}

    @property
    def dropped(self) -> dict[str, int]:
        """Number of dropped records by reason, as the card stores them."""
        return {
            within_a_sentence(reason.label): reason.n for reason in self.report.reasons if reason.drops and reason.n
        }

    @property
    def n_usable(self) -> int:
        """Number of records that are kept, or left out only because another record stands for them."""
        return self.n_kept + sum(
            reason.n for reason in self.report.reasons if reason.drops and reason.code in COMPARISONS
        )

    @property
    def licences(self) -> Counter[str]:
        """Number of kept records by licence."""
        codes, counts = np.unique(self.audit.licence[self.decision.kept], return_counts=True)
        return Counter({LICENCES[code]: int(n) for code, n in zip(codes, counts, strict=True)})


def records_files(recipe: Recipe, files: Sequence[FileReport]) -> list[RecordFile]:
    """Return the files of records of a study, with the recipe's choices; in the order of their names."""
    choices = {choice.name: choice for choice in recipe.records}
    return [
        choices.get(file.name) or RecordFile(name=file.name)
        for file in sorted(files, key=lambda file: file.name)
        if file.role == "records" or file.name in choices
    ]


def clean_files(
    folder: Path, recipe: Recipe, files: Sequence[FileReport], cells: Cells | None, stored: Path | None = None
) -> CleanedRecords:
    """Read the files of records of a study and decide which records are kept.

    Parameters
    ----------
    folder : Path
        Has the files.
    recipe : Recipe
    files : sequence of FileReport
    cells : Cells or None
        Cells of the layers; None while there are no layers.
    stored : Path, optional
        Where the audit is written.

    Returns
    -------
    CleanedRecords

    Raises
    ------
    ml.records.errors.OccurrenceError
        A file cannot be read.
    """
    tables = [read_records(folder / choice.name, choice) for choice in records_files(recipe, files)]
    result = audit(tables, recipe, cells)
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        result.save(stored)
    return CleanedRecords(tables, result, decide(result, recipe), recount(result, recipe))


def write_csv(
    folder: Path,
    recipe: Recipe,
    files: Sequence[FileReport],
    stored: Path,
    output: Path,
    status: Literal["kept", "dropped"] | None = None,
    grid_km: int | None = None,
) -> int:
    """Write every record of a study with its status and reason; see `ml.records.rows.write_rows`."""
    result = Audit.load(stored)
    tables = (read_records(folder / choice.name, choice) for choice in records_files(recipe, files))
    return write_rows(tables, result, decide(result, recipe), output, status, grid_km)
