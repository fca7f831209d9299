"""Fields that several schemas share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field


def plain_text(value: str) -> str:
    """Refuse what no database text can hold or no person types."""
    if any(ord(letter) < 32 or ord(letter) == 127 or 0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise ValueError("must not contain control characters")
    return value


Text = Annotated[str, Field(max_length=200), AfterValidator(plain_text)]


class PageQuery(BaseModel):
    """Where in a list, and how much of it."""

    limit: int = Field(20, ge=1, le=100, description="How many items at most.")
    cursor: str | None = Field(None, max_length=1000, description="The `next` of the page before.")
