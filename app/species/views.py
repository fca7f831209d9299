"""Addresses of species."""

from __future__ import annotations

from flask import Blueprint, request

from app.catalogue import scores
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.database.replica import from_replica
from app.errors import Unavailable
from app.registry import service as registry
from app.species import service
from app.species.curve_drawing import Drawing, draw
from app.species.schemas import SpeciesDetail, SpeciesPage, SpeciesQuery
from app.web.faces import API_PREFIX, Reply, face, faces
from app.web.operations import Operation
from app.web.reading import read_query
from ml.card import Metric

api = Blueprint("species_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("species", __name__)


@api.get("/species")
@pages.get("/species")
@Operation(
    "listSpecies",
    tag="species",
    summary="Find species by name",
    query=SpeciesQuery,
    answer=SpeciesPage,
    problems=(422,),
)
@faces(page="species/list.html", fragment="species/_results.html")
@from_replica
def browse() -> Reply:
    """List or search species.

    Template context: ``data`` SpeciesPage, ``query`` the text searched for, ``study`` its slug or None. With
    ``pick=1`` the fragment is the list of options of the species box. ``scores`` the AUC by slug.
    """
    query = read_query(SpeciesQuery)
    fragment = "species/_options.html" if request.args.get("pick") == "1" else None
    found = service.browse(query)
    auc: dict[str, Metric] = {}
    if face() != "json" and fragment is None:
        models = {item.model.id: item.slug for item in found.items if item.model is not None}
        auc = {models[model_id]: metric for model_id, metric in registry.auc_by_model(list(models)).items()}
    return Reply(found, context={"query": query.q, "study": query.study, "scores": auc}, fragment=fragment)


@api.get("/species/<slug:slug>")
@pages.get("/species/<slug:slug>")
@Operation(
    "getSpecies",
    tag="species",
    summary="Read one species",
    answer=SpeciesDetail,
    problems=(404,),
)
@faces(page="species/detail.html", fragment="species/detail.html")
def detail(slug: str) -> Reply:
    """Show one species and what its model is worth.

    Template context: ``data`` SpeciesDetail, ``card`` ModelCard or None, ``scores`` list of ScoreRow, ``sentence``
    the honest one-liner.
    """
    row, version = service.with_model(slug)
    card = registry.card_of(version) if version is not None else None
    return Reply(
        service.describe(row, version),
        context={
            "card": card,
            "curves": _drawn(row, version),
            "scores": scores.rows(card) if card else [],
            "sentence": scores.verdict(card) if card else "There is no model for this species yet.",
        },
    )


def _drawn(row: Species, version: ModelVersion | None) -> list[Drawing]:
    """Return the curves of the species page; a model that cannot be opened leaves the rest of the page."""
    if version is None or face() == "json":
        return []
    try:
        return [draw(curve) for curve in service.starting_curves(row, version).curves]
    except Unavailable:
        return []
