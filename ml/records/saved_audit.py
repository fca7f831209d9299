"""The audit of a study's records as a file: what every record is, and which checks concern it."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.records.errors import OccurrenceError
from ml.records.reasons import STORED

_VERSION = 2
#: Largest audit that is opened, bytes.
_LARGEST = 2_000_000_000
#: The numbers of an audit, one a record, and the type that each is stored in.
_ROWS: dict[str, Any] = {
    "file": np.int16,
    "line": np.int32,
    "longitude": np.float64,
    "latitude": np.float64,
    "species": np.int32,
    "licence": np.int8,
    "uncertainty": np.float32,
    "year": np.int16,
    "cell": np.int64,
    "place": np.int32,
    "occasion": np.int32,
    "species_cell": np.int32,
    "event": np.int32,
    "order": np.int32,
}


@dataclass(frozen=True)
class Audit:
    """What every record of a study is, and which checks concern it, whatever a recipe switches on.

    Attributes
    ----------
    files : list of str
        Names of the files, in the order of the tables.
    states_licence : list of bool
        Whether a file states a licence for any of its records.
    names : list of str
        Canonical names of the species, in alphabetical order.
    spellings : list of list of str
        The names in the files, by species.
    alike : list of pair of int
        Species with almost the same name: the rarer and the more frequent one.
    cell_width_m : float or None
        Width of a cell; None where there are no layers.
    empty_layers : dict
        Name of a layer to the number of records in cells where it has no value.
    file, line : ndarray, shape (n,)
        Number of the file, and line in it.
    longitude, latitude : ndarray, shape (n,)
        WGS 84, degrees; NaN where unusable.
    species : ndarray, shape (n,)
        Position in ``names``; -1 without a species.
    licence : ndarray, shape (n,)
        Position in ``ml.recipes.recipe.LICENCES``.
    uncertainty : ndarray, shape (n,)
        Metres; NaN where not stated or unreadable.
    year : ndarray, shape (n,)
        0 where not stated.
    cell : ndarray, shape (n,)
        Cell of the layers; -1 outside, or without layers.
    place, event, occasion, species_cell : ndarray, shape (n,)
        Number of the place in the order of latitude and longitude, of the place and date together, of the species,
        place and date together, and of the species and cell together; -1 without one.
    order : ndarray, shape (n,)
        Records in the order of places, and of rows at one place.
    marks : ndarray of uint8, shape (n_checks, ceil(n / 8))
        For each of ``ml.records.reasons.STORED`` one bit a record.
    """

    files: list[str]
    states_licence: list[bool]
    names: list[str]
    spellings: list[list[str]]
    alike: list[tuple[int, int]]
    cell_width_m: float | None
    empty_layers: dict[str, int]
    file: NDArray[np.int16]
    line: NDArray[np.int32]
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    species: NDArray[np.int32]
    licence: NDArray[np.int8]
    uncertainty: NDArray[np.float32]
    year: NDArray[np.int16]
    cell: NDArray[np.int64]
    place: NDArray[np.int32]
    occasion: NDArray[np.int32]
    species_cell: NDArray[np.int32]
    event: NDArray[np.int32]
    order: NDArray[np.int32]
    marks: NDArray[np.uint8]

    @property
    def n(self) -> int:
        """Number of records."""
        return len(self.line)

    def mark(self, code: str) -> NDArray[np.bool_]:
        """Return which records a stored check concerns, shape (n,)."""
        return np.unpackbits(self.marks[STORED.index(code)], count=self.n).view(np.bool_)

    def save(self, path: Path) -> None:
        """Write the audit. The file gets its name only when it is complete."""
        texts = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in {*_ROWS, "marks"}}
        texts["version"] = _VERSION
        # A member "file" would be an argument of numpy's function.
        arrays = {f"row_{name}": getattr(self, name) for name in _ROWS}
        arrays["marks"] = self.marks
        arrays["texts"] = np.frombuffer(json.dumps(texts).encode("utf-8"), dtype=np.uint8)
        handle, draft = tempfile.mkstemp(prefix=".audit-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, **arrays)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Audit:
        """Read an audit.

        Raises
        ------
        OccurrenceError
            The file is damaged, or of another version.
        """
        try:
            if path.stat().st_size > _LARGEST:
                raise ValueError("it is too large")
            with np.load(path, allow_pickle=False) as content:
                texts = json.loads(content["texts"].tobytes())
                if texts.pop("version", None) != _VERSION:
                    raise ValueError("it is of another version")
                arrays = {
                    name: np.ascontiguousarray(content[f"row_{name}"], dtype=kind) for name, kind in _ROWS.items()
                }
                marks = np.ascontiguousarray(content["marks"], dtype=np.uint8)
            n = len(arrays["line"])
            if any(array.shape != (n,) for array in arrays.values()) or marks.shape != (len(STORED), -(-n // 8)):
                raise ValueError("its parts do not fit together")
            texts["alike"] = [(int(rare), int(frequent)) for rare, frequent in texts["alike"]]
            members: dict[str, Any] = {**texts, **arrays, "marks": marks}
            return cls(**members)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise OccurrenceError(
                f"{path.name}: the audit of the records cannot be read ({error}); audit them again"
            ) from error


def pack(marks: dict[str, NDArray[np.bool_]]) -> NDArray[np.uint8]:
    """Return the bits of all stored checks, as `Audit.marks` has them."""
    return np.stack([np.packbits(marks[code]) for code in STORED])
