"""Real files: the number of records by reason. The expected numbers were counted with other programs."""

from pathlib import Path

import pytest

from ml.recipes.recipe import Recipe
from ml.records.audit import audit
from ml.records.reading import read_records
from ml.records.recount import recount
from tests.unit.ml.records.own_records import OWN_DATA, counts, flags

pytestmark = pytest.mark.skipif(not OWN_DATA.is_dir(), reason=f"{OWN_DATA} is not there")


def report(path: str, **rules):
    file = {"name": Path(path).name, "species": "Some species"}
    recipe = Recipe(title="T", records=[file], rules=rules)
    tables = [read_records(OWN_DATA / path, recipe.records[0])]
    return recount(audit(tables, recipe, None), recipe)


@pytest.mark.parametrize(
    ("path", "n", "kept", "dropped"),
    [
        # sort -u of the coordinates has 1,227 lines
        ("case-lacerta/lacerta.csv", 1268, 1227, {"duplicate": 41}),
        # three rows with an empty coordinate, two at 0, 0, one place three times, one row without a name
        (
            "case-kuenm2/occ_data_noclean.csv",
            64,
            56,
            {"coordinates_missing": 3, "coordinates_zero": 2, "no_species": 1, "duplicate": 2},
        ),
        ("records/Marmosops_sp.csv", 21, 15, {"duplicate": 6}),
        ("records/Marmosops_wrong.csv", 21, 15, {"duplicate": 6}),
        ("records/Marmosops_NA.csv", 21, 0, {"coordinates_missing": 21}),
        # (0, 0), (1, 1) to (90, 90), (91, 91) to (99, 99)
        (
            "records/dwca-one-hundred-50-percent-invalid-with-dupes-triplet.zip",
            100,
            0,
            {"coordinates_zero": 1, "coordinates_equal": 90, "coordinates_out_of_range": 9},
        ),
        ("records/red.records.csv", 10, 10, {}),
    ],
)
def test_records_by_reason(path, n, kept, dropped):
    result = report(path)
    assert (result.n, result.kept, counts(result)) == (n, kept, dropped)
    assert result.kept + sum(counts(result).values()) == result.n


def test_licences_of_gbif_simple_csv():
    result = report("records/gbif-simple-csv-2025.zip")
    assert [(count.licence, count.n, count.kept) for count in result.licences] == [
        ("CC BY", 32, True),
        ("CC BY-NC", 59, False),
    ]
    concerned = {count.code: count.n_concerned for count in result.reasons}
    # 8 rows without coordinates, 7 living specimens
    assert (concerned["coordinates_missing"], concerned["captive"], concerned["licence"]) == (8, 7, 59)
    assert result.kept + sum(counts(result).values()) == 91
    allowed = report("records/gbif-simple-csv-2025.zip", licences=["CC BY", "CC BY-NC"])
    assert "licence" not in counts(allowed)
    assert allowed.kept > result.kept


def test_the_mask_with_a_tolerance_calls_no_coastal_record_sea():
    assert "sea_or_land" not in flags(report("case-lacerta/lacerta.csv"))
    assert "sea_or_land" not in flags(report("records/red.records.csv"))
