"""The predict form: what it shows, and how what comes back from it is read."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import MultiDict

from app.catalogue import snapshot
from app.catalogue.entries import SpeciesEntry
from app.errors import AppError, ValidationFailed
from app.predictions.conditions import NUMBER, Canonical, number_text
from app.predictions.schemas import PredictForm
from app.registry import service as registry
from app.species import service as species_service
from ml.card import Conditions, ModelCard
from ml.serving.threshold import OWN

PREFIX = "env."
OPTIONS = ("threshold", "own_threshold", "extrapolation")
_LONGEST = 200


def filled(species: SpeciesEntry, start: str = "") -> tuple[PredictForm, Canonical]:
    """Return the form of a species with starting values, and those values.

    Parameters
    ----------
    species : SpeciesEntry
    start : str
        Number or label of a starting point; the first one where it is neither.
    """
    form = PredictForm(species=species_service.describe(species, species.model), query=_shown_name(species))
    if species.model is None:
        return form, {}
    card = registry.card_of(species.model)
    form.starting_points = card.starting_points
    environment = dict(_start(card, start).environment)
    form.values = {name: _shown(value) for name, value in environment.items()}
    return form, environment


def sent(posted: MultiDict[str, str]) -> dict[str, Any]:
    """Return the query that the form sent, with numbers in their common spelling."""
    query: dict[str, Any] = {"species": posted.get("species", "").strip(), "environment": environment_of(posted)}
    rule = posted.get("threshold", "").strip()
    if rule == OWN:
        text = _common_spelling(posted.get("own_threshold", ""))
        query["threshold"] = float(text) if NUMBER.fullmatch(text) else text
    elif rule:
        query["threshold"] = rule
    if posted.get("extrapolation", "").strip():
        query["extrapolation"] = posted["extrapolation"].strip()
    return query


def environment_of(posted: MultiDict[str, str]) -> dict[str, str]:
    """Return the conditions that a form or an address carries; empty fields are left out."""
    given = {
        name.removeprefix(PREFIX): _common_spelling(value) for name, value in posted.items() if name.startswith(PREFIX)
    }
    return {name: value for name, value in given.items() if value != ""}


def refused(posted: MultiDict[str, str], error: AppError) -> PredictForm:
    """Return the form again: everything as it was typed, each message beside its field."""
    name = posted.get("species", "").strip()[:_LONGEST]
    form = PredictForm(query=name)
    try:
        species = snapshot.current().resolve(name)
    except ValidationFailed:
        pass
    else:
        form, _ = filled(species)
    keep(form, posted)
    for at, text in error.errors:
        field, message = _field_of(at), text[:1].upper() + text[1:]
        if text == "a value is needed":
            message = "Enter a value"
        form.errors.setdefault(field, message)
    return form


def keep(form: PredictForm, posted: MultiDict[str, str]) -> None:
    """Put what was typed back into the form."""
    form.values |= {
        name.removeprefix(PREFIX): value[:_LONGEST] for name, value in posted.items() if name.startswith(PREFIX)
    }
    form.options = {name: posted[name][:_LONGEST] for name in OPTIONS if posted.get(name)}


def _field_of(at: str) -> str:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]
    if parts[:1] == ["species"]:
        return "species"
    if len(parts) >= 2 and parts[0] == "environment":
        return PREFIX + parts[1]
    if parts[:1] == ["threshold"]:
        return "own_threshold"
    return "extrapolation" if parts[:1] == ["extrapolation"] else ""


def _start(card: ModelCard, start: str) -> Conditions:
    points = card.starting_points
    if start.isdecimal() and len(start) < 4 and int(start) < len(points):
        return points[int(start)]
    return next((point for point in points if point.label == start), points[0])


def _common_spelling(value: str) -> str:
    """Return a number with a decimal point where it was typed with a comma."""
    text = value.strip()
    number = text.replace("\N{MINUS SIGN}", "-").replace(",", ".")
    # a level's name may hold a comma too and stays as it is; so does 1,234.5, whose comma means something else
    return number if NUMBER.fullmatch(number) else text


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else number_text(value)


def _shown_name(species: SpeciesEntry) -> str:
    return species.vernacular_name or species.scientific_name
