"""Fetches of records from GBIF, as the page of a study shows them."""

from __future__ import annotations

from app.jobs import service as jobs

#: The kind of job that fetches records from GBIF.
KIND = "gbif"


def unfinished(slug: str) -> str | None:
    """Return the id of the fetch of a study that is not finished, or None."""
    return next((job.id for job in jobs.find_by_study(slug, KIND, 1) if not job.is_finished), None)
