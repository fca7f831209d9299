"""Values of the benchmarks' options, checked before anything runs."""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path

from ml.benchmark.nceas import REGIONS as ALL_REGIONS
from ml.benchmark.nceas import NceasError
from ml.commands.options import output_file, output_folder

__all__ = [
    "ELAPID_HELP",
    "REGIONS",
    "at_least_one",
    "check_files",
    "elapid_folder",
    "ends_in_one_line",
    "folder",
    "names_of",
    "not_negative",
    "numbers",
    "output_file",
    "output_folder",
    "portion",
]


def at_least_one(text: str) -> int:
    """Read a whole number of at least 1."""
    return _at_least(text, 1)


def not_negative(text: str) -> int:
    """Read a whole number of at least 0."""
    return _at_least(text, 0)


def _at_least(text: str, lowest: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = lowest - 1
    if not lowest <= value < 2**31:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {lowest}, not {text}")
    return value


def portion(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, not {text}")
    return value


def folder(text: str) -> Path:
    """Read the path of a directory that exists."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no directory {text}")
    return path


ELAPID_HELP = (
    "directory that has the packages of benchmarks/requirements.txt, made by `pip install --target DIR`; without it "
    "elapid is left out where it is not installed"
)


def elapid_folder(text: str) -> Path:
    """Read the path of a directory that has elapid, and make it importable.

    Returns
    -------
    Path
        The directory is the last in ``sys.path``, so that other packages in it do not replace installed ones.
    """
    path = folder(text)
    if PathFinder.find_spec("elapid", [str(path)]) is None:
        raise argparse.ArgumentTypeError(
            f"{text} has no elapid; pip install --target {text} puts the packages of benchmarks/requirements.txt there"
        )
    sys.path.append(str(path))
    try:
        importlib.import_module("elapid").MaxentModel  # noqa: B018
    except (ImportError, AttributeError) as error:
        sys.path.remove(str(path))
        raise argparse.ArgumentTypeError(f"elapid in {text} cannot be used: {error}") from error
    return path


def numbers(text: str) -> list[float]:
    """Read numbers of at least 0, separated by commas."""
    try:
        values = [float(one) for one in text.split(",")]
    except ValueError:
        values = [-1.0]
    if not all(0 <= value < 100 for value in values):
        raise argparse.ArgumentTypeError(f"must be numbers from 0 to 100, separated by commas, not {text}")
    return values


def names_of(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Return a reader of names, separated by commas."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"there is no {unknown[0] or '(empty name)'}; known are {', '.join(known)}"
            )
        return names

    return read


REGIONS = names_of(ALL_REGIONS)


def check_files(parser: argparse.ArgumentParser, data: Path, regions: list[str]) -> None:
    """End the program with one line where the files of a region are missing."""
    for region in regions:
        name = f"{region}train_po.rds"
        if not (data / name).is_file():
            parser.error(f"argument --data: {data} has no {name}")


def ends_in_one_line(program: Callable[[], int | None]) -> Callable[[], int | None]:
    """Let a program end with status 2 and one line where a file of the benchmark is damaged.

    Surveys are read last, so a damaged one is found after all models are fitted.

    Parameters
    ----------
    program : callable

    Returns
    -------
    callable
    """

    @functools.wraps(program)
    def run() -> int | None:
        try:
            return program()
        except NceasError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)

    return run
