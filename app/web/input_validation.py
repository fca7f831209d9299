"""Input: JSON bodies and query strings, validated against a schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

import orjson
from flask import request
from pydantic import BaseModel, ValidationError

from app.errors import MalformedBody, UnsupportedType, ValidationFailed
from app.web.field_messages import field_errors

Schema = TypeVar("Schema", bound=BaseModel)


def pointer(*parts: object) -> str:
    """Join names into a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def pointer_parts(text: str) -> list[str]:
    """Return the names in a JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def read_json(schema: type[Schema], also_in_address: tuple[str, ...] = ()) -> Schema:
    """Read and validate a JSON body.

    Parameters
    ----------
    schema : type of BaseModel
    also_in_address : tuple of str
        Members that may be query parameters instead.

    Raises
    ------
    UnsupportedType, MalformedBody, ValidationFailed
    """
    mimetype = request.mimetype
    if not (mimetype == "application/json" or mimetype.endswith("+json")):
        raise UnsupportedType("Send the body as application/json.")
    try:
        body = _parse(request.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise MalformedBody(f"The body is not valid JSON{where}.", [("", "not valid JSON")]) from None
    if not isinstance(body, dict):
        raise ValidationFailed([("", "expected a JSON object")])
    for name in also_in_address if request.query_string else ():
        values = request.args.getlist(name)
        if len(values) > 1 or (values and name in body):
            raise ValidationFailed([(pointer(name), "given more than once")])
        if values:
            body[name] = _number_or_text(values[0])
    return validate(schema, body)


def _parse(body: bytes) -> object:
    """Parse JSON. The slower module json reports where an error is, and accepts NaN and Infinity."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    # NaN and Infinity are accepted here, because the validation of the schema names their fields.
    parsed = json.loads(body.decode("utf-8"))
    # An unpaired surrogate is not text: no database and no response can contain it.
    json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    return parsed


def _number_or_text(text: str) -> float | str:
    """Return a query parameter as a number, where it is one."""
    try:
        return float(text)
    except ValueError:
        return text


def read_query(schema: type[Schema]) -> Schema:
    """Read and validate the query string. Parameters that the schema does not have are ignored."""
    query: dict[str, str] = {}
    problems: list[tuple[str, str]] = []
    for name in schema.model_fields:
        values = request.args.getlist(name)
        if len(values) > 1:
            problems.append((pointer(name), "given more than once"))
        elif values:
            query[name] = values[0]
    if problems:
        raise ValidationFailed(problems)
    return validate(schema, query)


def validate(schema: type[Schema], body: Mapping[str, object]) -> Schema:
    """Validate against a schema, and raise ValidationFailed with a JSON pointer for each invalid field."""
    try:
        return schema.model_validate(body)
    except ValidationError as error:
        problems = [(pointer(*location), message) for location, message in field_errors(error)]
    raise ValidationFailed(problems)
