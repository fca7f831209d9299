"""``python -m ml predict``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ml.commands.options import Subparsers
from ml.commands.tables import read_csv, read_rows, write_csv
from ml.quality import Quality
from ml.serving.artifact import load_artifact
from ml.serving.predictor import SuitabilityAnswer
from ml.serving.verdict import is_suitable, judge

_ADDED = (
    "verdict",
    "suitability",
    "low",
    "high",
    "suitable",
    "in_area_of_applicability",
    "dissimilarity_index",
    "mess",
    "most_dissimilar",
)


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "predict",
        help="predict each row of a CSV file",
        description="Read rows of conditions and write them with the answers of the API added: the verdict, the "
        "suitability with its interval (low, high), suitable (1 or 0; empty where the verdict is cannot_say), "
        "in_area_of_applicability (0 where a value, or the combination of values, is unlike the training records), the "
        "dissimilarity index, the MESS and the most dissimilar predictor.",
    )
    command.add_argument("--model", type=Path, required=True, help="a model's directory")
    command.add_argument("--input", type=Path, required=True, help="CSV file with a column for each predictor")
    command.add_argument("--output", type=Path, required=True, help="CSV file to write")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Write the rows of a CSV file with their answers."""
    artifact = load_artifact(options.model)
    table = read_csv(options.input)
    present = [name for name in _ADDED if name in table]
    if present:
        raise ValueError(
            f"{options.input} already has a column {present[0]}, which would be replaced; rename or remove it"
        )
    rows = read_rows(artifact.card, table, options.input)
    added = pd.DataFrame(
        [
            _columns(artifact.predictor.answer(list(row)), artifact.quality)
            for row in tqdm(rows, unit="row", disable=not sys.stderr.isatty())
        ],
        columns=_ADDED,
        index=table.index,
    )
    write_csv(table.join(added), options.output)
    print(f"{len(table)} rows written to {options.output}")
    return 0


def _columns(answer: SuitabilityAnswer, quality: Quality) -> tuple[object, ...]:
    """Return the values of the added columns; "" stands for a value that does not exist."""
    novelty, (low, high) = answer.novelty, answer.interval
    verdict = judge(
        answer.suitability,
        answer.interval,
        answer.threshold,
        inside=novelty.inside,
        better_than_chance=quality.better_than_chance,
    )
    suitable = is_suitable(verdict)
    return (
        verdict,
        round(answer.suitability, 6),
        round(low, 6),
        round(high, 6),
        "" if suitable is None else int(suitable),
        int(novelty.inside),
        "" if novelty.index is None else round(novelty.index, 6),
        round(novelty.mess, 6),
        novelty.most_dissimilar or "",
    )
