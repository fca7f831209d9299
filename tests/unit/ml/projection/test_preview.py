"""The coarse preview: cells of the map, evenly spread, of which few blocks of large files are decoded."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.projection.errors import Cancelled
from ml.projection.preview import choose_cells, preview
from ml.projection.project import project
from tests.unit.ml.projection.made_maps import opened, read, write_layers


@pytest.mark.parametrize("options", [{}, {"tiled": True, "blockxsize": 32, "blockysize": 16}])
def test_a_preview_has_the_values_of_the_map(survey, tmp_path, options):
    with opened(survey, write_layers(tmp_path / "layers", **options)) as inputs:
        project(survey, inputs, tmp_path / "map")
        coarse = preview(survey, inputs, 40)
    assert (len(coarse.rows), len(coarse.columns)) == (40, 40)
    for name, values in coarse.quantities.items():
        np.testing.assert_array_equal(values, read(tmp_path / "map", name)[np.ix_(coarse.rows, coarse.columns)])
    # The same extent.
    assert coarse.grid.width * coarse.grid.cell_x == pytest.approx(1.3)
    assert coarse.grid.height * coarse.grid.cell_y == pytest.approx(0.9)


def test_a_small_map_is_its_own_preview(survey, tmp_path):
    with opened(survey, write_layers(tmp_path / "layers")) as inputs:
        coarse = preview(survey, inputs, 200)
        assert coarse.grid == inputs.stack.grid
    assert coarse.rows.tolist() == list(range(90))
    assert coarse.columns.tolist() == list(range(130))


@pytest.mark.parametrize(
    ("block", "most_blocks"),
    [((256, 256), 6e7 / 8 / 256**2), ((1, 10_000), 200), ((512, 512), 6e7 / 8 / 512**2)],
)
def test_few_blocks_of_a_large_raster_are_decoded(block, most_blocks):
    rows, columns = choose_cells((10_000, 10_000), block, 8, 200)
    blocks = len(np.unique(rows // block[0])) * len(np.unique(columns // block[1]))
    assert blocks <= 1.3 * most_blocks
    for cells in (rows, columns):
        assert len(cells) == 200
        # No part is without cells: a gap is at most that between two groups of blocks.
        assert np.diff([0, *cells, 10_000]).max() <= 10_000 / 5
        assert (np.diff(cells) > 0).all()


@given(
    st.tuples(st.integers(1, 30_000), st.integers(1, 30_000)),
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.integers(1, 500),
    st.integers(1, 300),
)
@settings(max_examples=300, deadline=None)
def test_cells_of_a_preview_are_cells_of_the_map(shape, block, n_layers, most):
    for cells, size in zip(choose_cells(shape, block, n_layers, most), shape, strict=True):
        assert 1 <= len(cells) <= min(size, most)
        assert cells[0] >= 0
        assert cells[-1] < size
        assert (np.diff(cells) > 0).all()


def test_a_preview_is_written_before_the_map_and_removed_after_it(survey, tmp_path):
    output = tmp_path / "map"
    with opened(survey, write_layers(tmp_path / "layers")) as inputs:
        with pytest.raises(Cancelled):
            project(survey, inputs, output, coarse=True, cancelled=lambda: (output / "preview").exists())
        assert not (output / "map.json").exists()
        written = {path.name for path in (output / "preview").iterdir()}
        np.testing.assert_array_equal(
            read(output / "preview", "verdict"), preview(survey, inputs).quantities["verdict"]
        )
        summary = project(survey, inputs, output, coarse=True)
    assert written == {path.name for path in output.iterdir()} - {"map.json", "suitable.geojson"}
    assert json.loads((output / "map.json").read_text()) == summary
