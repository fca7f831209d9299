"""Schemas of the accounts of a site, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.accounts.roles import Role
from app.accounts.tables import LONGEST_EMAIL
from app.accounts.users import EMAIL_PATTERN
from app.plans.tables import PlanName
from app.web.fields import PageQuery, Text, blank_is_none

#: As `app.plans.tables.OF_PEOPLE`.
PlanOfPeople = Literal["free", "partner"]
#: An address that is given. `app.accounts.users.read_email` checks it, with its own words.
Email = Annotated[str, Field(min_length=1, max_length=LONGEST_EMAIL, json_schema_extra={"pattern": EMAIL_PATTERN})]
_ROLE = "What the person may do."
_PLAN = "What limits how much the person asks."


class PeopleQuery(PageQuery):
    """Filter and page of the list of accounts."""

    q: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(None, description="A part of the address.")
    role: Annotated[Role | None, BeforeValidator(blank_is_none)] = Field(None, description="Only those with this role.")


class Account(BaseModel):
    """An account, as admins see it."""

    id: str
    email: str
    role: Role
    plan: PlanName
    disabled: bool = Field(description="Whether the person can neither sign in nor use keys and tokens.")
    has_password: bool = Field(description="False until the person has used the link of the invitation.")
    has_second_factor: bool
    created_at: datetime
    last_sign_in_at: datetime | None = Field(description="With a password, in a browser or for tokens; null: not yet.")


class AccountPage(BaseModel):
    """A page of accounts, by address."""

    items: list[Account]
    next: str | None


class Invitation(BaseModel):
    """An account that is to be created."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: Email
    role: Role = Field("viewer", description=_ROLE)
    plan: PlanOfPeople = Field("free", description=_PLAN)


class AccountChange(BaseModel):
    """Changes of an account; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Role | None = Field(None, description=_ROLE)
    plan: PlanOfPeople | None = Field(None, description=_PLAN)
    disabled: bool | None = Field(None, description="True ends the sessions of the person too.")


class Invited(BaseModel):
    """An account with a link to choose a password, which works once."""

    account: Account
    mailed: bool = Field(description="Whether the link goes to the address of the account by mail.")
    link: str | None = Field(description="The link, where no mail is set up. It is shown once: pass it on.")
    expires_at: datetime
