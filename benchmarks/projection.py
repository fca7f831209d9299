"""Maps: cells a second and memory, beside elapid and scikit-learn on the same raster, and where the time goes.

    python -m benchmarks.projection [--sides 500,1000,2000] [--valid 1.0] [--rounds 3] [--elapid DIR]

It writes a made-up landscape of 8 layers, trains our model on a small one, and runs, each in a process of its own and
in an order that is shuffled in each round:

- full: our map with all quantities (suitability, interval, verdict, area of applicability, MESS) as COGs
- suitability: our suitability alone
- elapid: `elapid.apply_model_to_rasters` with elapid's MaxEnt, fitted to the same table
- scikit-learn: `predict_proba` of a down-sampled forest of as many trees on windows of rasterio

Ratios are medians over the rounds of ours to theirs within one round, with the lowest and the highest. CPU time is that
of all processes, as is the peak memory. Then the map is made at each of the sides and with 1 and 2 processes. elapid
is left out where it is not installed (`pip install -r benchmarks/requirements.txt`, or into a directory of its own that
``--elapid`` names; `python -m benchmarks.virtual --help` says how it is filled).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.arguments import ELAPID_HELP, elapid_folder
from benchmarks.made_landscape import train, write_landscape

Run = dict[str, Any]


class Bench:
    """The landscape, the model, and runs of both.

    Parameters
    ----------
    folder : Path
    options : Namespace
    """

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self._options = folder, options
        self._model = train(folder, options.layers, options.trees)

    def landscape(self, side: int) -> Path:
        """Return a folder with the layers of a side."""
        path = self.folder / f"landscape-{side}"
        if not path.exists():
            write_landscape(path, side, self._options.layers, self._options.valid)
        return path

    def run(self, kind: str, side: int, jobs: int = 1) -> Run | None:
        """Run one kind; None where its library is not installed."""
        output = self.folder / "output"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        command = [sys.executable, "-m", "benchmarks.projection_runs", kind, "--model", str(self._model)]
        command += ["--layers", str(self.landscape(side)), "--work", str(self.folder / "work")]
        command += ["--output", str(output / "out"), "--jobs", str(jobs), "--trees", str(self._options.trees)]
        command += ["--elapid", str(self._options.elapid)] if self._options.elapid else []
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            if "No module named 'elapid'" in done.stderr:
                return None
            raise SystemExit(f"{kind} failed: {done.stderr[-2000:]}")
        return dict(json.loads(done.stdout.splitlines()[-1]))


def rates(run: Run) -> str:
    """Return cells a second of wall and of CPU time, and the peak."""
    return f"{run['cells'] / run['wall']:>11,.0f} {run['cells'] / run['cpu']:>11,.0f} {run['peak_mb']:>8,.0f}"


def compare(bench: Bench, side: int, rounds: int) -> None:
    """Run all kinds in shuffled rounds and print medians and ratios."""
    kinds = ["full", "suitability", "elapid", "scikit-learn"]
    runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in random.Random(number).sample(kinds, len(kinds)):
            run = bench.run(kind, side)
            if run is None:
                print(f"{kind} is not installed and left out", flush=True)
                kinds.remove(kind)
            else:
                runs[kind].append(run)
                print(f"round {number + 1}: {kind} {rates(run)}", file=sys.stderr, flush=True)
    print(f"\n{side} × {side} cells, {runs['full'][0]['cells']:,} with an answer, one process, {rounds} rounds")
    print(f"{'':<14} {'cells/s wall':>11} {'CPU cells/s':>11} {'peak MB':>8}")
    for kind in kinds:
        ordered = sorted(runs[kind], key=lambda run: run["cpu"])
        print(f"{kind:<14} {rates(ordered[len(ordered) // 2])}")
    for ours, theirs in (("suitability", "elapid"), ("suitability", "scikit-learn"), ("full", "scikit-learn")):
        if ours in kinds and theirs in kinds:
            ratios = [b["cpu"] / a["cpu"] for a, b in zip(runs[ours], runs[theirs], strict=True)]
            middle = statistics.median(ratios)
            print(f"{ours} is {middle:.2f} times as fast as {theirs} ({min(ratios):.2f} to {max(ratios):.2f}, CPU)")


def scale(bench: Bench, sides: list[int]) -> None:
    """Print the map at each side, in 1 and 2 processes, and where its time goes."""
    print(f"\n{'side':>6} {'jobs':>4} {'cells/s wall':>11} {'CPU cells/s':>11} {'peak MB':>8}  share of the CPU time")
    for side in sides:
        walls = {}
        for jobs in (1, 2):
            run = bench.run("full", side, jobs)
            assert run is not None
            walls[jobs] = run["wall"]
            parts = {name: f"{100 * seconds / run['cpu']:.1f} %" for name, seconds in run["parts"].items()}
            shown = ", ".join(f"{name} {share}" for name, share in parts.items()) if jobs == 1 else ""
            print(f"{side:>6} {jobs:>4} {rates(run)}  {shown}", flush=True)
        coarse = bench.run("preview", side)
        assert coarse is not None
        print(f"{'':>6} 2 processes take {walls[1] / walls[2]:.2f} times less; the preview {coarse['wall']:.1f} s")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", default="500,1000,2000", help="sides of the landscapes, up to 10000")
    parser.add_argument("--compared", type=int, default=500, help="side on which the libraries are compared")
    parser.add_argument("--valid", type=float, default=1.0, help="share of the cells that have values")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the comparison; 0 leaves it out")
    parser.add_argument("--elapid", type=elapid_folder, metavar="DIR", help=ELAPID_HELP)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ecopredict-projection-") as temporary:
        bench = Bench(Path(temporary), options)
        if options.rounds:
            compare(bench, options.compared, options.rounds)
        scale(bench, [int(side) for side in options.sides.split(",") if side])
    return 0


if __name__ == "__main__":
    sys.exit(main())
