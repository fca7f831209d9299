"""Addresses of studies."""

from __future__ import annotations

from flask import Blueprint

from app.database.replica import from_replica
from app.studies import service
from app.web.faces import API_PREFIX, Reply, faces
from app.web.fields import PageQuery
from app.web.reading import read_query

api = Blueprint("studies_api", __name__, url_prefix=API_PREFIX)


@api.get("/studies")
@faces()
@from_replica
def browse() -> Reply:
    """List studies."""
    return Reply(service.browse(read_query(PageQuery)))


@api.get("/studies/<slug:slug>")
@faces()
def detail(slug: str) -> Reply:
    """Show one study."""
    return Reply(service.detail(slug))
