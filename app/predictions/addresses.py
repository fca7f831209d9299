"""Addresses of the forms that repeat an answer, and the curl command of the same request."""

from __future__ import annotations

import shlex
from urllib.parse import urlencode

import orjson

from app.predictions.answer_place import place_address, place_query
from app.predictions.conditions import Canonical, value_texts
from app.predictions.form import PREFIX
from app.predictions.schemas import PredictionAnswer
from ml.card import ModelCard
from ml.predictors.encoding import number_text
from ml.serving.threshold import OWN


def edit_url(answer: PredictionAnswer, card: ModelCard, changed: Canonical | None = None) -> str:
    """Return the address of the predict page with the species, the place or values, and the options of an answer.

    Parameters
    ----------
    answer : PredictionAnswer
    card : ModelCard
        Of the model that answered.
    changed : dict, optional
        Conditions that replace those of the answer, by predictor.
    """
    values = place_address(answer) if changed is None else None
    values = values or _values(answer) | {PREFIX + name: text for name, text in value_texts(changed or {}).items()}
    return "/?" + urlencode({"species": answer.species.slug, **values, **_options(answer, card)})


def compare_url(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return the address of the comparison of all species of the study under the conditions of an answer."""
    return "/compare/species?" + urlencode({"study": answer.study, **_values(answer), **_options(answer, card)})


def others_url(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return the address that compares the conditions of an answer with typical ones, which the page adds."""
    query = {"species": answer.species.slug, "label.0": "these conditions"}
    query |= {name.replace(PREFIX, f"{PREFIX}0.", 1): value for name, value in _values(answer).items()}
    return "/compare/conditions?" + urlencode(query | _options(answer, card))


def curl(answer: PredictionAnswer, card: ModelCard, site: str) -> str:
    """Return a curl command for the same request, with its threshold and its choice for conditions outside."""
    request = {
        "species": answer.species.slug,
        **(place_query(answer) or {"environment": answer.environment}),
        **_request_options(answer, card),
    }
    body = orjson.dumps(request).decode()
    address = shlex.quote(f"{site}/api/v1/predictions")
    return f"curl {address} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _request_options(answer: PredictionAnswer, card: ModelCard) -> dict[str, float | str]:
    """Return the options of an answer that differ from the usual ones, as a query has them."""
    options: dict[str, float | str] = {}
    if answer.threshold.rule == OWN:
        options["threshold"] = answer.threshold.value
    elif answer.threshold.rule != card.threshold_rule:
        options["threshold"] = answer.threshold.rule
    if answer.extrapolation != "flag":
        options["extrapolation"] = answer.extrapolation
    return options


def _options(answer: PredictionAnswer, card: ModelCard) -> dict[str, str]:
    """Return the same options as the fields of a form have them."""
    options = _request_options(answer, card)
    own = options.get("threshold")
    if isinstance(own, float):
        options |= {"threshold": OWN, "own_threshold": number_text(own)}
    return {name: str(value) for name, value in options.items()}


def _values(answer: PredictionAnswer) -> dict[str, str]:
    return {PREFIX + name: text for name, text in value_texts(answer.environment).items()}
