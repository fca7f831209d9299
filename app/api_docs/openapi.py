"""OpenAPI 3.1, generated from the same models that validate requests and write answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from app.analytics.schemas import Analytics, AnalyticsQuery
from app.comparisons.schemas import (
    ConditionsComparison,
    ConditionsComparisonQuery,
    ModelsComparison,
    ModelsComparisonQuery,
    SpeciesComparison,
    SpeciesComparisonQuery,
)
from app.config.settings import app_version
from app.health.views import Live, Ready
from app.predictions.schemas import ALSO_IN_ADDRESS, PredictionAnswer, PredictionPage, PredictionQuery, PredictionsQuery
from app.registry.schemas import ModelDetail, ModelPage, ModelsQuery
from app.species.schemas import CurvesQuery, ResponseCurves, SpeciesDetail, SpeciesPage, SpeciesQuery
from app.studies.schemas import StudyDetail, StudyPage
from app.web.faces import API_PREFIX
from app.web.fields import PageQuery
from ml.odmap import OdmapReport


class FieldProblem(BaseModel):
    """One problem with one field."""

    pointer: str = Field(description="JSON pointer (RFC 6901) to the field; for a query parameter, its name.")
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] | None = None


Schema = dict[str, Any]
_REQUESTS: tuple[type[BaseModel], ...] = (
    PredictionQuery,
    SpeciesComparisonQuery,
    ConditionsComparisonQuery,
)
_ANSWERS: tuple[type[BaseModel], ...] = (
    PredictionAnswer,
    PredictionPage,
    SpeciesComparison,
    ConditionsComparison,
    ModelsComparison,
    SpeciesPage,
    SpeciesDetail,
    ResponseCurves,
    StudyPage,
    StudyDetail,
    ModelPage,
    ModelDetail,
    OdmapReport,
    Analytics,
    Live,
    Ready,
    Problem,
)
_MEANING = {
    400: "The body is not JSON.",
    404: "There is nothing at this address.",
    409: "The conditions lie outside the area of applicability, and the request refuses extrapolation.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "Something in the input is not acceptable; `errors` names each field.",
    429: "Too many requests; `Retry-After` says when to come back.",
    503: "Something this answer needs is down.",
}
_SLUG = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,149}$"}
_LIMITS = {
    name: {"description": text, "schema": {"type": "integer"}}
    for name, text in {
        "RateLimit-Limit": "Requests allowed in a window.",
        "RateLimit-Remaining": "Requests left in this window.",
        "RateLimit-Reset": "Seconds until the window ends.",
    }.items()
}


def build(example: dict[str, Any] | None = None) -> Schema:
    """Build the document.

    Parameters
    ----------
    example : dict, optional
        A prediction query that works, to try out.

    Returns
    -------
    dict
    """
    _, definitions = models_json_schema(
        [*((model, "validation") for model in _REQUESTS), *((model, "serialization") for model in _ANSWERS)],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "EcoPredict",
            "version": app_version(),
            "description": "How suitable are given conditions for a species, and how far can the answer be trusted?",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": name}
            for name in ("predictions", "comparisons", "species", "studies", "models", "analytics", "health")
        ],
        "paths": _paths(example),
        "components": {"schemas": definitions["$defs"]},
    }


def _paths(example: dict[str, Any] | None) -> Schema:
    body: Schema = {"schema": _ref(PredictionQuery)}
    if example is not None:
        body["example"] = example
    post = _operation(
        "predict", "predictions", "Ask how suitable conditions are", PredictionAnswer, (400, 409, 413, 415, 422, 503)
    )
    post["parameters"] = _beside_the_body(PredictionQuery)
    post["requestBody"] = {"required": True, "content": {"application/json": body}}
    listing = _operation("listPredictions", "predictions", "List answers, latest first", PredictionPage, (422,))
    listing["parameters"] = _query(PredictionsQuery)
    paths: Schema = {
        f"{API_PREFIX}/predictions": {"get": listing, "post": post},
        f"{API_PREFIX}/predictions/{{id}}": _one(
            "prediction", "id", PredictionAnswer, {"type": "string", "format": "uuid"}
        ),
        **_comparisons(),
        f"{API_PREFIX}/species": _list("species", "Find species by name", SpeciesPage, SpeciesQuery),
        f"{API_PREFIX}/species/{{slug}}": _one("species", "slug", SpeciesDetail, _SLUG, tag="species"),
        f"{API_PREFIX}/species/{{slug}}/response-curves": _curves(),
        f"{API_PREFIX}/studies": _list("studies", "List studies", StudyPage, PageQuery),
        f"{API_PREFIX}/studies/{{slug}}": _one("study", "slug", StudyDetail, _SLUG, tag="studies"),
        f"{API_PREFIX}/models": _list("models", "List models", ModelPage, ModelsQuery),
        f"{API_PREFIX}/models/{{id}}": _one("model", "id", ModelDetail, _SLUG),
        f"{API_PREFIX}/models/{{id}}/odmap": _one("report", "id", OdmapReport, _SLUG, tag="models"),
        f"{API_PREFIX}/analytics": {"get": _analytics()},
        "/health/live": {"get": _health("live", "Is the process alive", Live)},
        "/health/ready": {"get": _health("ready", "Can it answer", Ready, down=True)},
    }
    return paths


def _comparisons() -> Schema:
    note = " Nothing is kept and no answer gets an id: ask for a prediction to keep one."
    paths: Schema = {}
    for name, summary, query, answer in (
        ("Species", "Rank the species of a study for one set of conditions", SpeciesComparisonQuery, SpeciesComparison),
        (
            "Conditions",
            "Ask about several sets of conditions for one species",
            ConditionsComparisonQuery,
            ConditionsComparison,
        ),
    ):
        post = _operation(f"compare{name}", "comparisons", summary, answer, (400, 409, 413, 415, 422, 503))
        post["description"] = f"{summary}.{note}"
        post["parameters"] = _beside_the_body(query)
        post["requestBody"] = {"required": True, "content": _json(query)}
        paths[f"{API_PREFIX}/comparisons/{name.lower()}"] = {"post": post}
    summary = "Put two versions of a model side by side"
    models = _operation("compareModels", "comparisons", summary, ModelsComparison, (404, 422))
    models["description"] = f"{summary}; with one id the other is the version before it.{note}"
    models["parameters"] = _query(ModelsComparisonQuery)
    return paths | {f"{API_PREFIX}/comparisons/models": {"get": models}}


def _beside_the_body(query: type[BaseModel]) -> list[Schema]:
    properties = query.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "schema": properties[name], "description": "In place of the body's member."}
        for name in ALSO_IN_ADDRESS
    ]


def _curves() -> Schema:
    operation = _operation(
        "getResponseCurves", "species", "How each condition moves the suitability", ResponseCurves, (404, 422, 503)
    )
    operation["parameters"] = [{"name": "slug", "in": "path", "required": True, "schema": _SLUG}, *_query(CurvesQuery)]
    return {"get": operation}


def _analytics() -> Schema:
    operation = _operation("analytics", "analytics", "Read what was asked in a period", Analytics, (422,))
    operation["parameters"] = _query(AnalyticsQuery)
    return operation


def _list(tag: str, summary: str, answer: type[BaseModel], query: type[BaseModel]) -> Schema:
    operation = _operation(f"list{tag.capitalize()}", tag, summary, answer, (422,))
    operation["parameters"] = _query(query)
    return {"get": operation}


def _one(what: str, parameter: str, answer: type[BaseModel], schema: Schema, tag: str = "") -> Schema:
    operation = _operation(f"get{what.capitalize()}", tag or what + "s", f"Read one {what}", answer, (404,))
    operation["parameters"] = [{"name": parameter, "in": "path", "required": True, "schema": schema}]
    return {"get": operation}


def _operation(name: str, tag: str, summary: str, answer: type[BaseModel], problems: tuple[int, ...]) -> Schema:
    responses: Schema = {"200": {"description": "The answer.", "headers": _LIMITS, "content": _json(answer)}}
    for status in sorted({*problems, 429}):
        responses[str(status)] = _problem(status)
    responses["default"] = {"description": "Any other error.", "content": _problem(503)["content"]}
    return {"operationId": name, "tags": [tag], "summary": summary, "responses": responses}


def _problem(status: int) -> Schema:
    response: Schema = {
        "description": _MEANING[status],
        "content": {"application/problem+json": {"schema": _ref(Problem)}},
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return response


def _health(name: str, summary: str, answer: type[BaseModel], *, down: bool = False) -> Schema:
    responses: Schema = {"200": {"description": "Yes.", "content": _json(answer)}}
    if down:
        responses["503"] = {"description": "No; the components say why.", "content": _json(answer)}
    return {"operationId": name, "tags": ["health"], "summary": summary, "responses": responses}


def _query(query: type[BaseModel]) -> list[Schema]:
    properties = query.model_json_schema()["properties"]
    parameters = []
    for name, schema in properties.items():
        # An absent parameter is null inside and simply absent outside.
        kinds = [kind for kind in schema.pop("anyOf", []) if kind.get("type") != "null"]
        merged = {**schema, **(kinds[0] if kinds else {})}
        merged.pop("title", None)
        description = merged.pop("description", "")
        if merged.get("default", "") is None:
            del merged["default"]
        parameters.append({"name": name, "in": "query", "description": description, "schema": merged})
    return parameters


def _ref(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _json(model: type[BaseModel]) -> Schema:
    return {"application/json": {"schema": _ref(model)}}
