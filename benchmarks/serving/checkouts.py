"""Training and nginx of another checkout of EcoPredict, by its own code."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import live

# Trains with the code of a checkout: its working directory. The function has moved between versions.
_TRAIN = """
import sys
from pathlib import Path
from benchmarks.made_up import made_up_study
try:
    from ml.training.train import train_species
except ImportError:
    from ml.training import train_species
train_species(made_up_study(200, 12, 0), sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
"""
# Runs nginx with the configuration of a checkout until standard input ends. The package has moved between versions.
_FRONT = """
import sys
from pathlib import Path
try:
    from tools import live
except ImportError:
    from tests import live
with live.nginx(Path(sys.argv[1]), int(sys.argv[2])) as front:
    print(front.port, front.api, flush=True)
    sys.stdin.read()
"""


def train_in(checkout: Path, species: str, models: Path, trees: int) -> str:
    """Train the model with the code of another checkout; return its id."""
    command = [sys.executable, "-c", _TRAIN, species, models, str(trees)]
    environ = {**os.environ, "PYTHONPATH": str(checkout)}
    result = subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"benchmarks.serving: training in {checkout} failed:\n{result.stderr[-2000:]}")
    (manifest,) = models.glob("*/*/*/manifest.json")
    return manifest.parent.name


@contextlib.contextmanager
def front_of(checkout: Path, folder: Path, upstream: int) -> Iterator[live.Front]:
    """Run nginx with the configuration of another checkout, by its own code."""
    log = folder.with_name("nginx-of-checkout.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _FRONT, folder, str(upstream)],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ports = process.stdout.readline().split()
        if len(ports) != 2:
            raise SystemExit(f"benchmarks.serving: nginx of {checkout} did not start:\n{log.read_text()[-2000:]}")
        yield live.Front(process, log, int(ports[0]), int(ports[1]), 0, folder)
    finally:
        process.stdin.close()
        process.wait(30)


def folder_of(text: str) -> Path:
    """Return the folder that the option ``--against`` names, which must be a checkout."""
    folder = Path(text).resolve()
    if not (folder / "wsgi.py").is_file():
        raise argparse.ArgumentTypeError(f"{folder} has no wsgi.py")
    return folder
