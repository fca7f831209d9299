"""``python -m ml evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.commands.options import Subparsers
from ml.commands.tables import print_scores, read_csv, read_rows
from ml.evaluation import metrics
from ml.predictors.encoding import find_level
from ml.serving.artifact import load_artifact


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "evaluate",
        help="print a model's scores",
        description="Print a model's cross-validated scores, or its scores on a CSV file of independent records.",
    )
    command.add_argument("--model", type=Path, required=True, help="a model's directory")
    command.add_argument("--input", type=Path, help="CSV file with a column for each predictor and one of 0 and 1")
    command.add_argument("--presence", default="presence", help="name of the column of 0 and 1 (default: %(default)s)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Print cross-validated scores, or scores on independent records."""
    artifact = load_artifact(options.model)
    if options.input is None:
        print_scores([artifact.card])
        return 0
    table = read_csv(options.input)
    if options.presence not in table:
        raise ValueError(f"{options.input} has no column {options.presence}")
    y = _presences(table[options.presence], options.input)
    suitability = artifact.predictor.predict(read_rows(artifact.card, table, options.input))
    threshold = artifact.card.thresholds[artifact.card.threshold_rule].value
    scores = {
        "AUC-ROC": metrics.auc_roc(y, suitability),
        "AUC-PRG": metrics.auc_prg(y, suitability),
        "COR": metrics.cor(y, suitability),
        f"TSS at {threshold:.3f}": metrics.tss(y, suitability, threshold),
        "Brier": metrics.brier(y, suitability),
    }
    print(f"{artifact.model_id}: {int(y.sum())} presences, {int((y == 0).sum())} absences")
    for name, value in scores.items():
        print(f"{name:<14} {value:.3f}")
    return 0


def _presences(column: pd.Series, path: Path) -> NDArray[np.int64]:
    """Return 0 or 1 for each row. Tables with missing values are often written with 0.0 and 1.0."""
    levels = [find_level(("0", "1"), text) for text in column]
    wrong = [(line, text) for line, text, level in zip(column.index, column, levels, strict=True) if level is None]
    if wrong:
        line, text = wrong[0]
        more = f"; and {len(wrong) - 1:,} more rows" if len(wrong) > 1 else ""
        raise ValueError(f"{path}: {column.name} must be 0 or 1 in every row; row {line} is {text!r:.40}{more}")
    if len(set(levels)) == 1:
        raise ValueError(
            f"{path}: {column.name} is {levels[0]} in every row (one class only); scores need both 0 and 1"
        )
    return np.array(levels, dtype=np.int64)
