"""Any file of records is read completely or refused: properties over generated and damaged CSV, zip and tar files."""

from __future__ import annotations

import csv
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.records.cleaning import CleaningRules, clean
from ml.records.darwin_core import read_occurrences
from ml.records.delimited import read_table
from ml.records.dialect import decode, find_delimiter
from ml.records.errors import OccurrenceError
from tests.unit.ml.records.test_cleaning import meta

HEADER = ["occurrenceID", "decimalLatitude", "decimalLongitude", "license", "occurrenceStatus"]
numbers = st.one_of(
    st.floats(-200, 200).map(str),
    st.sampled_from(["", "NA", "0", "-0.0", "1e999", "47,5", "١٢", "N 47°", "90", "180", "-180.0001"]),
)
# a field without what ends a field; stripped, because the reader strips
texts = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=8).map(str.strip)
rows = st.lists(
    st.tuples(
        texts,
        numbers,
        numbers,
        st.sampled_from(["CC0", "CC BY 4.0", "CC BY-NC", "all rights reserved", ""]),
        st.sampled_from(["PRESENT", "absent", "not detected", ""]),
    ),
    max_size=6,
)


def table_of(records, delimiter=","):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER, *records])
    return buffer.getvalue()


def zip_of(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(content, mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        info = tarfile.TarInfo("records.csv")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read_bytes(content, name="records.csv"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return read_occurrences(path, max_uncompressed=1_000_000)


def check_cleaning(table):
    kept, dropped = clean(table, CleaningRules(max_uncertainty_m=1000))
    assert len(kept) + sum(dropped.values()) == len(table)
    assert (np.abs(kept["latitude"]) <= 90).all()
    assert (np.abs(kept["longitude"]) <= 180).all()
    assert (kept["latitude"] == kept["decimalLatitude"].astype(float)).all()
    return kept


@given(rows, st.sampled_from([",", ";", "|"]))
def test_a_table_is_read_back_as_it_was_written(records, delimiter):
    text = table_of(records, delimiter)
    assume(find_delimiter(text) == delimiter)
    header, columns, lines = read_table(text, delimiter, '"', "t.csv")
    assert header == HEADER
    assert list(zip(*columns, strict=True)) == records
    assert list(lines) == list(range(2, len(records) + 2))


@settings(max_examples=40)
@given(rows, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_every_row_is_kept_or_counted_under_one_reason(records, encoding):
    table = read_bytes(table_of(records).encode(encoding))
    assert table[HEADER].values.tolist() == [list(record) for record in records]
    kept = check_cleaning(table)
    restricted = {"all rights reserved", "CC BY-NC", ""}
    assert not restricted & set(kept["license"])
    assert not {"absent", "not detected"} & set(kept["occurrenceStatus"])


@settings(max_examples=40)
@given(rows)
def test_a_table_and_its_archives_are_the_same_records(records):
    table = read_bytes(table_of(records).encode())
    zipped = read_bytes(zip_of(("0001.csv", table_of(records))), "records.zip")
    core = 'encoding="UTF-8" fieldsTerminatedBy="," fieldsEnclosedBy="&quot;"'
    archive = read_bytes(zip_of(("meta.xml", meta(HEADER, core=core)), ("o.txt", table_of(records))), "records.zip")
    assert table.equals(zipped)
    assert table.equals(archive[HEADER])


@settings(max_examples=40)
@given(rows, st.sampled_from(["w", "w:gz"]), st.booleans())
def test_a_tar_file_of_one_table_is_read_as_that_table(records, mode, last_line_ends):
    content = table_of(records).encode()
    content = content if last_line_ends else content[:-1]
    assert read_bytes(tar_of(content, mode), "records.tar").equals(read_bytes(content))


def test_a_tar_file_of_another_compression_is_refused():
    content = b"species,decimalLatitude,decimalLongitude\nParus major,47.5,8.25\n"
    with pytest.raises(OccurrenceError, match="compressed with xz; unpack it"):
        read_bytes(tar_of(content, "w:xz"), "records.tar")


@pytest.mark.parametrize(
    "content",
    [
        "species,decimalLatitude,decimalLongitude\nParus major,47.5,8.25\n".encode("utf-32-le"),
        b"species,decimalLatitude,decimalLongitude\nParus\0major,47.5,8.25\n",
    ],
)
def test_a_file_with_null_characters_is_not_text(content):
    with pytest.raises(OccurrenceError, match=r"records\.csv, line [12]: not text, it contains a null character"):
        read_bytes(content)


GOOD = table_of([("a", "47.5", "8.25", "CC0", "PRESENT"), ("b", "-12", "170", "CC BY 4.0", "")])
ARCHIVE = zip_of(("meta.xml", meta(HEADER, core='fieldsTerminatedBy="," fieldsEnclosedBy="&quot;"')), ("o.txt", GOOD))
pieces = st.one_of(
    st.binary(max_size=4), st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"\xff\xfe", b"1e999", b'"""', b"<!--"])
)
damages = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 6), pieces), min_size=1, max_size=4)


def damaged(content, changes):
    for place, removed, inserted in changes:
        place %= len(content) + 1
        content = content[:place] + inserted + content[place + removed :]
    return content


@given(st.sampled_from([GOOD.encode(), GOOD.encode("utf-16"), ARCHIVE]), damages)
def test_a_damaged_file_is_refused_with_its_name_or_read_completely(content, changes):
    try:
        table = read_bytes(damaged(content, changes))
    except OccurrenceError as error:
        assert str(error)
    else:
        check_cleaning(table)
        assert not table.map(lambda value: "\0" in value).any(axis=None)


@settings(max_examples=60)
@given(damages, damages)
def test_damaged_members_of_an_archive_are_refused_or_read_completely(of_meta, of_core):
    core = meta(HEADER, core='fieldsTerminatedBy="," fieldsEnclosedBy="&quot;"').encode()
    content = zip_of(("meta.xml", damaged(core, of_meta[:1])), ("o.txt", damaged(GOOD.encode(), of_core)))
    try:
        table = read_bytes(content, "records.zip")
    except OccurrenceError as error:
        assert str(error)
    else:
        check_cleaning(table)


@given(st.binary(max_size=200), st.one_of(st.sampled_from(["utf-8", "latin-1", "utf-7", "idna", "hex"]), st.text()))
def test_bytes_are_decoded_to_text_without_null_characters_or_refused(content, encoding):
    try:
        text = decode(content, encoding, "t.csv")
    except OccurrenceError as error:
        assert str(error).startswith("t.csv")
    else:
        assert "\0" not in text
