"""What the command line's commands do."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm import tqdm

from ml import metrics
from ml.artifact import load_artifact, read_card
from ml.card import ModelCard
from ml.datasets import DEMO_STUDIES, load_study
from ml.features import SpeciesEncoder
from ml.study import StudyData
from ml.transforms import EnvironmentValueError

if TYPE_CHECKING:
    from ml.engine import GroupModel

_CHUNK = 10_000


def train(options: argparse.Namespace, started: float) -> int:
    """Train the studies asked for; 1 when a species could not be trained."""
    # training pulls in joblib and scikit-learn, which the other commands do without
    from ml.provenance import TrainingOptions
    from ml.training import Trained, train_study
    from ml.workers import workers

    if options.list:
        print("\n".join(DEMO_STUDIES))
        return 0
    slugs = list(DEMO_STUDIES) if options.all else options.studies
    if not slugs:
        raise ValueError("name a study, or --all; --list shows them")
    unknown = [slug for slug in slugs if slug not in DEMO_STUDIES]
    if unknown:
        raise ValueError(f"no study {unknown[0]}; there are {', '.join(DEMO_STUDIES)}")
    studies = [load_study(slug, options.raw) for slug in slugs]
    wanted = {s: _chosen(study, options.species) for s, study in zip(slugs, studies, strict=True)}
    for name in options.species or []:
        if not any(_chosen(study, [name]) for study in studies):
            raise ValueError(f"no species {name} in {', '.join(slugs)}")
    settings = TrainingOptions(options.trees, options.folds, options.seed)
    total = sum(len(species) for species in wanted.values())
    results: list[Trained] = []
    terminal = sys.stderr.isatty()
    with (
        tqdm(total=total, unit="model", disable=not terminal, file=sys.stderr) as bar,
        workers(options.jobs, options.scheduler),
    ):
        for slug, study in zip(slugs, studies, strict=True):
            for result in train_study(study, options.models, settings, wanted[slug]):
                results.append(result)
                bar.set_postfix_str(result.species)
                bar.update()
                if not terminal:
                    state = "trained" if result.fresh else "already trained"
                    print(f"{len(results)}/{total} {result.species}: {result.problem or state}", flush=True)
    _table([read_card(r.path) for r in sorted(results, key=lambda r: (r.study, r.species)) if r.path and r.fresh])
    failed = [r for r in results if r.path is None]
    for result in failed:
        print(f"not trained: {result.problem}", file=sys.stderr)
    fresh = sum(r.fresh and r.path is not None for r in results)
    print(f"{fresh} models trained, {total - fresh - len(failed)} already there, in {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


def _chosen(study: StudyData, names: list[str] | None) -> list[str]:
    """Slugs of the species named, each by its slug or by its scientific name however it is spelt."""
    slugs = [species.slug for species in study.species]
    if not names:
        return slugs
    encoder = SpeciesEncoder(unknown="ignore").fit([species.scientific_name for species in study.species])
    codes = dict(zip(encoder.transform([species.scientific_name for species in study.species]), slugs, strict=True))
    chosen = {codes.get(code, name) for name, code in zip(names, encoder.transform(names), strict=True)}
    return [slug for slug in slugs if slug in chosen]


def benchmark(options: argparse.Namespace, started: float) -> int:
    """Run the NCEAS benchmark and write its two tables."""
    from ml.benchmark import means_table, predict_groups, predictions_table, read_regions, summarise
    from ml.engine import EngineSettings
    from ml.nceas import RegionGroup
    from ml.workers import workers

    regions = list(dict.fromkeys(options.regions.split(",")))
    groups = read_regions(options.data, regions)
    options.output.mkdir(parents=True, exist_ok=True)
    for group in groups:
        for predictor, n in group.unseen.items():
            print(
                f"{group.region} {group.name}: {n} test sites have a level of {predictor} that training lacks; "
                "answered as the most common one"
            )
    total = sum(len(group.species) for group in groups)
    shared = options.background == "target-group"
    terminal = sys.stderr.isatty()
    predicted = []
    steps = total + (total + len(groups) if shared else 0)
    with tqdm(total=steps, unit="step", disable=not terminal, file=sys.stderr) as bar:

        def stepped(what: str) -> None:
            bar.set_postfix_str(what)
            bar.update()
            if not terminal:
                print(what, flush=True)

        def told(group: RegionGroup, model: GroupModel) -> None:
            bar.write(
                f"{group.region} {group.name}: {len(group.species)} species, "
                f"{model.choice.share:.0%} of the background is target group; weights {_weights(model)}"
            )

        with workers(options.jobs, options.scheduler):
            settings = EngineSettings(seed=options.seed)
            for one in predict_groups(groups, settings, shared, told, stepped):
                predicted.append(one)
                name = groups[one.group].species[one.species]
                stepped(f"{len(predicted)}/{total} {name}: predicted")
    # written before any survey is opened
    _write_csv(predictions_table(groups, predicted), options.output / "predictions.csv")
    summary = summarise(groups, predicted, options.data)
    _write_csv(summary, options.output / "summary.csv")
    print(means_table(summary))
    print(f"{options.background} background, seed {options.seed}, {time.monotonic() - started:.0f} s")
    return 0


def _weights(model: GroupModel) -> str:
    given = model.stacking.weights if model.stacking else {}
    return ", ".join(f"{name} {weight:.2f}" for name, weight in given.items()) or "equal"


def evaluate(options: argparse.Namespace, started: float) -> int:
    """Print cross-validated scores, or scores on independent records."""
    artifact = load_artifact(options.model)
    if options.input is None:
        _table([artifact.card])
        return 0
    table = _read_csv(options.input)
    if options.presence not in table:
        raise ValueError(f"{options.input} has no column {options.presence}")
    if not table[options.presence].isin(["0", "1"]).all():
        raise ValueError(f"{options.input}: {options.presence} must be 0 or 1 in every row")
    y = table[options.presence].astype(int).to_numpy()
    suitability = artifact.predictor.predict(_rows(artifact.card, table, options.input))
    threshold = artifact.card.thresholds[artifact.card.threshold_rule].value
    print(f"{artifact.model_id}: {int(y.sum())} presences, {int((y == 0).sum())} absences")
    for name, value in (
        ("AUC-ROC", metrics.auc_roc(y, suitability)),
        ("AUC-PRG", metrics.auc_prg(y, suitability)),
        ("COR", metrics.cor(y, suitability)),
        (f"TSS at {threshold:.3f}", metrics.tss(y, suitability, threshold)),
        ("Brier", metrics.brier(y, suitability)),
    ):
        print(f"{name:<14} {value:.3f}")
    return 0


def predict(options: argparse.Namespace, started: float) -> int:
    """Write a CSV's rows with their suitability; the output appears whole or not at all."""
    artifact = load_artifact(options.model)
    table = _read_csv(options.input)
    X = _rows(artifact.card, table, options.input)
    answers = []
    for begin in tqdm(range(0, len(X), _CHUNK), unit="chunk", disable=not sys.stderr.isatty()):
        answers.append(artifact.predictor.predict(X[begin : begin + _CHUNK]))
    suitability = np.concatenate(answers)
    threshold = artifact.card.thresholds[artifact.card.threshold_rule].value
    outside = np.zeros(len(table), dtype=bool)
    for j, p in enumerate(artifact.card.predictors):
        if p.minimum is not None and p.maximum is not None:
            values = X[:, j].astype(float)
            outside |= (values < p.minimum) | (values > p.maximum)
    table["suitability"] = suitability.round(6)
    table["suitable"] = (suitability >= threshold).astype(int)
    table["in_area_of_applicability"] = (~outside).astype(int)
    _write_csv(table, options.output)
    print(f"{len(table)} rows written to {options.output}")
    return 0


