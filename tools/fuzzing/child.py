"""One run of atheris on one target: ``python -m tools.fuzzing.child TARGET FOLDER SEED [OPTION OF LIBFUZZER ...]``.

libFuzzer ends the process at the first exception, so exceptions are caught and stored as ``crash-*`` beside those that
libFuzzer stores itself (crashes of compiled code, time limits, memory).
"""

from __future__ import annotations

import hashlib
import pkgutil
import random
import sys
import traceback
from pathlib import Path

import atheris

import ml.kernels
from tools.fuzzing import targets


class Crashes:
    """Stores the shortest input for each place where an exception is raised."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, data: bytes, error: Exception) -> None:
        """Store an input with its traceback, unless there is a shorter one of the same place."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{type(error).__name__} {[(frame.filename, frame.lineno) for frame in frames[1:]]}"
        file = self._folder / f"crash-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
        if not file.exists() or len(data) < file.stat().st_size:
            file.write_bytes(data)
            file.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), errors="backslashreplace")


def main() -> None:
    """Fuzz a target until libFuzzer ends the process."""
    name, folder, seed, *options = sys.argv[1:]
    # numba cannot compile instrumented functions.
    kernels = [module.name for module in pkgutil.iter_modules(ml.kernels.__path__, "ml.kernels.")]
    with atheris.instrument_imports(include=["app", "ml"], exclude=kernels):
        target_class = targets.find(name)
    target = target_class(Path(folder))
    corpus = Path(folder) / "corpus"
    for i, content in enumerate(target.seeds()):
        (corpus / f"seed-{i}").write_bytes(content)
    crashes = Crashes(Path(folder) / "crashes")
    draw = random.Random(int(seed))

    def check(data: bytes) -> None:
        try:
            target.check(data)
        except Exception as error:
            crashes.add(data, error)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        draw.seed(seed)
        return target.mutate(data, most, draw, atheris.Mutate)

    atheris.Setup([sys.argv[0], *options], check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
