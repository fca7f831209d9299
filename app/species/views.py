"""Addresses of species."""

from __future__ import annotations

from flask import Blueprint, request

from app.http import API_PREFIX, Reply, face, faces, read_query
from app.registry import service as registry
from app.species import scores, service
from app.species.schemas import SpeciesQuery
from ml.card import Metric

api = Blueprint("species_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("species", __name__)


@api.get("/species")
@pages.get("/species")
@faces(page="species/list.html", fragment="species/_results.html")
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
            "scores": scores.rows(card) if card else [],
            "sentence": scores.verdict(card) if card else "There is no model for this species yet.",
        },
    )
