"""Options that the benchmarks on virtual species share."""

from __future__ import annotations

import argparse

from benchmarks.arguments import REGIONS, at_least_one, check_files, folder, names_of, numbers, output_file
from benchmarks.virtual.species import KINDS, World
from ml.benchmark.run import read_regions


def add_options(parser: argparse.ArgumentParser, row: str, trees: int = 100, needs_data: bool = True) -> None:
    """Declare the data, the regions, the trees of a forest, the processes and the output.

    Parameters
    ----------
    parser : ArgumentParser
    row : str
        What a row of the output is about.
    trees : int
        Default number of trees.
    needs_data : bool
        Whether the program cannot do anything without the data.
    """
    parser.add_argument("--data", type=folder, required=needs_data, help="directory of the regions' .rds files")
    parser.add_argument("--regions", type=REGIONS, default="AWT,NZ,SA", help="(%(default)s)")
    parser.add_argument("--trees", type=at_least_one, default=trees, help="of each forest (%(default)s)")
    parser.add_argument("--jobs", type=at_least_one, default=2, help="processes (%(default)s)")
    parser.add_argument("--output", type=output_file, help=f"CSV with a row for each {row}")


def add_bias_options(parser: argparse.ArgumentParser, strengths: str) -> None:
    """Declare the kinds and strengths of bias, with default strengths, and the groups of each."""
    parser.add_argument("--kinds", type=names_of(KINDS), default=",".join(KINDS), help="of bias (%(default)s)")
    parser.add_argument("--strengths", type=numbers, default=strengths, help="of the bias (%(default)s)")
    parser.add_argument("--repeats", type=at_least_one, default=1, help="groups of a kind and strength (%(default)s)")


def biases(options: argparse.Namespace) -> list[tuple[str, float]]:
    """Return the kinds of bias with their strengths; no bias has the strength 0."""
    return [(kind, one) for kind in options.kinds for one in (options.strengths if kind != "none" else [0.0])]


def read_worlds(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[World]:
    """Return the worlds of the regions, or end the program with one line where files are missing."""
    check_files(parser, options.data, options.regions)
    return [World.of(read_regions(options.data, [region])[0]) for region in options.regions]
