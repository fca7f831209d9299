"""What remains of a job that has ended: its log."""

from __future__ import annotations

import logging
from pathlib import Path

from app.jobs.folder import reduce_to_log
from app.jobs.steps import JobRef, find_kind

log = logging.getLogger(__name__)


def tidy(job: JobRef, folder: Path, *, is_success: bool) -> None:
    """Delete the working files of a job and, unless it succeeded, what it left outside its folder."""
    kind = find_kind(job.kind)
    if not is_success and kind is not None and kind.clean_up is not None:
        try:
            kind.clean_up(job)
        except Exception:
            log.exception("what the job %s left could not be removed", job.id)
    try:
        reduce_to_log(folder)
    except OSError as error:
        log.warning("the folder of the job %s could not be emptied: %s", job.id, error.strerror)
