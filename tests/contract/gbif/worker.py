"""A worker that kills itself with SIGKILL at a point: ``python -m tests.contract.gbif.worker POINT``.

Without a point it works until no job waits. Everything else is the real worker.
"""

from __future__ import annotations

import sys

from tests.contract.trainings.worker import _after, _at_progress, _die


def _arm(point: str) -> None:
    from app.gbif import steps
    from app.studies import files, uploads
    from app.studies.parts import Part

    if point == "in the fetch":
        _at_progress("300 of")
    elif point == "fetched":
        steps._fetched = _after_success(steps._fetched)
    elif point == "while it is copied":
        Part.write = _after(Part.write)  # type: ignore[method-assign]
    elif point == "before it is placed":
        uploads._adopt = _die
    elif point == "placed":
        files.inspect = _die
    elif point == "known":
        steps._stored = _after_success(steps._stored)
    elif point == "stored":
        steps.uploads.receive = _after(uploads.receive)
    else:
        raise ValueError(point)


def _after_success(function):
    """Die at the call that returns something."""

    def wrapper(*args):
        result = function(*args)
        if result is not None:
            _die()
        return result

    return wrapper


if __name__ == "__main__":
    from app import create_app

    application = create_app()
    if sys.argv[1:]:
        _arm(sys.argv[1])
    application.cli.main(["jobs", "work", "--once"], standalone_mode=True)
