"""The job "batch": ``python -m ml predict`` on a stored table."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from app.batch import storage
from app.batch.service import KIND
from app.jobs.steps import JobRef, Step, StepContext, StepError, register_kind
from app.web.faces import settings

_PREFIX = "python -m ml predict: "
# The last line of a traceback.
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")


def register() -> None:
    """Register the kind of job."""
    register_kind(KIND, "Batch of predictions", (Step("answer", "Answer the rows", _answer),), _clean_up)


def _answer(context: StepContext) -> None:
    """Answer the rows; a part that was written before the worker died is used."""
    batch = str(context.job.parameters["batch"])
    folder = storage.folder_of(batch)
    plan = storage.plan_of(batch)
    if plan is None:
        raise StepError("The table is no longer on the server. Send it again.")
    result, summary = folder / storage.RESULT, folder / storage.SUMMARY
    if not (result.exists() and summary.exists()):
        models: list[str | Path] = []
        for path in plan.models:
            models += ["--model", settings().models_dir.resolve() / path]
        places: list[str | Path] = []
        if plan.places is not None:
            places = ["--layer-store", settings().layers_dir.resolve()]
            places += [f"--{name.replace('_', '-')}={text}" for name, text in plan.places.items() if text is not None]
        threshold = ["--threshold", str(plan.threshold)] if plan.threshold is not None else []
        files: list[str | Path] = ["--input", folder / storage.INPUT, "--output", result, "--summary", summary]
        options = ["--extrapolation", plan.extrapolation, "--spreadsheet", "--resume", "--accept-errors"]
        options += ["--progress", "json"]
        options += ["--rows"] if plan.is_rows else []
        options += ["--without-index"] if plan.hides_index else []
        try:
            context.run_command([sys.executable, "-m", "ml", "predict", *models, *files, *threshold, *places, *options])
        except StepError as error:
            raise StepError(_sentence(str(error), folder / storage.INPUT, plan.name)) from error
    (folder / storage.INPUT).unlink(missing_ok=True)
    context.result = f"/batch/{batch}"


def _sentence(text: str, path: Path, name: str) -> str:
    """Return the message of the command for the user of a page."""
    if _EXCEPTION.match(text):
        return "The program stopped with an error; the log shows where. Please report it."
    text = text.removeprefix(_PREFIX).replace(str(path), name).replace(f"{settings().layers_dir.resolve()}/", "layers/")
    return text if text.endswith((".", "?")) else f"{text}."


def _clean_up(job: JobRef) -> None:
    """Remove the files of a failed or cancelled batch."""
    storage.remove(str(job.parameters["batch"]))
