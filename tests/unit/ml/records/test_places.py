"""Land and sea, centres of countries, outliers, and thinning."""

import resource
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.records.centroids import Places, countries, near_places, read_gazetteer
from ml.records.errors import OccurrenceError
from ml.records.land import surroundings
from ml.records.outliers import reverse_jackknife, unusual_conditions
from ml.records.thinning import crowded, great_circle_km
from tests.unit.ml.records.own_records import OWN_DATA, SmallGrid

#: Places on both sides of borders of blocks of the mask, at the poles and at 180 degrees.
LONGITUDES = np.array([0.0, 180.0, -180.0, 179.999, -5.0, 15.5, -155.5, 25.0, -30.0, -16.91])
LATITUDES = np.array([90.0, -90.0, 0.0, 66.5, 40.2, 78.2667, 19.6, -30.0, 0.26667, 32.6468])


@pytest.mark.thorough
def test_the_mask_is_read_as_its_own_module_reads_it():
    program = (
        "import sys, numpy as np, zipfile, importlib.util as u, pathlib\n"
        "folder = u.find_spec('global_land_mask').submodule_search_locations[0]\n"
        "archive = zipfile.ZipFile(pathlib.Path(folder, 'globe_combined_mask_compressed.npz'))\n"
        "stream = archive.open('mask.npy'); stream.read(128)\n"
        "rows = [int(row) for row in sys.argv[1].split(',')]; last = -1; found = {}\n"
        "for number in range(max(rows) + 1):\n"
        "    content = stream.read(43200)\n"
        "    if number in rows: found[number] = content\n"
        "columns = [int(column) for column in sys.argv[2].split(',')]\n"
        "print(''.join(str(found[r][c]) for r, c in zip(rows, columns)))\n"
    )
    rows = np.minimum(np.floor((90 - LATITUDES) * 120), 21_599).astype(int)
    columns = np.floor((LONGITUDES + 180) * 120).astype(int) % 43_200
    arguments = [",".join(map(str, numbers)) for numbers in (rows, columns)]
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    sea, all_sea, all_land = surroundings(LONGITUDES, LATITUDES)
    assert "".join(str(int(one)) for one in sea) == result.stdout.strip()
    assert not (all_sea & ~sea).any()
    assert not (all_land & sea).any()


def test_known_places_and_a_tolerance():
    # Madrid, the middle of the Atlantic, and a harbour wall of Funchal that the mask calls sea
    longitude, latitude = np.array([-3.7, -30.0, -16.909478]), np.array([40.4, 30.0, 32.646768])
    sea, all_sea, all_land = surroundings(longitude, latitude)
    assert (sea.tolist(), all_land.tolist()) == ([False, True, sea[2]], [True, False, False])
    assert all_sea.tolist() == [False, True, False]
    wide = surroundings(longitude, latitude, 16)
    assert (wide[1][1], wide[2][2]) == (True, False)


