"""The predict form: its initial values, the query that it sends, and its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from app.catalogue import sensitive, snapshot
from app.catalogue.entries import SpeciesEntry
from app.catalogue.refs import PredictorRange
from app.errors import AppError, Unavailable, ValidationFailed
from app.predictions import form_place
from app.predictions.arms import model_for_client
from app.predictions.conditions import Canonical, value_texts
from app.predictions.place_schemas import PlaceInForm
from app.predictions.query_schemas import NAMES_OF_RULES, RULES
from app.predictions.schemas import PredictForm
from app.registry import service as registry
from app.registry.examples import FirstExample
from app.species import service as species_service
from app.web.input_validation import NUMBER, pointer, pointer_parts
from ml.card import Conditions
from ml.numbers import with_unit
from ml.predictors.encoding import find_level
from ml.serving.showcase import Showcase
from ml.serving.threshold import OWN

PREFIX = "env."
_FIELDS = (
    *("species", "study", "from", "threshold", "own_threshold", "extrapolation", "preview", "add", "remove"),
    *form_place.FIELDS,
)
OPTIONS = ("threshold", "own_threshold", "extrapolation")
LONGEST = 200


def form_for(species: SpeciesEntry, start: str = "") -> tuple[PredictForm, Canonical]:
    """Return the form of a species with starting values, and those values.

    Parameters
    ----------
    species : SpeciesEntry
    start : str
        Number or label of a starting point; otherwise the first one is used.
    """
    model = model_for_client(species)
    form = PredictForm(species=species_service.describe(species, model), query=_display_name(species))
    form.reset = "/?" + urlencode({"species": species.slug})
    form.place = PlaceInForm() if form.species and form.species.layers else None
    if model is None:
        return form, {}
    card = registry.card_of(model)
    form.starting_points = sensitive.shown_starts(card, species.study.slug)
    form.meanings = {p.name: p.description for p in card.predictors if p.description}
    point = _start(form.starting_points, start)
    form.start = point.label
    environment = dict(point.environment)
    form.values = value_texts(environment)
    return form, environment


def show_answering(form: PredictForm, species: SpeciesEntry, model_id: str) -> None:
    """Show the ranges of the model that has answered, where the candidate of a rollout could not."""
    if form.species is not None and form.species.model is not None and form.species.model.id != model_id:
        form.species = species_service.describe(species, species.answering(model_id))


def show_first(form: PredictForm, first: FirstExample, typical: Canonical) -> Canonical:
    """Put the example of the first page into the form of its species, and return its conditions."""
    form.reset = "/"
    showcase = first.showcase
    if showcase is None:
        form.hint = "An example. Change any value."
        if first.species.model is not None and not registry.opened(first.species.model).quality.better_than_chance:
            form.hint = "No model here is shown to be better than chance. This is the one with the highest score."
        return typical
    names = {point.label: point.environment for point in form.starting_points}
    form.start = next((label for label, environment in names.items() if environment == showcase.environment), "")
    form.values = value_texts(showcase.environment)
    form.hint = _what_to_try(form, showcase)
    return dict(showcase.environment)


def _what_to_try(form: PredictForm, showcase: Showcase) -> str:
    predictors = form.species.predictors if form.species else []
    label, unit = next((p.label, p.unit) for p in predictors if p.name == showcase.predictor)
    start, values = showcase.environment[showcase.predictor], [step.value for step in showcase.steps]
    change = "lower" if isinstance(start, float) and values[0] < start else "raise"
    steps = ", then to ".join(with_unit(value, unit) for value in values)
    return f"An example. Try it: {change} {label} to {steps}."


def query_of(
    posted: MultiDict[str, str], units: Mapping[str, str] | None = None, place: form_place.Place | None = None
) -> dict[str, object]:
    """Return the query that a posted form contains, with decimal points in its numbers and without their `units`.

    With a `place` the query has it instead of the values of the fields.
    """
    refuse_repeated(posted)
    where = place.query if place is not None else {"environment": environment_of(posted, units)}
    query: dict[str, object] = {"species": posted.get("species", "").strip(), **where}
    rule = posted.get("threshold", "").strip()
    if rule == OWN:
        text = _common_spelling(posted.get("own_threshold", ""))
        query["threshold"] = float(text) if NUMBER.fullmatch(text) else text
    elif rule:
        query["threshold"] = rule
    if posted.get("extrapolation", "").strip():
        query["extrapolation"] = posted["extrapolation"].strip()
    return query


def is_preview(posted: MultiDict[str, str]) -> bool:
    """Return whether a form asks for a preview, which is not stored: its field is 1.

    Raises
    ------
    ValidationFailed
        The field is neither 1 nor empty.
    """
    value = posted.get("preview", "").strip()
    if value not in ("", "1"):
        raise ValidationFailed([("/preview", "must be 1, or be left out")])
    return value == "1"


def refuse_repeated(posted: MultiDict[str, str]) -> None:
    """Raise ValidationFailed if a form or an address contains a field twice. Other names do not matter."""
    repeated = [name for name in posted if _is_field(name) and len(posted.getlist(name)) > 1]
    if repeated:
        raise ValidationFailed([(_place_of(name), "given more than once") for name in repeated])


def _is_field(name: str) -> bool:
    return name in _FIELDS or name.startswith((PREFIX, "label."))


def _place_of(name: str) -> str:
    return pointer("environment", name.removeprefix(PREFIX)) if name.startswith(PREFIX) else pointer(name)


def environment_of(posted: MultiDict[str, str], units: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the conditions in a form or an address, without empty fields.

    Parameters
    ----------
    posted : MultiDict
    units : mapping of str to str, optional
        Units by predictor. A unit after a number is left out: "35 %" in a field in % is 35.
    """
    units = units or {}
    values = {name: _common_spelling(value, units.get(name, "")) for name, value in typed_values(posted).items()}
    return {name: value for name, value in values.items() if value != ""}


