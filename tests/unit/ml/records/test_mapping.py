"""The column of each term: as named, stated or guessed, and never ambiguous without a word."""

from __future__ import annotations

import pytest

from ml.records.errors import OccurrenceError
from ml.records.mapping import map_columns

PLACE = {"decimalLongitude", "decimalLatitude"}


def mapped(header, **choices):
    labels = header.split(",")
    found = map_columns(labels, "r.csv", choices)
    return {term: labels[i] for term, i in found.columns.items()}, found.unsure, found.problems


@pytest.mark.parametrize(
    ("header", "name", "longitude", "latitude"),
    [
        ("species,longitude,latitude", "species", "longitude", "latitude"),
        ("species,x,y", "species", "x", "y"),
        ("SPECIES,LONGITUDE,LATITUDE", "species", "LONGITUDE", "LATITUDE"),
        ("scientific_name,long,lat", "scientificName", "long", "lat"),
        ("Scientific Name,Lon,Lat", "scientificName", "Lon", "Lat"),
        ("species_name,lng,lat", "scientificName", "lng", "lat"),
        ("species,X_coord,Y_coord", "species", "X_coord", "Y_coord"),
        ("nombre científico,longitud,latitud", "scientificName", "longitud", "latitud"),
        ("nom scientifique,Longitude,Latitude", "scientificName", "Longitude", "Latitude"),
        ("Artname,Längengrad,Breitengrad", "scientificName", "Längengrad", "Breitengrad"),
        ("nome científico,longitude,latitude", "scientificName", "longitude", "latitude"),
        ("species,decimal_longitude,decimal latitude", "species", "decimal_longitude", "decimal latitude"),
        ("dwc:scientificName,dwc:decimalLongitude,dwc:decimalLatitude", "scientificName", "dwc:decimalLongitude",
         "dwc:decimalLatitude"),
    ],
)  # fmt: skip
def test_usual_names_are_recognised_without_a_remark(header, name, longitude, latitude):
    columns, unsure, problems = mapped(header)
    assert columns == {name: header.split(",")[0], "decimalLongitude": longitude, "decimalLatitude": latitude}
    assert unsure == problems == []


@pytest.mark.parametrize("name", ["name", "taxon", "sp", "Art", "soort"])
def test_a_name_that_may_be_another_one_is_mentioned(name):
    columns, unsure, _ = mapped(f"{name},lon,lat")
    assert columns["scientificName"] == name and unsure == [f"column {name} is read as scientificName"]


def test_two_candidates_are_a_problem_that_names_both():
    columns, _, problems = mapped("species,lon,long,lat")
    assert "decimalLongitude" not in columns
    assert problems == [
        "r.csv: columns lon and long may be decimalLongitude; choose one with --column decimalLongitude=lon"
    ]
    columns, unsure, problems = mapped("species,x,y,longitude,latitude")
    assert (columns["decimalLongitude"], columns["decimalLatitude"], problems) == ("longitude", "latitude", [])
    assert unsure == [
        "column longitude is read as decimalLongitude, not x; choose another with --column decimalLongitude=x",
        "column latitude is read as decimalLatitude, not y; choose another with --column decimalLatitude=y",
    ]


def test_an_exact_name_is_preferred_without_a_word():
    columns, unsure, _ = mapped("species,decimalLongitude,decimalLatitude,long,lat,x,y,verbatimLatitude")
    assert columns == {"species": "species", **{term: term for term in PLACE}} and unsure == []


def test_a_column_of_a_collector_is_the_last_choice():
    columns, unsure, _ = mapped("species,verbatimLongitude,verbatimLatitude")
    assert columns["decimalLongitude"] == "verbatimLongitude"
    assert unsure[0] == "column verbatimLongitude is read as decimalLongitude"


def test_other_terms():
    columns, unsure, _ = mapped("species,lon,lat,date,Jahr,accuracy,licence,presence,CRS")
    assert columns.items() >= {
        "eventDate": "date", "year": "Jahr", "coordinateUncertaintyInMeters": "accuracy", "license": "licence",
        "occurrenceStatus": "presence", "geodeticDatum": "CRS",
    }.items()  # fmt: skip
    assert unsure == [
        "column accuracy is read as coordinateUncertaintyInMeters (its numbers are read as metres)",
        "column presence is read as occurrenceStatus (0 is read as absent)",
    ]
    columns, unsure, _ = mapped("species,lon,lat,Datum")
    assert set(columns) == {"species", *PLACE}
    assert unsure == ["column Datum may be eventDate or geodeticDatum; choose with --column geodeticDatum=Datum"]


def test_identifiers_are_read_only_if_they_are_stated():
    assert set(mapped("gbifID,occurrenceID,species,lon,lat")[0]) == {"species", *PLACE}
    assert mapped("ID,species,lon,lat", occurrenceID="ID")[0]["occurrenceID"] == "ID"


def test_a_stated_column_overrides_a_guess_and_an_exact_name():
    columns, _, problems = mapped("a,decimalLatitude,decimalLongitude,lat,b", decimalLatitude="LAT", SPECIES="a")
    assert columns["decimalLatitude"] == "lat" and columns["species"] == "a" and problems == []
    columns, _, problems = mapped("species,lon,lat", decimalLatitude="")
    assert "decimalLatitude" not in columns and problems == ["r.csv: no column is decimalLatitude, as it is stated"]
    assert "scientificName" not in mapped("name,lon,lat", scientificName="")[0]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"decimalLatitude": "breadth"}, "there is no column breadth for decimalLatitude; the columns are species"),
        ({"latitude": "lat"}, "latitude is not a term that is read; terms are .*decimalLatitude, decimalLongitude"),
    ],
)  # fmt: skip
def test_a_stated_term_or_column_must_exist(choices, message):
    with pytest.raises(OccurrenceError, match=rf"^r\.csv: {message}"):
        mapped("species,lon,lat", **choices)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("lat,lon,lat", "columns 1 and 3 are both lat"),
        (
            "decimal_latitude,Decimal Latitude,lon",
            "columns decimal_latitude and Decimal Latitude are both decimalLatitude",
        ),
    ],
)
def test_two_columns_of_one_name_are_refused(header, message):
    with pytest.raises(OccurrenceError, match=rf"^r\.csv: {message}"):
        mapped(header)


def test_a_table_without_coordinates_lists_its_columns():
    problems = mapped("a,b,c")[2]
    assert problems[0].startswith("r.csv: there is no decimalLatitude column; the columns are a, b, c; if one of them")
    assert len(problems) == 2


def test_the_uncertainty_of_obscured_coordinates_is_the_public_one():
    columns, unsure, _ = mapped("scientific_name,latitude,longitude,positional_accuracy,public_positional_accuracy")
    assert columns["coordinateUncertaintyInMeters"] == "public_positional_accuracy"
    assert "not positional_accuracy (its numbers are read as metres)" in unsure[0]
