"""Pages and API of predictions; the predict page is the first page of the site."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, g, request
from werkzeug.datastructures import MultiDict

from app.catalogue import snapshot
from app.catalogue.entries import SpeciesEntry
from app.confirmations import newer
from app.database.replica import from_replica
from app.errors import OutsideArea, ValidationFailed
from app.predictions import curves, form_place, service, stored
from app.predictions import form as forms
from app.predictions.arms import model_for_client
from app.predictions.asked import asked_of
from app.predictions.explanation import explain_answer
from app.predictions.field_groups import FieldGroup, group_fields
from app.predictions.presentation import present, start_word, value_text
from app.predictions.query_schemas import ALSO_IN_ADDRESS, PredictionQuery
from app.predictions.schemas import PredictForm, PredictionAnswer, PredictionPage, PredictionsQuery
from app.registry import service as registry
from app.registry.examples import FirstExample, first_example
from app.web.faces import API_PREFIX, Reply, face, faces, keep_private, site_root
from app.web.input_validation import read_form, read_json, read_query, validate
from app.web.operations import Operation
from ml.card import ModelCard

api = Blueprint("predictions_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("predictions", __name__)
#: The list of stored answers: of each person with accounts, otherwise only where it is public (PUBLIC_PREDICTIONS).
lists = Blueprint("predictions_list", __name__, url_prefix=API_PREFIX)

#: The page with the own answers of a person, where there are accounts.
own = Blueprint("own_predictions", __name__)

pages.add_app_template_filter(start_word)
pages.add_app_template_filter(value_text)


@api.after_request
@lists.after_request
@own.after_request
@pages.after_request
def _keep_private(response: Response) -> Response:
    """Forbid caches to store answers. The form without conditions shows an example and may be stored.

    In a rollout the example depends on who asks.
    """
    names = request.args.keys()
    is_example = request.endpoint == "predictions.start" and not g.get("in_rollout")
    if not is_example or any(n.startswith(forms.PREFIX) or n in _PLACE for n in names):
        keep_private(response)
    return response


_PLACE = ("lat", "lon", "place")
# The button targets the answer; with these headers htmx replaces the form as well.
_RETARGET = {"HX-Retarget": "#workspace", "HX-Reswap": "outerHTML"}


@pages.get("/")
@faces(page="predictions/page.html", fragment="predictions/_workspace.html")
def start() -> Reply:
    """Show the form with an answered example, which is not stored; ``env.`` parameters replace its values.

    Template context: ``data`` PredictionAnswer or None, ``form`` PredictForm, ``view`` AnswerView or None,
    ``card`` ModelCard or None. Without any model ``form.species`` is None and ``no_models`` is true.
    """
    try:
        forms.refuse_repeated(request.args)
    except ValidationFailed as error:
        return _invalid(forms.form_with_errors(request.args, error))
    name = request.args.get("species", "").strip()
    if not name:
        first = first_example()
        if first is None:
            return Reply(None, context={"form": PredictForm(), "view": None, "card": None, "no_models": True})
        return _example(first.species, first)
    try:
        species = snapshot.current().resolve(validate(PredictionQuery, {"species": name, "environment": {}}).species)
    except ValidationFailed as error:
        return _invalid(forms.form_with_errors(request.args, error))
    return _example(species)


@pages.post("/")
@faces(page="predictions/page.html", fragment="predictions/_answer.html")
def predict_form() -> Reply:
    """Answer the form; template context as for the page, the fragment is the answer alone.

    With ``preview=1`` the answer has no id and is not stored.
    """
    try:
        posted = read_form(lists=None)
        storing = not (forms.is_preview(posted) or posted.get("fill"))
        ask = service.predict if storing else service.preview
        name = posted.get("species", "").strip()
        units = forms.units_of(name)
        place, edited = _place(posted, name, units)
        query = validate(PredictionQuery, forms.query_of(posted, units, place))
        result = ask(query)
    except ValidationFailed as error:
        return _invalid(forms.form_with_errors(request.form, error))
    except OutsideArea as error:
        form, _ = forms.form_for(snapshot.current().resolve(query.species))
        forms.restore(form, request.form)
        return _refused(form, error)
    form, _ = forms.form_for(result.species)
    forms.restore(form, request.form)
    forms.show_answering(form, result.species, result.answer.model.id)
    form_place.show_answered(form, result.answer, place, edited=edited)
    reply = _answered(result.answer, result.card, form=form)
    if place is not None and posted.get("filled", "") != place.key:
        # the fields get the values of the place
        return replace(reply, fragment="predictions/_answer_and_fields.html")
    return reply


def _place(posted: MultiDict[str, str], name: str, units: dict[str, str]) -> tuple[form_place.Place | None, bool]:
    """Return the place that a form chooses, and whether its values were edited and it is conditions by now."""
    forms.refuse_repeated(posted)
    place = form_place.place_of(posted)
    if place is None:
        return None, False
    species = snapshot.current().resolve(validate(PredictionQuery, {"species": name, "environment": {}}).species)
    model = model_for_client(species)
    typed = forms.environment_of(posted, units)
    if model is not None and form_place.is_edited(place, posted, typed, registry.card_of(model)):
        return None, True
    return place, False


@api.post("/predictions")
@Operation(
    "predict",
    tag="predictions",
    summary="Ask how suitable conditions are",
    body=PredictionQuery,
    also_in_address=ALSO_IN_ADDRESS,
    answer=PredictionAnswer,
    problems=(400, 409, 413, 415, 422, 503),
)
@faces()
def predict() -> Reply:
    """Answer a JSON query."""
    result = service.predict(read_json(PredictionQuery, also_in_address=ALSO_IN_ADDRESS))
    return Reply(result.answer)


@api.get("/predictions/<prediction:prediction_id>")
@pages.get("/predictions/<slug:prediction_id>")
@Operation(
    "getPrediction",
    tag="predictions",
    summary="Read one prediction",
    path={"id": {"type": "string", "format": "uuid"}},
    answer=PredictionAnswer,
    problems=(404,),
)
@faces(page="predictions/permalink.html", fragment="predictions/_answer.html")
@from_replica
def detail(prediction_id: str) -> Reply:
    """Show a stored answer. Template context: ``data`` PredictionAnswer, ``view`` AnswerView, ``card``."""
    answer, card = stored.find(prediction_id)
    return _answered(answer, card)


@lists.get("/predictions")
@Operation(
    "listPredictions",
    tag="predictions",
    summary="List answers, latest first",
    description="In production the person's own answers; without an account 401, or the answers of everybody for "
    "public studies where the operator has set `PUBLIC_PREDICTIONS`.",
    query=PredictionsQuery,
    answer=PredictionPage,
    problems=(422,),
)
@faces()
@from_replica
def browse() -> Reply:
    """List stored answers, latest first."""
    return Reply(stored.browse(read_query(PredictionsQuery)))


@own.get("/predictions")
@faces(page="predictions/own.html", fragment="predictions/own.html")
@from_replica
def own_answers() -> Reply:
    """Show the own answers of a person.

    Template context: ``data`` PredictionPage, ``asked`` Asked of each answer, ``later`` not the first page.
    """
    query = read_query(PredictionsQuery)
    page, cards = stored.browse_with_cards(query)
    asked = [asked_of(answer, cards[answer.model.id]) for answer in page.items]
    return Reply(page, context={"asked": asked, "later": query.cursor is not None})


def _example(species: SpeciesEntry, first: FirstExample | None = None) -> Reply:
    form, environment = forms.form_for(species, request.args.get("from", ""))
    if species.model is None:
        form.errors["species"] = "There is no model for this species yet"
        return Reply(None, context=_context(form))
    if first is not None:
        environment = forms.show_first(form, first, environment)
    # a link from an answer contains all of its conditions: one that is missing is not filled in, unless a starting
    # point is named
    if forms.typed_values(request.args) and not request.args.get("from"):
        environment, form.values = {}, {}
    forms.restore(form, request.args)
    try:
        place = form_place.place_of(request.args)
        query = {**forms.query_of(request.args, None, place), "species": species.slug}
        if place is None:
            typed = forms.environment_of(request.args, forms.units_of(species.slug))
            query["environment"] = {**environment, **typed}
        result = service.preview(validate(PredictionQuery, query))
    except ValidationFailed as error:
        return _invalid(forms.form_with_errors(request.args, error, form.values))
    except OutsideArea as error:
        return _refused(form, error)
    forms.show_answering(form, result.species, result.answer.model.id)
    form_place.show_answered(form, result.answer, place, edited=False)
    return _answered(result.answer, result.card, form=form)


def _context(form: PredictForm | None) -> dict[str, object]:
    return {"form": form, "groups": _groups(form), "view": None, "card": None, "no_models": False}


def _groups(form: PredictForm | None) -> list[FieldGroup]:
    return group_fields(form.species.predictors) if form is not None and form.species is not None else []


def _answered(answer: PredictionAnswer, card: ModelCard, form: PredictForm | None = None) -> Reply:
    view = present(answer, card, site_root(), curves.drawings(answer)) if face() != "json" else None
    explanation = explain_answer(answer, card) if view is not None else None
    unseen = newer.number_for(answer.model.id) if view is not None else 0
    context = {**_context(form), "view": view, "card": card, "explanation": explanation, "newer": unseen}
    return Reply(answer, context=context)


def _refused(form: PredictForm, error: OutsideArea) -> Reply:
    return Reply(None, 409, {**_context(form), "refusal": error})


def _invalid(form: PredictForm) -> Reply:
    return Reply(None, 422, _context(form), fragment="predictions/_workspace.html", headers=_RETARGET)
