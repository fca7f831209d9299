"""Numbers that mean "no value" without being declared."""

import numpy as np
import pytest

from ml.layers.stack import open_stack
from ml.recipes.recipe import LayerChoice, Recipe
from tests.unit.ml.layers.made_rasters import codes, reviewed, write_tif


def layer_of(path, **recipe):
    report = reviewed(path, **recipe)
    return report, report.layers[0]


@pytest.mark.parametrize(
    ("dtype", "mark", "others"),
    [
        ("i2", -32767, [106, 500, 2911]),
        ("f4", -32767, [106, 500, 2911]),
        ("i2", 32767, [106, 500, 2911]),
        ("i4", 2147483647, [117, 900, 2973]),
        ("f4", 1e20, [2.5, 3, 8]),
        ("f4", -1e20, [2.5, 3, 8]),
        ("f4", -999, [-40, 3, 30.5]),
        ("f4", 9999, [2.4, 5, 8]),
        ("f4", -99, [2.8, 5, 7.3]),
        ("i1", -128, [1, 2, 5]),
        ("i1", -99, [1, 2, 5]),
        ("u2", 9999, [1, 2, 5]),
    ],
)
def test_isolated_marks_are_no_values(tmp_path, dtype, mark, others):
    stored = np.array([[mark, others[0], mark], [*others[1:], others[0]]]).astype(dtype)
    path = write_tif(tmp_path / "x.tif", stored)
    report, layer = layer_of(path)
    assert (layer.minimum, layer.maximum) == (pytest.approx(min(others)), pytest.approx(max(others)))
    assert layer.nodata_share == pytest.approx(2 / 6) and "was taken as no value (2 cells)" in layer.notes[0]
    assert codes(report, blocking=True) == []
    with open_stack(tmp_path, report, Recipe(title="x")) as stack:
        assert stack.valid_mask()[0].tolist() == [[False, True, False], [True, True, True]]


@pytest.mark.parametrize(
    ("dtype", "mark", "others"),
    [
        # Tenths of a degree, counts, heights and a mountain of 9,999 feet.
        ("i2", -99, [-120, 30, 250]),
        ("i2", -99, [-80, 30, 250]),
        ("i4", 9999, [0, 7000, 12000]),
        ("f4", 999, [0, 700, 980]),
        ("i2", -32767, [-32000, 0, 32000]),
    ],
)
def test_marks_among_other_values_are_values(tmp_path, dtype, mark, others):
    report, layer = layer_of(write_tif(tmp_path / "x.tif", np.array([[mark, others[0]], others[1:]]).astype(dtype)))
    assert layer.nodata_share == 0 and layer.doubtful == [] and "nodata-unsure" not in codes(report)
    assert (layer.minimum, layer.maximum) == (min(mark, *others), max(mark, *others))


def test_a_doubtful_value_is_a_choice(tmp_path):
    """A gap of 99 beside values from 0 to 100: more than half of their range, less than twice."""
    values = np.linspace(0.0, 100.0, 100, dtype="f4").reshape(10, 10)
    values[0, 1] = values[0, 2] = -99.0
    path = write_tif(tmp_path / "x.tif", values)
    report, layer = layer_of(path)
    (problem,) = report.problems
    assert (problem.code, problem.blocking) == ("nodata-unsure", True) and "has -99 in 2 cells" in problem.text
    assert problem.remedy.change == {"layers": [{"file": "x.tif", "band": "1", "nodata": -99.0}]}
    choice = LayerChoice(**problem.remedy.change["layers"][0])
    mended, layer = layer_of(path, layers=[choice])
    rest = values[values >= 0].astype(float)
    assert codes(mended) == [] and (layer.minimum, layer.maximum) == (0.0, 100.0)
    assert layer.mean == pytest.approx(rest.mean(), rel=1e-6)
    with open_stack(tmp_path, mended, Recipe(title="x")) as stack:
        assert stack.valid_mask()[0].sum() == 98
    measured, layer = layer_of(path, layers=[LayerChoice(file="x.tif", nodata="none")])
    assert codes(measured) == [] and layer.minimum == -99.0
    with open_stack(tmp_path, measured, Recipe(title="x")) as stack:
        assert stack.valid_mask()[0].all()


def test_any_value_can_be_chosen_as_missing(tmp_path):
    path = write_tif(tmp_path / "x.tif", np.array([[7, 1], [2, 3]], dtype="i2"), scale=0.1)
    report, _ = layer_of(path, layers=[LayerChoice(file="x.tif", nodata=7)])
    with open_stack(tmp_path, report, Recipe(title="x")) as stack:
        read = stack.read(slice(0, 2), slice(0, 2))[0]
    np.testing.assert_allclose(read, [[np.nan, 0.1], [0.2, 0.3]], rtol=1e-6)


def test_a_labelled_class_is_no_mark(tmp_path):
    path = write_tif(tmp_path / "cover.tif", np.array([[1, 2], [1, 999]], dtype="i2"))
    rows = "".join(f"<Row index='{n}'><F>{v}</F><F>{t}</F></Row>" for n, (v, t) in enumerate(((1, "A"), (999, "Sea"))))
    (tmp_path / "cover.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><GDALRasterAttributeTable><FieldDefn index='0'><Name>Value</Name><Type>0"
        "</Type><Usage>5</Usage></FieldDefn><FieldDefn index='1'><Name>Class</Name><Type>2</Type><Usage>2</Usage>"
        f"</FieldDefn>{rows}</GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"
    )
    assert layer_of(path)[1].levels == {"1": "A", "2": "2", "999": "Sea"}
