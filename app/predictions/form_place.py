"""The place of the predict form: typed coordinates whose conditions fill the fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

from app.errors import ValidationFailed
from app.places.reading import conditions_at
from app.places.words import read_place, typed_text
from app.predictions.conditions import Canonical, read_environment, value_texts
from app.predictions.place_schemas import PlaceInForm
from app.predictions.schemas import PredictForm, PredictionAnswer
from app.web.input_validation import NUMBER
from ml.card import ModelCard
from ml.predictors.encoding import number_text

#: Fields of the form and members of the address. `filled` names the place whose values the fields show; `shown` is the
#: text of the place box as the page had it; `fill` is the button that shows the values without JavaScript.
FIELDS = ("where", "place", "lat", "lon", "scenario", "filled", "shown", "fill")
_LONGEST = 200


@dataclass(frozen=True)
class Place:
    """A place and a scenario of the layers."""

    latitude: float
    longitude: float
    scenario: str | None

    @property
    def key(self) -> str:
        """The place as the hidden field `filled` names it."""
        return f"{typed_text(self.latitude, self.longitude)} {self.scenario or ''}".strip()

    @property
    def query(self) -> dict[str, object]:
        """The members of a query."""
        location = {"latitude": self.latitude, "longitude": self.longitude}
        return {"location": location, **({"scenario": self.scenario} if self.scenario else {})}


def is_place(posted: MultiDict[str, str]) -> bool:
    """Return whether a form or an address chooses a place."""
    if posted.get("where"):
        return posted["where"] == "place" or bool(posted.get("fill")) or _is_typed(posted)
    return bool(posted.get("fill") or posted.get("lat") or posted.get("lon"))


def _is_typed(posted: MultiDict[str, str]) -> bool:
    """Return whether coordinates were typed into the box since the page was sent: they mean a place.

    Without JavaScript nothing moves the choice from conditions to a place while somebody types. With it the field
    `shown` follows the box when a place becomes conditions.
    """
    text = posted.get("place", "").strip()
    return bool(text) and "shown" in posted and text != posted["shown"].strip()


def place_of(posted: MultiDict[str, str]) -> Place | None:
    """Return the place that a form or an address chooses, or None where it chooses conditions.

    Raises
    ------
    ValidationFailed
        It is not a place; the pointer is ``/location``.
    """
    if not is_place(posted):
        return None
    text = typed_place(posted)
    if not text:
        raise ValidationFailed([("/location", "type latitude and longitude, or choose conditions")])
    try:
        place = read_place(text)
    except ValueError as error:
        raise ValidationFailed([("/location", str(error))]) from None
    return Place(place.latitude, place.longitude, posted.get("scenario", "").strip() or None)


def typed_place(posted: MultiDict[str, str]) -> str:
    """Return the coordinates in a form or an address as they were typed."""
    if "place" in posted or not (posted.get("lat") or posted.get("lon")):
        return posted.get("place", "").strip()
    return f"{posted.get('lat', '').strip()}; {posted.get('lon', '').strip()}"


def is_edited(place: Place, posted: MultiDict[str, str], typed: Mapping[str, str], card: ModelCard) -> bool:
    """Return whether the fields showed the values of a place and one of them was changed since.

    Parameters
    ----------
    place : Place
    posted : MultiDict
    typed : mapping
        Values of the fields by predictor, in the common spelling.
    card : ModelCard

    Raises
    ------
    ValidationFailed
        The layers have no values there.
    """
    if posted.get("filled", "") != place.key or posted.get("fill") or not typed:
        return False
    values = conditions_at(card, place.latitude, place.longitude, place.scenario)
    environment: Canonical = read_environment(values, card)
    return any(not _same(environment[name], typed.get(name, "")) for name in environment)


def _same(value: float | str, text: str) -> bool:
    if isinstance(value, str):
        return value == text
    return text == number_text(value) or (bool(NUMBER.fullmatch(text)) and float(text) == value)


def show_place(form: PredictForm, posted: MultiDict[str, str]) -> None:
    """Put the typed place back into the form, for a species whose study has layers."""
    if form.species is None or form.species.layers is None:
        return
    text = typed_place(posted)[:_LONGEST].replace(";", ",") if "place" not in posted else typed_place(posted)[:_LONGEST]
    form.place = PlaceInForm(text=text, scenario=posted.get("scenario", "")[:_LONGEST], chosen=is_place(posted))


def show_answered(form: PredictForm, answer: PredictionAnswer, place: Place | None, *, edited: bool) -> None:
    """Show the place of an answer with the values of its layers, or that the fields were edited."""
    if form.place is None:
        return
    if place is None:
        form.place.chosen, form.place.edited = False, edited
        if edited:
            form.place.scenario = ""
        return
    # the label as the layers have it
    place = replace(place, scenario=answer.scenario)
    form.place.scenario = answer.scenario or ""
    form.values = value_texts(answer.environment)
    form.start = ""
    form.place.chosen, form.place.filled = True, place.key
    form.place.latitude, form.place.longitude = typed_text(place.latitude, place.longitude).split(", ")
    form.place.text = form.place.text or typed_text(place.latitude, place.longitude)
