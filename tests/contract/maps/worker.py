"""A worker that kills itself with SIGKILL at a point of a map: ``python -m tests.contract.maps.worker POINT``."""

from __future__ import annotations

import sys

from tests.contract.trainings.worker import _at_progress, _die


def _arm(point: str) -> None:
    from app.maps import steps

    if point == "blocks":
        _at_progress("Computing the map")
    elif point == "finish":
        steps.folders.read_summary = _die
    else:
        raise ValueError(point)


if __name__ == "__main__":
    from app import create_app

    application = create_app()
    _arm(sys.argv[1])
    application.cli.main(["jobs", "work", "--once"], standalone_mode=True)