def units_of(name: str) -> dict[str, str]:
    """Return the units of a species' continuous predictors; none where the species is unknown or has no model."""
    try:
        model = snapshot.current().resolve(name[:LONGEST]).model
        predictors = registry.card_of(model).predictors if model is not None else []
    except (ValidationFailed, Unavailable):
        return {}
    return {predictor.name: predictor.unit for predictor in predictors if predictor.type == "continuous"}


def typed_values(posted: MultiDict[str, str]) -> dict[str, str]:
    """Return the values in a form or an address as they were typed, by predictor."""
    return {name.removeprefix(PREFIX): value for name, value in posted.items() if name.startswith(PREFIX)}


def options_of(posted: MultiDict[str, str]) -> dict[str, str]:
    """Return the threshold and extrapolation options in a form or an address, with names of rules in their spelling."""
    options = {name: posted[name][:LONGEST] for name in OPTIONS if posted.get(name)}
    rules = {rule.lower(): rule for rule in (*RULES, OWN)}
    if "threshold" in options:
        options["threshold"] = rules.get(options["threshold"].strip().lower(), options["threshold"])
    return options


def form_with_errors(
    posted: MultiDict[str, str], error: AppError, values: Mapping[str, str] | None = None
) -> PredictForm:
    """Return the form with the values as they were typed and each message beside its field.

    Parameters
    ----------
    posted : MultiDict
    error : AppError
    values : mapping, optional
        Of fields that were not typed; typical conditions by default.
    """
    name = posted.get("species", "").strip()[:LONGEST]
    form = PredictForm(query=name)
    try:
        species = snapshot.current().resolve(name)
    except ValidationFailed:
        pass
    else:
        form, _ = form_for(species)
        if values is not None:
            form.values = dict(values)
    restore(form, posted)
    for at, text in error.listed:
        field = _field_of(at)
        # the box takes no names of rules, which have a list of their own
        text = text.removesuffix(NAMES_OF_RULES) if field == "own_threshold" else text
        form.errors.setdefault(field, message_for(text))
    form.unlisted = error.n_unlisted
    return form


def restore(form: PredictForm, posted: MultiDict[str, str]) -> None:
    """Put the typed values back into the form, without a unit after a number."""
    typed = typed_values(posted)
    predictors = form.species.predictors if form.species else []
    units = {p.name: p.unit for p in predictors if p.type == "continuous"}
    form.values |= {name: _without_unit(value, units.get(name, ""))[:LONGEST] for name, value in typed.items()}
    form.values = with_known_levels(form.values, predictors)
    if typed:
        form.start = ""
    form.options = options_of(posted)
    form_place.show_place(form, posted)


def with_known_levels(values: Mapping[str, str], predictors: Sequence[PredictorRange]) -> dict[str, str]:
    """Return typed values with each category as the list of its field spells it: 12 for 12.0."""
    spelled = dict(values)
    for predictor in predictors:
        if predictor.type == "categorical" and predictor.name in spelled:
            levels = predictor.levels or []
            code = find_level(levels, _common_spelling(spelled[predictor.name]))
            if code is not None:
                spelled[predictor.name] = levels[code]
    return spelled


def message_for(text: str) -> str:
    """Return a validation error as a sentence beside its field."""
    if text == "this model has no such predictor":
        return "This model has no such predictor; an earlier version may have had it"
    return "Enter a value" if text == "a value is needed" else text[:1].upper() + text[1:]


def _field_of(at: str) -> str:
    parts = pointer_parts(at)
    if parts[:1] == ["species"]:
        return "species"
    if len(parts) >= 2 and parts[0] == "environment":
        return PREFIX + parts[1]
    if parts[:1] == ["threshold"]:
        return "own_threshold"
    if parts[:1] in (["location"], ["scenario"]):
        return "place" if parts[0] == "location" else "scenario"
    return parts[0] if parts[:1] in (["extrapolation"], ["preview"]) else ""


def _start(points: list[Conditions], start: str) -> Conditions:
    if start.isdecimal() and len(start) < 4 and int(start) < len(points):
        return points[int(start)]
    return next((point for point in points if point.label == start), points[0])


def _common_spelling(value: str, unit: str = "") -> str:
    """Return a number with a decimal point instead of a decimal comma, and without its unit."""
    text = _without_unit(value, unit).strip()
    number = _with_point(text)
    # a level's name may contain a comma and is not changed; nor is 1,234.5, whose comma separates thousands
    return number if NUMBER.fullmatch(number) else text


def _without_unit(value: str, unit: str) -> str:
    """Return a number without the unit after it, as it was typed otherwise; any other text unchanged."""
    text = value.strip()
    if unit and text.endswith(unit):
        number = text.removesuffix(unit).strip()
        if NUMBER.fullmatch(_with_point(number)):
            return number
    return value


def _with_point(text: str) -> str:
    return text.replace("\N{MINUS SIGN}", "-").replace(",", ".")


def _display_name(species: SpeciesEntry) -> str:
    return species.vernacular_name or species.scientific_name
