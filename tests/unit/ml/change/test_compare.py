"""Comparisons of small maps with numbers that were worked out by hand."""

import json

import numpy as np
import pytest
import rasterio
from pyproj import Geod
from rio_cogeo.cogeo import cog_validate

from ml.change.compare import compare
from ml.change.quantities import CLASSES
from tests.unit.ml.change.made import stored, write_map

GEOD = Geod(ellps="WGS84")


def degree(south, east=1.0, west=0.0):
    """Area of one cell of a degree in km²: the quadrilateral with parallels that are divided finely."""
    x = np.linspace(west, east, 2001)
    lon = np.concatenate([x, x[::-1]])
    lat = np.concatenate([np.full(2001, south), np.full(2001, south + 1.0)])
    return abs(GEOD.polygon_area_perimeter(lon, lat)[0]) / 1e6


def test_classes_areas_and_exposure_by_hand(tmp_path):
    # upper row between 1° and 2° N, lower row between 0° and 1° N
    today = write_map(tmp_path / "today", "SsuU? Ss.?U")
    later = write_map(tmp_path / "later", "sUSu? ?.UsU", "SSP585")
    summary = compare(today, [later], tmp_path / "change")
    np.testing.assert_array_equal(stored(tmp_path / "change", "change"), [[0, 2, 1, 3, 4], [4, 255, 255, 4, 3]])
    cells = {name: one["cells"] for name, one in summary["classes"].items()}
    assert cells == {"stable": 1, "gain": 1, "loss": 1, "unsuitable": 2, "cannot_say": 3}
    upper, lower = degree(1.0), degree(0.0)
    areas = {name: one["area_km2"] for name, one in summary["classes"].items()}
    assert areas["loss"] == pytest.approx(upper, rel=1e-6)
    assert areas["unsuitable"] == pytest.approx(upper + lower, rel=1e-6)
    assert areas["cannot_say"] == pytest.approx(upper + 2 * lower, rel=1e-6)
    one = summary["scenarios"][0]
    # beyond: 2 of the 9 cells that have an answer in the scenario
    assert (one["beyond"]["cells"], one["beyond"]["share"]) == (2, pytest.approx(2 / 9))
    assert one["beyond"]["area_km2"] == pytest.approx(upper + lower, rel=1e-6)
    assert one["beyond"]["area_share"] == pytest.approx((upper + lower) / (5 * upper + 4 * lower), rel=1e-6)
    exposure = one["exposure"]
    assert exposure["area_km2"] == pytest.approx(2 * upper + 2 * lower, rel=1e-6)
    assert {name: exposure[name]["cells"] for name in ("stays", "lost", "cannot_say", "no_answer", "beyond")} == {
        **{"stays": 1, "lost": 1},
        **{"cannot_say": 1, "no_answer": 1, "beyond": 1},
    }
    assert exposure["lost"]["share"] == pytest.approx(upper / (2 * upper + 2 * lower), rel=1e-6)
    assert (one["without_answer"]["only_today"]["cells"], one["without_answer"]["only_scenario"]["cells"]) == (1, 1)
    # the share beyond comes before any other figure
    assert summary["sentences"][0] == one["beyond"]["sentence"]
    assert summary["sentences"][0].startswith("22 % of the area under SSP585 lies beyond what the model has seen")
    assert summary["sentences"][1].startswith("Exposure of today's suitable area under SSP585: of 49,")
    assert (
        "25 % stays suitable, 25 % becomes unsuitable, for 25 % the model cannot say, and 25 %"
        in summary["sentences"][1]
    )
    assert "declin" not in json.dumps(summary)


