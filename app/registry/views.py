"""Routes of models."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.accounts.identity import may
from app.catalogue import scores, snapshot
from app.confirmations import accuracy
from app.database.replica import from_replica
from app.errors import NotFound
from app.registry import activations, facts, listing, reports, service
from app.registry.schemas import ModelDetail, ModelPage, ModelsQuery
from app.web.csv_download import csv_download
from app.web.faces import API_PREFIX, Reply, face, faces
from app.web.input_validation import read_query
from app.web.list_links import Column, ListLinks
from app.web.operations import Operation
from ml.odmap import OdmapReport, to_markdown

api = Blueprint("registry_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("registry", __name__)
COLUMNS = (
    Column("species", "Model", "Species"),
    Column("quality", "Quality", "Quality, best first", descending=True),
    Column("auc", "AUC", "AUC, highest first", descending=True),
    Column("validation", "Tested on", "Kind of test"),
    Column("presences", "Presences", "Presences, most first", descending=True),
    Column("study", "Study", "Study"),
    Column("added", "Added", "Added, latest first", descending=True),
)
#: Rows of a page of the list, where the address does not say how many.
_ROWS = 100


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

    Template context: ``rows`` list of ModelRow, ``total`` their number on all pages, ``next`` the cursor of the next
    page or None, ``species`` and ``study`` slugs of the filters or "", ``links`` ListLinks, ``studies`` of the filter,
    ``later`` whether this is not the first page, and for the page ``choices`` the species that have models.
    """
    query = read_query(ModelsQuery)
    if face() == "json":
        return Reply(listing.as_json(listing.browse(query)))
    shown = query if "limit" in request.args else query.model_copy(update={"limit": _ROWS})
    found = listing.browse(shown)
    context: dict[str, object] = {
        "rows": listing.rows_with_facts(found.rows),
        "total": found.total,
        "next": found.next,
        "species": query.species or "",
        "study": query.study or "",
        "links": _links(query),
        "studies": snapshot.current().studies,
        "later": query.cursor is not None,
    }
    if face() == "page":
        context["choices"] = reports.species_with_models()
    return Reply(context=context)


@pages.get("/models.csv")
@from_replica
def browse_csv() -> Response:
    """Return the list of models as a file, in the order and with the filters of the address."""
    rows = listing.rows_of(read_query(ModelsQuery), with_facts=True)
    named = ("species", "scientific_name", "study", "study_title")
    columns = ("model", "version", "active", "registered_at", *named, *facts.COLUMNS)
    return csv_download("models.csv", columns, [listing.cells(row) for row in rows])


def _links(query: ModelsQuery) -> ListLinks:
    return ListLinks(
        "/models",
        COLUMNS,
        {"species": query.species or "", "study": query.study or ""},
        query.sort or "species",
        explicit=query.sort is not None,
        limit=query.limit if "limit" in request.args else None,
    )


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

    Template context: ``data`` ModelDetail, ``report`` OdmapReport, ``versions`` list of OtherVersion, ``scores``
    list of ScoreRow, ``facts`` ModelFacts, ``live`` ModelAccuracy, ``can_activate``, ``done`` the sentence about an
    activation a moment ago.
    """
    model = service.detail(model_id)
    if face() == "json":
        return Reply(model)
    return Reply(
        model,
        context={
            "report": reports.odmap(model_id),
            "versions": reports.other_versions(model_id),
            "scores": scores.rows(model.card),
            "facts": facts.of_card(model.card),
            "live": accuracy.of_model(service.find(model_id)),
            "can_activate": may("admin") and not model.active,
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
