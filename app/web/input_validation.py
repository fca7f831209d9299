"""Input: JSON bodies and query strings, validated against a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar, get_args

from flask import Flask, current_app, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from app.errors import MalformedBody, UnsupportedType, ValidationFailed
from app.web import json_text
from app.web.faces import API_PREFIX
from app.web.field_messages import WHOLE_NUMBER, field_errors
from app.web.json_text import REPEATED
from app.web.operations import operation_of
from app.web.pointers import pointer as pointer
from app.web.pointers import pointer_parts as pointer_parts

Schema = TypeVar("Schema", bound=BaseModel)

#: The largest number of values in a body: a hundred sets of two hundred conditions.
MOST_VALUES = 20_000
#: A number in a form or an address, written as in JSON or with a sign.
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def init_app(app: Flask) -> None:
    """Refuse bodies that are encoded in another way, and unknown query parameters of the API."""
    app.before_request(_refuse_encoded_body)
    app.before_request(_refuse_unknown_parameters)


def _refuse_encoded_body() -> None:
    """Refuse a body that is compressed, or that is JSON in another encoding than UTF-8."""
    if not _has_body():
        return
    transfer = [coding.strip().lower() for coding in request.headers.get("Transfer-Encoding", "").split(",")]
    if set(transfer) - {"", "chunked"}:
        raise UnsupportedType("Send the body without a compression.", [("", "must not be compressed")])
    coding = request.headers.get("Content-Encoding", "")
    if coding.strip().lower() not in ("", "identity"):
        raise UnsupportedType("Send the body without a Content-Encoding.", [("", "must not be compressed")])
    charset = request.mimetype_params.get("charset", "utf-8")
    # every text in ASCII is one in UTF-8
    if charset.strip().lower().replace("-", "") not in ("utf8", "usascii"):
        raise UnsupportedType("Send the body in UTF-8.", [("", "must be in UTF-8")])


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def read_form(lists: Collection[str] | None = ()) -> MultiDict[str, str]:
    """Return the fields of a posted form.

    Parameters
    ----------
    lists : collection of str, optional
        Fields that the form may have several times. With None the caller refuses repeated fields, beside each of them.

    Raises
    ------
    UnsupportedType
        The body is not a form.
    ValidationFailed
        Another field is given more than once: which one counts would be a guess.
    """
    if request.mimetype not in ("application/x-www-form-urlencoded", "multipart/form-data") and _has_body():
        raise UnsupportedType("Send the form as application/x-www-form-urlencoded.")
    if lists is not None:
        refuse_repeated(request.form.lists(), lists)
    return request.form


def refuse_repeated(fields: Iterable[tuple[str, Sequence[str]]], lists: Collection[str] = ()) -> None:
    """Raise ValidationFailed if a form has a field more than once that is not one of `lists`."""
    repeated = [name for name, values in fields if len(values) > 1 and name not in lists]
    if repeated:
        raise ValidationFailed([(pointer(name), REPEATED) for name in repeated])


def _refuse_unknown_parameters() -> None:
    """Refuse query parameters that the operation of the API does not have."""
    if not request.query_string or not request.path.startswith(API_PREFIX + "/") or request.endpoint is None:
        return
    operation = operation_of(current_app.view_functions[request.endpoint])
    if operation is None:
        return
    known = {*operation.also_in_address, *(operation.query.model_fields if operation.query is not None else ())}
    unknown = [name for name in request.args if name not in known]
    if unknown:
        raise ValidationFailed([(pointer(name), "is not a known parameter") for name in unknown])


def read_json(schema: type[Schema], also_in_address: tuple[str, ...] = (), most_values: int = MOST_VALUES) -> Schema:
    """Read and validate a JSON body.

    Parameters
    ----------
    schema : type of BaseModel
    also_in_address : tuple of str
        Members that may be query parameters instead.
    most_values : int
        The largest number of values in the body.

    Raises
    ------
    UnsupportedType, MalformedBody, ValidationFailed
        Also where an object has a member twice, or more than `json_text.MOST_MEMBERS` members.
    """
    mimetype = request.mimetype
    if not (mimetype == "application/json" or mimetype.endswith("+json")):
        raise UnsupportedType("Send the body as application/json.")
    try:
        body = _parse(request.get_data(cache=False), most_values)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise MalformedBody(f"The body is not valid JSON{where}.", [("", "not valid JSON")]) from None
    if not isinstance(body, dict):
        raise ValidationFailed([("", "expected a JSON object")])
    for name in also_in_address if request.query_string else ():
        values = request.args.getlist(name)
        if len(values) > 1 or (values and name in body):
            raise ValidationFailed([(pointer(name), REPEATED)])
        if values:
            body[name] = _number_or_text(values[0])
    return validate(schema, body)


def _parse(body: bytes, most_values: int) -> object:
    # Commas are counted before the body is parsed: parsing takes much longer and much more memory.
    if body.count(b",") >= most_values:
        raise ValidationFailed([("", f"must contain at most {most_values:,} values")])
    return json_text.parse(body.decode("utf-8"))


def _number_or_text(text: str) -> float | str:
    """Return a query parameter as a number, where it is one."""
    # -0 is 0
    return float(text) + 0.0 if NUMBER.fullmatch(text) else text


def read_query(schema: type[Schema]) -> Schema:
    """Read and validate the query string. The API refuses unknown parameters before."""
    query: dict[str, str] = {}
    problems: list[tuple[str, str]] = []
    for name in schema.model_fields:
        values = request.args.getlist(name)
        if len(values) > 1:
            problems.append((pointer(name), REPEATED))
        elif values:
            query[name] = values[0]
            # Pydantic also reads "1_0" and "5.0" as whole numbers
            if int in _types_of(schema, name) and not _WHOLE.fullmatch(values[0]):
                problems.append((pointer(name), WHOLE_NUMBER))
    if problems:
        raise ValidationFailed(problems)
    return validate(schema, query)


def _types_of(schema: type[BaseModel], name: str) -> tuple[object, ...]:
    annotation = schema.model_fields[name].annotation
    return (annotation, *get_args(annotation))


def validate(schema: type[Schema], body: Mapping[str, object]) -> Schema:
    """Validate against a schema, and raise ValidationFailed with a JSON pointer for each invalid field."""
    try:
        return schema.model_validate(body)
    except ValidationError as error:
        problems = [(pointer(*location), message) for location, message in field_errors(error)]
    raise ValidationFailed(problems)
