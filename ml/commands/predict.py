"""``python -m ml predict``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ml.commands.options import Subparsers
from ml.commands.tables import read_csv, read_rows, write_csv
from ml.serving.artifact import load_artifact

_CHUNK = 10_000


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "predict",
        help="add the suitability to each row of a CSV",
        description="Read rows of conditions and write them with suitability, suitable and novelty added.",
    )
    command.add_argument("--model", type=Path, required=True, help="a model's directory")
    command.add_argument("--input", type=Path, required=True, help="CSV with one column for each predictor")
    command.add_argument("--output", type=Path, required=True, help="CSV to write")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Write a CSV's rows with their suitability; the output appears whole or not at all."""
    artifact = load_artifact(options.model)
    table = read_csv(options.input)
    X = read_rows(artifact.card, table, options.input)
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
    write_csv(table, options.output)
    print(f"{len(table)} rows written to {options.output}")
    return 0
