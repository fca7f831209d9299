"""Response curves around typical conditions or those of a prediction."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import sensitive
from app.catalogue.species import Species
from app.errors import Unavailable, ValidationFailed
from app.predictions import stored
from app.predictions.schemas import PredictionAnswer
from app.registry import service as registry
from app.species import service as species_service
from app.species.curve_drawing import Drawing, draw_all
from app.species.schemas import CurvesQuery, ResponseCurves
from app.web.faces import API_PREFIX, Reply, face, faces, keep_private
from app.web.input_validation import read_query
from app.web.operations import Operation
from ml.card import Conditions
from ml.quality import quality_of

api = Blueprint("curves_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("curves", __name__)


@api.after_request
@pages.after_request
def _keep_private(response: Response) -> Response:
    """Forbid caches to store the curves of an answer, which contain its conditions."""
    if "prediction" in request.args:
        keep_private(response)
    return response


# Points of a curve in a table cell.
_POINTS = 25


@api.get("/species/<slug:slug>/response-curves")
@pages.get("/species/<slug:slug>/response-curves")
@Operation(
    "getResponseCurves",
    tag="species",
    summary="How each condition moves the suitability",
    query=CurvesQuery,
    answer=ResponseCurves,
    problems=(404, 409, 422, 503),
)
@faces(page="species/curves.html", fragment="species/curves.html")
def curves(slug: str) -> Reply:
    """Show how each predictor moves the suitability around typical conditions or those of a prediction.

    Template context: ``data`` ResponseCurves, ``drawings`` list of Drawing, ``prediction`` its id or None, ``starts``
    the model's starting points, ``start`` the number of the one shown, and ``better_than_chance``.
    """
    query = read_query(CurvesQuery)
    row, version = species_service.with_model(slug)
    if query.prediction is None:
        if version is None:
            raise registry.nothing_answers(row)
        result = species_service.starting_curves(row, version, query.start, query.points)
        threshold = registry.threshold_of(version)
    else:
        result, threshold = curves_at(query.prediction, row, query.points)
    drawings = draw_all(result.curves, threshold) if face() != "json" else []
    starts: list[Conditions] = []
    if version is not None and query.prediction is None:
        starts = sensitive.shown_starts(registry.card_of(version), row.study.slug)
    model = stored.model_of(slug, result.model.id) if face() != "json" else None
    return Reply(
        result,
        context={
            "drawings": drawings,
            "prediction": query.prediction,
            "starts": starts,
            "start": query.start,
            "better_than_chance": model is None or quality_of(registry.card_of(model)).better_than_chance,
        },
    )


def curves_at(prediction_id: str, species: Species, points: int) -> tuple[ResponseCurves, float]:
    """Return response curves of a stored answer's model around the conditions of the answer, and its threshold.

    Raises
    ------
    ValidationFailed
        No prediction for this species has this id.
    Unavailable
        The model cannot be opened.
    """
    stored_answer = stored.find_or_none(prediction_id)
    if stored_answer is None or stored_answer.answer.species.slug != species.slug:
        raise ValidationFailed([("/prediction", "there is no such prediction for this species")])
    answer = stored_answer.answer
    at = f"the conditions of prediction {answer.id}"
    with stored.conditions_that_fit():
        result = species_service.curves_around(species, stored_answer.model, at, dict(answer.environment), points)
    return result, answer.threshold.value


def drawings(answer: PredictionAnswer) -> dict[str, Drawing]:
    """Return an answer's response curves by predictor; empty where the model cannot be opened."""
    try:
        model = stored.model_of(answer.species.slug, answer.model.id)
        with stored.conditions_that_fit():
            curves = (
                species_service.curves_of(model, answer.environment, answer.study, _POINTS) if model is not None else []
            )
    except (Unavailable, SQLAlchemyError):
        return {}
    drawn = draw_all(curves, answer.threshold.value)
    return {drawing.data.predictor: drawing for drawing in drawn}
