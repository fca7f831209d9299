"""Files of records in every packaging: relatives of the real ones, and files that must be refused."""

from __future__ import annotations

import gzip
import io
import stat
import subprocess
import sys
import tarfile
import zipfile
from contextlib import contextmanager

import pytest

from ml.recipes.recipe import RecordFile
from ml.records import columns as columns_module
from ml.records import sources
from ml.records.errors import OccurrenceError
from ml.records.reading import column_problems, inspect_records, read_records
from tests.conftest import PROJECT

TABLE = "species,decimalLatitude,decimalLongitude\nLarus fuscus,1.5,2.5\nLarus fuscus,3,4\n"
ACCENTS = "species,locality,lat,lon\nParus major,Berlin,1,2\nParus major,Köln é,3,4\n"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tarred(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@contextmanager
def refused(message):
    with pytest.raises(OccurrenceError, match=message) as refusal:
        yield
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 600


def latitudes(path, file=None):
    return [str(value) for value in read_records(path, file).text("decimalLatitude")]


@pytest.mark.parametrize("name", ["r.csv", "r.xlsx", "r.zip2", "r"])
def test_the_content_decides_not_the_name(tmp_path, name):
    assert latitudes(write(tmp_path / name, TABLE)) == ["1.5", "3"]
    assert latitudes(zipped(tmp_path / name, ("a.csv", TABLE))) == ["1.5", "3"]
    assert latitudes(write(tmp_path / name, gzip.compress(TABLE.encode()))) == ["1.5", "3"]
    assert latitudes(tarred(tmp_path / name, ("a.csv", TABLE.encode()))) == ["1.5", "3"]
    assert latitudes(tarred(tmp_path / name, ("a.csv", TABLE.encode()), mode="w")) == ["1.5", "3"]


@pytest.mark.parametrize(
    ("encoding", "codec", "recognised"),
    [
        ("utf-8", "utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig", "utf-8"),
        ("utf-16", "utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32", "utf-32"),
    ],
)
def test_an_encoding_that_is_certain_is_used_without_a_remark(tmp_path, encoding, codec, recognised):
    report = inspect_records(write(tmp_path / "r.csv", ACCENTS.encode(codec)))
    assert (report.encoding, report.unsure) == (recognised, [])
    assert report.preview[1][1] == "Köln é"


def test_what_is_not_utf_8_is_read_as_windows_1252_with_a_preview_of_its_letters(tmp_path):
    rows = "Parus major,Berlin,1,2\n" * 300_000
    content = (ACCENTS.replace("Parus major,Köln", rows + "Parus major,Köln") + rows).encode("cp1252")
    report = inspect_records(write(tmp_path / "r.csv", content))
    assert report.n == 600_002 and report.encoding == "cp1252"
    assert "r.csv is not UTF-8 (line 300003: not utf-8" in report.unsure[0] and "Windows-1252" in report.unsure[0]
    assert report.unsure[1].startswith("rows with letters that depend on the encoding: 1;")
    assert report.preview[0][1] == "Köln é" and report.preview[1][1] == "Berlin"


def test_an_encoding_that_the_user_states_is_used(tmp_path):
    path = write(tmp_path / "r.csv", ACCENTS.encode("mac-roman"))
    report = inspect_records(path, RecordFile(name="r.csv", encoding="mac-roman"))
    assert report.preview[1][1] == "Köln é" and report.encoding == "mac-roman" and report.unsure == []
    with pytest.raises(ValueError, match="must be an encoding of text"):
        RecordFile(name="r.csv", encoding="klingon")
    with refused("r.csv, line 3: not utf-8, byte"):
        read_records(path, RecordFile(name="r.csv", encoding="utf-8"))
    with refused(r"r.csv is neither UTF-8 \(line 1: .*\) nor Windows-1252; state its encoding"):
        read_records(write(tmp_path / "r.csv", b"lat,lon\x81\n1,2\n"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_shows_the_delimiter(tmp_path, delimiter):
    text = TABLE.replace(",", delimiter)
    assert inspect_records(write(tmp_path / "r.csv", text)).delimiter == delimiter
    # A decimal comma needs another delimiter than the comma.
    if delimiter != ",":
        assert latitudes(write(tmp_path / "r.csv", text.replace("1.5", "1,5"))) == ["1,5", "3"]


def test_a_delimiter_that_the_user_states_is_used(tmp_path):
    path = write(tmp_path / "r.csv", "lat:lon:a;b;c;d\n1:2:x\n")
    assert latitudes(path, RecordFile(name="r.csv", delimiter=":")) == ["1"]


def test_spaces_in_the_header_and_empty_columns_at_the_end(tmp_path):
    text = " Species , Decimal Latitude , Longitude (WGS84) ,,\nLarus fuscus , 1.5 , 2.5 ,,\n,,,,\n"
    table = read_records(write(tmp_path / "r.csv", text))
    assert table.frame.astype(str).values.tolist() == [["Larus fuscus", "1.5", "2.5"]] and table.lines.tolist() == [2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"^r\.csv is empty: it has no header"),
        ("\n\n", r"^r\.csv is empty: it has no header"),
        ("lat,lon,lat\n1,2,3\n", r"^r\.csv: columns 1 and 3 are both lat"),
        ("lat,lon,note,note\n1,2,3,4\n", r"^r\.csv: columns 3 and 4 are both note"),
        ("lat,lon,,x\n1,2,3,4\n", r"^r\.csv: column 3 has values but no name"),
        ('lat,lon\n1,"2\n', r"^r\.csv, line 2: a quotation mark opens a field and is never closed"),
        ("lat,lon\n1,2\n3\n", r"^r\.csv, line 3: 1 fields, but the header has 2 columns"),
        ("lat,lon\n1,2\0\n", r"^r\.csv, line 2: not text, it contains a null character"),
        ("lat,lon,x\n1,2," + "x" * 200_000 + "\n", r"^r\.csv, line 2: a field is longer than 131,072 characters"),
        ("lat,lon,x\n1,2," + "x" * 21_000_000, r"^r\.csv, line 2: longer than 20,000,000 characters"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, r"^r\.csv is a workbook of an old Excel"),
        (b"SQLite format 3\0" + b"\0" * 600, r"^r\.csv is a database"),
        (b"II*\0" + b"\0" * 600, r"^r\.csv is a TIFF image"),
        (b"PK\x03\x04 but no", r"^r\.csv is not a zip file, or a damaged one"),
        (b"\x1f\x8b\x08\0" + b"\xff" * 600, r"^r\.csv is a damaged gzip file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, content, message):
    path = write(tmp_path / "r.csv", content)
    with refused(message):
        read_records(path)


def test_a_missing_file_and_a_folder(tmp_path):
    with refused(r"^none\.csv: no such file"):
        read_records(tmp_path / "none.csv")
    (tmp_path / "folder").mkdir()
    with refused("^folder: is a folder"):
        read_records(tmp_path / "folder")


def test_headers_alone_are_no_records(tmp_path):
    assert len(read_records(write(tmp_path / "r.csv", TABLE.splitlines()[0])).frame) == 0


def test_a_truncated_gzip_file_is_refused(tmp_path):
    rows = "".join(f"A b,{i % 90}.{i * 7919 % 100_003},{i % 180}\n" for i in range(20_000))
    content = gzip.compress((TABLE + rows).encode())
    for size in (len(content) - 4, len(content) // 2):
        with refused(r"^r\.csv\.gz ends too early: it is not complete"):
            read_records(write(tmp_path / "r.csv.gz", content[:size]))
    with refused(r"^r\.csv\.gz is a compressed file within a compressed file"):
        read_records(write(tmp_path / "r.csv.gz", gzip.compress(content)))


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(sources.open_container.__wrapped__, "__defaults__", (1_000_000,))
    content = TABLE.encode() + b"A b,1,2\n" * 1_000_000
    with refused(r"^r\.csv\.gz.* is larger than 1,000,000 bytes unpacked"):
        read_records(write(tmp_path / "r.csv.gz", gzip.compress(content)))
    with refused(r"^r\.tgz.* is larger than 1,000,000 bytes unpacked"):
        read_records(tarred(tmp_path / "r.tgz", ("a.csv", content)))
    with refused(r"^r\.zip: a\.csv would be 8,000,\d+ bytes unzipped; at most 1,000,000 are read"):
        read_records(zipped(tmp_path / "r.zip", ("a.csv", content)))
    with refused(r"^r\.csv has 8,000,\d+ bytes; at most 1,000,000 are read"):
        read_records(write(tmp_path / "r.csv", content))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_tar_file_with_a_link_or_a_device_is_refused(tmp_path, kind):
    info = tarfile.TarInfo("a.csv")
    info.type, info.linkname = kind, "/etc/passwd"
    path = tarred(tmp_path / "r.tgz", ("b.csv", TABLE.encode()), (info, b""))
    with refused(r"^r\.tgz: a\.csv is a (link|device or pipe); an archive with such a member is not read"):
        read_records(path)


@pytest.mark.parametrize("name", ["../a.csv", "x/../../a.csv", "..\\a.csv"])
def test_a_path_that_leads_out_of_an_archive_is_refused(tmp_path, name):
    with refused(r"^r\.tgz: the path .* leads out of the archive"):
        read_records(tarred(tmp_path / "r.tgz", (name, TABLE.encode())))
    with refused(r"^r\.zip: the path .* leads out of the archive"):
        read_records(zipped(tmp_path / "r.zip", (name, TABLE)))


def test_a_link_in_a_zip_file_is_refused(tmp_path):
    info = zipfile.ZipInfo("a.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with refused(r"^r\.zip: a\.csv is a link"):
        read_records(zipped(tmp_path / "r.zip", (info, "/etc/passwd")))


def test_a_damaged_tar_file_is_refused(tmp_path):
    content = tarred(tmp_path / "r.tar", ("a.csv", TABLE.encode() * 100), mode="w").read_bytes()
    with refused(r"^r\.tar"):
        read_records(write(tmp_path / "r.tar", content[:700]))


def test_maxent_tables_with_conditions(tmp_path):
    table = read_records(write(tmp_path / "m.csv", "species,x,y,bio1,biome\nA b,1,2,3.5,7\nA b,3,4,NA,7\n"))
    assert table.report.environment == ["bio1", "biome"] and table.format == "table"
    assert table.frame["bio1"].isna().tolist() == [False, True] and table.frame["biome"].tolist() == [7.0, 7.0]
    # Text is not a condition, and a table of another layout has none.
    assert read_records(write(tmp_path / "m.csv", "species,x,y,by\nA b,1,2,Ann\n")).report.environment == []
    assert read_records(write(tmp_path / "m.csv", "species,when,x,y\nA b,1,2,3\n")).report.environment == []


def test_a_species_that_is_stated_is_that_of_a_file_without_names(tmp_path):
    path = write(tmp_path / "r.csv", "lat,lon\n1,2\n3,4\n")
    assert inspect_records(path).unsure == ["no column has the name of the species: state the species, or the column"]
    report = inspect_records(path, RecordFile(name="r.csv", species="Apus apus"))
    assert report.species == [("Apus apus", 2)] and report.unsure == []
    named = write(tmp_path / "r.csv", TABLE)
    assert inspect_records(named, RecordFile(name="r.csv", species="Apus apus")).species == [("Larus fuscus", 2)]


def test_large_tables_store_coordinates_as_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(columns_module, "_MANY", 100)
    rows = "".join(f"A b,{i}.5,{i % 7},2001-02-03T04:05:{i % 60:02d}Z\n" for i in range(1, 1_000))
    text = "species,lat,lon,eventDate\n" + rows
    table = read_records(write(tmp_path / "r.csv", text + "A b,NA,3,\n"))
    assert table.frame["decimalLatitude"].dtype == float and table.frame["decimalLatitude"].isna().sum() == 1
    assert table.frame["decimalLatitude"].iloc[998] == 999.5
    assert set(table.text("eventDate")) == {"2001-02-03", ""}
    table = read_records(write(tmp_path / "r.csv", text + "A b,x1,3,\nA b,10°30'N,3,\n"))
    assert list(table.frame["decimalLatitude"])[-3:] == [999.5, float("inf"), 10.5]
    assert table.unreadable == {"decimalLatitude": {999: "x1"}}
    # Other columns stay as they are.
    many = "species,lat,lon,taxonKey\n" + "".join(f"A b,1,2,0{i}.0\n" for i in range(1_000))
    assert read_records(write(tmp_path / "r.csv", many)).text("taxonKey")[7] == "07.0"


def test_progress_is_that_of_the_bytes(tmp_path):
    steps = []
    path = write(tmp_path / "r.csv", TABLE)
    read_records(path, progress=lambda n, size: steps.append((n, size)))
    assert sum(n for n, _ in steps) == path.stat().st_size == steps[0][1]


def test_a_zip_file_of_two_tables_reads_the_one_with_coordinates(tmp_path):
    other = ("notes.txt", "place,remark\na,b\n")
    assert latitudes(zipped(tmp_path / "a.zip", ("points.csv", "sp,x,y\nA b,1,2\n"), other)) == ["2"]
    with refused(r"^b\.zip: no meta\.xml, .* 2 tables, not one"):
        read_records(zipped(tmp_path / "b.zip", ("a.csv", TABLE), ("b.csv", TABLE)))


def test_column_problems_are_those_of_reading(tmp_path):
    path = write(tmp_path / "r.csv", "species,lon,long,lat\nA b,1,2,3\n")
    problem = column_problems(inspect_records(path))[0]
    assert problem.startswith("r.csv: columns lon and long may be decimalLongitude; choose one with --column ")
    with refused("columns lon and long may be decimalLongitude"):
        read_records(path)
    chosen = RecordFile(name="r.csv", columns={"decimalLongitude": "long"})
    assert column_problems(inspect_records(path, chosen)) == []
    assert list(read_records(path, chosen).text("decimalLongitude")) == ["2"]


_MEMORY = """
import resource, sys
from pathlib import Path
from ml.records.reading import read_records
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = read_records(Path(sys.argv[1]))
print(len(table.frame), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    "pack", [lambda content: content, lambda content: gzip.compress(content, 1)], ids=["plain", "gzip"]
)
def test_a_file_is_read_as_a_stream(tmp_path, pack):
    """40 MB of 50 columns need less than 35 MB beside the program."""
    terms = ["gbifID", "datasetKey", "species", "decimalLatitude", "decimalLongitude"]
    header = "\t".join([*terms, *(f"c{i}" for i in range(45))])
    rest = "\t".join(["some text"] * 45)
    rows = (f"{i}\tkey\tLarus fuscus\t{i % 90}.{i:06}\t{i % 180}.{i:06}\t{rest}\n" for i in range(80_000))
    path = write(tmp_path / "r", pack((header + "\n" + "".join(rows)).encode()))
    command = [sys.executable, "-c", _MEMORY, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    n, megabytes = map(int, result.stdout.split())
    assert n == 80_000 and megabytes < 35
