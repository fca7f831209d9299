"""Routes of the API that change studies of own data and their files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from flask import Blueprint, Response, request

from app.accounts import allowance
from app.errors import AppError, MalformedBody, UnsupportedType, ValidationFailed
from app.studies import changes, files, own, service, sharing, uploads
from app.studies.multipart import FormField, FormFile, parts
from app.studies.schemas import (
    Deleted,
    NewStudy,
    Refusal,
    StudyChange,
    StudyDetail,
    StudyFiles,
    UploadAnswer,
    UploadedFiles,
    UploadState,
)
from app.studies.upload_headers import ContentRange, Digests
from app.studies.uploads import Arrival, OutOfOrder
from app.web import body_limits
from app.web.entity_tags import if_match
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.idempotency import idempotency_key
from app.web.input_validation import pointer, read_json
from app.web.operations import Operation
from app.web.problems import respond

api = Blueprint("own_studies_api", __name__, url_prefix=API_PREFIX)
#: A form may have this many bytes beside the content of its files.
FORM_OVERHEAD = 1024 * 1024
_FILE_PATH = {"name": {"type": "string", "minLength": 1, "maxLength": 150}}


class FilesRefused(AppError):
    """Some files of a form were refused; the others are stored."""

    title = "Not all files were stored"

    def __init__(self, result: UploadedFiles) -> None:
        number, stored = len(result.refused), len(result.stored)
        super().__init__(
            f"{number} file{'s were' if number > 1 else ' was'} refused, and {stored} stored.",
            [(pointer("files", one.name), one.detail) for one in result.refused],
        )
        self.status = result.refused[0].status


keep_all_private(api)


@api.errorhandler(OutOfOrder)
def out_of_order(error: OutOfOrder) -> Response:
    """Answer 416 with the range that is stored."""
    response = respond(error.status, error.detail)
    response.headers.update(range_header(error.received))
    return response


@api.post("/studies")
@Operation(
    "createStudy",
    tag="studies",
    summary="Create a study of own data",
    description="A repeated request with the header `Idempotency-Key` is answered with the study that the first one "
    "created; the key with another body is 409.",
    body=NewStudy,
    answer=StudyDetail,
    answers={201: "The study; `Location` is its address."},
    problems=(400, 409, 413, 415, 422, 507),
)
@faces()
def create() -> Reply:
    """Create a study."""
    study = changes.create(read_json(NewStudy), idempotency_key())
    return Reply(
        service.detail(study.slug),
        201,
        headers={"Location": f"{API_PREFIX}/studies/{study.slug}", "ETag": study.etag},
    )


@api.patch("/studies/<slug:slug>")
@Operation(
    "changeStudy",
    tag="studies",
    summary="Change the title of a study of own data that has no models, or who may read a study",
    description="`If-Match` with the ETag of the study refuses the change where somebody else made one. The visibility "
    "covers the files, records, layers, trainings, jobs, models, maps and answers of the study.",
    body=StudyChange,
    answer=StudyDetail,
    problems=(400, 404, 409, 413, 415, 422),
)
@faces()
def change(slug: str) -> Reply:
    """Change the title of a study, or who may read it."""
    wanted, revision = read_json(StudyChange), if_match()
    if wanted.title is None and wanted.visibility is None:
        raise ValidationFailed([("/title", "a value is needed, unless there is a visibility")])
    if wanted.title is not None and wanted.visibility is not None:
        raise ValidationFailed([("/visibility", "is changed by a request of its own, without a title")])
    if wanted.title is not None:
        changes.rename(slug, wanted.title, revision)
    if wanted.visibility is not None:
        if revision is not None:
            own.load_for_change(slug, revision)
        sharing.change_visibility(slug, wanted.visibility)
    detail = service.detail(slug)
    return Reply(detail, headers={"ETag": f'"{detail.own.revision}"'} if detail.own is not None else {})


@api.delete("/studies/<slug:slug>")
@Operation(
    "deleteStudy",
    tag="studies",
    summary="Delete a study of own data that has no models, with its files",
    description="`If-Match` with the ETag of the study refuses the deletion where somebody else made a change.",
    answer=Deleted,
    problems=(404, 409, 422),
)
@faces()
def remove(slug: str) -> Reply:
    """Delete a study."""
    changes.remove(slug, if_match())
    return Reply(Deleted(slug=slug))


@api.get("/studies/<slug:slug>/files")
@Operation(
    "listFiles",
    tag="studies",
    summary="List the files of a study of own data, with what each was recognised as",
    answer=StudyFiles,
    problems=(404,),
)
@faces()
def browse_files(slug: str) -> Reply:
    """List files."""
    listing = files.listing(slug)
    return Reply(listing, headers={"ETag": f'"{listing.revision}"'})


@api.put("/studies/<slug:slug>/files/<path:name>")
@Operation(
    "putFile",
    tag="studies",
    summary="Upload a file, or a part of it",
    description=(
        "The body is the content. A file can arrive in parts: `Content-Range: bytes FIRST-LAST/TOTAL`, each part where "
        "the one before ends; `Content-Range: bytes */TOTAL` without a body asks how much has arrived, which `Range` "
        "tells. `Repr-Digest` (or `Digest`) with a sha-256 is compared with the file, `Content-Digest` with the body. "
        "`Upload-Id`, any text, tells the uploads of two people apart. `If-Match` with the ETag of the study refuses "
        "the file where somebody else changed the study. An existing file is replaced when the new one "
        "is complete."
    ),
    media=("application/octet-stream",),
    path=_FILE_PATH,
    answer=UploadAnswer,
    answers={200: "The file was replaced.", 201: "The file is new.", 202: "Parts are missing; `Range` is stored."},
    problems=(400, 404, 409, 413, 415, 416, 422, 507),
)
@faces()
def put_file(slug: str, name: str) -> Reply:
    """Store a file or a part of it."""
    arrival = read_file(slug, name)
    return Reply(answer_of(slug, arrival), status_of(arrival), headers=headers_of(arrival))


@api.post("/studies/<slug:slug>/files")
@Operation(
    "postFiles",
    tag="studies",
    summary="Upload several files with a form",
    media=("multipart/form-data",),
    answer=UploadedFiles,
    answers={200: "All files were stored."},
    problems=(400, 404, 409, 413, 415, 422, 507),
)
@faces()
def post_files(slug: str) -> Reply:
    """Store the files of a form. The status is that of the first refusal, where a file was refused."""
    result = read_form_files(slug)
    if result.refused:
        raise FilesRefused(result)
    return Reply(result)


@api.delete("/studies/<slug:slug>/files/<path:name>")
@Operation(
    "deleteFile",
    tag="studies",
    summary="Delete a file of a study of own data",
    path=_FILE_PATH,
    answer=StudyFiles,
    problems=(404, 409, 422),
)
@faces()
def remove_file(slug: str, name: str) -> Reply:
    """Delete a file."""
    study = files.remove(slug, name, revision=if_match())
    return Reply(files.of_study(study), headers={"ETag": study.etag})


def read_file(slug: str, name: str, *, knows_complete: bool = True) -> Arrival:
    """Store the body of the present request as a file of a study, or as a part of one."""
    limit = allowance.most_upload_bytes()
    header = request.headers.get("Content-Range")
    content_range = ContentRange.parse(header) if header is not None else None
    chunked = "Transfer-Encoding" in request.headers
    length = None if chunked else request.content_length or 0
    uploads.check_size(name, length)
    stream = open_body(limit)
    return uploads.receive(
        slug,
        name,
        stream,
        length=length,
        content_range=content_range,
        digests=Digests.parse(request.headers),
        token=request.headers.get("Upload-Id", ""),
        revision=if_match(),
        knows_complete=knows_complete,
    )


def open_body(limit: int) -> IO[bytes]:
    """Return the body of the present request as a stream of up to a number of bytes."""
    body_limits.allow(limit, may_upload=True)
    return request.stream


def read_form_files(slug: str) -> UploadedFiles:
    """Store the files of the form that the present request posts."""
    own.load(slug)
    return store_files(slug, form_stream())


def form_stream() -> Iterator[FormField | FormFile]:
    """Return the parts of the form that the present request posts."""
    if request.mimetype != "multipart/form-data":
        raise UnsupportedType("Send the files as multipart/form-data, or each with PUT.")
    limit = allowance.most_upload_bytes() + FORM_OVERHEAD
    return parts(open_body(limit), request.mimetype_params.get("boundary", ""))


def store_files(slug: str, form: Iterator[FormField | FormFile]) -> UploadedFiles:
    """Store the files of a form; a refused file does not keep the others out."""
    stored: list[str] = []
    refused: list[Refusal] = []
    for part in form:
        # A browser sends an empty part where no file was chosen.
        if not isinstance(part, FormFile) or not part.file_name:
            continue
        try:
            arrival = uploads.receive(slug, part.file_name, part.stream, length=None, content_range=None)
            stored.append(arrival.name)
        except MalformedBody:
            raise
        except AppError as error:
            refused.append(Refusal(name=part.file_name[:200], status=error.status, detail=error.detail))
    if not stored and not refused:
        raise ValidationFailed([("/files", "no file was chosen")], "Choose a file first.")
    return UploadedFiles(**files.listing(slug).model_dump(), stored=stored, refused=refused)


def answer_of(slug: str, arrival: Arrival) -> UploadAnswer:
    """Return the answer to an upload."""
    listing = files.listing(slug)
    if arrival.is_complete:
        item = next((item for item in listing.items if item.name == arrival.name), None)
        return UploadAnswer(file=item, revision=listing.revision)
    state = UploadState(name=arrival.name, received=arrival.received, total=arrival.total)
    return UploadAnswer(file=None, upload=state, revision=listing.revision)


def status_of(arrival: Arrival) -> int:
    """Return the status of the answer to an upload."""
    return 202 if not arrival.is_complete else 201 if arrival.is_new else 200


def headers_of(arrival: Arrival) -> dict[str, str]:
    """Return the headers of the answer to an upload."""
    return {} if arrival.is_complete else range_header(arrival.received)


def range_header(received: int) -> dict[str, str]:
    """Return the range that is stored; no header where nothing is."""
    return {"Range": f"bytes=0-{received - 1}"} if received else {}
