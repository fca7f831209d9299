"""Command line of the modelling library: ``python -m ml train|evaluate|predict|report|benchmark``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ml.commands import benchmark, evaluate, predict, report, train


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        The command line; the process' own when left out.

    Returns
    -------
    int
        0 when done, 1 when some species could not be trained, 2 on bad input.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        return int(options.run(options, started))
    except (ValueError, OSError) as error:
        print(f"python -m ml {options.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml", description="Train, assess and use species distribution models."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "train",
        help="train the demo studies' models",
        description="Train one model for each species of a study. Species already trained from the same data with the "
        "same settings are passed over.",
    )
    command.add_argument("studies", nargs="*", metavar="STUDY", help="slug of a study; see --list")
    command.add_argument("--all", action="store_true", help="train every study")
    command.add_argument("--list", action="store_true", help="list the studies and stop")
    command.add_argument(
        "--species",
        action="append",
        metavar="NAME",
        help="only this species, by slug or scientific name (may be repeated)",
    )
    command.add_argument(
        "--raw", type=Path, default=Path("instance/raw"), help="the fetched data (default: %(default)s)"
    )
    command.add_argument(
        "--models", type=Path, default=Path("instance/models"), help="where models go (default: %(default)s)"
    )
    command.add_argument("--trees", type=_positive, default=500, help="trees in a forest (default: %(default)s)")
    command.add_argument("--folds", type=_folds, default=5, help="cross-validation folds (default: %(default)s)")
    command.add_argument("--seed", type=_seed, default=0, help="seed of every random draw (default: %(default)s)")
    _add_workers(command)
    command.set_defaults(run=train)

    command = commands.add_parser(
        "evaluate",
        help="score a model on records it has not seen",
        description="Print a model's cross-validated scores, or its scores on a CSV of independent records.",
    )
    command.add_argument("--model", type=Path, required=True, help="a model's directory")
    command.add_argument("--input", type=Path, help="CSV with one column for each predictor and one of 0 and 1")
    command.add_argument("--presence", default="presence", help="the column of 0 and 1 (default: %(default)s)")
    command.set_defaults(run=evaluate)

    command = commands.add_parser(
        "predict",
        help="add the suitability to each row of a CSV",
        description="Read rows of conditions and write them with suitability, suitable and novelty added.",
    )
    command.add_argument("--model", type=Path, required=True, help="a model's directory")
    command.add_argument("--input", type=Path, required=True, help="CSV with one column for each predictor")
    command.add_argument("--output", type=Path, required=True, help="CSV to write")
    command.set_defaults(run=predict)

    command = commands.add_parser(
        "report",
        help="write a model's card and ODMAP report",
        description="Describe a model by the ODMAP protocol, filled in from its training run, and list what a human "
        "must still write.",
    )
    command.add_argument("model", type=Path, metavar="MODEL_DIR", help="a model's directory")
    command.add_argument(
        "--format", choices=("markdown", "json"), default="markdown", help="what to write (default: %(default)s)"
    )
    command.add_argument("--output", type=Path, metavar="FILE", help="file to write; standard output when left out")
    command.set_defaults(run=report)

    command = commands.add_parser(
        "benchmark",
        help="run the NCEAS benchmark",
        description="Fit every species of the NCEAS regions, predict the test sites from training data alone, write "
        "predictions.csv and summary.csv, and print mean scores.",
    )
    command.add_argument("--data", type=Path, required=True, help="directory of the benchmark's .rds files")
    command.add_argument(
        "--regions", default="AWT,NZ,SA", help="regions, with commas: AWT, CAN, NSW, NZ, SA, SWI (default: %(default)s)"
    )
    command.add_argument("--output", type=Path, required=True, help="directory to write to; made if needed")
    command.add_argument(
        "--background",
        choices=("target-group", "random"),
        default="target-group",
        help="target-group: other species' records may be used, which is more information; random: they are not "
        "(default: %(default)s)",
    )
    command.add_argument("--seed", type=_seed, default=0, help="seed of every random draw (default: %(default)s)")
    _add_workers(command)
    command.set_defaults(run=benchmark)
    return parser


def _add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--jobs", type=_positive, default=2, help="processes (default: %(default)s)")
    command.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler to send the work to instead, such as tcp://10.0.0.5:8786"
    )


def _positive(text: str) -> int:
    return _at_least(text, 1)


def _folds(text: str) -> int:
    return _at_least(text, 2)


def _seed(text: str) -> int:
    return _at_least(text, 0)


def _at_least(text: str, lowest: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = lowest - 1
    if not lowest <= value < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
    return value


if __name__ == "__main__":
    sys.exit(main())
