"""Schemas of the audit trail: query and answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from app.web.fields import PageQuery, Text, blank_is_none

_NO_MOMENT = "must be a day such as 2026-11-29, or a time such as 2026-11-29T12:00:00Z"
Filter = Annotated[Text | None, BeforeValidator(blank_is_none)]
_OFFSET_HINT = " A time without an offset is in UTC."


class AuditFilters(BaseModel):
    """Which lines of the audit trail are meant."""

    person: Filter = Field(None, description="Address or id of an account; ids of deleted accounts too.")
    action: Filter = Field(
        None, description="Name of an action, such as `model.activate`, or the beginning of names, such as `model`."
    )
    object: Filter = Field(None, description="Id of an object: of a study its slug, of a file `study/name`.")
    since: Filter = Field(None, description="First day, or first moment." + _OFFSET_HINT)
    until: Filter = Field(None, description="Last day, or the moment after the last one." + _OFFSET_HINT)

    @property
    def first(self) -> datetime | None:
        """The first moment."""
        return read_moment(self.since, timedelta())

    @property
    def end(self) -> datetime | None:
        """The moment after the last one."""
        return read_moment(self.until, timedelta(days=1))

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that are chosen, as in an address."""
        fields = ("person", "action", "object", "since", "until")
        return {name: value for name in fields if (value := getattr(self, name))}


class AuditQuery(AuditFilters, PageQuery):
    """The parameters of the audit trail."""


def read_moment(text: str | None, of_day: timedelta) -> datetime | None:
    """Return a moment; of a day its beginning and ``of_day`` more.

    Raises
    ------
    ValueError
        It is neither a day nor a time.
    """
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-29"):
            return datetime.combine(date.fromisoformat(text), time(), UTC) + of_day
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(_NO_MOMENT) from None


class AuditPerson(BaseModel):
    """Who did it."""

    id: str
    email: str | None = Field(description="Null where the account is deleted.")


class AuditItem(BaseModel):
    """One line of the audit trail."""

    id: int
    at: datetime
    person: AuditPerson | None = Field(description="Null where nobody was signed in, as for a command.")
    source: Literal["web", "api", "command", "job", "program"]
    client: str = Field(description="As rate limits count it: an IPv4 address, or an IPv6 network of 64 bits.")
    request_id: str = Field(description="`X-Request-ID` of the request; of what a job does, the id of the job.")
    action: str
    object_kind: str
    object_id: str
    object_email: str | None = Field(description="Address of the account that the line is about.")
    result: Literal["done", "refused"]
    status: int | None = Field(description="HTTP status of a refusal.")
    detail: str


class AuditPage(BaseModel):
    """A page of the audit trail."""

    items: list[AuditItem]
    next: str | None
