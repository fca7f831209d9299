"""The OpenAPI 3.1 document, built from the URL map and from the operations declared beside the views."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from flask import Flask
from pydantic import BaseModel, Field
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from werkzeug.routing import Rule

from app.accounts.needs import ACCOUNT
from app.accounts.permissions import needed_for
from app.accounts.scopes import MEANINGS, scope_for
from app.config.version import app_version
from app.web.credentials import KEY_HEADER
from app.web.faces import API_PREFIX
from app.web.operations import SLUG, Operation, Schema, Tag, operation_of


class FieldProblem(BaseModel):
    """One problem with one field."""

    pointer: str = Field(description="JSON pointer (RFC 6901) to the field; for a query parameter, its name.")
    detail: str


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] | None = None


_PROBLEMS = {
    400: "The body is not JSON.",
    401: "In production: nobody is signed in. Or the key, the token or the password is not accepted.",
    403: "In production: the role of the person, or the scope of the key, does not allow this. Or the request is from "
    "another site.",
    404: "There is nothing at this address.",
    409: "The request conflicts with the state: the conditions lie outside the area of applicability and the request "
    "refuses extrapolation, or somebody else changed the study in the meantime.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    416: "The part does not begin where the stored part ends; `Range` says what is stored.",
    422: "Something in the input is not acceptable; `errors` names each field.",
    429: "Too many requests for the address, or for the plan of the person; `Retry-After` says when to come back.",
    503: "Something this answer needs is down.",
    507: "The disk or the quota has no space for the request.",
}
_LIMIT_HEADERS = {
    name: {"description": text, "schema": {"type": "integer"}}
    for name, text in {
        "RateLimit-Limit": "Requests allowed in a window.",
        "RateLimit-Remaining": "Requests left in this window.",
        "RateLimit-Reset": "Seconds until the window ends.",
    }.items()
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_BINARY: Schema = {"type": "string", "format": "binary"}
_MEDIA: dict[str, Schema] = {
    "multipart/form-data": {"type": "object", "properties": {"files": {"type": "array", "items": _BINARY}}}
}
_JSON = "application/json"
# Probes look at no credentials, and tokens are given for a password.
_WITHOUT_PERSON = ("health.", "auth_api.")
_VARIABLE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


def api_rules(app: Flask) -> Iterator[tuple[str, str, Rule]]:
    """Yield the path in OpenAPI's notation, the method in lower case and the rule of every route of the API."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith((f"{API_PREFIX}/", "/health/")):
            path = _VARIABLE.sub(lambda match: f"{{{_parameter(match[1])}}}", rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield path, method.lower(), rule


def build(app: Flask, examples: Mapping[type[BaseModel], Schema] | None = None) -> Schema:
    """Build the document.

    Parameters
    ----------
    app : Flask
    examples : mapping of type to dict, optional
        Bodies to try out, by the schema that they follow.

    Returns
    -------
    dict

    Raises
    ------
    LookupError
        A route of the API has no declared operation.
    """
    needs_accounts: bool = app.config["SETTINGS"].needs_accounts
    paths: dict[str, Schema] = {}
    tags: set[str] = set()
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemDocument, "serialization"): None}
    for path, method, rule in api_rules(app):
        operation = operation_of(app.view_functions[rule.endpoint])
        if operation is None:
            raise LookupError(f"{method.upper()} {path} has no declared operation")
        described = _describe(operation, rule, examples or {})
        described["security"] = _security(rule, method.upper(), needs_accounts)
        paths.setdefault(path, {})[method] = described
        tags.add(operation.tag)
        if operation.media_type == _JSON:
            models[operation.answer, "serialization"] = None
        if operation.body is not None:
            models[operation.body, "validation"] = None
    _, definitions = models_json_schema(list(models), ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "EcoPredict",
            "version": app_version(),
            "description": "How suitable are given conditions for a species, and how far can the answer be trusted?",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in get_args(Tag) if name in tags],
        "paths": paths,
        "components": {"schemas": definitions["$defs"], "securitySchemes": _schemes(app)},
    }


def _schemes(app: Flask) -> Schema:
    """Return how a person is known; the names of scopes are those of keys."""
    scopes = "; ".join(f"`{name}`: {meaning.replace('; ', ', ')}" for name, meaning in MEANINGS.items())
    cookie = app.config["SESSION_COOKIE_NAME"]
    return {
        "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": f"An API key. Scopes: {scopes}."},
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": f"An access token of `{API_PREFIX}/auth/token`. It has all scopes.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": "The session of a browser. Changes need the header `Origin` or `Sec-Fetch-Site` too.",
        },
    }


