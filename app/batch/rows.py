"""Rows of a request in JSON as texts."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from app.errors import ValidationFailed
from app.predictions.place_schemas import Location
from app.predictions.query_schemas import none_if_left_out
from app.web.fields import Text
from app.web.input_validation import pointer_parts, validate
from ml.batch.chunks import ListedRows

#: Members of a row with a place, and the columns of its coordinates.
LOCATION, SCENARIO = "location", "scenario"
LATITUDE, LONGITUDE = "location.latitude", "location.longitude"
#: Different members of all rows, and cells of the table that they make.
MOST_MEMBERS, MOST_CELLS = 2_000, 2_000_000


class _Place(BaseModel):
    """The members of a row that say where it is, read as those of a single prediction."""

    location: Location
    scenario: Annotated[Text | None, BeforeValidator(none_if_left_out)] = None


def listed_rows(rows: Sequence[Mapping[str, Any]], predictors: Collection[str]) -> tuple[ListedRows, bool]:
    """Return objects as rows of text, whose columns are all their members, and whether one of them is a place.

    A place has the columns `LATITUDE` and `LONGITUDE` instead of its member ``location``.

    Parameters
    ----------
    rows : sequence of mapping
    predictors : collection of str
        Names of the predictors, whose texts are stripped. A predictor may have the name of a member of places.

    Raises
    ------
    ValidationFailed
        The rows have too many different members, or one that stands for a coordinate.
    """
    members = list(dict.fromkeys(name for row in rows for name in row))
    has_places = any(_is_place(row, predictors) for row in rows)
    if len(members) > MOST_MEMBERS or len(members) * len(rows) > MOST_CELLS:
        text = (
            f"have {len(members):,} different members in {len(rows):,} rows; at most {MOST_MEMBERS:,} members and "
            f"{MOST_CELLS:,} cells are read"
        )
        raise ValidationFailed([("/rows", text)])
    header = members
    if has_places:
        if present := [name for name in (LATITUDE, LONGITUDE) if name in members]:
            raise ValidationFailed([("/rows", f"have a member {present[0]} beside {LOCATION}; rename it")])
        header = [name for member in members for name in ((LATITUDE, LONGITUDE) if member == LOCATION else (member,))]
    errors: dict[int, str] = {}
    cells = []
    for position, row in enumerate(rows):
        values = dict(row)
        error = _read_place(values, predictors)
        if error:
            errors[position] = error
        cells.append(tuple(_text(values.get(name), is_value=name in predictors) for name in header))
    return ListedRows(header, cells, errors), has_places


def _is_place(row: Mapping[str, Any], predictors: Collection[str]) -> bool:
    return LOCATION in row and (LOCATION not in predictors or isinstance(row[LOCATION], Mapping))


def _read_place(row: dict[str, Any], predictors: Collection[str]) -> str:
    """Replace the place of a row by its coordinates; return what is wrong with it."""
    if not _is_place(row, predictors):
        is_alone = SCENARIO in row and SCENARIO not in predictors
        return f"{SCENARIO}: belongs to a location, which is missing" if is_alone else ""
    place = row.pop(LOCATION)
    row[LATITUDE], row[LONGITUDE] = (
        (place.get("latitude"), place.get("longitude")) if isinstance(place, Mapping) else (place, None)
    )
    if place is None:
        return f"{LOCATION}: must not be null; leave it out instead"
    if any(row.get(name) is not None for name in predictors):
        return f"{LOCATION}: give the conditions or a location, not both"
    query = {LOCATION: place, **({SCENARIO: row[SCENARIO]} if SCENARIO in row else {})}
    try:
        read = validate(_Place, query)
    except ValidationFailed as error:
        return "; ".join(f"{'.'.join(pointer_parts(where))}: {text}" for where, text in error.errors)
    row[LATITUDE], row[LONGITUDE] = read.location.pair
    # a cell without a label has the scenario of the batch
    return f"{SCENARIO}: must not be empty; leave it out instead" if read.scenario == "" else ""


def _text(value: object, *, is_value: bool) -> str:
    """Return a value as the text that a table would have; what is no number becomes a text that is none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip() if is_value else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
