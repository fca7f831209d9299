"""The report of a training: the models that it made, and the species that failed with the reason."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from app.trainings import frozen
from app.trainings.schemas import FailedSpecies
from ml.regular_files import RefusedFileError, read_regular_file

_LARGEST = 8 * 1024 * 1024


class TrainedModel(BaseModel):
    """A model as the training command reports it; ``path`` is relative to the folder of models."""

    species: str
    slug: str
    model_id: str
    path: str


class TrainingReport(BaseModel):
    """The models and the failures of one training.

    Attributes
    ----------
    tracked : tuple of int
        How many models were logged to MLflow, and how many could not be.
    """

    trained: list[TrainedModel]
    failed: list[FailedSpecies]
    tracked: tuple[int, int] = (0, 0)
    #: What the promotion gate found when the training ended, by the ids of the models; None in older reports.
    found: dict[str, str] | None = None

    @property
    def sentence(self) -> str:
        """How many models there are, and how many species failed."""
        models = f"{len(self.trained):,} model{'s' if len(self.trained) != 1 else ''}"
        return f"{models} registered" + (f", {len(self.failed):,} species failed" if self.failed else "")


def read_report(path: Path) -> TrainingReport | None:
    """Return a report, or None where there is none that can be read."""
    try:
        return TrainingReport.model_validate_json(read_regular_file(path, _LARGEST))
    except (RefusedFileError, ValidationError):
        return None


def report_path(slug: str, job_id: str) -> Path:
    """Return the file of the report of a job."""
    return frozen.trainings_dir(slug) / f"{job_id}.json"
