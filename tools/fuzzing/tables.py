"""The target of record files: CSV, TSV and Darwin Core Archives."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from ml.records.cleaning import CleaningRules, clean
from ml.records.darwin_core import read_occurrences
from ml.records.errors import OccurrenceError
from ml.records.reading import inspect_records
from tools.fuzzing.targets import Mutate
from tools.fuzzing.zipped import make_zip, mutate_zip

_MOST_BYTES = 1_000_000
_RULES = CleaningRules(max_uncertainty_m=1000.0)
_TERMS = "http://rs.tdwg.org/dwc/terms/"
_CSV = (
    "scientificName,decimalLatitude,decimalLongitude,license,coordinateUncertaintyInMeters,occurrenceStatus,issue\n"
    '"Parus major, L.",47.5,8.25,CC_BY_4_0,30,PRESENT,\n'
    "Parus major,-12.5,1e1,CC0_1_0,NA,absent,ZERO_COORDINATE\n"
    "Parus major,0,0,,1e999,,\n"
)


def _meta(core: str) -> bytes:
    fields = "".join(
        f'<field index="{i}" term="{_TERMS}{term}"/>'
        for i, term in enumerate(("occurrenceID", "decimalLatitude", "decimalLongitude"))
    )
    return (
        f'<archive xmlns="http://rs.tdwg.org/dwc/text/"><core {core} ignoreHeaderLines="1" '
        f'rowType="{_TERMS}Occurrence"><files><location>o.txt</location></files><id index="0"/>{fields}'
        f'<field term="{_TERMS}license" default="CC0"/></core></archive>'
    ).encode()


class RecordsTarget:
    """A file is read and cleaned, or refused with OccurrenceError."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "records"

    def seeds(self) -> list[bytes]:
        """Return tables of several formats and encodings, plain and zipped."""
        tab = _CSV.replace(",", "\t").replace('"', "")
        rows = b"id\tlat\tlon\na\t1.5\t2.5\nb\t-3\t170\n"
        quoted = b"id;lat;lon\r\n\"a;b\";1.5;2.5\r\n'c';3;4\r\n"
        return [
            _CSV.encode(),
            tab.encode(),
            _CSV.encode("utf-16"),
            _CSV.replace("\n", "\r").encode("utf-8-sig"),
            b'"decimalLatitude","decimalLongitude"\n"1",10.5,20.5\n"2",11,21\n',
            make_zip([("0001.csv", tab.encode()), ("notes.txt.pdf", b"")]),
            make_zip(
                [("meta.xml", _meta('encoding="UTF-8" fieldsTerminatedBy="\\t" fieldsEnclosedBy=""')), ("o.txt", rows)]
            ),
            make_zip(
                [
                    ("a/meta.xml", _meta('encoding="ISO-8859-1" fieldsTerminatedBy=";" fieldsEnclosedBy="&quot;"')),
                    ("a/o.txt", quoted),
                    ("__MACOSX/._o.txt", b""),
                ]
            ),
        ]

    def check(self, data: bytes) -> None:
        """Read and clean a file: every row is kept or counted under one reason."""
        self._file.write_bytes(data)
        try:
            # Columns and encoding are guessed here, and more formats are read.
            inspect_records(self._file)
        except OccurrenceError as error:
            if not str(error):
                raise AssertionError("a refusal without a message") from error
        try:
            table = read_occurrences(self._file, _MOST_BYTES)
        except OccurrenceError as error:
            if not str(error):
                raise AssertionError("a refusal without a message") from error
            return
        kept, dropped = clean(table, _RULES)
        assert len(kept) + sum(dropped.values()) == len(table), "a row is neither kept nor counted"
        assert all(number > 0 for number in dropped.values()), "a reason without rows"
        assert (np.abs(kept["latitude"]) <= 90).all(), "a latitude out of range"
        assert (np.abs(kept["longitude"]) <= 180).all(), "a longitude out of range"
        assert not any("\0" in value for column in table for value in table[column]), "a file that is not text"

    def mutate(self, data: bytes, most: int, draw: random.Random, change: Mutate) -> bytes:
        """Change a file or a member of it."""
        return mutate_zip(data, most, draw, change)
