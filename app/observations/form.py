"""The form that reports an observation: its fields as a body of the API, and its messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from app.errors import FieldErrors
from app.web.form_values import Form, FormErrors

#: The fields by the JSON pointers of the API.
_NAMES = {
    "/outcome": "outcome",
    "/date": "date",
    "/effort/minutes": "minutes",
    "/effort/people": "people",
    "/photo": "photo",
    "/note": "note",
}
_LONGEST = 2_000


@dataclass
class ReportForm:
    """The fields as they were typed, and a message for each that is wrong; "" names the form."""

    fields: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def body_of(posted: MultiDict[str, str]) -> tuple[dict[str, Any], FormErrors]:
    """Return the body of the API that a form stands for, and the fields that are no numbers."""
    errors = FormErrors()
    numbers = Form(posted, errors)
    effort = {"minutes": numbers.whole_number("minutes"), "people": numbers.whole_number("people")}
    body: dict[str, Any] = {
        "date": posted.get("date", "").strip(),
        "effort": effort,
        "photo": posted.get("photo", "").strip() or None,
        "note": posted.get("note", ""),
    }
    if posted.get("outcome"):
        body["outcome"] = posted["outcome"]
    else:
        errors.add("outcome", "Choose one of the two")
    if not body["date"]:
        errors.add("date", "Choose the day of the search")
        body.pop("date")
    if posted.get("prediction"):
        body["prediction"] = posted["prediction"]
    else:
        place = {"latitude": numbers.number("latitude"), "longitude": numbers.number("longitude")}
        body |= {"species": posted.get("species", ""), "location": place}
    return body, errors


def form_of(posted: MultiDict[str, str], errors: FormErrors, more: FieldErrors = ()) -> ReportForm:
    """Return the form again with its messages. A problem of a hidden field is one of the form."""
    errors.add_pointers(more, _NAMES)
    messages = {name: f"{text[:1].upper()}{text[1:]}." for name, text in errors.items()}
    return ReportForm({name: value[:_LONGEST] for name, value in posted.items()}, messages)
