"""Fields that several schemas share."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def plain_text(value: str) -> str:
    """Refuse control characters and unpaired surrogates, which text in a database cannot contain."""
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    return value


def blank_is_none(value: object) -> object:
    """Return None for the empty text that a form sends for a choice that was not made."""
    return None if value == "" else value


#: The largest whole number that a column of the database holds.
MOST = 2**31 - 1
#: The revision that a request was made on.
Revision = Annotated[int, Field(ge=0, le=MOST)]
Text = Annotated[str, Field(max_length=200), AfterValidator(plain_text)]


class PageQuery(BaseModel):
    """The page of a list."""

    limit: int = Field(20, ge=1, le=100, description="Maximum number of items on the page.")
    cursor: str | None = Field(None, max_length=1000, description="The `next` of the previous page.")
