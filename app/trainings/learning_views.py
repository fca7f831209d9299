"""Routes of the switch by which a study learns from observations."""

from __future__ import annotations

from flask import Blueprint, Flask, Response

from app.errors import ValidationFailed
from app.studies import own
from app.studies.own import OwnStudy
from app.studies.pages import files_page
from app.trainings import learning
from app.trainings.schemas import FEWEST_NEW, MOST_NEW, LearningChange, LearningState
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.form_values import Form, FormErrors
from app.web.input_validation import read_form, read_json, validate
from app.web.operations import Operation

_PATH = "/studies/<slug:slug>/learning"
api = Blueprint("learning_api", __name__, url_prefix=f"{API_PREFIX}{_PATH}")
pages = Blueprint("learning", __name__, url_prefix=_PATH)

keep_all_private(api, pages)


@api.get("")
@Operation(
    "getLearning",
    tag="studies",
    summary="Read whether a study learns from observations",
    description="How many newly accepted presences there are, how many start a training, and what became of the last.",
    answer=LearningState,
    problems=(404,),
)
@faces()
def read(slug: str) -> Reply:
    """Return whether a study learns, and what became of the last training that it asked for."""
    return Reply(learning.state_of(own.load(slug)))


@api.put("")
@Operation(
    "changeLearning",
    tag="studies",
    summary="Let a study learn from observations, or stop it",
    description="When so many presences were accepted since the last training that used them, they become records of "
    "the study and a training starts. Its candidates are compared by the promotion gate and answer nobody until an "
    "admin activates them.",
    body=LearningChange,
    answer=LearningState,
    problems=(400, 404, 413, 415, 422),
)
@faces()
def change(slug: str) -> Reply:
    """Switch learning on or off."""
    return Reply(learning.change(slug, read_json(LearningChange)))


@pages.post("")
def change_form(slug: str) -> Response:
    """Switch learning on or off, and return to the page of the study, or show it with the message."""
    posted = read_form()
    typed, errors = posted.get("number", ""), FormErrors()
    # who switches it off changes no number
    number = Form(posted, errors).whole_number("number") if posted.get("on") == "1" else None
    try:
        if len(errors):
            raise ValidationFailed([("/number", "no whole number")])
        learning.change(slug, validate(LearningChange, {"on": posted.get("on") == "1", "number": number}))
    except ValidationFailed:
        problem = f"Enter a whole number from {FEWEST_NEW} to {MOST_NEW:,}."
        return files_page(slug, 422, learning={"number": typed[:20], "error": problem})
    return Response(status=303, headers={"Location": f"/studies/{slug}#learning"})


def init_app(app: Flask) -> None:
    """Let the page of a study show its state; it belongs to a feature that does not know this one."""

    def state_of(study: OwnStudy) -> LearningState:
        return learning.state_of(study)

    app.jinja_env.globals.update(learning_of=state_of)
