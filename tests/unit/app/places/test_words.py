"""Places as people write them, and in words."""

import pytest

from app.places.words import place_text, read_place, typed_text

HERE = (37.766666667, -122.416666667)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("37.77, -122.42", (37.77, -122.42)),
        ("37.77,-122.42", (37.77, -122.42)),
        ("37.77 -122.42", (37.77, -122.42)),
        ("  (37.77, −122.42) ", (37.77, -122.42)),
        ("37,77; -122,42", (37.77, -122.42)),
        ("37,77 -122,42", (37.77, -122.42)),
        ("37,77, -122,42", (37.77, -122.42)),
        ("37,77,-122,42", (37.77, -122.42)),
        ("37.77\t237.58", (37.77, -122.42)),
        ("37°46′N 122°25′W", HERE),
        ("37°46'N, 122°25'W", HERE),
        ("37° 46' N 122° 25' W", HERE),
        ("37°46′00″N 122°25′00″W", HERE),
        ("N 37°46′, W 122°25′", HERE),
        ("N37 46 W122 25", HERE),
        ("122°25′W 37°46′N", HERE),
        ("122.42W, 37.77N", (37.77, -122.42)),
        ("37.77N 122.42W", (37.77, -122.42)),
        ("33.87S 151.21E", (-33.87, 151.21)),
        ("48.85 Nord, 2.35 Ost", (48.85, 2.35)),
        ("Lat 37.77 Lon -122.42", (37.77, -122.42)),
        ("latitude: 37.77, longitude: -122.42", (37.77, -122.42)),
        ("lon=-122.42; lat=37.77", (37.77, -122.42)),
        ("Lat 37,77 Lng -122,42", (37.77, -122.42)),
        ("lat 37°46′ long -122°25′", HERE),
        ("geo:37.77,-122.42", (37.77, -122.42)),
        ("geo:37.77,-122.42;u=35", (37.77, -122.42)),
        ("@37.77,-122.42,15z", (37.77, -122.42)),
        ("37, -122", (37, -122)),
        ("0 0", (0, 0)),
        ("-90, 180", (-90, 180)),
        ("1e1, 2e1", (10, 20)),
    ],
)
def test_spellings(text, place):
    assert read_place(text) == pytest.approx(place, abs=1e-8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Write latitude and longitude"),
        ("37.77", "Write latitude and longitude"),
        ("San Francisco", "Write latitude and longitude"),
        ("San Francisco, California", "Write latitude and longitude"),
        ("-122.42, 37.77", "The latitude must be from -90 to 90. It comes first"),
        ("91, 0", "The latitude must be from -90 to 90"),
        ("37, 361", "The longitude must be from -180 to 180"),
        ("37, -181", "The longitude must be from -180 to 180"),
        ("nan, nan", "a coordinate is missing"),
        ("37, ", "Write latitude and longitude"),
        ("inf, 0", "Write latitude and longitude"),
        ("1e999, 0", "not a finite number"),
        ("37.77, -122.42, 12", "Write latitude and longitude"),
        ("37°66′N 122°25′W", "it has 66 minutes"),
        ("x" * 101, "longer than 100 characters"),
        ("Lat 95 Lon 2", "The latitude must be from -90 to 90"),
        ("lat lon", "Write latitude and longitude"),
        ("geo:nowhere", "Write latitude and longitude"),
        ("N, S", "Write latitude and longitude"),
    ],
)
def test_what_is_no_place(text, message):
    with pytest.raises(ValueError, match=message):
        read_place(text)


@pytest.mark.parametrize(
    ("place", "words", "typed"),
    [
        ((37.77, -122.42), "37.77° N, 122.42° W", "37.77, -122.42"),
        ((-33.5, 151), "33.5° S, 151° E", "-33.5, 151"),
        ((0, -0.0), "0°, 0°", "0, 0"),
        ((1e-9, 180), "0°, 180° E", "0, 180"),
    ],
)
def test_words(place, words, typed):
    assert (place_text(*place), typed_text(*place)) == (words, typed)
