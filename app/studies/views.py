"""Routes of studies."""

from __future__ import annotations

from flask import Blueprint

from app.database.replica import from_replica
from app.studies import service
from app.studies.schemas import StudyDetail, StudyPage
from app.web.faces import API_PREFIX, Reply, faces
from app.web.fields import PageQuery
from app.web.input_validation import read_query
from app.web.operations import Operation

api = Blueprint("studies_api", __name__, url_prefix=API_PREFIX)


@api.get("/studies")
@Operation(
    "listStudies",
    tag="studies",
    summary="List studies",
    query=PageQuery,
    answer=StudyPage,
    problems=(422,),
)
@faces()
@from_replica
def browse() -> Reply:
    """List studies."""
    return Reply(service.browse(read_query(PageQuery)))


@api.get("/studies/<slug:slug>")
@Operation(
    "getStudy",
    tag="studies",
    summary="Read one study",
    answer=StudyDetail,
    problems=(404,),
)
@faces()
def detail(slug: str) -> Reply:
    """Show one study."""
    study = service.detail(slug)
    return Reply(study, headers={"ETag": f'"{study.own.revision}"'} if study.own is not None else {})
