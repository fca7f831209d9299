"""Schemas of the owner of a study and of the people that it is shared with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.accounts.people_schemas import Email

Role = Literal["reader", "editor", "owner"]
_ROLE = Field(
    description="`reader`: reads everything of the study. `editor`: changes it too, where the role of the account is "
    "`editor`. `owner`: an editor who may take the study over, and who has access also while it is private. When "
    "somebody takes it over, all others with this role become editors."
)
_EXACT = "Whether a reader sees exact places although a species of the study is sensitive. Editors see them anyway."


class NamedPerson(BaseModel):
    """A person that a study is shared with."""

    id: str
    email: str = Field(description="As it was written. Nothing tells whether it has an account.")
    role: Annotated[Role, _ROLE]
    exact_places: bool = Field(description=_EXACT)


class StudyPeople(BaseModel):
    """Who may read and change a study."""

    visibility: Literal["private", "shared", "public"]
    owner: str | None = Field(description="Address of the owner; null for a study that admins manage.")
    items: list[NamedPerson] = Field(
        description="By address. While the study is private, only those with the role `owner` have access."
    )


class PersonChange(BaseModel):
    """A person that a study becomes shared with."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    role: Annotated[Role, _ROLE] = "reader"
    exact_places: bool = Field(False, strict=True, description=_EXACT)
