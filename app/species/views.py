"""Routes of species."""

from __future__ import annotations

import logging

from flask import Blueprint, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.catalogue import scores
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.database.db import db
from app.database.replica import from_replica
from app.errors import Unavailable
from app.registry import service as registry
from app.species import service
from app.species.curve_drawing import Drawing, draw
from app.species.schemas import SpeciesDetail, SpeciesPage, SpeciesQuery
from app.web.faces import API_PREFIX, Reply, face, faces
from app.web.input_validation import read_query
from app.web.operations import Operation
from ml.card import Metric

api = Blueprint("species_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("species", __name__)
log = logging.getLogger(__name__)


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
def browse() -> Reply:
    """List or search species.

    Template context: ``data`` SpeciesPage, ``query`` the search text, ``study`` a slug or None, ``scores`` the AUC by
    slug. With ``pick=1`` the fragment is the list of options of the species box.
    """
    query = read_query(SpeciesQuery)
    fragment = "species/_options.html" if request.args.get("pick") == "1" else None
    page = service.browse(query)
    auc = _auc_by_slug(page) if face() != "json" and fragment is None else {}
    return Reply(page, context={"query": query.q, "study": query.study, "scores": auc}, fragment=fragment)


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
    """Show one species and the scores of its model.

    Template context: ``data`` SpeciesDetail, ``card`` ModelCard or None, ``scores`` list of ScoreRow, ``sentence``
    the verdict on the model.
    """
    row, version = service.with_model(slug)
    card = registry.card_of(version) if version is not None else None
    return Reply(
        service.describe(row, version),
        context={
            "card": card,
            "curves": _drawings(row, version),
            "scores": scores.rows(card) if card else [],
            "sentence": scores.verdict(card) if card else "There is no model for this species yet.",
        },
    )


def _auc_by_slug(page: SpeciesPage) -> dict[str, Metric]:
    """Return the AUC of the species on a page; empty while the database does not answer."""
    slugs = {item.model.id: item.slug for item in page.items if item.model is not None}
    try:
        scores = from_replica(registry.auc_by_model)(list(slugs))
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        db.session.rollback()
        log.warning("the list of species has no scores: %s", type(error).__name__)
        return {}
    return {slugs[model_id]: score for model_id, score in scores.items()}


def _drawings(row: Species, version: ModelVersion | None) -> list[Drawing]:
    """Return the curves of the species page; a model that cannot be opened leaves the rest of the page."""
    if version is None or face() == "json":
        return []
    try:
        return [draw(curve) for curve in service.starting_curves(row, version).curves]
    except Unavailable:
        return []