@pytest.mark.thorough
def test_the_mask_needs_little_memory():
    program = (
        "import numpy as np, resource\n"
        "from ml.records.land import surroundings\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "surroundings(np.linspace(-180, 180, 5000), np.linspace(-90, 90, 5000))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 30
    assert resource.getpagesize()


def test_no_places():
    assert [len(part) for part in surroundings(np.zeros(0), np.zeros(0))] == [0, 0, 0]
    assert len(near_places(np.zeros(0), np.zeros(0), countries()[0])) == 0


def test_distance_to_centres_also_across_180_degrees_and_at_a_pole():
    centres = Places(["a", "b", "c"], np.array([179.99, 10.0, 0.0]), np.array([0.0, 60.0, 90.0]))
    x = np.array([-179.995, -179.9, 10.03, 10.04, 120.0, 120.0])
    y = np.array([0.0, 0.0, 60.0, 60.0, 89.99, 89.98])
    # 1.67 km, 12 km, 1.67 km, 2.22 km, 1.11 km and 2.22 km
    assert near_places(x, y, centres).tolist() == [True, False, True, False, True, False]


@pytest.mark.skipif(not find_spec("countryinfo"), reason="countryinfo is not installed")
def test_centres_of_countries_and_capitals():
    centres, capitals = countries()
    assert (len(centres.names), len(capitals.names)) == (239, 249)
    spain, madrid = centres.names.index("Spain"), capitals.names.index("Madrid")
    assert (centres.longitude[spain], centres.latitude[spain]) == (-4.0, 40.0)
    near = near_places(np.array([-4.01, -3.7, -4.1]), np.array([40.01, 40.41, 40.0]), centres)
    assert near.tolist() == [True, False, False]
    assert near_places(capitals.longitude[[madrid]] + 0.01, capitals.latitude[[madrid]], capitals).all()


@pytest.mark.skipif(not OWN_DATA.is_dir(), reason=f"{OWN_DATA} is not there")
def test_the_gazetteer_of_gbif():
    places = read_gazetteer(OWN_DATA / "gazetteer" / "countryCentrePoints.txt")
    assert len(places.names) == 247
    row = places.names.index("ANGOLA")
    assert (places.latitude[row], places.longitude[row]) == (-11.202692, 17.873887)
    provinces = read_gazetteer(OWN_DATA / "gazetteer" / "stateProvinceCentrePoints.txt")
    assert (len(provinces.names), provinces.names[-2]) == (9, "Victoria")


def test_a_gazetteer_in_another_encoding_and_bad_ones(tmp_path):
    path = tmp_path / "centres.txt"
    path.write_bytes("Åland\t60.2\t19.9\r\n\nÖsterreich\t47\t14\n".encode("latin-1"))
    assert read_gazetteer(path).names == ["Åland", "Österreich"]
    for content in (b"name only\n", b"a\t91\t0\n", b"a\tnorth\t0\n", b"a\tnan\t0\n"):
        path.write_bytes(b"good\t1\t2\n" + content)
        with pytest.raises(OccurrenceError, match=r"centres\.txt, line 2: expected name, latitude and longitude"):
            read_gazetteer(path)


def test_reverse_jackknife_finds_far_values_on_both_sides():
    plain = np.arange(50, dtype=float)
    assert reverse_jackknife(plain) == (-np.inf, np.inf)
    assert reverse_jackknife(np.append(plain, -400.0)) == (0.0, np.inf)
    assert reverse_jackknife(np.append(plain, [400.0, 400.0, np.nan])) == (-np.inf, 49.0)
    assert reverse_jackknife(np.array([1.0, 2.0, 900.0])) == (-np.inf, np.inf)
    assert reverse_jackknife(np.full(100, 7.0)) == (-np.inf, np.inf)
    assert reverse_jackknife(np.array([np.nan] * 20)) == (-np.inf, np.inf)


def test_unusual_conditions_by_species_and_not_in_categories():
    class Row(SmallGrid):
        def values(self, cell):
            return np.stack([cell, cell % 3], axis=1).astype(np.float32)

    cell = np.array([*range(30), 5_000, 5_000, *range(5_000, 5_030)], dtype=np.int64)
    species = np.array([0] * 32 + [1] * 30, dtype=np.int32)
    reliable = np.ones(62, dtype=bool)
    assert np.flatnonzero(unusual_conditions(species, cell, reliable, Row())).tolist() == [30, 31]
    categories = Row()
    categories.categorical = (True, True)
    assert not unusual_conditions(species, cell, reliable, categories).any()
    # Where all records of a place are unreliable, it does not count for the limits.
    assert not unusual_conditions(species, cell, cell != 5_000, Row()).any()


def greedy(group, longitude, latitude, distance):
    """Thin one record after the other, in the documented order, without bands to look in."""
    height = np.degrees(distance / 6371.0088) * 1.000001 + 1e-9
    order = np.lexsort((latitude, longitude, np.floor((latitude + 90) / height), group))
    kept, out = [], np.zeros(len(group), dtype=bool)
    for row in order:
        same = [other for other in kept if group[other] == group[row]]
        if same and (great_circle_km(longitude[row], latitude[row], longitude[same], latitude[same]) < distance).any():
            out[row] = True
        else:
            kept.append(row)
    return out


PLACE = st.tuples(
    st.integers(0, 1),
    st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0, 179.99]), st.floats(0, 1)),
    st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0]), st.floats(89, 90), st.floats(0, 1)),
)


@settings(deadline=None, max_examples=200)
@given(places=st.lists(PLACE, max_size=40), distance=st.sampled_from([0.5, 30.0, 400.0, 1000.0]))
def test_thinning_equals_the_plain_algorithm(places, distance):
    group = np.array([place[0] for place in places], dtype=np.int32)
    x, y = (np.array([place[i] for place in places], dtype=float) for i in (1, 2))
    assert crowded(group, x, y, distance).tolist() == greedy(group, x, y, distance).tolist()
