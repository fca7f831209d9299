"""The complete cases of ../shared/data/own-data, and their ways by command and by API."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Once
from tools.live import PROJECT

OWN_DATA = PROJECT.parent / "shared" / "data" / "own-data"
#: Settings of a quick training.
TREES, FOLDS = 20, 3
_ID = "model-id.txt"


@dataclass(frozen=True)
class Case:
    """A case with what was counted by hand with pandas and rasterio.

    Attributes
    ----------
    folder, title : str
    files : tuple of str
    species : str
        Of records without names; else "".
    kept, n : int
        Cells with a record, and records.
    valid : int
        Cells in which every layer has a value.
    dropped : dict of str to int
        Records by reason.
    """

    folder: str
    title: str
    files: tuple[str, ...]
    species: str
    n: int
    kept: int
    valid: int
    dropped: dict[str, int]

    @property
    def path(self) -> Path:
        """The folder; the test is skipped where it is absent."""
        path = OWN_DATA / self.folder
        if not path.is_dir():
            pytest.skip(f"{self.folder} is not at {OWN_DATA}")
        return path

    @property
    def records(self) -> list[Path]:
        """The files of records."""
        return [self.path / name for name in self.files if name.endswith(".csv")]

    @property
    def layers(self) -> list[Path]:
        """The files of layers."""
        return [self.path / name for name in self.files if name.endswith(".tif")]


LACERTA = Case(
    "case-lacerta",
    "Lacerta schreiberi",
    ("lacerta.csv", "lacerta_climate_present_10m.tif", "lacerta_climate_future_10m.tif"),
    "Lacerta schreiberi",
    1268,
    226,
    2435,
    {"duplicate": 41, "same_cell": 1001},
)
KUENM2 = Case(
    "case-kuenm2",
    "Myrcia",
    (
        "occ_data.csv",
        "Current_variables.tif",
        "wc2.1_10m_bioc_ACCESS-CM2_ssp126_2041-2060.tif",
        "wc2.1_10m_bioc_MIROC6_ssp585_2081-2100.tif",
    ),
    "",
    51,
    42,
    1383,
    {"same_cell": 9},
)
BRADYPUS = Case(
    "case-bradypus",
    "Sloths",
    ("bradypus.csv", "bio.tif", "biome.tif", "biome.tif.aux.xml"),
    "",
    116,
    94,
    9766,
    {"same_cell": 22},
)
CASES = [LACERTA, KUENM2, BRADYPUS]


def train_by_command(case: Case, once: Once) -> str:
    """Train a case by command, once in a run of the tests, and return the id of its model."""
    folder = once(f"command-{case.folder}", lambda folder: _train(case, folder))
    return (folder / _ID).read_text(encoding="utf-8")


def _train(case: Case, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "ml",
        "train",
        "--title",
        case.title,
        "--progress",
        "json",
        "--output",
        str(folder / "models"),
    ]
    command += ["--records", *map(str, case.records), "--layers", *map(str, case.layers)]
    # One process. The trainings in the browser use two, and must give the same model.
    command += ["--trees", str(TREES), "--folds", str(FOLDS), "--jobs", "1"]
    command += ["--species", case.species] if case.species else []
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    [trained] = json.loads(run.stdout.splitlines()[-1])["trained"]
    (folder / _ID).write_text(trained["model_id"], encoding="utf-8")
