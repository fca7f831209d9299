"""A worker that kills itself with SIGKILL at a point: ``python -m tests.contract.batch.worker POINT``.

Without a point it works until no job waits. Everything else is the real worker.
"""

from __future__ import annotations

import sys
from typing import Any

from tests.contract.trainings.worker import _after, _die


def _arm(point: str) -> None:
    from app.batch import steps
    from app.jobs import commands

    if point == "written":
        steps.StepContext.run_command = _after(steps.StepContext.run_command)  # type: ignore[method-assign]
    elif point == "begun":
        commands.run = _die
    elif point.startswith("rows "):
        _die_at(int(point.removeprefix("rows ")))
    else:
        raise ValueError(point)


def _die_at(rows: int) -> None:
    """Die when the command, which is slower than the real one, has reported some rows at least."""
    from app.jobs.steps import StepContext

    run_command = StepContext.run_command

    def run_slowly(self: StepContext, args: Any, env: Any = None) -> None:
        slow = ["tests.contract.batch.slow_ml" if part == "ml" else part for part in args]
        run_command(self, slow, env)

    StepContext.run_command = run_slowly  # type: ignore[method-assign]
    report = StepContext.progress

    def progress(self: StepContext, share: float, text: str = "") -> None:
        report(self, share, text)
        if int(text.split(" ")[0].replace(",", "")) >= rows:
            _die()

    StepContext.progress = progress  # type: ignore[method-assign]


if __name__ == "__main__":
    from app import create_app

    application = create_app()
    if sys.argv[1:]:
        _arm(sys.argv[1])
    application.cli.main(["jobs", "work", "--once"], standalone_mode=True)
