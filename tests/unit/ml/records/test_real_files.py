"""Real record files of people who do this job: each has the outcome that follows from its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.recipes.recipe import RecordFile
from ml.records.coordinates import parse_coordinates
from ml.records.errors import OccurrenceError
from ml.records.reading import column_problems, inspect_records, read_records
from tests.conftest import PROJECT

SHARED = PROJECT.parent / "shared" / "data" / "own-data"

#: File, format, records, encoding, delimiter, first latitude, first longitude, most frequent name.
#: Worked out by looking into the files.
READ = [
    ("records/Marmosops_NA.csv", "table", 21, "utf-8", ",", "NA", "NA", ("Marmosops chucha", 11)),
    ("records/Marmosops_sp.csv", "table", 21, "utf-8", ",", "6.933333", "-75.133333", ("Marmosops chucha", 11)),
    ("records/Marmosops_wrong.csv", "table", 21, "utf-8", ",", "6.933333", "-75.133333", ("Marmosops chucha", 11)),
    ("records/csv_always_quoted.csv", "table", 2, "utf-8", ",", "52.31635664254722", "-0.26795413811604524",
     ("Muscardinus avellanarius", 2)),
    ("records/csv_unquoted_coordinates.txt", "table", 3, "utf-8", ",", "10'12\"", "22'33\"", ("P concolor", 1)),
    ("records/dwca-io-ebird.tab.txt", "table", 8, "utf-8", "\t", "48.1065142", "-117.58461", ("Pipilo maculatus", 4)),
    ("records/dwca-one-hundred-50-percent-invalid-with-dupes-triplet.zip", "darwin-core-archive", 100, "utf-8", "\t",
     "0", "0", ("Puma concolor", 100)),
    ("records/dwca-simple-csv-dos.zip", "gbif-simple-csv", 3, "utf-8", "\t", None, None, ("Lactoria cornuta", 3)),
    ("records/dwca-simple-csv-notenclosed.zip", "gbif-simple-csv", 3, "utf-8", "\t", None, None,
     ("Lactoria cornuta", 3)),
    ("records/dwca-utf8-eol-test.zip", "darwin-core-archive", 1, "utf-8", "\t", "22.0", "96.0833",
     ("Tetraodon fluviatilis Hamilton, 1822", 1)),
    ("records/dwca-with-backslashes.zip", "darwin-core-archive", 100, "utf-8", "\t", "0", "0", ("Puma concolor", 100)),
    ("records/gbif-pipelines-event-core.zip", "event-core-archive", 1, "utf-8", "\t", None, None,
     ("Lepidurus arcticus", 1)),
    ("records/gbif-simple-csv-2025.zip", "gbif-simple-csv", 91, "utf-8", "\t", None, None, ("Delphinium fissum", 91)),
    ("records/red.records.csv", "table", 10, "utf-8", ",", "32.646768", "-16.909478", None),
    ("records/ssdm-occurrences.csv", "table", 57, "utf-8", ",", "-20.28332522", "164.18326766", ("oubatchensis", 17)),
    ("case-bradypus/bradypus.csv", "table", 116, "utf-8", ",", "-10.3833", "-65.4", ("Bradypus variegatus", 116)),
    ("case-kuenm2/occ_data.csv", "table", 51, "utf-8", ",", "-29.026389", "-51.297778", ("Myrcia hatschbachii", 51)),
    ("case-kuenm2/occ_data_noclean.csv", "table", 64, "utf-8", ",", None, None, ("Myrcia hatschbachii", 63)),
    ("case-lacerta/lacerta.csv", "table", 1268, "utf-8", ",", "42.573864", "-7.093272", None),
]  # fmt: skip
REFUSED = [
    ("dwca-io-multifile-psv.zip", "the core holds Taxon, a checklist without records"),
    ("dwca-io-multiline-header.zip", "the core holds Taxon, a checklist without records"),
    ("dwca-io-simplest-archive.zip", "the core holds Taxon, a checklist without records"),
    ("dwca-star-test-archive.zip", "the core holds Taxon, a checklist without records"),
    ("dwca-partial-default.zip", "no decimalLatitude column; the columns are scientificName, basisOfRecord, family, "),
    ("dwca-simple-subdir.zip", "no decimalLatitude column; the columns are basisOfRecord, locality, family, "),
    ("dwca-simple-test-archive.tgz", "no decimalLatitude column; the columns are basisOfRecord, locality, family, "),
]


def shared(name: str) -> Path:
    """Return a shared file; skip by name where it is absent."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not at {SHARED}")
    return path


