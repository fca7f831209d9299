"""Coordinates of other datums, transformed to WGS 84."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.records.coordinates import parse_coordinates
from ml.records.datums import find_crs, says_not_known, to_wgs84
from ml.records.errors import OccurrenceError
from ml.records.reading import read_records


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("WGS84", "EPSG:4326"), ("wgs 84", "EPSG:4326"), ("WGS_1984", "EPSG:4326"), ("WGS84 (G1762)", "EPSG:4326"),
        ("World Geodetic System 1984", "EPSG:4326"), ("EPSG:4326", "EPSG:4326"), ("epsg 4326", "EPSG:4326"),
        ("4326", "EPSG:4326"), ("urn:ogc:def:crs:EPSG::4326", "EPSG:4326"), ("OGC:CRS84", "EPSG:4326"),
        ("http://www.opengis.net/def/crs/EPSG/0/4267", "EPSG:4267"), ("NAD27 (EPSG:4267)", "EPSG:4267"),
        ("EPSG:4326; WGS84", "EPSG:4326"), ("NAD27", "EPSG:4267"), ("North American Datum 1983", "EPSG:4269"),
        ("European Datum 1950", "EPSG:4230"), ("ED50", "EPSG:4230"), ("Tokyo", "EPSG:4301"), ("GDA94", "EPSG:4283"),
        ("SIRGAS 2000", "EPSG:4674"), ("EPSG:32632", "EPSG:32632"), ("blah", None), ("EPSG:999999", None),
        ("2019", None), ("", None), ("not recorded", None), ("EPSG:5773", None), ("x" * 5_000, None),
    ],
)  # fmt: skip
def test_a_datum_is_known_by_its_usual_names(text, code):
    assert find_crs(text) == code


def test_a_datum_that_is_not_known_is_taken_as_wgs_84_and_counted():
    assert says_not_known("not recorded") and says_not_known("Unknown") and not says_not_known("NAD27")
    one = np.ones(5)
    result = to_wgs84(one, one, pd.Series(["", "not recorded", "blah", "blah", "WGS84"]))
    assert (result.assumed, result.unknown, result.operations) == (4, {"blah": 2}, {})
    assert (result.longitude == 1).all() and not result.failed.any()
    assert to_wgs84(one, one, None).assumed == 5


def test_two_datums_of_one_place_are_two_places(cases):
    table = read_records(cases / "n05_two_datums.csv")
    x, y = (parse_coordinates(table.text(f"decimal{a.title()}"), a)[0] for a in ("longitude", "latitude"))
    result = to_wgs84(x, y, table.text("geodeticDatum"))
    # NADCON gives a shift of about 0.00105 degrees west and 0.00012 south there (90 m); an operation without grids
    # agrees within its accuracy of 7 m.
    assert result.longitude.tolist()[1] == -120.0 and result.latitude.tolist()[1] == 40.0
    assert result.longitude[0] == pytest.approx(-120.00105, abs=1e-4)
    assert result.latitude[0] == pytest.approx(39.99988, abs=1e-4)
    assert "accurate to" in result.operations["NAD27"]


def test_the_operation_depends_on_the_place():
    # Clarke 1866 in Alaska, in the east of the United States and in Cuba: three sets of parameters.
    x, y = np.array([-150.0, -75.0, -80.0]), np.array([64.0, 40.0, 22.0])
    together = to_wgs84(x, y, pd.Series(["NAD27"] * 3))
    alone = [to_wgs84(x[i : i + 1], y[i : i + 1], pd.Series(["NAD27"])) for i in range(3)]
    assert together.longitude.tolist() == [part.longitude[0] for part in alone]
    assert len({part.operations["NAD27"] for part in alone}) > 1


def test_the_tokyo_datum_is_some_400_metres_off():
    result = to_wgs84(np.array([139.74135747]), np.array([35.65809922]), pd.Series(["Tokyo Datum"]))
    # The origin of the Japanese datum: 139°44'28.8759" E, 35°39'29.1572" N in JGD2000; 139°44'40.5020", 35°39'17.5148"
    # in the Tokyo datum. The other way round the shift has the same size.
    assert (result.longitude[0] - 139.74135747) * 3600 == pytest.approx(-11.63, abs=0.5)
    assert (result.latitude[0] - 35.65809922) * 3600 == pytest.approx(11.64, abs=0.5)


def test_eastings_and_northings_become_degrees():
    # The central meridian of zone 32 is 9 E; 5,300,000 m north is 47.853 N.
    result = to_wgs84(np.array([500_000.0, np.nan]), np.array([5_300_000.0, 1.0]), None, "EPSG:32632")
    assert result.longitude[0] == pytest.approx(9.0, abs=1e-9) and result.latitude[0] == pytest.approx(
        47.8533, abs=1e-4
    )
    assert np.isnan(result.longitude[1]) and not result.failed.any() and result.assumed == 0
    # A datum beside it does not make degrees of metres.
    beside = to_wgs84(np.array([500_000.0]), np.array([5_300_000.0]), pd.Series(["WGS84"]), "EPSG:32632")
    assert beside.latitude[0] == result.latitude[0]


def test_what_cannot_be_transformed_is_marked():
    result = to_wgs84(np.array([691_000.0, 2e8]), np.array([1e9, 5e6]), None, "EPSG:32632")
    assert result.failed.all() and np.isnan(result.longitude).all()
    # Degrees out of range are the audit's to drop.
    out = to_wgs84(np.array([200.0]), np.array([40.0]), pd.Series(["NAD27"]))
    assert out.longitude[0] == 200.0 and not out.failed.any()


def test_a_default_that_is_not_known_is_refused():
    with pytest.raises(OccurrenceError, match="'blah' is not a datum or CRS that is known; write a code, as EPSG:4326"):
        to_wgs84(np.ones(1), np.ones(1), None, "blah")