def test_files_are_cogs_with_palette_legend_and_tags(tmp_path):
    draw = np.random.default_rng(0)
    maps = [
        write_map(tmp_path / name, draw.choice([0, 1, 2, 3, 4, 255], (600, 700)).astype("uint8"), scenario, cell=0.01)
        for name, scenario in (("today", None), ("a", "GCM A"), ("b", "GCM B"))
    ]
    summary = compare(maps[0], maps[1:], tmp_path / "change")
    for name in ("change", "agreement", "spread"):
        path = tmp_path / "change" / f"{name}.tif"
        valid, errors, _ = cog_validate(path, strict=True)
        assert valid, errors
        with rasterio.open(path) as file:
            tags = file.tags()
            assert (tags["MODEL_ID"], tags["SCENARIO"], tags["LICENCE"]) == ("hills-1", "GCM A; GCM B", "CC0 1.0")
            assert "Somebody. Records" in tags["CITATION"]
            if name != "spread":
                assert tags["CANNOT_SAY"] == {"change": "4", "agreement": "3"}[name]
                colours = file.colormap(1)
                for entry in summary["quantities"][name]["categories"]:
                    assert "#" + bytes(colours[entry["value"]][:3]).hex() == entry["colour"]
    assert not (tmp_path / "change" / ".work").exists()
    # the same comparison is not made again, and has the same bytes elsewhere
    before = (tmp_path / "change" / "change.json").stat().st_mtime_ns
    assert compare(maps[0], maps[1:], tmp_path / "change") == summary
    assert (tmp_path / "change" / "change.json").stat().st_mtime_ns == before
    assert compare(maps[0], maps[1:], tmp_path / "again") == summary


def test_several_scenarios(tmp_path):
    today = write_map(tmp_path / "today", "SSSSUUU.", north=1.0)
    first = write_map(
        tmp_path / "a", "SSU?SU?S", "A", north=1.0, suitability=np.array([[9, 8, 7, 6, 5, 4, 3, 2]]) * 1000
    )
    second = write_map(
        tmp_path / "b", "SUU?SS?S", "B", north=1.0, suitability=np.array([[9, 3, 6, 6, 5, 9, 0, 2]]) * 1000
    )
    third = write_map(
        tmp_path / "c", "SS?USU?S", "C", north=1.0, suitability=np.array([[8, 8, 7, 1, 5, 4, 3, 2]]) * 1000
    )
    summary = compare(today, [first, second, third], tmp_path / "change")
    classes = [CLASSES[value] for value in stored(tmp_path / "change", "change")[0, :7]]
    assert classes == ["stable", "differ", "cannot_say", "cannot_say", "gain", "differ", "cannot_say"]
    assert stored(tmp_path / "change", "change")[0, 7] == 255
    # 4 stands for "cannot say": suitable in none, and the model cannot say in at least one
    np.testing.assert_array_equal(stored(tmp_path / "change", "agreement"), [[3, 2, 4, 4, 3, 1, 4, 3]])
    np.testing.assert_array_equal(stored(tmp_path / "change", "spread"), [[1000, 5000, 1000, 5000, 0, 5000, 3000, 0]])
    agreement = summary["agreement"]
    assert [row["cells"] for row in agreement["suitable"]] == [0, 1, 1, 3]
    assert [row["cells"] for row in agreement["today"]] == [0, 0, 1, 1]
    assert (agreement["cannot_say"]["cells"], agreement["today_cannot_say"]["cells"]) == (3, 2)
    # of the cells of which the model can say something in all scenarios: 1000, 5000, 0, 5000 and 0, of equal areas
    assert summary["spread"]["cells"] == 5
    assert summary["spread"]["mean"] == pytest.approx(0.22)
    assert summary["spread"]["largest"] == pytest.approx(0.5)
    assert [text.split(" of the area under ")[0] for text in summary["sentences"][:3]] == ["25 %", "25 %", "25 %"]
    assert summary["sentences"][3] == (
        "Of today's suitable area, 25 % stays suitable in all 3 scenarios and 0 % becomes unsuitable in all 3; 25 % is "
        "suitable in some of them only; 50 % is suitable in none, and in at least one the model cannot say."
    )


