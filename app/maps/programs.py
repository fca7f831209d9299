"""The programs that a job of a map runs: ``python -m ml project`` and ``python -m ml change``."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.catalogue.versions import ModelVersion
from app.jobs.steps import StepContext, StepError
from app.maps import folders
from app.web.faces import settings

# The last line of a traceback.
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")


def project(
    context: StepContext,
    version: ModelVersion,
    output: Path,
    scenario: str | None,
    shift: Mapping[str, float],
    part: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Compute a map; finished blocks of an attempt that ended early are used.

    Parameters
    ----------
    context : StepContext
    version : ModelVersion
    output : Path
        Folder of the map.
    scenario : str or None
        Label; None for the training conditions.
    shift : mapping of str to float
        Stated changes of layers.
    part : tuple of float
        The part of the step's progress that the map has.

    Raises
    ------
    StepError
        The map cannot be made.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    options: list[str | Path] = ["--model", settings().models_dir.resolve() / version.path, "--output", output]
    options += ["--layer-store", settings().layers_dir.resolve(), "--progress", "json", "--preview", "--replace"]
    if scenario is not None:
        options.append(f"--scenario={scenario}")
    options += [f"--shift={name}={change!r}" for name, change in sorted(shift.items())]
    if settings().dask_scheduler:
        options += ["--scheduler", settings().dask_scheduler or ""]
    run(context, "project", options, part)


def run(context: StepContext, command: str, options: Sequence[str | Path], part: tuple[float, float]) -> None:
    """Run a command of `ml`, and turn its last line into the error of the step."""
    try:
        context.run_command([sys.executable, "-m", "ml", command, *options], part=part)
    except StepError as error:
        text = str(error)
        if _EXCEPTION.match(text):
            raise StepError("The program stopped with an error; the log shows where. Please report it.") from error
        # a user knows the ids of maps, and not where they are on the server
        text = text.replace(f"{folders.maps_dir()}/", "maps/")
        raise StepError(re.sub(rf"^python -m ml( {command})?: (error: )?", "", text)) from error
