"""Addresses of models."""

from __future__ import annotations

from flask import Blueprint

from app.http import API_PREFIX, Reply, faces, read_query
from app.registry import service
from app.registry.schemas import ModelsQuery

api = Blueprint("registry_api", __name__, url_prefix=API_PREFIX)


@api.get("/models")
@faces()
def browse() -> Reply:
    """List models."""
    return Reply(service.browse(read_query(ModelsQuery)))


@api.get("/models/<slug:model_id>")
@faces()
def detail(model_id: str) -> Reply:
    """Show one model and its card."""
    return Reply(service.detail(model_id))