def report(options: argparse.Namespace, started: float) -> int:
    """Write a model's card and ODMAP report."""
    from ml.odmap import build_report, to_markdown

    artifact = load_artifact(options.model)
    found = build_report(artifact.card, artifact.model_id)
    text = found.model_dump_json(indent=1) + "\n" if options.format == "json" else to_markdown(found)
    if options.output is None:
        sys.stdout.write(text)
    else:
        _write_whole(options.output, lambda draft: Path(draft).write_text(text, encoding="utf-8"))
        print(f"{artifact.model_id} written to {options.output}")
    return 0


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table that appears whole or not at all."""
    _write_whole(path, lambda draft: table.to_csv(draft, index=False))


def _write_whole(path: Path, write: Callable[[str], object]) -> None:
    """Let a file be written under another name, and give it its own when it is whole."""
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise ValueError(f"{path} cannot be written: {'it is a directory' if path.is_dir() else 'no such directory'}")
    handle, draft = tempfile.mkstemp(dir=path.resolve().parent, suffix=path.suffix)
    os.close(handle)
    try:
        write(draft)
        # a temporary file is for its owner alone; this one is for whoever may read its directory
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV table: {error}") from error
    if table.empty:
        raise ValueError(f"{path} has no rows")
    return table


def _rows(card: ModelCard, table: pd.DataFrame, path: Path) -> np.ndarray:
    """The predictors' columns in the card's order, every cell checked."""
    columns: list[np.ndarray] = []
    for p in card.predictors:
        if p.name not in table:
            raise ValueError(f"{path} has no column {p.name}")
        if p.type == "categorical":
            columns.append(table[p.name].to_numpy(dtype=object))
            continue
        numbers = pd.to_numeric(table[p.name], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(numbers)
        if bad.any():
            row = int(np.argmax(bad))
            raise EnvironmentValueError(p.name, f"row {row + 2} is not a number: {table[p.name].iloc[row]!r:.40}")
        columns.append(numbers)
    if all(p.type == "continuous" for p in card.predictors):
        return np.column_stack(columns)
    return np.column_stack([column.astype(object) for column in columns])


def _table(cards: list[ModelCard]) -> None:
    """Print scores, one species a line; "random" is the AUC that folds drawn at random would give."""
    if not cards:
        return
    head = f"{'species':<30} {'presences':>9} {'AUC-ROC':>8} {'(95 %)':>13} {'TSS':>6} {'AUC-PRG':>8} {'CBI':>6}"
    print(f"{head} {'random':>7}  folds")
    for card in cards:
        m = card.metrics
        auc = m["auc_roc"]
        print(
            f"{card.species.scientific_name:<30} {card.n_presences:>9} {auc.value:>8.3f} "
            f"({auc.low:.3f}–{auc.high:.3f}) {m['tss'].value:>6.3f} {m['auc_prg'].value:>8.3f} {m['cbi'].value:>6.3f} "
            f"{f'{card.optimism.auc_roc_random:.3f}' if card.optimism else '':>7}  {card.validation.method}"
        )
