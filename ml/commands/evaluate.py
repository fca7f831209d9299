"""``python -m ml evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.commands.options import Subparsers
from ml.commands.tables import print_scores, read_csv, read_rows
from ml.evaluation import metrics
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
    if not table[options.presence].isin(["0", "1"]).all():
        raise ValueError(f"{options.input}: {options.presence} must be 0 or 1 in every row")
    y = table[options.presence].astype(int).to_numpy()
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
