"""Bodies and answers of the routes of tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# More than an address, a password and a code may have: their length tells nothing about an account.
_Text = Field(max_length=10_000)


class TokenRequest(BaseModel):
    """A sign-in of a program."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: str = _Text
    password: str = _Text
    code: str | None = Field(
        None, max_length=10_000, description="A code of the second factor or a recovery code, where there is one."
    )


class RefreshRequest(BaseModel):
    """A refresh token."""

    model_config = ConfigDict(extra="forbid", strict=True)

    refresh_token: str = Field(max_length=10_000)


class TokenAnswer(BaseModel):
    """A pair of tokens."""

    access_token: str = Field(description="Sent as `Authorization: Bearer …`.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds for which the access token is accepted.")
    refresh_token: str = Field(description="Gives the next pair, once.")


class RevokeAnswer(BaseModel):
    """What became of the tokens of a sign-in."""

    revoked: bool