def _security(rule: Rule, method: str, needs_accounts: bool) -> list[Schema]:
    """Return the ways to be known that an operation accepts; an empty one where nobody in particular is answered."""
    if rule.endpoint.startswith(_WITHOUT_PERSON):
        return []
    needed = needed_for(rule.endpoint)
    scope = scope_for(rule.endpoint, method, needed)
    ways: list[Schema] = [{"key": [scope] if scope is not None else []}, {"token": []}, {"session": []}]
    is_open = needed is None or (needed != ACCOUNT and not needs_accounts)
    return [{}, *ways] if is_open else ways


def _describe(operation: Operation, rule: Rule, examples: Mapping[type[BaseModel], Schema]) -> Schema:
    described: Schema = {"operationId": operation.id, "tags": [operation.tag], "summary": operation.summary}
    if operation.description:
        described["description"] = operation.description
    parameters = [*_path_parameters(operation, rule), *_query_parameters(operation)]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = _json(operation.body)
        if operation.body in examples:
            content["application/json"]["example"] = examples[operation.body]
        described["requestBody"] = {"required": operation.body_required, "content": content}
    if operation.media:
        contents: Schema = {media: {"schema": _MEDIA.get(media, _BINARY)} for media in operation.media}
        own = described.get("requestBody", {"content": {}})["content"]
        described["requestBody"] = {"required": True, "content": own | contents}
    needs_person = needed_for(rule.endpoint) is not None
    described["responses"] = _responses(operation, (401, 403) if needs_person else ())
    return described


def _parameter(variable: str) -> str:
    """Return the name in the document of a variable in a rule: a view's ``model_id`` is ``id``."""
    return variable.rpartition("_")[2]


def _path_parameters(operation: Operation, rule: Rule) -> list[Schema]:
    names = [_parameter(variable) for variable in _VARIABLE.findall(rule.rule)]
    return [{"name": name, "in": "path", "required": True, "schema": operation.path.get(name, SLUG)} for name in names]


def _query_parameters(operation: Operation) -> list[Schema]:
    parameters: list[Schema] = []
    if operation.body is not None:
        members = operation.body.model_json_schema()["properties"]
        parameters += [
            {"name": name, "in": "query", "schema": members[name], "description": "In place of the body's member."}
            for name in operation.also_in_address
        ]
    if operation.query is not None:
        for name, schema in operation.query.model_json_schema()["properties"].items():
            parameter = _without_null(schema)
            description = parameter.pop("description", "")
            parameters.append({"name": name, "in": "query", "description": description, "schema": parameter})
    return parameters


def _without_null(schema: Schema) -> Schema:
    """Return the schema of a query parameter: one that is not sent is null in Python and absent in HTTP."""
    alternatives = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    merged: Schema = {name: value for name, value in schema.items() if name not in ("anyOf", "title")}
    merged |= {name: value for name, value in (alternatives[0] if alternatives else {}).items() if name != "title"}
    if "default" in merged and merged["default"] is None:
        del merged["default"]
    return merged


def _responses(operation: Operation, refusals: tuple[int, ...]) -> Schema:
    responses: Schema = {}
    for status, meaning in operation.answers.items():
        responses[str(status)] = {"description": meaning, "content": _content(operation)}
        if operation.limited:
            responses[str(status)]["headers"] = _LIMIT_HEADERS
    problems = {*operation.problems, *refusals, *((429,) if operation.limited else ())}
    for status in sorted(problems):
        responses[str(status)] = _problem(_PROBLEMS[status])
        if status in (429, 503):
            responses[str(status)]["headers"] = _RETRY_AFTER
    if operation.limited:
        responses["default"] = _problem("Any other error.")
    return responses


def _problem(meaning: str) -> Schema:
    return {"description": meaning, "content": {"application/problem+json": {"schema": _reference(ProblemDocument)}}}


def _content(operation: Operation) -> dict[str, dict[str, Any]]:
    if operation.media_type == _JSON:
        return _json(operation.answer)
    return {operation.media_type: {"schema": {"type": "string"}}}


def _json(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    return {_JSON: {"schema": _reference(model)}}


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