def test_nothing_suitable_and_nothing_to_say(tmp_path):
    today = write_map(tmp_path / "today", "UU uu")
    unsure = write_map(tmp_path / "unsure", "?? ??", "unsure")
    suitable = write_map(tmp_path / "suitable", "SS ss", "suitable")
    summary = compare(today, [unsure], tmp_path / "one")
    assert {name: row["cells"] for name, row in summary["classes"].items()} == {
        **{"stable": 0, "gain": 0, "loss": 0, "unsuitable": 0},
        "cannot_say": 4,
    }
    one = summary["scenarios"][0]
    assert one["beyond"]["area_share"] == 1.0
    assert summary["sentences"] == [one["beyond"]["sentence"], one["sentences"][1]]
    assert one["sentences"][1].endswith("the model calls no cell suitable today.")
    assert (one["shift_km"], one["suitable"]["centre"], one["suitable"]["eoo"]["km2"]) == (None, None, 0.0)
    assert one["exposure"]["lost"]["share"] == 0.0
    # gains alone have no movement
    summary = compare(today, [suitable], tmp_path / "two")
    assert summary["classes"]["gain"]["cells"] == 4
    assert summary["scenarios"][0]["shift_km"] is None
    both = compare(today, [unsure, suitable], tmp_path / "three")
    assert both["classes"]["cannot_say"]["cells"] == 4
    assert both["classes"]["gain"]["cells"] == 0


def test_movement_of_the_centre(tmp_path):
    # from the cell around 0.5° E, 0.5° N to that around 3.5° E, 0.5° N
    today = write_map(tmp_path / "today", "UUUU SUUU")
    later = write_map(tmp_path / "later", "UUUU UUUS", "later")
    one = compare(today, [later], tmp_path / "change")["scenarios"][0]
    bearing, _, metres = GEOD.inv(0.5, 0.5, 3.5, 0.5)
    assert one["shift_km"] == pytest.approx(metres / 1000, rel=1e-9)
    assert one["bearing"] == pytest.approx(bearing)
    assert one["sentences"][-1].endswith("moves 334 km to the east.")


def test_cells_that_cannot_be_judged_move_no_centre(tmp_path):
    # today at 0.5° and 3.5° E, around 1.5° N; later the model cannot say in the first, and nothing else changes
    today = write_map(tmp_path / "today", "SUUS")
    later = write_map(tmp_path / "later", "?UUS", "later")
    one = compare(today, [later], tmp_path / "change")["scenarios"][0]
    assert one["shift_km"] == pytest.approx(0.0, abs=1e-9)
    assert one["sentences"][-1].endswith("the centre of those that are suitable stays where it is.")
    # one of the others is lost: the remainder lies further east, and nothing new is suitable
    later = write_map(tmp_path / "lost", "?USS", "lost")
    today = write_map(tmp_path / "before", "SSSS")
    one = compare(today, [later], tmp_path / "less")["scenarios"][0]
    # from the middle of 1.5°, 2.5° and 3.5° E to that of 2.5° and 3.5°
    assert one["shift_km"] == pytest.approx(GEOD.inv(2.5, 1.5, 3.0, 1.5)[2] / 1000, rel=1e-4)
    assert one["sentences"][-1].endswith(
        "those that stay suitable lies 56 km to the east of today's. No cell becomes suitable: the others are lost."
    )


def test_centre_across_the_antimeridian(tmp_path):
    # cells of 178°–179°, 179°–180°, 180°–181° and 181°–182°
    today = write_map(tmp_path / "today", "SSSS", west=178.0, north=0.5)
    later = write_map(tmp_path / "later", "UUSS", "later", west=178.0, north=0.5)
    summary = compare(today, [later], tmp_path / "change")
    centre = summary["today"]["centre"]
    assert abs(centre["longitude"]) == pytest.approx(180.0)
    assert centre["latitude"] == pytest.approx(0.0, abs=1e-9)
    assert summary["scenarios"][0]["suitable"]["centre"]["longitude"] == pytest.approx(-179.0)
    assert summary["scenarios"][0]["shift_km"] == pytest.approx(111.3195, rel=1e-4)
    assert summary["scenarios"][0]["bearing"] == pytest.approx(90.0)
    # the polygon of the four corners, whose long sides are arcs beyond the parallels
    area = abs(GEOD.polygon_area_perimeter([178, 182, 182, 178], [-0.5, -0.5, 0.5, 0.5])[0]) / 1e6
    assert summary["today"]["eoo"]["km2"] == pytest.approx(area, rel=1e-6)
    assert area > summary["today"]["area_km2"] == pytest.approx(4 * degree(-0.5), rel=1e-6)


