"""One run of `benchmarks.projection`, in a process of its own: it prints its measurements as JSON."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("full", "suitability", "elapid", "scikit-learn", "preview")
Parts = dict[str, float]


def timed(parts: Parts, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that adds its CPU time to a part."""

    def run(*arguments: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            parts[name] += time.process_time() - started

    return run


def with_inputs(options: argparse.Namespace, work: Callable[[Any, Any], int]) -> int:
    """Open the model and the layers, and return what `work` returns: the number of valid cells."""
    from ml.own_data.files import inspect_file
    from ml.projection.inputs import open_inputs
    from ml.serving.artifact import load_artifact

    artifact = load_artifact(options.model)
    reports = [inspect_file(options.layers, path.name) for path in sorted(options.layers.glob("*.tif"))]
    with open_inputs(artifact, options.layers, reports) as inputs:
        options.started = time.perf_counter(), time.process_time()
        return work(artifact, inputs)


def full(options: argparse.Namespace, parts: Parts) -> int:
    """Write our map with all its quantities."""
    from ml.layers.stack import Stack
    from ml.projection import blocks, project
    from ml.workers import workers

    Stack.read = timed(parts, "read", Stack.read)  # type: ignore[method-assign]
    blocks.CellEncoder.encode = timed(parts, "encode", blocks.CellEncoder.encode)  # type: ignore[method-assign]
    blocks.answer_encoded = timed(parts, "answer", blocks.answer_encoded)  # type: ignore[attr-defined]
    blocks._OpenProjection._write = timed(parts, "write", blocks._OpenProjection._write)  # type: ignore[method-assign]
    project.write_cog = timed(parts, "files", project.write_cog)  # type: ignore[attr-defined]

    def work(artifact: Any, inputs: Any) -> int:
        with workers(options.jobs):
            return int(project.project(artifact, inputs, options.output)["cells"]["valid"])

    return with_inputs(options, work)


def preview(options: argparse.Namespace, parts: Parts) -> int:
    """Compute the coarse preview."""
    from ml.projection.preview import preview

    def work(artifact: Any, inputs: Any) -> int:
        return int((preview(artifact, inputs).quantities["verdict"] != 255).sum())

    return with_inputs(options, work)


def suitability(options: argparse.Namespace, parts: Parts) -> int:
    """Write our suitability alone, from the same parts as the map."""
    import rasterio
    from rasterio.windows import Window

    from ml.projection.blocks import block_windows
    from ml.projection.cells import CellEncoder

    def work(artifact: Any, inputs: Any) -> int:
        stack, n = inputs.stack, 0
        encoder = CellEncoder(artifact.card.predictors, stack.layers)
        profile = {"driver": "GTiff", "height": stack.shape[0], "width": stack.shape[1], "count": 1, "dtype": "uint16"}
        profile |= {"nodata": 65535, "tiled": True, "compress": "deflate", "crs": stack.grid.crs}
        with rasterio.open(options.output, "w", **profile) as file:
            for rows, columns in block_windows(stack.grid, stack.block, len(stack.names)):
                cells = encoder.encode(stack.read(rows, columns))
                height, width = rows.stop - rows.start, columns.stop - columns.start
                result = np.full(height * width, 65535, np.uint16)
                for start in range(0, len(cells.cells), 2**16):
                    part = slice(start, start + 2**16)
                    values = artifact.predictor.predict_encoded(cells.encoded[part])
                    result[cells.cells[part]] = np.rint(values * 10_000)
                window = Window(columns.start, rows.start, width, height)
                file.write(result.reshape(height, width), 1, window=window)
                n += len(cells.cells)
        return n

    return with_inputs(options, work)


def table(options: argparse.Namespace) -> tuple[Any, Any]:
    """Return the rows that our model was fitted to: conditions and presence."""
    from ml.own_data.checkpoint import load_assembly

    assembly = load_assembly(options.work)
    assert assembly is not None
    return assembly.study.environment, assembly.study.presence.iloc[:, 0].to_numpy()


def elapid(options: argparse.Namespace, parts: Parts) -> int:
    """Apply elapid's MaxEnt with default settings."""
    if options.elapid is not None:
        sys.path.append(str(options.elapid))
    import elapid as library

    x, y = table(options)
    model = library.MaxentModel(n_cpus=1)
    model.fit(x, y)
    paths = [str(path) for path in sorted(options.layers.glob("*.tif"))]
    options.started = time.perf_counter(), time.process_time()
    library.apply_model_to_rasters(model, paths, str(options.output), quiet=True)
    return count_valid(options.output)


def scikit_learn(options: argparse.Namespace, parts: Parts) -> int:
    """Apply a down-sampled forest of scikit-learn to windows of rasterio."""
    import rasterio
    from sklearn.ensemble import RandomForestClassifier

    x, y = table(options)
    weights = np.where(y == 1, 1 / (y == 1).sum(), 1 / (y == 0).sum())
    n_trees, drawn = options.trees, int(min(len(y), 2 * (y == 1).sum()))
    model = RandomForestClassifier(n_trees, max_samples=drawn, random_state=0, n_jobs=1)
    model.fit(x.to_numpy(np.float32), y, weights)
    files = [rasterio.open(path) for path in sorted(options.layers.glob("*.tif"))]
    profile = files[0].profile | {"predictor": 2, "dtype": "float32"}
    options.started = time.perf_counter(), time.process_time()
    n = 0
    with rasterio.open(options.output, "w", **profile) as file:
        for _, window in files[0].block_windows(1):
            values = np.stack([one.read(1, window=window) for one in files])
            valid = ~np.isnan(values).any(axis=0)
            result = np.full(valid.shape, np.nan, np.float32)
            if valid.any():
                result[valid] = model.predict_proba(values[:, valid].T)[:, 1]
            file.write(result, 1, window=window)
            n += int(valid.sum())
    return n


def count_valid(path: Path) -> int:
    """Return the number of cells with a value."""
    import rasterio

    with rasterio.open(path) as file:
        return sum(int((file.read_masks(1, window=window) > 0).sum()) for _, window in file.block_windows(1))


def highest_memory() -> float:
    """Return the largest resident memory of this process so far, megabytes."""
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmHWM:")[1].split()[0]) / 1000


def main() -> int:
    """Run one kind and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    for name in ("model", "layers", "work", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--elapid", type=Path)
    options = parser.parse_args()
    runs = {
        "full": full,
        "suitability": suitability,
        "elapid": elapid,
        "scikit-learn": scikit_learn,
        "preview": preview,
    }
    parts: Parts = defaultdict(float)
    cells = runs[options.kind](options, parts)
    wall, cpu = time.perf_counter() - options.started[0], time.process_time() - options.started[1]
    if options.jobs > 1:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = highest_memory()
    result = {
        "cells": cells,
        "wall": wall,
        "cpu": cpu + children.ru_utime + children.ru_stime,
        "peak_mb": own + (options.jobs * children.ru_maxrss / 1000 if options.jobs > 1 else 0.0),
        "parts": parts,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
