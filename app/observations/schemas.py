"""Schemas of observations: what comes in, what goes out."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef
from app.geography.schemas import AreaQuery
from app.predictions.place_schemas import Location
from app.web.fields import PageQuery, Text, blank_is_none, plain_text

LONGEST_NOTE, LONGEST_REASON, LONGEST_ADDRESS = 1_000, 300, 500
FIRST_YEAR = 1900
FIRST_DAY = f"{FIRST_YEAR}-01-01"
#: Largest number of observations of one decision.
MOST_DECIDED = 100
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOT_TEXT = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_ADDRESS = re.compile(r"[!-~]+")

State = Literal["pending", "accepted", "refused"]
Outcome = Literal["present", "absent"]


def read_day(value: object) -> date:
    """Return a date of the past from its ISO text."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("must be a date as 2026-05-31")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a day of the calendar") from None
    # in the easternmost time zone it is tomorrow already
    if day > (datetime.now(UTC) + timedelta(hours=14)).date():
        raise ValueError("must not be in the future")
    if day.year < FIRST_YEAR:
        raise ValueError(f"must not be before {FIRST_YEAR}")
    return day


def read_note(value: str) -> str:
    """Return a text of several lines without control characters."""
    text = value.replace("\r\n", "\n").strip()
    if _NOT_TEXT.search(text):
        raise ValueError("must not contain control characters")
    return text


def https_address(value: str) -> str:
    """Refuse what is not an address of a page with HTTPS. Nothing is fetched from it."""
    try:
        parts = urlsplit(value)
        is_valid = bool(parts.scheme == "https" and parts.hostname and "@" not in parts.netloc)
        _ = parts.port
    except ValueError:
        is_valid = False
    if not is_valid or not _ADDRESS.fullmatch(value):
        raise ValueError("must be an address that begins with https://")
    return value


Day = Annotated[date, BeforeValidator(read_day), WithJsonSchema({"type": "string", "format": "date"})]
Note = Annotated[str, Field(max_length=LONGEST_NOTE), AfterValidator(read_note)]


class Effort(BaseModel):
    """How much was searched."""

    model_config = ConfigDict(extra="forbid", strict=True)

    minutes: int | None = Field(None, ge=1, le=100_000, description="Minutes searched.")
    people: int | None = Field(None, ge=1, le=1_000, description="People who searched.")


class NewObservation(BaseModel):
    """What somebody found: for a past prediction, or for a species at a place."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"anyOf": [{"required": ["prediction"]}, {"required": ["species", "location"]}]},
    )

    prediction: Annotated[str, Field(max_length=36), AfterValidator(plain_text)] | None = Field(
        None, description="Id of an answer: species, place and conditions are taken from it."
    )
    species: Text | None = Field(None, description="Slug or scientific name.")
    location: Location | None = Field(
        None, description="The conditions are read from the layers of the study, and the model that answers predicts."
    )
    outcome: Outcome = Field(description="Whether the species was found.")
    date: Day = Field(description="The day of the search, from 1900 to today.")
    effort: Effort = Field(default_factory=Effort)
    photo: Annotated[str, Field(max_length=LONGEST_ADDRESS), AfterValidator(https_address)] | None = Field(
        None, description="Address of a photo, with https. It is shown as a link and never fetched."
    )
    note: Note = ""


class Predicted(BaseModel):
    """What the model had said."""

    suitability: float
    interval: tuple[float, float]
    in_area_of_applicability: bool
    model: ModelRef


class ObservationItem(BaseModel):
    """One observation."""

    id: str
    species: SpeciesRef
    study: StudyRef
    outcome: Outcome
    date: date
    location: Location | None = Field(
        description="Null for an answer to typed conditions. The centre of a cell where places are shown on a grid."
    )
    places_grid_km: int | None = Field(
        None,
        description="The grid on which this request sees the place, in km; null: exactly. With a grid, `photo`, "
        "`note`, `prediction`, `environment` and `predicted` are left empty, because they may give the place away.",
    )
    effort: Effort
    photo: str | None
    note: str
    prediction: str | None = Field(
        description="Id of the answer that it was reported for; null where that was deleted."
    )
    environment: dict[str, Any]
    predicted: Predicted | None
    state: State
    reason: str = Field(description="Of a refusal.")
    created_at: datetime
    moderated_at: datetime | None
    moderated_by: str | None = Field(
        None,
        description="Address of the account that decided, for those who may decide about it too; null where the "
        "account is deleted.",
    )
    withdrawn_at: datetime | None = Field(
        None, description="When whoever reported it took it back after it was accepted: it is refused for good."
    )


class ObservationPage(BaseModel):
    """A page of observations, latest first. It may be short although `next` is not null, where an area has few."""

    items: list[ObservationItem]
    next: str | None


class ObservationsQuery(AreaQuery):
    """Filter and page of the list of observations. At most one of `bbox`, `near` and `polygon` is given."""

    study: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(None, description="Slug of a study.")
    species: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(
        None, description="Slug or scientific name of a species."
    )
    state: Annotated[State | None, BeforeValidator(blank_is_none)] = None


class OwnObservationsQuery(PageQuery):
    """Filter and page of the list of one's own reports."""

    state: Annotated[State | None, BeforeValidator(blank_is_none)] = Field(
        None, description="Only those in this state."
    )


class Withdrawn(BaseModel):
    """What became of a report that was withdrawn."""

    id: str
    deleted: bool = Field(description="False where it had been accepted: it counts no more, and the row stays.")


class Decision(BaseModel):
    """What an editor decides about an observation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: State
    reason: Annotated[str, Field(max_length=LONGEST_REASON), AfterValidator(plain_text)] = Field(
        "", description="Needed for a refusal."
    )
    was: State | None = Field(
        None, description="The state that the decision is made on; 409 where it has another one by now."
    )
