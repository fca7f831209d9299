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
_ADDED = ("suitability", "suitable", "in_area_of_applicability")


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "predict",
        help="predict each row of a CSV file",
        description="Read rows of conditions and write them with three columns added: suitability, suitable (1 where "
        "it reaches the model's threshold) and in_area_of_applicability (0 where a value, or the combination of "
        "values, is unlike the training records, as in the API).",
    )
    command.add_argument("--model", type=Path, required=True, help="a model's directory")
    command.add_argument("--input", type=Path, required=True, help="CSV file with a column for each predictor")
    command.add_argument("--output", type=Path, required=True, help="CSV file to write")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Write the rows of a CSV file with suitability, suitable and in_area_of_applicability."""
    artifact = load_artifact(options.model)
    table = read_csv(options.input)
    present = [name for name in _ADDED if name in table]
    if present:
        raise ValueError(
            f"{options.input} already has a column {present[0]}, which would be replaced; rename or remove it"
        )
    X = read_rows(artifact.card, table, options.input)
    chunks = range(0, len(X), _CHUNK)
    predictions = [
        artifact.predictor.predict_rows(X[begin : begin + _CHUNK])
        for begin in tqdm(chunks, unit="chunk", disable=not sys.stderr.isatty())
    ]
    added = (
        np.concatenate([one.suitability for one in predictions]).round(6),
        np.concatenate([one.suitable for one in predictions]).astype(int),
        np.concatenate([one.inside for one in predictions]).astype(int),
    )
    for name, column in zip(_ADDED, added, strict=True):
        table[name] = column
    write_csv(table, options.output)
    print(f"{len(table)} rows written to {options.output}")
    return 0
