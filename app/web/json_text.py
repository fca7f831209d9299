"""JSON from outside, wherever it stands: in a body or in a parameter. An object with a member twice is refused."""

from __future__ import annotations

import json
from collections import Counter

from app.errors import ValidationFailed
from app.web.pointers import pointer

#: The largest number of members of an object.
MOST_MEMBERS = 500
#: The problem of what is given more than once.
REPEATED = "given more than once"
_MOST_DIGITS = 400


def parse(content: str) -> object:
    """Parse JSON.

    NaN and Infinity are accepted here, because the validation of the schema names their fields.

    Raises
    ------
    ValueError, RecursionError
        The text is not JSON, or has an unpaired surrogate.
    ValidationFailed
        An object has a member twice: which one counts would be a guess. Or it has more than `MOST_MEMBERS` members.
    """
    wrong: list[tuple[dict[str, object], str | None, str]] = []

    def to_object(members: list[tuple[str, object]]) -> dict[str, object]:
        parsed = dict(members)
        # Only the first problem is reported.
        if wrong:
            return parsed
        if len(members) > MOST_MEMBERS:
            wrong.append((parsed, None, f"must have at most {MOST_MEMBERS} members"))
        elif len(parsed) < len(members):
            repeated = next(name for name, number in Counter(name for name, _ in members).items() if number > 1)
            wrong.append((parsed, repeated, REPEATED))
        return parsed

    parsed: object = json.loads(content, object_pairs_hook=to_object, parse_int=_to_number)
    if "\\u" in content:
        # An unpaired surrogate is not text: no database and no response can contain it.
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    if wrong:
        part, name, text = wrong[0]
        place = () if part is parsed else _place_of(part, parsed)
        raise ValidationFailed([(pointer(*place, *([] if name is None else [name])), text)])
    return parsed


def _place_of(part: object, whole: object) -> tuple[object, ...]:
    """Return the names and numbers on the way to an object within another; none where it is not there."""
    if isinstance(whole, dict):
        items: list[tuple[object, object]] = list(whole.items())
    elif isinstance(whole, list):
        items = list(enumerate(whole))
    else:
        return ()
    for name, value in items:
        if value is part:
            return (name,)
        place = _place_of(part, value)
        if place:
            return (name, *place)
    return ()


def _to_number(digits: str) -> int | float:
    """Return a whole number of JSON. Python reads at most 4,300 digits; longer ones are infinite, and refused later."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)
