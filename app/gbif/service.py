"""Start of fetches from GBIF."""

from __future__ import annotations

from sqlalchemy import select

from app.catalogue import access
from app.database.db import db
from app.errors import Conflict
from app.gbif.schemas import GbifRequest
from app.jobs import service as jobs
from app.jobs.tables import FINISHED, Job
from app.studies import own, storage
from app.studies.fetches import KIND


class FetchRuns(Conflict):
    """Another fetch of the study is not finished.

    Attributes
    ----------
    job : str
        Its id.
    is_same : bool
        Whether it fetches the same.
    """

    def __init__(self, job: Job, *, is_same: bool) -> None:
        super().__init__(
            f"The job {job.id} is fetching records from GBIF into this study. Wait until it has ended, or cancel it."
        )
        self.job = job.id
        self.is_same = is_same


def start(slug: str, request: GbifRequest, key: str | None = None) -> Job:
    """Start a fetch, or return the job that the same request started.

    Parameters
    ----------
    slug : str
    request : GbifRequest
    key : str, optional
        Idempotency key of the client.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        A fetch of the study is not finished, or the key was used for another one.
    """
    key = access.own_key(key)
    own.load(slug)
    storage.create_folders(slug)
    # two simultaneous requests do not start two fetches
    with storage.locked(slug):
        db.session.rollback()
        earlier = list(db.session.scalars(select(Job).where(Job.study == slug, Job.kind == KIND)))
        is_repeated = key is not None and any(job.idempotency_key == key for job in earlier)
        unfinished = next((job for job in earlier if job.state not in FINISHED), None)
        if unfinished is not None and not is_repeated:
            raise FetchRuns(unfinished, is_same=unfinished.parameters == request.parameters)
        return jobs.enqueue(KIND, slug, request.parameters, key)
