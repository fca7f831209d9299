"""Pages and API of one stored answer: its explanation and its statement."""

from __future__ import annotations

from flask import Blueprint

from app.database.replica import from_replica
from app.predictions import explanation, stored
from app.predictions.explanation_schemas import ExplanationAnswer
from app.predictions.presentation import present
from app.predictions.statement import state
from app.web.faces import API_PREFIX, Reply, face, faces, keep_all_private, site_root
from app.web.operations import Operation

api = Blueprint("answers_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("answers", __name__)

keep_all_private(api, pages)


@api.get("/predictions/<slug:prediction_id>/explanation")
@pages.get("/predictions/<slug:prediction_id>/explanation")
@Operation(
    "explainPrediction",
    tag="predictions",
    summary="What would change an answer, and the nearest training records",
    path={"id": {"type": "string", "format": "uuid"}},
    answer=ExplanationAnswer,
    problems=(404, 503),
)
@faces(page="predictions/explanation.html", fragment="predictions/_explanation.html")
@from_replica
def explain(prediction_id: str) -> Reply:
    """Explain a stored answer.

    Template context: ``data`` ExplanationAnswer, ``explanation`` Explanation, ``answer`` PredictionAnswer, ``view``
    AnswerView.
    """
    answer, card = stored.find(prediction_id)
    data = explanation.explain(answer)
    if face() == "json":
        return Reply(data)
    return Reply(
        data,
        context={
            "explanation": explanation.present(data, answer, card),
            "answer": answer,
            "view": present(answer, card, site_root()),
        },
    )


@pages.get("/predictions/<slug:prediction_id>/statement")
@faces(page="predictions/statement.html", fragment="predictions/_statement.html")
@from_replica
def statement(prediction_id: str) -> Reply:
    """Show a stored answer as a page to print.

    Template context: ``data`` PredictionAnswer, ``view`` AnswerView, ``statement`` Statement.
    """
    answer, card = stored.find(prediction_id)
    site = site_root()
    return Reply(answer, context={"view": present(answer, card, site), "statement": state(answer, card, site)})
