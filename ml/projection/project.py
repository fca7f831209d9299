"""Projection: every block of a map, in any number of processes, then its files and its summary."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from ml.layers.files import hash_layers, sha256_of
from ml.projection.blocks import BLOCK_CELLS, BlockResult, Projection, compute_block, opened_here
from ml.projection.cells import Unanswered
from ml.projection.cogs import write_cog
from ml.projection.errors import Cancelled, ProjectionError
from ml.projection.inputs import ProjectionInputs
from ml.projection.layout import OUTLINES, PREVIEW, WORK
from ml.projection.local_processes import start_processes
from ml.projection.map_folder import MapFolder
from ml.projection.outlines import write_outlines
from ml.projection.preview import write_preview
from ml.projection.quantities import quantities_of
from ml.projection.summary import summarise, tags_of
from ml.projection.work import WorkDirectory, clear, locked
from ml.serving.artifact import Artifact

Advance = Callable[[float, str], None]
"""Is called with the share of the work that is done, and a message."""

#: Rises when the same inputs give other bytes.
_VERSION = 4
#: Share of the progress at which all blocks are computed.
_COMPUTED = 0.95


def project(
    artifact: Artifact,
    inputs: ProjectionInputs,
    output: Path,
    *,
    advance: Advance = lambda share, message: None,
    cancelled: Callable[[], bool] = lambda: False,
    replace: bool = False,
    coarse: bool = False,
    block_cells: int = BLOCK_CELLS,
) -> dict[str, Any]:
    """Write the map of a model over layers.

    Work goes to the joblib backend in force (`ml.workers.workers`); the bytes do not depend on it. Called again after
    it was stopped in any way, it goes on from the blocks that are finished.

    Parameters
    ----------
    artifact : Artifact
    inputs : ProjectionInputs
    output : Path
        Folder of the map: new, empty, or with the same map, finished or not.
    advance : callable, optional
        Is called after each block.
    cancelled : callable, optional
        Is called after each block; the projection stops where it returns True.
    replace : bool
        Discard a map of other inputs in the folder.
    coarse : bool
        Write a preview first, in the folder ``preview``, which the map replaces.
    block_cells : int
        Cells of a block.

    Returns
    -------
    dict
        The content of ``map.json``.

    Raises
    ------
    ProjectionError
        The folder has other content, no cell has an answer, or the files cannot be written.
    Cancelled
    ml.layers.errors.LayerError
        A file is damaged.
    """
    key = key_of(artifact, inputs, block_cells)
    folder = MapFolder(output, [one.file for one in quantities_of(artifact.card)])
    summary, _ = folder.inspect(key, replace=replace)
    if summary is not None:
        return summary
    with _plain_errors(output), _unfinished_dropped(), locked(output / WORK):
        # Another process can have finished the map meanwhile.
        summary = folder.claim(key, replace=replace)
        if summary is None:
            summary = _project(artifact, inputs, folder, key, block_cells, advance, cancelled, coarse)
    shutil.rmtree(output / WORK, ignore_errors=True)
    return summary


def key_of(artifact: Artifact, inputs: ProjectionInputs, block_cells: int = BLOCK_CELLS) -> str:
    """Return what the bytes of a map depend on, as a hash: the model, the layers and the program."""
    stack = inputs.stack
    content = {
        "version": _VERSION,
        "block_cells": block_cells,
        "model": artifact.model_id,
        "scenario": inputs.scenario.model_dump() if inputs.scenario is not None else None,
        "grid": stack.grid.model_dump(),
        **({"stored": inputs.identity} if inputs.identity else {}),
        **({"shift": inputs.shift} if inputs.shift else {}),
        "layers": [
            layer.model_dump(
                include={"file", "band", "sha256", "kind", "unit", "scale", "offset", "missing", "levels", "crs"}
            )
            for layer in stack.layers
        ],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _project(
    artifact: Artifact,
    inputs: ProjectionInputs,
    folder: MapFolder,
    key: str,
    block_cells: int,
    advance: Advance,
    cancelled: Callable[[], bool],
    coarse: bool,
) -> dict[str, Any]:
    stack, path = inputs.stack, (folder.path / WORK).absolute()
    quantities = quantities_of(artifact.card)
    projection = Projection(
        key=key,
        model=artifact.path.absolute(),
        folder=stack.folder.absolute(),
        layers=stack.layers,
        names=stack.names,
        grid=stack.grid,
        block=stack.block,
        work=path,
        cells=block_cells,
        shift=inputs.shift,
    )
    work, windows = WorkDirectory(path, key), projection.windows()
    work.prepare(stack.grid, quantities)
    work.resume(windows, stack.grid, quantities)
    todo = [number for number in range(len(windows)) if number not in work.finished]
    if coarse and todo:
        advance(0.0, "Drawing a preview")
        write_preview(artifact, inputs, folder.path / PREVIEW, path / PREVIEW)

    def report() -> None:
        done = len(work.finished)
        # A line of each twentieth, where there is no bar.
        share = 20 * done // len(windows) * 5
        advance(_COMPUTED * done / len(windows), f"Computing the map: {share} % of {len(windows):,} blocks")
        if cancelled():
            raise Cancelled

    report()
    if todo:
        start_processes()
    with opened_here(projection, artifact, stack):
        calls = (delayed(compute_block)(projection, number) for number in todo)
        with closing(Parallel(return_as="generator_unordered")(calls)) as results:
            for result in results:
                work.add(result)
                report()
    ordered = [work.finished[number] for number in range(len(windows))]
    if not any(sum(result.cells) for result in ordered):
        clear(path)
        raise ProjectionError(_nothing(ordered))
    changed = _changed(inputs)
    if changed is not None:
        clear(path)
        raise ProjectionError(f"{changed} has changed while the map was computed: start again")
    advance(_COMPUTED, "Writing the files")
    calls = (delayed(write_cog)(path, one, stack.grid, tags_of(artifact, inputs, one)) for one in quantities)
    with closing(Parallel(return_as="generator_unordered")(calls)) as written:
        for number, _ in enumerate(written, 1):
            advance(_COMPUTED + (1.0 - _COMPUTED) * number / (len(quantities) + 1), "Writing the files")
            if cancelled():
                raise Cancelled
    files = {
        one.name: {"size": (path / one.file).stat().st_size, "sha256": sha256_of(path / one.file)} for one in quantities
    }
    summary = summarise(artifact, inputs, quantities, ordered, files) | {"key": key}
    summary["outlines"] = write_outlines(path, OUTLINES, stack.grid, summary)
    folder.publish(path, summary)
    advance(1.0, "The map is complete")
    return summary


def _changed(inputs: ProjectionInputs) -> str | None:
    """Return a file whose content is no longer the one that was inspected, or None."""
    hashes = {layer.file: layer.sha256 for layer in inputs.stack.layers}
    folder = inputs.stack.folder
    return next((name for name, sha256 in hashes.items() if sha256 and hash_layers(folder / name) != sha256), None)


def _nothing(results: list[BlockResult]) -> str:
    """Return why no cell has an answer."""
    unanswered = Unanswered()
    for result in results:
        unanswered.add(Unanswered.from_json(result.unanswered))
    reasons = [f"{unanswered.no_place:,} cells have no place on Earth"] if unanswered.no_place else []
    if unanswered.no_value:
        alone = unanswered.only_lacking.most_common(1)
        hint = f" ({alone[0][1]:,} of them in {alone[0][0]} alone)" if alone else ""
        reasons.append(f"{unanswered.no_value:,} cells have no value in a layer{hint}")
    reasons += [f"{n:,} have an impossible value of {name}" for name, n in sorted(unanswered.impossible.items())]
    for name, labels in sorted(unanswered.unknown.items()):
        reasons.append(f"{sum(labels.values()):,} have a category of {name} that the model never saw")
    return f"no cell can be answered: {'; '.join(reasons)}"


@contextmanager
def _unfinished_dropped() -> Iterator[None]:
    """Keep joblib from warning of blocks that are dropped where a map is stopped."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*tasks which were still being processed")
        yield


@contextmanager
def _plain_errors(output: Path) -> Iterator[None]:
    """Turn errors of the disk and of processes into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ProjectionError(
                f"the disk of {output} is full: free some space and start again, which goes on from the finished blocks"
            ) from error
        raise
    except BrokenProcessPool as error:
        raise ProjectionError(
            "a process was ended by the system, probably because memory ran out: start again with fewer processes "
            "(--jobs 1), which goes on from the finished blocks"
        ) from error
