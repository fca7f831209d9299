"""Each check of the audit alone, the choices of a recipe, and what decides between two reasons."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.recipes.recipe import Recipe
from ml.records.audit import audit
from ml.records.reasons import CHECKS, CODES
from ml.records.recount import decide, recount
from tests.unit.ml.records.own_records import GOOD, SmallGrid, counts, flags, reasons, table

RECIPE = Recipe(title="Lizards")


def each(cases, cells=None):
    """Audit good records with some values changed, each in a file of its own. One audit reads the land mask once."""
    return audit([table([{**GOOD, **changes}], f"{i}.csv") for i, changes in enumerate(cases)], RECIPE, cells)


def only(result, row):
    """Return a function that gives the reason of one record under rules, without comparisons between records."""

    def reason(rules):
        off = [*rules.get("off", []), "duplicate", "same_cell"]
        return reasons(result, Recipe(title="Lizards", rules={**rules, "off": off}))[row]

    return reason


def test_each_check_alone():
    result = each([changes for changes, _ in SINGLE])
    assert [(changes, only(result, row)({})) for row, (changes, _) in enumerate(SINGLE)] == SINGLE


def test_checks_against_layers():
    result = each([changes for changes, _ in AGAINST_LAYERS], SmallGrid())
    assert [(changes, only(result, row)({})) for row, (changes, _) in enumerate(AGAINST_LAYERS)] == AGAINST_LAYERS


def test_the_choices_of_a_recipe():
    result = each([changes for _, changes, _ in CHOICES])
    outcomes = [(rules, changes, only(result, row)(rules)) for row, (rules, changes, _) in enumerate(CHOICES)]
    assert outcomes == CHOICES


SINGLE = [
    ({}, ""),
    ({"decimalLatitude": "north of the river"}, "coordinates_unreadable"),
    ({"decimalLatitude": "NA"}, "coordinates_missing"),
    ({"decimalLongitude": ""}, "coordinates_missing"),
    ({"decimalLatitude": "139.5", "decimalLongitude": "35.25"}, "coordinates_swapped"),
    ({"issue": "PRESUMED_SWAPPED_COORDINATE"}, "coordinates_swapped"),
    ({"issue": "COORDINATE_ROUNDED;PRESUMED_NEGATED_LATITUDE"}, "coordinates_swapped"),
    ({"decimalLatitude": "99", "decimalLongitude": "120"}, "coordinates_out_of_range"),
    ({"decimalLongitude": "180.5"}, "coordinates_out_of_range"),
    ({"decimalLatitude": "0.0", "decimalLongitude": "0"}, "coordinates_zero"),
    ({"decimalLatitude": "41.50", "decimalLongitude": "41.5"}, "coordinates_equal"),
    ({"basisOfRecord": "FOSSIL_SPECIMEN"}, "fossil"),
    ({"basisOfRecord": "Fossil Specimen"}, "fossil"),
    ({"basisOfRecord": "fossilSpecimen"}, "fossil"),
    ({"basisOfRecord": "LIVING_SPECIMEN"}, "captive"),
    ({"basisOfRecord": "Living Specimen"}, "captive"),
    ({"establishmentMeans": "MANAGED"}, "captive"),
    ({"degreeOfEstablishment": "cultivated"}, "captive"),
    ({"degreeOfEstablishment": "http://rs.tdwg.org/dwcdoe/values/d001 captive"}, "captive"),
    ({"degreeOfEstablishment": "not captive"}, ""),
    ({"captive": "true"}, "captive"),
    ({"captive": "false"}, ""),
    ({"establishmentMeans": "native"}, ""),
    ({"occurrenceStatus": "ABSENT"}, "absent"),
    ({"individualCount": "0"}, "absent"),
    ({"scientificName": ""}, "no_species"),
    ({"scientificName": "Lacerta Linnaeus", "species": "", "taxonRank": "GENUS"}, "no_species"),
    ({"license": "CC_BY_NC_4_0"}, "licence"),
    ({"license": "All rights reserved"}, "licence"),
    ({"license": "", "rights": "http://creativecommons.org/licenses/by-nc/4.0/"}, "licence"),
    ({"license": "", "rights": "CC0"}, ""),
    ({"license": ""}, ""),
    ({"coordinateUncertaintyInMeters": "about 30"}, "uncertainty_unreadable"),
    ({"coordinateUncertaintyInMeters": "-5"}, "uncertainty_unreadable"),
    ({"hasGeospatialIssues": "true"}, "location_suspect"),
    ({"issue": "COUNTRY_COORDINATE_MISMATCH"}, "location_suspect"),
    ({"informationWithheld": "Coordinate precision decreased to 10 km"}, "coordinates_obscured"),
    ({"dataGeneralizations": "geoprivacy: obscured"}, "coordinates_obscured"),
    ({"year": "1890"}, ""),
]
AGAINST_LAYERS = [
    ({}, ""),
    ({"decimalLongitude": "12.3456"}, "outside_layers"),
    ({"decimalLatitude": "51.2345"}, "no_conditions"),
    ({"coordinateUncertaintyInMeters": "10000"}, ""),
    ({"coordinateUncertaintyInMeters": "10001"}, "uncertainty_above_limit"),
]
CHOICES = [
    ({"first_year": 2000}, {"year": "1999"}, "outside_years"),
    ({"last_year": 2000}, {}, "outside_years"),
    ({"first_year": 2001, "last_year": 2001}, {}, ""),
    ({"first_year": 1900}, {"eventDate": ""}, "year_not_stated"),
    ({"first_year": 1900, "off": ["year_not_stated"]}, {"eventDate": ""}, ""),
    ({"max_uncertainty_m": 100}, {"coordinateUncertaintyInMeters": "101"}, "uncertainty_above_limit"),
    ({"max_uncertainty_m": 100}, {"coordinateUncertaintyInMeters": ""}, ""),
    ({"licences": ["CC BY-NC"]}, {"license": "CC_BY_NC_4_0"}, ""),
    ({"licences": ["CC BY-NC"]}, {"license": "CC BY-NC-SA 4.0"}, "licence"),
    ({"licences": ["CC BY-NC"]}, {}, "licence"),
    ({"licences": ["CC0"]}, {"license": ""}, "licence"),
    ({"licences": ["CC0", "not stated"]}, {"license": ""}, ""),
    ({"licences": ["other"]}, {"license": "my own"}, ""),
    ({"off": ["licence"]}, {"license": "my own"}, ""),
    ({"off": ["fossil"]}, {"basisOfRecord": "FOSSIL_SPECIMEN"}, ""),
    ({"off": ["coordinates_missing"]}, {"decimalLatitude": ""}, "coordinates_missing"),
    ({"off": ["coordinates_swapped"]}, {"decimalLatitude": "139.5"}, "coordinates_out_of_range"),
    ({"drop": ["one_zero"]}, {"decimalLongitude": "0"}, "one_zero"),
    ({}, {"decimalLongitude": "0"}, ""),
    ({"drop": ["one_zero"], "off": ["one_zero"]}, {"decimalLongitude": "0"}, ""),
]


def test_the_first_reason_in_the_order_of_the_list_counts():
    both = {"basisOfRecord": "FOSSIL_SPECIMEN", "license": "CC_BY_NC_4_0"}
    result = each([both])
    assert (only(result, 0)({}), only(result, 0)({"off": ["fossil"]})) == ("fossil", "licence")
    assert CODES.index("fossil") < CODES.index("licence")


def test_a_file_that_states_licences_drops_records_without_one():
    stating = table([GOOD, {**GOOD, "license": "", "eventDate": "2002"}], "a.csv")
    silent = table([{**GOOD, "license": "", "eventDate": "2003"}], "b.csv")
    result = audit([stating, silent], RECIPE, None)
    assert reasons(result, RECIPE) == ["", "licence", ""]
    assert [(count.licence, count.n, count.kept) for count in recount(result, RECIPE).licences] == [
        ("CC BY", 1, True),
        ("not stated", 2, False),
    ]


def test_duplicates_are_found_among_the_records_that_remain():
    rows = [{**GOOD, "basisOfRecord": "FOSSIL_SPECIMEN"}, GOOD, GOOD, {**GOOD, "eventDate": "2001-05-03T10:30:00"}]
    other_day = {**GOOD, "eventDate": "", "year": "2001", "month": "5", "day": "4"}
    same_day = {**GOOD, "eventDate": "", "year": "2001", "month": "5", "day": "3"}
    result = audit([table([*rows, other_day, same_day])], RECIPE, None)
    assert reasons(result, RECIPE) == ["fossil", "", "duplicate", "duplicate", "", "duplicate"]
    off = Recipe(title="L", rules={"off": ["fossil"]})
    assert reasons(result, off) == ["", "duplicate", "duplicate", "duplicate", "", "duplicate"]


def test_one_record_of_a_species_in_a_cell_after_duplicates():
    near = {**GOOD, "decimalLatitude": "40.9"}
    other = {**near, "scientificName": "Lacerta agilis"}
    result = audit([table([near, GOOD, GOOD, other])], RECIPE, SmallGrid())
    assert reasons(result, RECIPE) == ["same_cell", "", "duplicate", ""]
    report = recount(result, RECIPE)
    assert (report.cells, [(s.name, s.kept, s.cells) for s in report.species]) == (
        1,
        [("Lacerta schreiberi", 1, 1), ("Lacerta agilis", 1, 1)],
    )


def test_thinning_keeps_records_a_distance_apart():
    rows = [{**GOOD, "decimalLatitude": f"{40 + step / 100:.4f}1"} for step in range(5)]
    result = audit([table(rows)], RECIPE, None)
    assert counts(recount(result, Recipe(title="L", rules={"thin_km": 2}))) == {"thinned": 2}


def test_spellings_are_one_species_and_names_that_look_alike_are_reported_and_merged():
    names = ["Lacerta schreiberi Bedriaga, 1878"] * 3 + ["Lacerta schreiberi"] * 2 + ["Lacerta schreiberii"]
    rows = [{**GOOD, "scientificName": name, "eventDate": str(2000 + i)} for i, name in enumerate(names)]
    result = audit([table(rows)], RECIPE, None)
    report = recount(result, RECIPE)
    assert [(s.name, s.n, s.names, s.looks_like) for s in report.species] == [
        ("Lacerta schreiberi", 5, ["Lacerta schreiberi", "Lacerta schreiberi Bedriaga, 1878"], None),
        ("Lacerta schreiberii", 1, ["Lacerta schreiberii"], "Lacerta schreiberi"),
    ]
    (problem,) = [problem for problem in report.problems if problem.code == "names_alike"]
    assert not problem.blocking
    merged = recount(result, Recipe(title="L", **problem.remedy.change))
    assert [(s.name, s.n, s.looks_like) for s in merged.species] == [("Lacerta schreiberi", 6, None)]


def test_merged_species_share_their_places_and_a_chain_of_names_ends():
    rows = [{**GOOD, "scientificName": name} for name in ("Aus bus", "Cus dus", "Eus fus")]
    result = audit([table(rows)], RECIPE, SmallGrid())
    merge = Recipe(title="L", merge={"Aus bus": "Cus dus", "Cus dus": "Gus hus"})
    assert reasons(result, merge) == ["", "duplicate", ""]
    assert decide(result, merge).names == ["Eus fus", "Gus hus"]
    circle = Recipe(title="L", merge={"Aus bus": "Cus dus", "Cus dus": "Aus bus"})
    assert len(decide(result, circle).names) in (2, 3)
    chosen = Recipe(title="L", merge={"Aus bus": "Cus dus"}, species=["Aus bus"])
    assert reasons(result, chosen) == ["", "duplicate", "species_not_chosen"]


def test_the_species_of_a_file_without_names():
    nameless = {key: value for key, value in GOOD.items() if key != "scientificName"}
    file = {"name": "records.csv", "species": "Lacerta schreiberi"}
    recipe = Recipe(title="L", records=[file])
    assert reasons(audit([table([nameless])], recipe, None), recipe) == [""]
    without = recount(audit([table([nameless])], RECIPE, None), RECIPE)
    assert "name the species of each file" in without.problems[0].text


def test_columns_of_gbif_come_before_the_name_in_the_file():
    row = {**GOOD, "scientificName": "Delphinium bolosii C.Blanché & Molero", "species": "Delphinium fissum"}
    key = {**GOOD, "scientificName": "", "taxonKey": "2480008"}
    assert audit([table([row, key])], RECIPE, None).names == ["Delphinium fissum", "GBIF:2480008"]


def test_flags_mark_without_dropping():
    land = [{**GOOD, "eventDate": str(year)} for year in range(1990, 1995)]
    sea = {**GOOD, "decimalLatitude": "45.1234", "decimalLongitude": "-20.4321"}
    coarse = {**GOOD, "decimalLatitude": "40.5", "decimalLongitude": "-4"}
    result = audit([table([*land, sea, coarse])], RECIPE, None)
    report = recount(result, RECIPE)
    assert (report.kept, flags(report)) == (7, {"sea_or_land": 1, "low_precision": 1})
    off = Recipe(title="L", rules={"off": ["sea_or_land"], "drop": ["low_precision"]})
    assert (recount(result, off).kept, flags(recount(result, off))) == (6, {})


def test_no_layers_values_are_named():
    rows = [{**GOOD, "decimalLatitude": "51.2345"}, GOOD]
    report = recount(audit([table(rows)], RECIPE, SmallGrid()), RECIPE)
    (reason,) = [reason for reason in report.reasons if reason.code == "no_conditions"]
    assert reason.explanation.endswith("Records without a value, by layer: wet (1).")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"license": "CC_BY_NC_4_0"}, "The records are under CC BY-NC. Allow one of these licences"),
        ({"decimalLatitude": "52.1234"}, "Add layers of the region of the records"),
        ({"decimalLatitude": "x"}, "Check which columns have the latitude and the longitude"),
    ],
)
def test_when_nothing_is_kept_the_report_says_why_and_what_to_do(changes, text):
    report = recount(audit([table([{**GOOD, **changes}] * 3)], RECIPE, SmallGrid()), RECIPE)
    assert text in report.problems[0].text
    assert "(3 of 3)" in report.problems[0].text
    assert report.problems[0].blocking


def test_no_records_and_no_tables():
    for tables in (
        [],
        [table([GOOD]).__class__("a.csv", "table", table([GOOD]).frame[:0], np.zeros(0, int), table([GOOD]).report)],
    ):
        report = recount(audit(tables, RECIPE, SmallGrid()), RECIPE)
        assert (report.n, report.kept, report.cells, report.species) == (0, 0, 0, [])
        assert report.problems[0].code == "no_records"


def test_too_few_records():
    report = recount(audit([table([GOOD] * 3)], RECIPE, SmallGrid()), RECIPE)
    assert "Lacerta schreiberi has the most with 1 cells, and 5 are needed" in report.problems[0].text


def test_counting_needs_no_pandas():
    program = "import sys, ml.records.recount, ml.records.reasons; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_documented_list_is_the_list():
    page = Path(__file__).resolve().parents[4].joinpath("docs/reference/cleaning.md").read_text(encoding="utf-8")
    listed = [line.split("`")[1] for line in page.splitlines() if line.startswith("| ") and "`" in line.split("|")[2]]
    assert listed == [check.code for check in CHECKS]