@pytest.mark.parametrize(
    ("name", "kind", "n", "encoding", "delimiter", "latitude", "longitude", "species"), READ, ids=[r[0] for r in READ]
)
def test_a_real_file_is_read(name, kind, n, encoding, delimiter, latitude, longitude, species):
    table = read_records(shared(name))
    report = table.report
    assert (report.format, report.n, report.encoding, report.delimiter) == (kind, n, encoding, delimiter)
    assert len(table.frame) == len(table.lines) == n
    if latitude is not None:
        assert table.text("decimalLatitude")[0] == latitude and table.text("decimalLongitude")[0] == longitude
    assert report.species[:1] == ([species] if species else [])
    assert len(report.preview) == min(n, 5) and all(len(row) == len(report.columns) for row in report.preview)


@pytest.mark.parametrize(("name", "message"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_real_file_without_records_is_refused(name, message):
    path = shared(f"records/{name}")
    with pytest.raises(OccurrenceError, match=f"^{name}: .*{message}"):
        read_records(path)


def test_every_record_file_has_an_outcome():
    if not SHARED.is_dir():
        pytest.skip(f"own-data is not at {SHARED}")
    tested = {name.removeprefix("records/") for name, *_ in READ} | {name for name, _ in REFUSED}
    files = {path.name for path in (SHARED / "records").iterdir()}
    assert files - tested == {"dwca-empty.zip", "elapid-bradypus-swd.csv.gz"}


def test_an_archive_without_rows_has_no_records():
    table = read_records(shared("records/dwca-empty.zip"))
    assert table.report.n == 0 and table.report.mapping["decimalLatitude"] == "decimalLatitude"
    assert table.report.preview == [] and table.report.species == []


def test_samples_with_data_have_conditions_in_the_place_of_coordinates():
    path = shared("records/elapid-bradypus-swd.csv.gz")
    table = read_records(path, RecordFile(name="e", species="Bradypus variegatus"))
    assert table.format == "swd-table" and len(table.report.environment) == 14
    assert table.text("occurrenceStatus").value_counts().to_dict() == {"0.0": 1000, "1.0": 116}
    assert table.frame["cld6190_ann"].iloc[0] == 76.0 and table.frame["ecoreg"].dtype == float
    assert table.report.species == [("Bradypus variegatus", 1116)]
    assert not any("name of the species" in note for note in table.report.unsure)


def test_a_file_without_coordinates_is_inspected_so_that_columns_can_be_chosen():
    report = inspect_records(shared("records/dwca-simple-subdir.zip"))
    assert report.n == 2 and report.columns == ["basisOfRecord", "locality", "family", "scientificName"]
    assert report.preview[0] == ["Observation", "Borneo", "Tetraodontidae", "tetraodon fluviatilis"]
    assert "no decimalLatitude column" in column_problems(report)[0]


def test_coordinates_of_an_event_are_joined_with_its_occurrences(cases):
    table = read_records(cases / "e04_event_core.zip")
    assert table.frame.astype(str).to_dict("records") == [
        {"scientificName": "Apus apus", "decimalLatitude": "10.5", "decimalLongitude": "20.5"}
    ]
    # The event of the occurrence is the one with d7199c68 in its identifier, not the first of the 30 events.
    table = read_records(shared("records/gbif-pipelines-event-core.zip"))
    record = table.frame.astype(str).iloc[0]
    assert record["decimalLatitude"] == "74.3067914" and record["decimalLongitude"] == "-20.199207"
    assert record["geodeticDatum"] == "EPSG:4327" and record["scientificName"] == "Lepidurus arcticus"


def test_identifiers_are_shown_as_the_file_has_them():
    assert read_records(shared("case-lacerta/lacerta.csv")).report.preview[0][0] == "858029749.0"
    table = read_records(shared("records/gbif-simple-csv-2025.zip"))
    assert all(key.isdigit() for key in table.text("taxonKey"))


def test_degrees_and_minutes_of_a_real_file():
    table = read_records(shared("records/csv_unquoted_coordinates.txt"))
    latitude, unreadable = parse_coordinates(table.text("decimalLatitude"), "latitude")
    # 10°12', 10°12', 11°12'
    assert latitude.round(9).tolist() == [10.2, 10.2, 11.2] and unreadable == {}
