"""The ODMAP report of a model of a user's own files."""

from __future__ import annotations

import pytest

from ml.card import BackgroundReport, Predictor, Source
from ml.card_preparation import Preparation, UsedFile, UsedLayer
from ml.odmap import build_report, to_markdown
from tests.unit.cards import CARD

ABOUT = Preparation(
    files=[
        UsedFile(name="lizard*.zip", sha256="ab" * 32, size=1_234_567, content="GBIF simple download, 1,268 records"),
        UsedFile(name="bio1.tif", sha256="cd" * 32, size=9, content="1 layer: bio1"),
    ],
    layers=[
        UsedLayer(predictor="bio1", file="bio1.tif", band="1", sha256="ef" * 32, treatment="scale 0.1 applied"),
        UsedLayer(predictor="soil", file="soil.asc", band="1", sha256="01" * 32, treatment=""),
    ],
    grid="EPSG:4326, 120 × 60 cells of 0.1667°",
    rules=["Records with a coordinate uncertainty above 5,000 m are dropped.", "Records of fossils are dropped"],
    recipe="{}",
    command="python -m ml train --recipe recipe.json --files files --models models",
)


def report(**changes):
    return build_report(CARD.model_copy(update={"preparation": ABOUT, **changes}), "the-model", 2)


def element(of, subsection, name):
    return next(one for one in of.elements if (one.subsection, one.element) == (subsection, name))


def test_the_cleaning_rules_are_printed_with_the_records_left_out():
    cleaning = element(report(dropped={"fossil": 3, "no_coordinates": 12}), "Biodiversity data", "Cleaning")
    assert cleaning.text == (
        "15 records left out while the study's records were cleaned; 100 presences and 100 absences were kept. These "
        "rules were applied:"
    )
    assert cleaning.points == [
        "Records with a coordinate uncertainty above 5,000 m are dropped.",
        "Records of fossils are dropped.",
    ]
    assert cleaning.tables[0].rows == [["no coordinates", "12"], ["fossil", "3"]]
    assert cleaning.to_write == ""
    none = element(report(), "Biodiversity data", "Cleaning")
    assert none.text == "No record was left out. These rules were applied:"
    assert none.points == cleaning.points


@pytest.mark.parametrize(
    ("subsection", "name", "texts"),
    [
        ("Biodiversity data", "Data sources", ["lizard*.zip", "1,234,567", "ab" * 32, "1,268 records"]),
        ("Predictor variables", "Data sources", ["bio1.tif", "soil.asc", "ef" * 6]),
        ("Predictor variables", "Coordinate reference system", ["EPSG:4326, 120 × 60 cells of 0.1667°."]),
        (
            "Predictor variables",
            "Data processing",
            ["bio1: scale 0.1 applied.", "Values were converted as listed below; the model applies no further"],
        ),
        ("Software", "Code availability", [ABOUT.command]),
        ("Software", "Data availability", ["2 files", "the recipe is in the model card"]),
    ],
)
def test_files_layers_grid_and_command_stand_where_the_protocol_has_them(subsection, name, texts):
    one = element(report(), subsection, name)
    shown = "\n".join([one.text, *one.points, *(cell for t in one.tables for row in t.rows for cell in row)])
    assert [text for text in texts if text not in shown] == []


def test_the_markdown_has_the_rules_and_escapes_file_names():
    text = to_markdown(report())
    assert "- Records of fossils are dropped." in text
    assert "lizard\\*.zip" in text
    assert ABOUT.command in text


def test_a_report_without_own_files_names_none():
    plain = build_report(CARD, "the-model", 2)
    assert "own data" not in to_markdown(plain)
    assert element(plain, "Biodiversity data", "Cleaning").text == "The card lists no records that were left out."


GRID = (
    "87 × 49 cells of 0.1667 × 0.1667 in EPSG:4326; 2,435 cells have a value in every layer. The grid spans longitudes "
    "−10.00° to 4.50° and latitudes 36.00° to 44.17° (WGS 84)."
)


def with_preparation(preparation=None, **changes):
    about = ABOUT.model_copy(update={"grid": GRID, **(preparation or {})})
    return report(preparation=about, **changes)


