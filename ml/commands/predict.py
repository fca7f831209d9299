"""``python -m ml predict``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ml.commands.options import Subparsers
from ml.commands.tables import check_rows, describe_problems, read_csv, write_csv
from ml.quality import Quality
from ml.serving.answers import SuitabilityAnswer
from ml.serving.artifact import load_artifact
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
    "error",
)


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "predict",
        help="predict each row of a CSV file",
        description="Read rows of conditions and write them with the answers of the API added: the verdict, the "
        "suitability with its interval (low, high), suitable (1 or 0; empty where the verdict is cannot_say), "
        "in_area_of_applicability (0 where a value, or the combination of values, is unlike the training records), the "
        "dissimilarity index, the MESS and the most dissimilar predictor. A row with a value that cannot be used gets "
        "an error instead; the other rows are answered, and the command ends with status 2.",
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
    rows, problems = check_rows(artifact.card, table, options.input)
    errors: dict[int, list[str]] = {}
    for line, name, text in problems:
        errors.setdefault(line, []).append(f"{name}: {text}")
    numbered = zip(table.index, rows, strict=True)
    added = pd.DataFrame(
        [
            (*[""] * (len(_ADDED) - 1), "; ".join(errors[line]))
            if line in errors
            else (*_columns(artifact.predictor.answer(list(row)), artifact.quality), "")
            for line, row in tqdm(numbered, total=len(rows), unit="row", disable=not sys.stderr.isatty())
        ],
        columns=_ADDED,
        index=table.index,
    )
    write_csv(table.join(added), options.output)
    print(f"{len(table)} rows written to {options.output}")
    if not errors:
        return 0
    count = "1 row has" if len(errors) == 1 else f"{len(errors):,} rows have"
    print(
        f"python -m ml predict: {count} an error instead of an answer: {describe_problems(options.input, problems)}",
        file=sys.stderr,
    )
    return 2


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
        answer.suitability,
        low,
        high,
        "" if suitable is None else int(suitable),
        int(novelty.inside),
        "" if novelty.index is None else novelty.index,
        novelty.mess,
        novelty.most_dissimilar or "",
    )
