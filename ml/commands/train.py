"""``python -m ml train``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tqdm import tqdm

from ml.commands import train_own
from ml.commands.options import Subparsers, add_workers, folds, positive, seed
from ml.commands.tables import print_scores
from ml.datasets import DEMO_LAYERS, DEMO_STUDIES, load_study
from ml.records.species_encoder import SpeciesEncoder
from ml.serving.artifact import read_card
from ml.study import StudyData
from ml.tracking.address import from_environment
from ml.tracking.tracker import Tracker


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "train",
        help="train models of the demo studies or of own files",
        description="Train one model for each species of a demo study, or of files with --records and --layers. "
        "Species already trained from the same data with the same settings are skipped.",
    )
    command.add_argument("studies", nargs="*", metavar="STUDY", help="slug of a study; see --list")
    command.add_argument("--all", action="store_true", help="train every study")
    command.add_argument("--list", action="store_true", help="list the studies and stop")
    command.add_argument(
        "--species",
        action="append",
        metavar="NAME",
        help="only this species, by slug or scientific name (may be repeated); with --records: the species of files "
        "that have no names",
    )
    command.add_argument(
        "--raw", type=Path, default=Path("instance/raw"), help="the fetched data (default: %(default)s)"
    )
    command.add_argument(
        "--models", type=Path, default=Path("instance/models"), help="where models go (default: %(default)s)"
    )
    command.add_argument(
        "--layer-store",
        type=Path,
        metavar="DIR",
        help="also write the values of the layers here, by which places are answered (DATA_DIR/layers for the server)",
    )
    command.add_argument(
        "--trees",
        type=positive,
        default=500,
        help="trees in a forest, with a network for every 100 of them, 5 at most (default: %(default)s)",
    )
    command.add_argument("--folds", type=folds, default=5, help="cross-validation folds (default: %(default)s)")
    command.add_argument("--seed", type=seed, default=0, help="seed of every random draw (default: %(default)s)")
    command.add_argument(
        "--without-places",
        action="store_true",
        help="log neither cards nor model files to MLflow, which contain places of records (see MLFLOW_TRACKING_URI)",
    )
    add_workers(command)
    train_own.add_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Train, and log new models where a server is set; return 1 when a species could not be trained."""
    if options.list:
        print("\n".join(DEMO_STUDIES))
        return 0
    with Tracker(from_environment(os.environ), not options.without_places) as tracker:
        if train_own.is_own(options):
            return train_own.run(options, tracker)
        return _train_demo(options, started, tracker)


def _train_demo(options: argparse.Namespace, started: float, tracker: Tracker) -> int:
    """Train the chosen demo studies."""
    # Training imports joblib and scikit-learn, which the other commands do not need.
    from ml.training.provenance import TrainingOptions
    from ml.training.train import TrainingResult, train_study
    from ml.workers import workers

    slugs = list(DEMO_STUDIES) if options.all else options.studies
    if not slugs:
        raise ValueError("name a study, or --all; --list shows them")
    unknown = [slug for slug in slugs if slug not in DEMO_STUDIES]
    if unknown:
        raise ValueError(f"no study {unknown[0]}; there are {', '.join(DEMO_STUDIES)}")
    studies = [load_study(slug, options.raw) for slug in slugs]
    species = {s: _chosen(study, options.species) for s, study in zip(slugs, studies, strict=True)}
    for name in options.species or []:
        if not any(_chosen(study, [name]) for study in studies):
            raise ValueError(f"no species {name} in {', '.join(slugs)}")
    settings = TrainingOptions(options.trees, options.folds, options.seed)
    total = sum(map(len, species.values()))
    results: list[TrainingResult] = []
    terminal = sys.stderr.isatty()
    with (
        tqdm(total=total, unit="model", disable=not terminal, file=sys.stderr) as bar,
        workers(options.jobs, options.scheduler),
    ):
        for slug, study in zip(slugs, studies, strict=True):
            for result in train_study(study, options.models, settings, species[slug]):
                results.append(result)
                if result.fresh and result.path is not None:
                    tracker.add(result.path)
                bar.set_postfix_str(result.species)
                bar.update()
                if not terminal:
                    state = "trained" if result.fresh else "already trained"
                    print(f"{len(results)}/{total} {result.species}: {result.problem or state}", flush=True)
    print_scores([read_card(r.path) for r in sorted(results, key=lambda r: (r.study, r.species)) if r.path and r.fresh])
    failed = [r for r in results if r.path is None]
    if options.layer_store is not None:
        for slug, study in zip(slugs, studies, strict=True):
            _store_layers(options, slug, study)
    for result in failed:
        print(f"not trained: {result.problem}", file=sys.stderr)
    if sentence := tracker.close().sentence:
        print(sentence)
    fresh = sum(r.fresh and r.path is not None for r in results)
    print(f"{fresh} models trained, {total - fresh - len(failed)} already there, in {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


def _store_layers(options: argparse.Namespace, slug: str, study: StudyData) -> None:
    """Store the layers of a demo study that has any, for the models that were trained from its data."""
    from ml.datasets.era5_layers import store_layers
    from ml.training.provenance import fingerprint

    if slug not in DEMO_LAYERS:
        return
    trained = [fingerprint(study, one.slug) for one in study.species]
    folder = store_layers(options.layer_store, DEMO_LAYERS[slug](options.raw), trained)
    print(f"layers of {slug}: {folder}", flush=True)


def _chosen(study: StudyData, names: list[str] | None) -> list[str]:
    """Return the slugs of the named species; a name is a slug or a scientific name in any spelling."""
    slugs = [species.slug for species in study.species]
    if not names:
        return slugs
    encoder = SpeciesEncoder(unknown="ignore").fit([species.scientific_name for species in study.species])
    codes = dict(zip(encoder.transform([species.scientific_name for species in study.species]), slugs, strict=True))
    chosen = {codes.get(code, name) for name, code in zip(names, encoder.transform(names), strict=True)}
    return [slug for slug in slugs if slug in chosen]
