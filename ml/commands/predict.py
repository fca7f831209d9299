"""``python -m ml predict``."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from ml.batch.answering import Answering, Subject, Summary, check_header, columns_of_numbers
from ml.batch.cells import describe_cells
from ml.batch.run import BatchRun, token_of
from ml.batch.table import TableFile, look_through
from ml.commands.options import Subparsers
from ml.serving.artifact import load_artifact


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "predict",
        help="predict each row of a CSV file",
        description="Read rows of conditions and write them with the answers of the API added: the verdict, the "
        "suitability with its interval (low, high), suitable (1 or 0; empty where the verdict is cannot_say), "
        "in_area_of_applicability (0 where a value, or the combination of values, is unlike the training records), the "
        "dissimilarity index, the MESS and the most dissimilar predictor. A row with a value that cannot be used gets "
        "an error instead; the other rows are answered, and the command ends with status 2. With several models, each "
        "row is written once for each species, with its slug in the column species. Memory does not grow with the "
        "number of rows.",
    )
    command.add_argument("--model", type=Path, required=True, action="append", help="a model's directory; repeatable")
    command.add_argument("--input", type=Path, required=True, help="CSV file with a column for each predictor")
    command.add_argument("--output", type=Path, required=True, help="CSV file to write")
    command.add_argument("--threshold", help="a number from 0 to 1, or maxSSS, P10 or MTP; the model's own by default")
    command.add_argument(
        "--extrapolation",
        choices=["allow", "flag", "refuse"],
        default="flag",
        help="outside the area of applicability: a verdict, cannot_say (the default), or an error",
    )
    command.add_argument("--summary", type=Path, help="JSON file to write with the number of answers by verdict")
    command.add_argument(
        "--spreadsheet", action="store_true", help="put an apostrophe before cells that a spreadsheet runs as formulas"
    )
    command.add_argument(
        "--resume", action="store_true", help="go on after the last complete part of a killed run of the same command"
    )
    command.add_argument("--accept-errors", action="store_true", help="end with status 0 although rows have an error")
    command.add_argument("--progress", choices=["bar", "json"], default="bar", help="how progress is shown")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Write the rows of a CSV file with their answers."""
    subjects = [_subject(path, options.threshold) for path in options.model]
    slugs = [subject.slug for subject in subjects]
    if len(set(slugs)) < len(slugs):
        raise ValueError("two of the models are for one species")
    with _regular_file(options.input) as path, _no_collections():
        table = TableFile(path, str(options.input))
        check_header(subjects, table.header, table.name)
        overview = look_through(table, columns_of_numbers(subjects))
        answering = Answering(
            subjects, table.header, table.name, decimal=overview.decimal, extrapolation=options.extrapolation
        )
        progress = _Progress(options.progress, overview.n_rows)
        try:
            batch = BatchRun(
                table,
                answering,
                slugs,
                options.output,
                guard=options.spreadsheet,
                token=_token(options, path, subjects) if options.resume else None,
            )
            summary = batch.run(progress.show)
        finally:
            progress.close()
    if options.summary is not None:
        options.summary.write_text(json.dumps(summary.as_json()), encoding="utf-8")
    print(f"{summary.n_rows} rows written to {options.output}")
    return _report(summary, options)


def _report(summary: Summary, options: argparse.Namespace) -> int:
    """Name the rows with an error on standard error; return the status."""
    if not summary.n_bad or options.accept_errors:
        return 0
    count = "1 row has" if summary.n_bad == 1 else f"{summary.n_bad:,} rows have"
    cells = describe_cells(str(options.input), summary.problems, summary.n_problems) if summary.problems else ""
    where = cells or f"{options.input}: the conditions lie outside the training conditions"
    print(f"python -m ml predict: {count} an error instead of an answer: {where}", file=sys.stderr)
    return 2


def _subject(path: Path, threshold: str | None) -> Subject:
    """Return an opened model with the threshold that is requested."""
    artifact = load_artifact(path)
    rules = artifact.card.thresholds
    requested: float | str | None = threshold
    if threshold is not None and threshold not in rules:
        try:
            requested = float(threshold)
        except ValueError:
            requested = -1.0
        if not 0 <= requested <= 1:
            raise ValueError(
                f"--threshold must be a number from 0 to 1 or one of {', '.join(rules)}, not {threshold!r:.40}"
            )
    return Subject(artifact.card.species.slug, artifact, artifact.predictor.cutoff(requested))


@contextlib.contextmanager
def _regular_file(path: Path) -> Iterator[Path]:
    """Yield a file that can be read twice: the input itself, or a copy of a pipe."""
    if path.is_file() or not path.exists() or path.is_dir():
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
        with path.open("rb") as source:
            shutil.copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Switch the collector of cycles off: rows have no cycles, and looking for them takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _token(options: argparse.Namespace, path: Path, subjects: list[Subject]) -> str:
    stamp = path.stat()
    models = [subject.artifact.model_id for subject in subjects]
    kind = (options.threshold, options.extrapolation, options.spreadsheet)
    return token_of((stamp.st_size, stamp.st_mtime_ns, *models, *kind))


class _Progress:
    """Shows the rows that are written: a bar on a terminal, or lines of JSON for a program."""

    def __init__(self, kind: str, total: int) -> None:
        self._total = total
        self._prints = kind == "json"
        self._bar = tqdm(total=total, unit="row", disable=self._prints or not sys.stderr.isatty())

    def show(self, done: int) -> None:
        """Show the number of rows that are written."""
        if self._prints:
            line = {"progress": round(done / self._total, 4), "message": f"{done:,} of {self._total:,} rows"}
            print(json.dumps(line), flush=True)
        else:
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()
