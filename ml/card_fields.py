"""Types of the fields of a model card: texts that can be shown, and numbers that are possible."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# Blanks of typography, and the joiners that some scripts need between letters; other invisible characters are refused.
_TYPOGRAPHY = dict.fromkeys(map(ord, "\n\t\u00a0\u2002\u2003\u2005\u2006\u2007\u2009\u200a\u202f\u3000\u200c\u200d"))
# Letters that show nothing.
_FILLERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]")
_ADDRESS = re.compile(r"https?://[^\s<>\"\\^`{|}]+", re.IGNORECASE)


def _visible(text: str) -> str:
    if not text.translate(_TYPOGRAPHY).isprintable() or _FILLERS.search(text):
        raise ValueError("must not contain control characters or invisible characters")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text or text != text.strip():
        raise ValueError("must be one line without surrounding blanks")
    return _visible(text)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = bool(_ADDRESS.fullmatch(text) and text.isprintable() and parts.hostname and "@" not in parts.netloc)
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("must be an address that begins with http:// or https:// and names a host")
    return text


def places_on_earth(places: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Return pairs of longitude and latitude, which must be in their ranges, in degrees."""
    if any(not (-180 <= longitude <= 180 and -90 <= latitude <= 90) for longitude, latitude in places):
        raise ValueError("must be pairs of longitude and latitude in degrees")
    return places


#: Part of an address on this site and of a path on the disk.
Slug = Annotated[str, Field(min_length=1, max_length=150, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Label = Annotated[str, Field(max_length=500), AfterValidator(_one_line)]
Prose = Annotated[str, Field(max_length=10_000), AfterValidator(_visible)]
#: A number from 0 to 1 as text.
Share = Annotated[str, Field(pattern=r"^(0(\.\d{1,17})?|1)$")]
Address = Annotated[str, Field(max_length=2_000), AfterValidator(_address)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Portion = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(ge=-1e12, le=1e12)]


class Part(BaseModel):
    """Base of every part of the card: no other members, and finite numbers only."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
