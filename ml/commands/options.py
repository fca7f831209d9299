"""Command-line options that several commands have, and the types of their values."""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Subparsers(Protocol):
    """The object that ``argparse`` returns from ``add_subparsers``."""

    def add_parser(self, name: str, *, help: str, description: str) -> argparse.ArgumentParser:
        """Add a command and return its parser."""
        ...


def add_workers(command: argparse.ArgumentParser) -> None:
    """Add the options for parallel work."""
    command.add_argument("--jobs", type=positive, default=2, help="number of processes (default: %(default)s)")
    command.add_argument(
        "--scheduler", metavar="ADDRESS", help="use this Dask scheduler instead, for example tcp://10.0.0.5:8786"
    )


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    return _at_least(text, 1)


def folds(text: str) -> int:
    """Read a number of folds, at least 2."""
    return _at_least(text, 2)


def seed(text: str) -> int:
    """Read a seed, at least 0."""
    return _at_least(text, 0)


def output_file(text: str) -> Path:
    """Read the path of a file that can be written; nothing is left behind where there is no file yet."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a directory")
    if not path.resolve().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} cannot be written: there is no directory {path.parent}")
    try:
        if path.exists():
            path.open("ab").close()
        else:
            _try_directory(path.resolve().parent)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be written: {error.strerror}") from error
    return path


def output_folder(text: str) -> Path:
    """Read the path of a directory that can be written to, or made; it is not made here."""
    path = Path(text)
    existing = path.absolute()
    # a link to nothing is in the way too
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        raise argparse.ArgumentTypeError(f"{text} cannot be made: {existing} is not a directory")
    try:
        _try_directory(existing)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be written to: {error.strerror}") from error
    return path


def _try_directory(path: Path) -> None:
    """Raise OSError where no file can be made in a directory. Permissions do not tell it: root passes them all."""
    with tempfile.TemporaryFile(dir=path):
        pass


def shift_option(text: str) -> tuple[str, float]:
    """Read the name of a predictor and the change of its layer, as in ``bio1=+2.0``."""
    name, _, number = text.rpartition("=")
    try:
        change = float(number)
    except ValueError:
        change = math.nan
    if not name or not math.isfinite(change):
        raise argparse.ArgumentTypeError(f"{text!r} is not a predictor and a number, as in bio1=+2.0")
    return name, change


def stated_shift(options: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return the changes of layers by predictor.

    Raises
    ------
    ValueError
        A predictor is named twice.
    """
    shift = dict(options)
    if len(shift) < len(options):
        raise ValueError("--shift names a predictor twice")
    return shift


def _at_least(text: str, lowest: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = lowest - 1
    if not lowest <= value < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
    return value
