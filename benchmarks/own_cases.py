"""The cases of ../shared/data/own-data, from files to models, beside elapid's MaxEnt on the same cells and folds.

    .venv/bin/pip install -r benchmarks/requirements.txt     # for elapid
    python -m benchmarks.own_cases --data ../shared/data/own-data

For each case it prints the records kept and dropped by reason, the AUC of both methods on the same held-out records
(DeLong's interval of the difference), and the time and memory of the command beside the estimate of the preflight.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.arguments import folder

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """Files of a case, the layers that are used of them, and the species of records without names."""

    name: str
    title: str
    records: tuple[str, ...]
    layers: tuple[str, ...]
    species: str = ""


CASES = (
    Case(
        "case-lacerta",
        "Lacerta schreiberi",
        ("lacerta.csv",),
        ("lacerta_climate_present_10m.tif", "lacerta_climate_future_10m.tif"),
        "Lacerta schreiberi",
    ),
    Case("case-kuenm2", "Myrcia hatschbachii", ("occ_data.csv",), ("Current_variables.tif",)),
    Case("case-bradypus", "Bradypus variegatus", ("bradypus.csv",), ("bio.tif", "biome.tif")),
)


def train(folder: Path, case: Case, output: Path) -> tuple[dict[str, Any], float, float, Path]:
    """Run the command of the documentation; return its result, seconds, peak megabytes and its work folder."""
    work = output / "work"
    started = time.perf_counter()
    command = [sys.executable, "-m", "ml", "train", "--title", case.title, "--progress", "json"]
    command += ["--records", *(str(folder / name) for name in case.records)]
    command += ["--layers", *(str(folder / name) for name in case.layers)]
    command += ["--species", case.species] if case.species else []
    command += ["--output", str(output / "models"), "--work", str(work)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{case.name}: {run.stderr.strip()}")
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return json.loads(run.stdout.splitlines()[-1]), seconds, peak, work


def elapid_scores(study: Any, cell: NDArray[np.int64], y: NDArray[np.int64], fold: NDArray[np.int64]) -> Floats | None:
    """Return held-out scores of elapid's MaxEnt with default settings; None where elapid is not installed."""
    try:
        import elapid
    except ImportError:
        return None
    from benchmarks.methods import known_levels
    from ml.predictors.pipeline import FeaturePipeline

    pipeline = FeaturePipeline(study.predictors).fit(study.environment)
    rows = pipeline.transform(study.environment).astype(np.float64)
    categorical = [j for j, p in enumerate(study.predictors) if p.type == "categorical"]
    scores = np.full(len(y), np.nan)
    for held_out in np.unique(fold):
        train_rows, test_rows = fold != held_out, fold == held_out
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = elapid.MaxentModel(n_cpus=1)
            model.fit(rows[train_rows], y[train_rows], categorical=categorical or None)
            scores[test_rows] = np.asarray(
                model.predict(known_levels(rows[train_rows], rows[test_rows], categorical))
            ).ravel()
    return scores


def within_folds(y: NDArray[np.int64], score: Floats, fold: NDArray[np.int64]) -> float:
    """Return the mean over folds of the AUC within each fold, weighted by its presences.

    Scores of elapid of different folds are not on one scale, so that pooling them would be unfair to it.
    """
    from ml.evaluation.metrics import auc_roc

    aucs, weights = [], []
    for one in np.unique(fold):
        inside = (fold == one) & np.isfinite(score)
        if 0 < y[inside].sum() < inside.sum():
            aucs.append(auc_roc(y[inside], score[inside]))
            weights.append(y[inside].sum())
    return float(np.average(aucs, weights=weights))


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=folder, required=True)
    options = parser.parse_args()
    from ml.own_data.checkpoint import load_assembly
    from ml.serving.artifact import read_card

    for case in CASES:
        files = options.data / case.name
        with tempfile.TemporaryDirectory() as temporary:
            result, seconds, peak, work = train(files, case, Path(temporary))
            assembly = load_assembly(work)
            assert assembly is not None
            [one] = result["trained"]
            card = read_card(Path(one["path"]))
            print(f"{case.name}: {one['model_id']}")
            print(f"  kept in {card.n_presences} cells, {card.n_absences} background cells; left out: {card.dropped}")
            with np.load(work / "held_out" / f"{one['model_id']}.npz") as held_out:
                cell, y, score, fold = (held_out[name] for name in ("cell", "y", "score", "fold"))
            ours = within_folds(y, score, fold)
            theirs = elapid_scores(assembly.study, cell, y, fold)
            beside = "elapid is not installed" if theirs is None else f"elapid {within_folds(y, theirs, fold):.3f}"
            print(
                f"  AUC within the same {len(np.unique(fold))} held-out folds ({card.validation.method}): "
                f"{ours:.3f}, {beside}; card (pooled) {card.metrics['auc_roc'].value:.3f}"
            )
            print(f"  command: {seconds:.1f} s, largest process {peak:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
