"""The estimate of the preflight beside what a training takes: minutes and memory, for studies of several sizes.

    python -m benchmarks.preflight [--sizes small,medium,large]

For each size it writes made-up files, asks for the preflight, runs ``python -m ml train`` in a process of its own, and
prints estimate, measurement and their ratio. It ends with 1 where a ratio is outside 0.5 to 2.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import rasterio
from rasterio.transform import from_origin


@dataclass(frozen=True)
class Study:
    """Size of a made-up study."""

    name: str
    side: int
    layers: int
    species: int
    records: int


STUDIES = (
    Study("small", 50, 5, 1, 50),
    Study("usual", 60, 19, 1, 300),
    Study("many records", 300, 10, 1, 5_000),
    Study("many layers", 200, 60, 1, 300),
    Study("several species", 150, 10, 8, 200),
    Study("many species", 150, 10, 40, 200),
    Study("large", 1_000, 19, 1, 1_000),
)


def write_files(folder: Path, study: Study, seed: int = 0) -> None:
    """Write layers and records of a study."""
    draw = np.random.default_rng(seed)
    row, column = np.mgrid[0 : study.side, 0 : study.side] / study.side
    transform = from_origin(-9, 44, 10 / study.side, 10 / study.side)
    surfaces = []
    for number in range(study.layers):
        a, b, c = draw.normal(size=3)
        surface = np.sin(3 * a * row + b) + np.cos(3 * c * column) + draw.normal(0, 0.1, row.shape)
        surfaces.append(surface.astype(np.float32))
        path = folder / f"layer_{number:02d}.tif"
        shape = {"width": study.side, "height": study.side, "count": 1, "dtype": "float32"}
        with rasterio.open(path, "w", driver="GTiff", crs="EPSG:4326", transform=transform, **shape) as raster:
            raster.write(surfaces[-1], 1)
    lines = ["species,lon,lat"]
    for number in range(study.species):
        liking = surfaces[number % study.layers] + draw.normal(0, 1, row.shape)
        cells = np.argsort(-liking.ravel())[: study.records]
        rows, columns = np.divmod(cells, study.side)
        name = f"Genus species{chr(97 + number // 26)}{chr(97 + number % 26)}"
        width = 10 / study.side
        lines += [
            f"{name},{-9 + (j + 0.5) * width:.6f},{44 - (i + 0.5) * width:.6f}"
            for i, j in zip(rows, columns, strict=True)
        ]
    (folder / "records.csv").write_text("\n".join(lines) + "\n")


def measure(folder: Path, output: Path) -> tuple[float, float]:
    """Train; return minutes, and the largest memory of the process and its children together, megabytes."""
    peak, done = [0.0], threading.Event()
    command = [sys.executable, "-m", "ml", "train", "--files", str(folder), "--output", str(output), "--title", "made"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def watch() -> None:
        while not done.wait(0.1):
            try:
                parent = psutil.Process(process.pid)
                total = sum(one.memory_info().rss for one in [parent, *parent.children(recursive=True)])
            except psutil.Error:
                continue
            peak[0] = max(peak[0], total / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    minutes = (time.perf_counter() - started) / 60
    done.set()
    watcher.join()
    if code:
        raise SystemExit(f"the training ended with {code}")
    return minutes, peak[0]


def main() -> int:
    """Measure the sizes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", help="names of sizes, separated by commas")
    options = parser.parse_args()
    from ml.own_data.files import inspect_file
    from ml.own_data.preflight import check_study
    from ml.recipes.recipe import Recipe

    chosen = options.sizes.split(",") if options.sizes else [study.name for study in STUDIES]
    outside = 0
    print("size | presences | layers | species | minutes: estimate, measured, ratio | MB: estimate, measured, ratio")
    for study in STUDIES:
        if study.name not in chosen:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "files"
            folder.mkdir()
            write_files(folder, study)
            reports = [inspect_file(folder, path.name) for path in sorted(folder.iterdir())]
            plan = check_study(folder, Recipe(title="made"), reports)
            minutes, memory = measure(folder, Path(temporary) / "models")
        ratios = minutes / plan.minutes, memory / plan.memory_mb
        outside += any(not 0.5 <= ratio <= 2 for ratio in ratios)
        print(
            f"{study.name} | {plan.presences} | {study.layers} | {plan.species} | {plan.minutes:.2f}, {minutes:.2f}, "
            f"{ratios[0]:.2f} | {plan.memory_mb:.0f}, {memory:.0f}, {ratios[1]:.2f}",
            flush=True,
        )
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
