"""The reply to a request that became a job."""

from __future__ import annotations

from app.jobs import service
from app.jobs.tables import Job
from app.web.faces import API_PREFIX, Reply


def accepted(job: Job, **headers: str) -> Reply:
    """Return the reply with a job: status 202, its address in `Location`, and further headers."""
    return Reply(service.as_detail(job), 202, headers={"Location": f"{API_PREFIX}/jobs/{job.id}", **headers})
