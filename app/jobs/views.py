"""Routes of jobs."""

from __future__ import annotations

import contextlib
import json

from flask import Blueprint, Response

from app.catalogue import studies
from app.errors import Conflict, NotFound
from app.jobs import presence, service
from app.jobs.folder import LONGEST_LINE, jobs_dir, read_log
from app.jobs.schemas import JobDetail, JobLogText, JobPage, JobsQuery, LogQuery
from app.jobs.steps import find_kind
from app.web.faces import API_PREFIX, Reply, face, faces, keep_all_private, settings
from app.web.input_validation import read_query
from app.web.operations import Operation, Schema

api = Blueprint("jobs_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("jobs", __name__)
#: What changes something.
changes_api = Blueprint("jobs_changes_api", __name__, url_prefix=API_PREFIX)
changes = Blueprint("jobs_changes", __name__)

_ID: dict[str, Schema] = {"id": {"type": "string", "format": "uuid"}}
# Bytes of the log on the page.
_TAIL = 8_000

keep_all_private(api, pages, changes_api, changes)


@api.get("/jobs")
@Operation(
    "listJobs",
    tag="jobs",
    summary="List jobs, latest first",
    description="In production: the jobs that the person started; with `study`, all jobs of a study that the person "
    "may read. Admins get all jobs.",
    query=JobsQuery,
    answer=JobPage,
    problems=(422,),
)
@faces()
def browse() -> Reply:
    """List jobs."""
    return Reply(service.browse(read_query(JobsQuery)))


@api.get("/jobs/<slug:job_id>")
@pages.get("/jobs/<slug:job_id>")
@Operation(
    "getJob",
    tag="jobs",
    summary="Read one job",
    path=_ID,
    answer=JobDetail,
    problems=(404,),
)
@faces(page="jobs/page.html", fragment="jobs/_job.html")
def detail(job_id: str) -> Reply:
    """Show one job.

    Template context: ``data`` JobDetail, ``title`` of its kind, ``study_title``, ``log`` the last lines, ``is_cut``
    whether there are earlier ones, ``number`` of the present step, ``can_cancel``, ``is_polled`` whether the job goes
    on, ``lacks_worker`` whether no worker is alive.
    """
    job = service.detail(job_id)
    return Reply(job, context={} if face() == "json" else _context(job))


@api.get("/jobs/<slug:job_id>/log")
@Operation(
    "getJobLog",
    tag="jobs",
    summary="Read the log of a job",
    description="Plain text. With `offset`, the rest from a byte on: send the number of bytes received so far.",
    path=_ID,
    query=LogQuery,
    answer=JobLogText,
    media_type="text/plain",
    problems=(404, 422),
)
def read(job_id: str) -> Response:
    """Return the log of a job as text."""
    query = read_query(LogQuery)
    job = service.get(job_id)
    content = read_log(service.folder_of(job.id), query.offset)
    if content is None:
        if job.started_at is not None:
            raise NotFound("The log of this job is not on this server.")
        content = b""
    return Response(content, content_type="text/plain; charset=utf-8")


@changes_api.post("/jobs/<slug:job_id>/cancel")
@Operation(
    "cancelJob",
    tag="jobs",
    summary="Cancel a job",
    path=_ID,
    answer=JobDetail,
    answers={200: "The job is cancelled.", 202: "The job runs, and ends within seconds."},
    problems=(404, 409),
)
@faces()
def cancel(job_id: str) -> Reply:
    """Cancel a job."""
    job = service.as_detail(service.cancel(job_id))
    return Reply(job, 200 if job.state == "cancelled" else 202)


@changes.post("/jobs/<slug:job_id>/cancel")
def cancel_form(job_id: str) -> Response:
    """Cancel a job, and show it. One that has ended meanwhile shows its end."""
    with contextlib.suppress(Conflict):
        service.cancel(job_id)
    return Response(status=303, headers={"Location": f"/jobs/{job_id}"})


def _context(job: JobDetail) -> dict[str, object]:
    kind = find_kind(job.kind)
    address = f"/studies/{job.study}"
    content = read_log(service.folder_of(job.id), 0) or b""
    tail = content[-_TAIL:].decode("utf-8", "replace")
    is_cut = len(content) > _TAIL
    study = studies.find(job.study) if job.study else None
    is_polled = job.ended_at is None
    done = sum(step.state == "succeeded" for step in job.steps)
    return {
        "title": kind.title if kind is not None else job.kind,
        "log": _readable(tail.partition("\n")[2] if is_cut else tail),
        "study_title": study.title if study is not None else job.study,
        "is_cut": is_cut,
        "number": min(done + 1, len(job.steps)),
        "study_page": address if job.study and service.has_page(address) else None,
        "can_cancel": is_polled and not job.cancel_requested and service.may_cancel(service.get(job.id)),
        "is_polled": is_polled,
        "lacks_worker": is_polled and presence.lacks_worker(jobs_dir(settings().data_dir)),
    }


def _readable(log: str) -> str:
    """Return a log without the lines that programs write for programs: JSON objects."""
    return "".join(line for line in log.splitlines(keepends=True) if not _is_object(line.partition(" ")[2]))


def _is_object(text: str) -> bool:
    if not text.startswith("{"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        # a long line is cut
        return len(text) >= LONGEST_LINE
