"""A worker that kills itself with SIGKILL at a point: ``python -m tests.contract.trainings.worker POINT``.

Without a point it works until no job waits. Everything else is the real worker.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)
        _die()

    return wrapper


def _at_progress(message: str) -> None:
    from app.jobs.steps import StepContext

    report = StepContext.progress

    def progress(self: StepContext, share: float, text: str = "") -> None:
        report(self, share, text)
        if text.startswith(message):
            _die()

    StepContext.progress = progress  # type: ignore[method-assign]


def _arm(point: str) -> None:
    from app.registry import changes
    from app.trainings import placing, steps

    if point == "prepare":
        _at_progress("Reading")
    elif point == "train":
        _at_progress("Training")
    elif point == "check":
        steps.load_artifact = _after(steps.load_artifact)
    elif point == "between the renames":
        placing._replace = _die
    elif point == "placed":
        steps._place = _after(steps._place)
    elif point == "before the commit":
        changes.register = _after(changes.register)
    elif point == "committed":
        changes.publish_snapshot = _die
    elif point == "reported":
        steps._release = _die
    else:
        raise ValueError(point)


if __name__ == "__main__":
    from app import create_app

    application = create_app()
    if sys.argv[1:]:
        _arm(sys.argv[1])
    application.cli.main(["jobs", "work", "--once"], standalone_mode=True)
