"""The file with every record and what became of it."""

import csv

import pytest

from ml.recipes.recipe import Recipe
from ml.records.audit import audit
from ml.records.errors import OccurrenceError
from ml.records.recount import decide
from ml.records.rows import write_rows
from tests.unit.ml.records.own_records import GOOD, table

RECIPE = Recipe(title="T", rules={"drop": []})
CODES_IN_PLACE = {"low_precision", "sea_or_land", "country_centroid", "capital", "environmental_outlier"}
NORTH = {**GOOD, "decimalLatitude": "78.2345", "decimalLongitude": "-15.4321"}
ROWS = [
    NORTH,
    {**NORTH, "basisOfRecord": "FOSSIL_SPECIMEN", "eventDate": '=HYPERLINK("http://x")'},
    {**NORTH, "decimalLatitude": "", "issue": "-2+3"},
    {**NORTH, "decimalLongitude": "0", "eventDate": "@SUM(1)", "issue": "+1e3"},
]


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def audited():
    tables = [table(ROWS, "a.csv"), table([{"scientificName": "Lacerta schreiberi", "year": "2001"}], "=b.csv")]
    return tables, audit(tables, RECIPE, None)


def test_every_row_with_its_reason_flags_and_columns(audited, tmp_path):
    tables, result = audited
    path = tmp_path / "records.csv"
    assert write_rows(tables, result, decide(result, RECIPE), path) == 5
    written = rows(path)
    assert [(r["file"], r["line"], r["status"], r["reason"]) for r in written] == [
        ("a.csv", "2", "kept", ""),
        ("a.csv", "3", "dropped", "fossil"),
        ("a.csv", "4", "dropped", "coordinates_missing"),
        ("a.csv", "5", "kept", ""),
        ("'=b.csv", "2", "dropped", "coordinates_missing"),
    ]
    assert written[3]["flags"].split(";")[0] == "one_zero"
    assert (written[0]["longitude"], written[0]["latitude"], written[0]["name"]) == (
        "-15.4321",
        "78.2345",
        "Lacerta schreiberi",
    )
    assert (written[2]["longitude"], written[2]["decimalLongitude"]) == ("", "-15.4321")
    assert (written[4]["decimalLatitude"], written[4]["year"], written[0]["year"]) == ("", "2001", "")


def test_on_a_grid_neither_flags_nor_reasons_tell_the_place(tmp_path):
    paris = {**GOOD, "decimalLatitude": "48.8567", "decimalLongitude": "2.3522"}
    listed = [
        paris,
        {**paris, "decimalLatitude": "48.8", "decimalLongitude": "2.3", "eventDate": "spring"},
        {**paris, "decimalLatitude": "12.3456", "decimalLongitude": "12.3456"},
        {**paris, "basisOfRecord": "FOSSIL_SPECIMEN"},
    ]
    tables = [table(listed, "a.csv")]
    result = audit(tables, Recipe(title="T"), None)
    decision = decide(result, Recipe(title="T"))
    assert {*decision.flags} >= CODES_IN_PLACE
    for grid_km in (None, 10):
        write_rows(tables, result, decision, tmp_path / "records.csv", None, grid_km)
        written = rows(tmp_path / "records.csv")
        flags = {flag for row in written for flag in row["flags"].split(";") if flag}
        reasons = [row["reason"] for row in written]
        if grid_km is None:
            assert {"low_precision", "date_unreadable"} <= flags
            assert reasons[2:] == ["coordinates_equal", "fossil"]
        else:
            assert flags == {"date_unreadable"}
            assert reasons[2:] == ["place", "fossil"]


def test_no_cell_is_a_formula_and_numbers_stay(audited, tmp_path):
    tables, result = audited
    path = tmp_path / "records.csv"
    write_rows(tables, result, decide(result, RECIPE), path)
    written = rows(path)
    assert written[1]["eventDate"] == '\'=HYPERLINK("http://x")'
    assert written[2]["issue"] == "'-2+3"
    assert (written[3]["eventDate"], written[3]["issue"]) == ("'@SUM(1)", "+1e3")


@pytest.mark.parametrize(("status", "n"), [("kept", 2), ("dropped", 3)])
def test_only_kept_or_only_dropped_rows(audited, tmp_path, status, n):
    tables, result = audited
    path = tmp_path / "records.csv"
    assert write_rows(iter(tables), result, decide(result, RECIPE), path, status) == n
    assert {row["status"] for row in rows(path)} == {status}


def test_other_tables_than_the_audited_ones_are_refused_and_nothing_is_left(audited, tmp_path):
    tables, result = audited
    decision = decide(result, RECIPE)
    for wrong, message in (
        (tables[::-1], "not the file that was audited"),
        ([table(ROWS[:2], "a.csv"), tables[1]], "changed after its records were audited"),
        (tables[:1], "5 records and the files 4"),
    ):
        with pytest.raises(OccurrenceError, match=message):
            write_rows(wrong, result, decision, tmp_path / "records.csv")
    assert list(tmp_path.iterdir()) == []
