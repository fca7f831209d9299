"""Each cell of a map is the single answer for the values of its layers."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.card import Predictor
from ml.own_data.predictors import as_column
from ml.predictors.encoding import EnvironmentValueError, encode_column
from ml.projection.cells import CellEncoder
from ml.projection.project import project
from ml.recipes.reports import LayerReport
from ml.serving.bulk import answer_encoded
from ml.serving.verdict import VERDICTS, judge
from tests.unit.ml.projection.made_maps import SOILS, opened, read, values, write_layers

LAYER = LayerReport(file="x.tif", band="1", name="x")


@pytest.fixture(scope="module", params=["survey", "records"])
def artifact(request):
    return request.getfixturevalue(request.param)


def natural(layers, row, column):
    """The values of a cell as a user would type them."""
    return [
        SOILS[int(one[row, column])] if name == "soil" else float(str(one[row, column])) for name, one in layers.items()
    ]


def single(artifact, row):
    """The single answer, or None where the value is refused."""
    try:
        return artifact.predictor.answer(row)
    except EnvironmentValueError:
        return None


def test_a_thousand_cells_have_the_answers_of_the_api(artifact, tmp_path):
    layers = values()
    with opened(artifact, write_layers(tmp_path / "layers")) as inputs:
        summary = project(artifact, inputs, tmp_path / "map", block_cells=2000)
    assert list(layers) == [p.name for p in artifact.card.predictors]
    stored = {name: read(tmp_path / "map", name) for name in summary["quantities"]}
    draw = np.random.default_rng(3)
    odd = [(20, 30), (20, 36), (21, 40), (41, 65), (6, 5), (8, 15), (10, 19)]
    cells = [*odd, *zip(draw.integers(0, 90, 1000).tolist(), draw.integers(0, 130, 1000).tolist(), strict=True)]
    n_answers = 0
    for row, column in cells:
        one = {name: grid[row, column] for name, grid in stored.items()}
        answer = single(artifact, natural(layers, row, column))
        if answer is None:
            assert one["verdict"] == one["inside"] == one["most_dissimilar"] == 255, (row, column)
            assert one["suitability"] == one["low"] == one["high"] == 65535
            assert np.isnan(one["index"])
            assert np.isnan(one["mess"])
            continue
        n_answers += 1
        low, high = answer.interval
        assert [one["suitability"], one["low"], one["high"]] == [
            round(10_000 * x) for x in (answer.suitability, low, high)
        ]
        better = artifact.quality.better_than_chance
        verdict = judge(
            answer.suitability,
            answer.interval,
            answer.threshold,
            inside=answer.novelty.inside,
            better_than_chance=better,
        )
        assert VERDICTS[one["verdict"]] == verdict
        assert bool(one["inside"]) == answer.novelty.inside
        assert one["index"] == np.float32(answer.novelty.index)
        assert one["mess"] == np.float32(answer.novelty.mess)
        assert summary["predictors"][one["most_dissimilar"]] == answer.novelty.most_dissimilar
    assert 900 < n_answers < len(cells)


def test_suitability_is_that_of_the_api_to_the_last_bit_before_it_is_rounded(artifact):
    layers = values()
    codes = LayerReport(file="soil.tif", band="1", name="soil", kind="categorical")
    codes.levels = {str(code): label for code, label in SOILS.items()}
    encoder = CellEncoder(artifact.card.predictors, [LAYER, LAYER, LAYER, codes])
    rows = encoder.encode(np.stack([one.astype("f4") for one in layers.values()]))
    answers = answer_encoded(artifact, rows.natural, rows.encoded)
    for n in np.random.default_rng(1).integers(0, len(rows.cells), 300):
        answer = artifact.predictor.answer(natural(layers, *divmod(int(rows.cells[n]), 130)))
        assert answers.suitability[n] == answer.suitability
        assert (answers.low[n], answers.high[n]) == answer.interval


def test_cells_without_an_answer_are_counted_for_their_first_reason(artifact, tmp_path):
    with opened(artifact, write_layers(tmp_path / "layers")) as inputs:
        summary = project(artifact, inputs, tmp_path / "map")
    # trees 4 × 7, temperature 5 × 15; both in rows 7 and 8 and columns 5 to 9
    assert summary["without_answer"] == {
        "no_place": 0,
        "no_value": 28 + 75 - 10,
        "only_lacking": {"temperature": 75 - 10, "trees": 28 - 10},
        "impossible": {"bare_rock": 7, "trees": 17},
        "unknown_category": {"soil": {"peat": 40}},
    }
    assert summary["cells"]["total"] == 90 * 130
    assert summary["cells"]["valid"] == 90 * 130 - 93 - 7 - 17 - 40 == sum(summary["cells"]["by_verdict"].values())
    assert any("peat" in note for note in summary["notes"])


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
limits = st.one_of(st.none(), st.floats(-1e6, 1e6))


@given(st.lists(numbers, min_size=1, max_size=30), limits, limits, st.sampled_from(["none", "log1p"]))
@settings(max_examples=200, deadline=None)
def test_values_are_encoded_and_refused_as_single_ones_are(drawn, lowest, highest, transform):
    predictor = Predictor(name="x", label="x", lowest_possible=lowest, highest_possible=highest, transform=transform)
    # The limits themselves, and their neighbours in single precision.
    edges = [np.float32(edge) for edge in (lowest, highest, -1.0, 1e12) if edge is not None]
    edges += [np.nextafter(edge, np.float32(end)) for edge in list(edges) for end in (-np.inf, np.inf)]
    column = np.array([*drawn, *edges], "f4")
    rows = CellEncoder([predictor], [LAYER]).encode(column[None, None])
    expected = {}
    for n, value in enumerate(as_column(LAYER, column)):
        try:
            expected[n] = encode_column(predictor, [value])[0]
        except EnvironmentValueError:
            continue
    assert rows.cells.tolist() == list(expected)
    np.testing.assert_array_equal(rows.encoded[:, 0], np.array(list(expected.values()), "f4"))
    np.testing.assert_array_equal(rows.natural[:, 0], column[rows.cells])
    assert rows.unanswered.impossible["x"] == len(column) - len(expected)


def test_processes_that_compute_maps_import_neither_pandas_nor_xarray():
    """They are a quarter of the memory and a second of the start of such a process."""
    code = (
        "import sys, ml.commands.project, ml.projection.project, ml.projection.stored_inputs\n"
        "sys.exit(', '.join({'pandas', 'xarray', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