@pytest.mark.parametrize(
    ("subsection", "name", "text"),
    [
        ("Scale of analysis", "Spatial extent", "longitudes −10.00° to 4.50° and latitudes 36.00° to 44.17°"),
        ("Scale of analysis", "Spatial resolution", "one cell of the grid: 87 × 49 cells of 0.1667 × 0.1667 in EPSG"),
        ("Predictor variables", "Spatial extent", "longitudes −10.00° to 4.50°"),
        ("Predictor variables", "Spatial resolution", "0.1667 × 0.1667 in EPSG:4326 (cell size in degrees)"),
    ],
)
def test_the_grid_fills_extent_and_resolution(subsection, name, text):
    one = element(with_preparation(), subsection, name)
    assert text in one.text
    assert one.to_write == "" and one.source == "run"


def test_extent_and_resolution_of_other_grids_are_still_to_be_written():
    layers = [
        ABOUT.layers[0],
        ABOUT.layers[1].model_copy(update={"treatment": "aligned to the grid by the nearest cell"}),
    ]
    of = with_preparation({"layers": layers})
    for name in ("Spatial extent", "Spatial resolution"):
        assert element(of, "Predictor variables", name).to_write == "Give that of the files of soil."


def test_samples_without_a_grid_leave_extent_and_resolution_to_be_written():
    of = with_preparation({"grid": "None: the records bring their conditions."})
    for subsection in ("Scale of analysis", "Predictor variables"):
        for name in ("Spatial extent", "Spatial resolution"):
            assert element(of, subsection, name).to_write


def test_scaling_gives_numbers_and_distance_whatever_the_case_of_the_reason():
    dropped = {"Another record in the same cell": 1_206, "duplicate": 1, "Thinned": 7, "fossil": 3}
    one = element(
        with_preparation({"recipe": '{"title": "x", "rules": {"thin_km": 12.5}}'}, dropped=dropped),
        "Biodiversity data",
        "Scaling",
    )
    assert one.text == (
        "A cell of the grid with records of the species is one presence. 1,206 records left out because there was "
        "another record in the same cell. 1 record left out because another had the same species, place and date. "
        "7 records left out because another of the species was nearer than 12.5 km."
    )
    assert one.to_write == ""
    assert element(with_preparation(), "Biodiversity data", "Scaling").to_write == ""


@pytest.mark.parametrize(("kind", "share", "weighted"), [("random", 0.0, False), ("target group", 0.5, True)])
def test_a_weight_is_named_only_for_a_target_group(kind, share, weighted):
    background = BackgroundReport(kind=kind, target_group_share=share, note="")
    study = CARD.study.model_copy(update={"records": "presence-background"})
    text = element(with_preparation(background=background, study=study), "Data partitioning", "Training data").text
    assert ("with a weight under the chosen share" in text) == weighted


def test_source_and_licence_that_are_not_stated_are_one_sentence():
    unknown = "not stated in the files"
    study = CARD.study.model_copy(
        update={"sources": [Source(title="Layers (a.tif)", citation=unknown, licence=unknown)]}
    )
    assert element(with_preparation(study=study), "Biodiversity data", "Data sources").points == [
        "Layers (a.tif). Source and licence are not stated in the files."
    ]


def test_predictors_of_one_file_are_one_row():
    layers = [
        UsedLayer(predictor=f"v{band}", file="stack.tif", band=str(band), sha256="ab" * 32, treatment="as in the file")
        for band in (10, 1, 2, 3, 9)
    ]
    of = with_preparation({"layers": layers})
    one = element(of, "Predictor variables", "Data sources")
    assert one.tables[0].rows == [["stack.tif", "v1, v2, v3, v9, v10", "1–3, 9, 10", "abababababab"]]
    assert to_markdown(of).count("ab" * 32) == 1
    processing = element(of, "Predictor variables", "Data processing")
    assert processing.text == "No predictor was transformed before the fit."
    assert processing.points == ["v10, v1, v2, v3 and v9: as in the file."]


def test_predictors_are_named_once_and_numeric_levels_are_in_order():
    predictors = [
        Predictor(name="bio1", label="Annual mean temperature (bio1)", minimum=1, maximum=2, median=1),
        Predictor(name="soil", label="soil", type="categorical", levels=["1", "10", "2"]),
    ]
    one = element(with_preparation(predictors=predictors), "Predictor variables", "Predictor variables")
    assert [row[0] for row in one.tables[0].rows] == ["Annual mean temperature (bio1)", "soil"]
    assert one.points == ["soil: Its levels are 1, 2 and 10."]
