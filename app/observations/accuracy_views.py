"""Routes of the live accuracy."""

from __future__ import annotations

from flask import Blueprint

from app.confirmations import accuracy
from app.confirmations.accuracy_schemas import AccuracyPage, ModelAccuracy
from app.database.replica import from_replica
from app.registry import service as registry
from app.web.faces import API_PREFIX, Reply, faces
from app.web.operations import Operation

api = Blueprint("accuracy_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("accuracy", __name__)


@api.get("/accuracy")
@pages.get("/accuracy")
@Operation(
    "listAccuracy",
    tag="models",
    summary="Read the live accuracy of all models",
    description="By observations that editors have accepted, each judged by what the model said then.",
    answer=AccuracyPage,
)
@faces(page="observations/accuracy.html", fragment="observations/_accuracy_list.html")
@from_replica
def browse() -> Reply:
    """Show the live accuracy by study and version. Template context: ``data`` AccuracyPage."""
    return Reply(accuracy.of_studies())


@api.get("/models/<slug:model_id>/accuracy")
@Operation(
    "getAccuracy",
    tag="models",
    summary="Read the live accuracy of one model",
    description="By observations that editors have accepted, each judged by what the model said then.",
    answer=ModelAccuracy,
    problems=(404,),
)
@faces()
@from_replica
def of_model(model_id: str) -> Reply:
    """Return the live accuracy of one model."""
    return Reply(accuracy.of_model(registry.find(model_id)))
