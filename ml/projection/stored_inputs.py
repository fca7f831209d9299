"""The stored layers of a study as inputs of a projection: the layers that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.card_preparation import UsedLayer
from ml.layers.raster_values import windows
from ml.layers.stack import Stack
from ml.layers.stored import LayerSet, LayerStore, UnknownScenarioError, find_store
from ml.layers.stored_index import INDEX, StoredLayersError
from ml.projection.errors import ProjectionError
from ml.projection.inputs import ProjectionInputs
from ml.recipes.reports import Grid, LayerReport, Scenario
from ml.serving.artifact import Artifact

_BLOCK = (256, 256)


class StoredStack(Stack):
    """Stored layers that are read like a stack of files.

    Parameters
    ----------
    folder : Path
        Of a store.
    layers : sequence of LayerReport
        One for each predictor, in their order; the file of each is that of the layer set.
    grid : Grid
    names : sequence of str
    """

    def __init__(self, folder: Path, layers: Sequence[LayerReport], grid: Grid, names: Sequence[str]) -> None:
        self.names, self.layers, self.grid = list(names), list(layers), grid
        self.folder, self.shape = folder, (grid.height, grid.width)
        self.block = (min(grid.height, _BLOCK[0]), min(grid.width, _BLOCK[1]))
        self._windows = list(windows(*self.shape, self.block))
        try:
            store = LayerStore(folder)
            label = next((one.scenario for one in store.index.sets if one.file == self.layers[0].file), None)
            self._set: LayerSet = store.open(label)
            self._chosen = [self._set.names.index(name) for name in self.names]
        except StoredLayersError as error:
            raise ProjectionError(str(error)) from None

    def close(self) -> None:
        """Do nothing: the file is a mapping of memory."""

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return a window of all layers, shape (n_layers, rows, columns), NaN where a layer has no value."""
        window = self._set.block(rows, columns)[:, :, self._chosen]
        return np.ascontiguousarray(window.transpose(2, 0, 1))


def is_stored(folder: Path) -> bool:
    """Return whether a folder of layers is a store."""
    return (folder / INDEX).is_file()


@contextmanager
def open_stored_inputs(artifact: Artifact, home: Path, scenario: str | None = None) -> Iterator[ProjectionInputs]:
    """Open the stored layers that a model was trained on.

    Parameters
    ----------
    artifact : Artifact
    home : Path
        Has a folder of stores for each study.
    scenario : str, optional
        Label of a scenario; the training conditions otherwise.

    Yields
    ------
    ProjectionInputs

    Raises
    ------
    ProjectionError
        There are no such layers or no such scenario, or they are damaged.
    """
    card = artifact.card
    try:
        store = find_store(home, card)
        if store is None:
            raise ProjectionError(f"{home} has no layers that the model {artifact.model_id} was trained on")
        about = store.open(scenario).about
    except UnknownScenarioError as error:
        raise ProjectionError(f"scenario {scenario}: {error}") from None
    except StoredLayersError as error:
        raise ProjectionError(str(error)) from None
    by_name = {layer.name: layer for layer in about.layers}
    names = [predictor.name for predictor in card.predictors]
    layers = [
        LayerReport(
            file=about.file,
            band=name,
            name=name,
            kind=by_name[name].kind,
            unit=by_name[name].unit,
            levels=by_name[name].levels,
        )
        for name in names
    ]
    trained = {one.predictor: one for one in card.preparation.layers} if card.preparation and scenario is None else {}
    used = [
        trained.get(name) or UsedLayer(predictor=name, file=about.file, band=name, sha256="", treatment="")
        for name in names
    ]
    with StoredStack(store.folder, layers, store.index.grid, names) as stack:
        yield ProjectionInputs(
            stack=stack,
            scenario=Scenario(label=scenario) if scenario is not None else None,
            used=used,
            sources=[],
            notes=[about.note] if about.note else [],
            identity=f"{store.index.key} {about.file}",
        )
