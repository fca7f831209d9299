"""Routes of models."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.catalogue import scores
from app.database.replica import from_replica
from app.errors import NotFound
from app.registry import activations, reports, service
from app.registry.schemas import ModelDetail, ModelPage, ModelsQuery
from app.web.faces import API_PREFIX, Reply, face, faces, settings
from app.web.input_validation import read_query
from app.web.operations import Operation
from ml.odmap import OdmapReport, to_markdown

api = Blueprint("registry_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("registry", __name__)


@api.get("/models")
@pages.get("/models")
@Operation(
    "listModels",
    tag="models",
    summary="List models",
    query=ModelsQuery,
    answer=ModelPage,
    problems=(422,),
)
@faces(page="registry/list.html", fragment="registry/_results.html")
@from_replica
def browse() -> Reply:
    """List models.

    Template context: ``data`` ModelPage, ``species`` the slug of the filter or "", ``later`` whether this is not the
    first page, and for the page ``choices`` the species that have models.
    """
    query = read_query(ModelsQuery)
    context: dict[str, object] = {"species": query.species or "", "later": query.cursor is not None}
    if face() == "page":
        context["choices"] = reports.species_with_models()
    return Reply(service.browse(query), context=context)


@api.get("/models/<slug:model_id>")
@pages.get("/models/<slug:model_id>")
@Operation(
    "getModel",
    tag="models",
    summary="Read one model",
    answer=ModelDetail,
    problems=(404,),
)
@faces(page="registry/detail.html", fragment="registry/_model.html")
def detail(model_id: str) -> Reply:
    """Show one model: its card, its ODMAP report and its species' other versions.

    Template context: ``data`` ModelDetail, ``report`` OdmapReport, ``versions`` list of OtherVersion, ``sentence`` the
    verdict on the model, ``can_activate``, ``done`` the sentence about an activation a moment ago.
    """
    model = service.detail(model_id)
    if face() == "json":
        return Reply(model)
    return Reply(
        model,
        context={
            "report": reports.odmap(model_id),
            "versions": reports.other_versions(model_id),
            "sentence": scores.verdict(model.card),
            "can_activate": settings().allows_changes and not model.active,
            "done": activations.describe_active(model_id) if request.args.get("activated") == "1" else "",
        },
    )


@api.get("/models/<slug:model_id>/odmap")
@Operation(
    "getReport",
    tag="models",
    summary="Read one report",
    answer=OdmapReport,
    problems=(404,),
)
@faces()
def odmap(model_id: str) -> Reply:
    """Return a model's ODMAP report."""
    return Reply(reports.odmap(model_id))


@pages.get("/models/<slug:model_id>/odmap.md")
def odmap_markdown(model_id: str) -> Response:
    """Return a model's ODMAP report as a Markdown file."""
    report = reports.odmap(model_id)
    return Response(
        to_markdown(report),
        content_type="text/markdown; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{report.model_id}-odmap.md"'},
    )


@pages.get("/models/<slug:model_id>/recipe.json")
def recipe(model_id: str) -> Response:
    """Return the recipe of a model of own data as a file for ``python -m ml train --recipe``."""
    model = service.detail(model_id)
    about = model.card.preparation
    if about is None:
        raise NotFound("This model was not made of own data, so it has no recipe.")
    return Response(
        about.recipe,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{model.id}-recipe.json"'},
    )
