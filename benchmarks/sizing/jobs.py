"""What jobs take: trainings and maps as the worker runs them, a worker that waits, and the disk of a study."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.made_landscape import strips, write_landscape
from benchmarks.sizing.figures import Figures
from tools import live

_LAYERS, _SIDE, _PRESENCES = 8, 200, 300
_WEST, _NORTH, _DEGREES = -9.0, 44.0, 10.0
#: A study of one species, and one of several, so that the start of the command can be told from a species.
_FEW, _MANY = 1, 4


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds, CPU seconds, and the highest sum of memory of its processes in bytes."""

    wall: float
    cpu: float
    peak: int


def measure(options: argparse.Namespace, folder: Path, figures: Figures) -> None:
    """Train and project with the commands that a job runs.

    Parameters
    ----------
    options : Namespace
    folder : Path
        An empty folder.
    figures : Figures
        Receives the figures.
    """
    _waiting_worker(folder / "data", figures)
    for n_species in (_FEW, _MANY):
        _write_study(folder / f"files-{n_species}", n_species)
    for number in range(options.rounds):
        seconds = {}
        for n_species in (_FEW, _MANY):
            output = folder / f"trained-{number}-{n_species}"
            cost = _train(folder / f"files-{n_species}", output, options.trees)
            seconds[n_species] = cost
            figures.add(f"training of a study with {n_species} species, 2 processes", "s", cost.wall)
            figures.add(f"memory of a training with {n_species} species, 2 processes", "MB", cost.peak / 1e6)
        few, many = seconds[_FEW], seconds[_MANY]
        figures.add("training, each further species", "s", (many.wall - few.wall) / (_MANY - _FEW))
        figures.add("training, each further species", "CPU s", (many.cpu - few.cpu) / (_MANY - _FEW))
    trained = folder / f"trained-0-{_MANY}"
    figures.add("disk of a study: uploads (8 layers of 40,000 cells)", "kB", _size(folder / f"files-{_MANY}") / 1e3)
    figures.add("disk of a study: models of 4 species", "kB", _size(trained / "models") / 1e3)
    figures.add("disk of a study: stored layers, work of the training", "kB", _size(trained / "layers") / 1e3)
    figures.add("disk of a study: stored layers, work of the training", "kB", _size(trained / "work") / 1e3)
    model = next(one.parent for one in (trained / "models").rglob("manifest.json"))
    write_landscape(folder / "landscape", options.side, _LAYERS)
    millions = options.side**2 / 1e6
    for number in range(options.rounds):
        for jobs in (1, 2):
            output = folder / f"map-{number}-{jobs}"
            command = ["project", "--model", model, "--files", folder / "landscape", "--output", output]
            cost = _run(*command, "--jobs", jobs)
            processes = "1 process" if jobs == 1 else "2 processes"
            figures.add(
                f"map of {options.side:,}² cells with its start, {processes}", "s/million", cost.wall / millions
            )
            figures.add(f"memory of a map, {processes}", "MB", cost.peak / 1e6)
            if jobs == 1:
                figures.add("CPU of a map with its start", "CPU s/million", cost.cpu / millions)
                figures.add("disk of a map", "MB/million", _size(output) / 1e6 / millions)
            shutil.rmtree(output)


def _write_study(folder: Path, n_species: int) -> None:
    """Write layers, and records of species that like different layers."""
    write_landscape(folder, _SIDE, _LAYERS, tile=64)
    values = np.concatenate([part for _, part in strips(_SIDE, _LAYERS, 1.0)], axis=1)
    cell = _DEGREES / _SIDE
    lines = ["species,lon,lat"]
    for number in range(n_species):
        noise = np.random.default_rng(number).normal(0, 0.4, (_SIDE, _SIDE))
        liking = values[number] - 0.5 * values[number + 1] + noise
        row, column = np.divmod(np.argsort(-liking.ravel())[:_PRESENCES], _SIDE)
        lines += [
            f"Lacerta ficta{'abcdefgh'[number]},{_WEST + (j + 0.5) * cell:.6f},{_NORTH - (i + 0.5) * cell:.6f}"
            for i, j in zip(row.tolist(), column.tolist(), strict=True)
        ]
    (folder / "records.csv").write_text("\n".join(lines) + "\n")


def _train(files: Path, output: Path, trees: int) -> Cost:
    folders = ["--output", output / "models", "--work", output / "work", "--layer-store", output / "layers"]
    return _run("train", "--files", files, *folders, "--trees", trees, "--title", "made", "--jobs", 2)


def _run(*arguments: object) -> Cost:
    """Run a command of `python -m ml` in a session of its own, and watch the memory of its processes."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "ml", *map(str, arguments)],
        cwd=live.PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    peak, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            peak[0] = max(peak[0], _memory_of(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert process.stderr is not None
        error = process.stderr.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        ended.set()
        watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"benchmarks.sizing: {arguments[0]} failed: {error[-2000:]}")
    return Cost(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, peak[0])


def _memory_of(session: int) -> int:
    """Return the proportional memory of the processes of a session in bytes."""
    total = 0
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session:
                total += process.memory_full_info().pss
        except (OSError, psutil.Error):
            # it has ended in between
            continue
    return total


def _waiting_worker(data_dir: Path, figures: Figures) -> None:
    """Add the memory of a worker that has nothing to do."""
    data_dir.mkdir()
    environ = live.app_environ(data_dir)
    live.flask(environ, "db", "upgrade")
    log = data_dir / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "jobs", "work"],
            cwd=live.PROJECT,
            env=environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        ready = "is ready"
        live.wait_until(
            lambda: worker.poll() is not None or ready in log.read_text(errors="replace"), 60, "the worker waits"
        )
        if worker.poll() is not None:
            raise SystemExit(f"benchmarks.sizing: the worker ended: {log.read_text()[-2000:]}")
        time.sleep(2.0)
        figures.add("memory of a worker for jobs that waits", "MB", _memory_of(worker.pid) / 1e6)
    finally:
        worker.terminate()
        worker.wait(30)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
