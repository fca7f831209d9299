"""Routes that fetch records from GBIF. They exist where `GBIF_API` is not empty."""

from __future__ import annotations

from flask import Blueprint, Response
from pydantic import ValidationError

from app.errors import Conflict
from app.gbif import schemas, service
from app.gbif.schemas import GbifRequest
from app.gbif.service import FetchRuns
from app.jobs.replies import accepted
from app.jobs.schemas import JobDetail
from app.studies import own
from app.studies.pages import files_page
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.idempotency import idempotency_key
from app.web.input_validation import read_form, read_json
from app.web.operations import Operation

api = Blueprint("gbif_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("gbif", __name__)
_REFUSED = (
    "Enter a scientific name, such as Lacerta schreiberi, the key of a GBIF download, such as 0001234-240101000000000, "
    "or its DOI, such as 10.15468/dl.abcdef."
)

keep_all_private(api, pages)


@api.post("/studies/<slug:slug>/gbif")
@Operation(
    "fetchFromGbif",
    tag="studies",
    summary="Fetch records from GBIF into a study of own data",
    description="Fetch all records with coordinates of a `species`, at most 100,000, or a `download` that was made on "
    "GBIF's website, by key or DOI. The file is stored with its citation. A repeated request with the header "
    "`Idempotency-Key` is answered with its job. While another fetch of the study is not finished, the answer is 409.",
    body=GbifRequest,
    answer=JobDetail,
    answers={202: "The job. `Location` is its address."},
    problems=(400, 404, 409, 413, 415, 422),
)
@faces()
def fetch(slug: str) -> Reply:
    """Start a fetch."""
    own.load(slug)
    job = service.start(slug, read_json(GbifRequest), idempotency_key())
    return accepted(job)


@pages.post("/studies/<slug:slug>/gbif")
def fetch_form(slug: str) -> Response:
    """Start a fetch and show its job, or the page of the study with a message."""
    own.load(slug)
    text = read_form().get("records", "").strip()
    try:
        job = service.start(slug, schemas.from_text(text)).id
    except ValidationError:
        return files_page(slug, 422, gbif=text, gbif_error=_REFUSED)
    except FetchRuns as error:
        # a form that was sent twice
        if not error.is_same:
            return files_page(slug, 409, gbif=text, gbif_error=error.detail)
        job = error.job
    except Conflict as error:
        return files_page(slug, error.status, gbif=text, gbif_error=error.detail)
    return Response(status=303, headers={"Location": f"/jobs/{job}"})
