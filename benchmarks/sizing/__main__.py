"""Sizes: what an answer, a web worker, a model, a training, a map and a study take, for the size of an installation.

    python -m benchmarks.sizing [--rounds 3] [--seconds 3] [--models 60] [--side 1000] [--only serving|jobs]

The application is served by gunicorn with two workers behind nginx, with PostgreSQL (which waits for the disk) and
Valkey, all on loopback (`benchmarks.serving`), and answers new and repeated conditions in turn. Memory is the
proportional set size, which counts shared memory once. Trainings and maps are the commands that a job runs, with their
start. It prints a table with the median and the spread of each figure.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.arguments import at_least_one
from benchmarks.sizing import jobs, serving
from benchmarks.sizing.figures import Figures

_PARTS = {"serving": serving.measure, "jobs": jobs.measure}


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError("must be more than 0 seconds, and less than an hour")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizing", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=at_least_one, default=3, help="(%(default)s)")
    parser.add_argument("--seconds", type=_positive, default=3.0, help="of load in a round (%(default)s)")
    parser.add_argument("--connections", type=at_least_one, default=8, help="keep-alive connections (%(default)s)")
    parser.add_argument("--models", type=at_least_one, default=60, help="species that are opened (%(default)s)")
    parser.add_argument("--trees", type=at_least_one, default=500, help="of each forest (%(default)s)")
    parser.add_argument("--side", type=at_least_one, default=1000, help="of the map, in cells (%(default)s)")
    parser.add_argument("--only", choices=sorted(_PARTS), help="one part alone")
    options = parser.parse_args(arguments)
    begin, figures = time.monotonic(), Figures()
    load = os.getloadavg()[1]
    with tempfile.TemporaryDirectory(prefix="ecopredict-sizing-", dir="/tmp") as name:
        # PostgreSQL does not run as root, and must be able to read its folder
        Path(name).chmod(0o755)
        for part in [options.only] if options.only else list(_PARTS):
            folder = Path(name) / part
            folder.mkdir()
            _PARTS[part](options, folder, figures)
    cores = len(os.sched_getaffinity(0))
    print(
        f"{cores} cores, Python {platform.python_version()}; load of the machine before: {load:.1f}; "
        f"{options.rounds} rounds, {options.connections} connections; {time.monotonic() - begin:.0f} s\n"
    )
    print("\n".join(figures.table()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
