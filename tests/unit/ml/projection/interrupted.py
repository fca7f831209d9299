"""A projection in a process of its own, which tests kill: it prints a line for each finished block.

python -m tests.unit.ml.projection.interrupted MODEL LAYERS OUTPUT JOBS
"""

from __future__ import annotations

import sys
from pathlib import Path

from ml.projection.project import project
from ml.serving.artifact import load_artifact
from ml.workers import workers
from tests.unit.ml.projection.made_maps import opened

#: Small, so that a small map has many.
BLOCK_CELLS = 600


def main() -> None:
    model, layers, output, jobs = sys.argv[1:]
    artifact = load_artifact(Path(model))
    with opened(artifact, Path(layers)) as inputs, workers(int(jobs)):
        project(
            artifact,
            inputs,
            Path(output),
            advance=lambda share, message: print(share, flush=True),
            block_cells=BLOCK_CELLS,
        )


if __name__ == "__main__":
    main()
