"""Routes of species."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from werkzeug.routing import RequestRedirect

from app.cartography import coastline, records_map
from app.cartography.records_map import MapDrawing
from app.catalogue import scores, sensitive, snapshot
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.errors import NotFound, Unavailable
from app.registry import facts
from app.registry import service as registry
from app.species import listing, service
from app.species.curve_drawing import Drawing, draw_all
from app.species.schemas import SpeciesDetail, SpeciesPage, SpeciesQuery
from app.web.csv_download import csv_download
from app.web.faces import API_PREFIX, Reply, face, faces, settings
from app.web.input_validation import read_query
from app.web.list_links import Column, ListLinks
from app.web.operations import Operation
from ml.card import MOST_PLACES, ModelCard

api = Blueprint("species_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("species", __name__)
COLUMNS = (
    Column("name", "Species", "Name"),
    Column("quality", "Quality", "Quality, best first", descending=True),
    Column("auc", "AUC", "AUC, highest first", descending=True),
    Column("validation", "Tested on", "Kind of test"),
    Column("presences", "Presences", "Presences, most first", descending=True),
    Column("study", "Study", "Study"),
)
#: Rows of a page of the list, where the address does not say how many.
_ROWS = 100


@api.get("/species")
@pages.get("/species")
@Operation(
    "listSpecies",
    tag="species",
    summary="Find species by name",
    query=SpeciesQuery,
    answer=SpeciesPage,
    problems=(422, 503),
)
@faces(page="species/list.html", fragment="species/_results.html")
def browse() -> Reply:
    """List or search species.

    Template context: ``query`` the search text, ``study`` a slug or "", ``rows`` list of SpeciesRow, ``total`` their
    number on all pages, ``next`` the cursor of the next page or None, ``links`` ListLinks, ``studies`` of the filter,
    ``later`` whether this is not the first page. With ``pick=1`` the fragment is the list of options of the species
    box, and ``data`` a SpeciesPage.
    """
    query = read_query(SpeciesQuery)
    if face() == "json" or (face() == "fragment" and request.args.get("pick") == "1"):
        found = listing.browse(query)
        return Reply(listing.as_json(found), context={"query": query.q}, fragment="species/_options.html")
    shown = query if "limit" in request.args else query.model_copy(update={"limit": _ROWS})
    found = listing.browse(shown)
    context = {
        "query": query.q,
        "study": query.study or "",
        "rows": listing.rows_with_facts(found.rows),
        "total": found.total,
        "next": found.next,
        "links": _links(query),
        "studies": snapshot.current().studies,
        "later": query.cursor is not None,
    }
    return Reply(context=context)


@pages.get("/species.csv")
def browse_csv() -> Response:
    """Return the list of species as a file, in the order and with the filters of the address."""
    rows = listing.rows_of(read_query(SpeciesQuery), with_facts=True)
    columns = ("slug", "scientific_name", "vernacular_name", "study", "study_title", "model", "version", *facts.COLUMNS)
    return csv_download("species.csv", columns, [listing.cells(row) for row in rows])


def _links(query: SpeciesQuery) -> ListLinks:
    return ListLinks(
        "/species",
        COLUMNS,
        {"q": query.q, "study": query.study or ""},
        query.sort or ("" if query.q.strip() else "name"),
        explicit=query.sort is not None,
        limit=query.limit if "limit" in request.args else None,
    )


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

    Template context: ``data`` SpeciesDetail, ``card`` ModelCard or None, ``scores`` list of ScoreRow, ``facts``
    ModelFacts or None, ``map`` MapDrawing or None, ``most_places`` int, ``curves`` list of Drawing, ``coarse`` a
    sentence where places are coarse, or "".
    """
    row, version = _with_model(slug)
    described = service.describe(row, version)
    if face() == "json":
        return Reply(described)
    card = registry.card_of(version) if version is not None else None
    return Reply(
        described,
        context={
            "card": sensitive.shown_card(card, row.study.slug) if card else None,
            "facts": facts.of_card(card) if card else None,
            "map": _map(card, row.study.slug) if card else None,
            "coarse": sensitive.sentence(row.study.slug, row.scientific_name),
            "most_places": MOST_PLACES,
            "curves": _drawings(row, version),
            "scores": scores.rows(card) if card else [],
        },
    )


def _with_model(slug: str) -> tuple[Species, ModelVersion | None]:
    """Return a species and its model; lead a browser from a name without a study to the species or to the choices."""
    try:
        return service.with_model(slug)
    except NotFound:
        meant = service.meant_by(slug) if face() != "json" else []
        if len(meant) == 1:
            raise _Elsewhere(url_for("species.detail", slug=meant[0].slug)) from None
        if meant:
            raise _Elsewhere(url_for("species.browse", q=meant[0].scientific_name)) from None
        raise


class _Elsewhere(RequestRedirect):
    """Leads to another address for now: another study may have the species tomorrow."""

    code = 302

    def get_response(self, *_: object) -> Response:
        """Return the response, without the sentence of werkzeug."""
        return Response(status=self.code, headers={"Location": self.new_url})


def _map(card: ModelCard, study: str) -> MapDrawing | None:
    """Return the map of a model's presences; None where the study has no coordinates."""
    rings = coastline.read_rings(settings().data_dir / coastline.OUTLINE)
    places = sensitive.shown_places(card, study)
    return records_map.draw([(longitude, latitude, True) for longitude, latitude in places], rings)


def _drawings(row: Species, version: ModelVersion | None) -> list[Drawing]:
    """Return the curves of the species page; a model that cannot be opened leaves the rest of the page."""
    if version is None:
        return []
    try:
        curves = service.starting_curves(row, version).curves
        return draw_all(curves, registry.threshold_of(version))
    except Unavailable:
        return []
