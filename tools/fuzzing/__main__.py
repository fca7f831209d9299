"""Fuzz the readers of records, names, licences, models and conditions with atheris.

Run it with ``.venv/bin/python -m tools.fuzzing --target records --seconds 60``, after
``.venv/bin/pip install -r tools/fuzzing/requirements.txt``. It prints the inputs tried and the crashes of each target;
an input that crashes is stored with its traceback in a temporary folder. The exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tools.fuzzing import targets

_PROJECT = Path(__file__).resolve().parents[2]
# Largest input in bytes; longest time for one input in seconds; most memory in MB. Training a seed takes some.
_LIMITS = ("-max_len=200000", "-timeout=20", "-rss_limit_mb=2048", "-malloc_limit_mb=700")
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_MOST_RESTARTS = 20


@dataclass(frozen=True)
class Result:
    """The result for one target."""

    name: str
    inputs: int
    crashes: list[Path]


def fuzz(name: str, seconds: float, folder: Path, seeds: list[Path], seed: int) -> Result:
    """Fuzz a target, starting a new process when one ends before the time is over."""
    for part in ("corpus", "crashes"):
        (folder / part).mkdir(parents=True)
    end, inputs = time.monotonic() + seconds, 0
    for attempt in range(_MOST_RESTARTS):
        left = int(end - time.monotonic())
        if left < 1:
            break
        command = [sys.executable, "-m", "tools.fuzzing.child", name, str(folder), str(seed + attempt)]
        command += [f"-max_total_time={left}", f"-seed={seed + attempt}", "-print_final_stats=1", *_LIMITS]
        command += [f"-artifact_prefix={folder / 'crashes'}/", *map(str, [folder / "corpus", *seeds])]
        with (folder / "log.txt").open("w+", errors="replace") as log:
            code = subprocess.run(command, cwd=_PROJECT, stdout=log, stderr=log, check=False).returncode
            log.seek(0)
            output = log.read()
        executed = _EXECUTED.findall(output)
        inputs += sum(map(int, executed))
        if not executed:
            raise SystemExit(f"fuzzing of {name} ended with code {code}:\n{output[-3000:]}")
    crashes = sorted(path for path in (folder / "crashes").iterdir() if path.suffix != ".txt")
    return Result(name, inputs, crashes)


def main() -> int:
    """Read the command line, fuzz, and print the results."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.fuzzing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--target", choices=targets.NAMES, action="append", help="what to fuzz; may be repeated (default: all)"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each target (default 60)")
    parser.add_argument(
        "--seeds", type=Path, action="append", default=[], metavar="DIR", help="more inputs to begin with"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the random changes (default 1)")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: .venv/bin/pip install -r tools/fuzzing/requirements.txt")
    for directory in options.seeds:
        if not directory.is_dir():
            parser.error(f"{directory} is not a directory")
    folder = Path(tempfile.mkdtemp(prefix="ecopredict-fuzzing-"))
    seeds = [directory.resolve() for directory in options.seeds]
    crashed = 0
    print(f"{'target':<12} {'inputs':>10} {'crashes':>8}", flush=True)
    for name in options.target or targets.NAMES:
        result = fuzz(name, options.seconds, folder / name, seeds, options.seed)
        print(f"{name:<12} {result.inputs:>10,} {len(result.crashes):>8,}", flush=True)
        for path in result.crashes:
            print(f"  {path}")
        crashed += len(result.crashes)
    print(f"inputs and logs: {folder}")
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