def test_a_ring_around_the_pole(tmp_path):
    # all longitudes between 88° and 90° N
    today = write_map(tmp_path / "today", np.zeros((2, 360), "uint8"), west=-180.0, north=90.0)
    later = write_map(tmp_path / "later", np.full((2, 360), 3, "uint8"), "later", west=-180.0, north=90.0)
    summary = compare(today, [later], tmp_path / "change")
    centre = summary["today"]["centre"]
    assert centre["latitude"] == pytest.approx(90.0)
    # the polygon of 360 corners on the parallel of 88° and the cap inside it
    corners = np.arange(-180.0, 180.0)
    area = abs(GEOD.polygon_area_perimeter(corners, np.full(360, 88.0))[0]) / 1e6
    assert summary["today"]["eoo"]["km2"] == pytest.approx(area, rel=1e-9)
    assert summary["today"]["area_km2"] == pytest.approx(area, rel=1e-4)
    assert summary["classes"]["loss"]["cells"] == 720


def test_all_around_the_globe_has_no_polygon(tmp_path):
    today = write_map(tmp_path / "today", np.zeros((18, 36), "uint8"), west=-180.0, north=90.0, cell=10.0)
    later = write_map(tmp_path / "later", np.full((18, 36), 1, "uint8"), "later", west=-180.0, north=90.0, cell=10.0)
    summary = compare(today, [later], tmp_path / "change")
    assert summary["today"]["area_km2"] == pytest.approx(510_065_622, rel=1e-6)
    assert summary["today"]["eoo"]["km2"] is None
    assert "half of the globe" in summary["today"]["eoo"]["note"]


def test_a_projected_grid(tmp_path):
    # 1 km cells of the equal-area projection of Europe
    options = {"crs": "EPSG:3035", "west": 4_320_000.0, "north": 3_212_000.0, "cell": 1000.0}
    today = write_map(tmp_path / "today", "\n".join(["S" * 40] * 20 + ["U" * 40] * 20), **options)
    later = write_map(tmp_path / "later", "\n".join(["U" * 40] * 20 + ["S" * 40] * 20), "later", **options)
    summary = compare(today, [later], tmp_path / "change")
    assert summary["classes"]["loss"]["area_km2"] == pytest.approx(800.0, rel=1e-5)
    assert summary["today"]["eoo"]["km2"] == pytest.approx(800.0, rel=1e-3)
    # 800 km² are 200 cells of 2 × 2 km, more where the rectangle cuts them: at most a row and a column more
    aoo = summary["today"]["aoo"]
    assert aoo["km2"] == 4 * aoo["cells"]
    assert 200 <= aoo["cells"] <= 22 * 12
    assert summary["scenarios"][0]["shift_km"] == pytest.approx(20.0, rel=1e-3)
    assert summary["scenarios"][0]["bearing"] == pytest.approx(180.0, abs=0.5)


def test_large_cells_have_an_upper_bound_of_aoo(tmp_path):
    today = write_map(tmp_path / "today", "SU UU")
    later = write_map(tmp_path / "later", "US UU", "later")
    aoo = compare(today, [later], tmp_path / "change")["today"]["aoo"]
    assert (aoo["km2"], aoo["cells"]) == (None, None)
    assert aoo["upper_bound_km2"] == pytest.approx(degree(1.0), rel=1e-6)
    assert "up to 111 km wide" in aoo["note"]


@pytest.mark.thorough
def test_windows_do_not_change_the_result(tmp_path, monkeypatch):
    draw = np.random.default_rng(1)
    maps = [
        write_map(tmp_path / name, draw.choice([0, 3, 4, 255], (1100, 600)).astype("uint8"), scenario, cell=0.01)
        for name, scenario in (("today", None), ("a", "A"), ("b", "B"))
    ]
    first = compare(maps[0], maps[1:], tmp_path / "large")
    monkeypatch.setattr("ml.change.compare._WINDOW", 512 * 512)
    second = compare(maps[0], maps[1:], tmp_path / "small")
    for name in ("change", "agreement", "spread"):
        assert first["quantities"][name]["sha256"] == second["quantities"][name]["sha256"]
    assert first["today"]["eoo"]["km2"] == pytest.approx(second["today"]["eoo"]["km2"], rel=1e-12)
    assert first["today"]["aoo"] == second["today"]["aoo"]
    assert first["today"]["centre"] == pytest.approx(second["today"]["centre"], rel=1e-12)
