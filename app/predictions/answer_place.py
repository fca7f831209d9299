"""The place of an answer: in words, as an address and as a query."""

from __future__ import annotations

from app.places.words import place_text, typed_text
from app.predictions.schemas import PredictionAnswer


def place_of(answer: PredictionAnswer) -> str:
    """Return the place and the scenario of an answer in words; empty for an answer to given conditions."""
    if answer.location is None:
        return ""
    return place_text(*answer.location.pair) + (f", scenario {answer.scenario}" if answer.scenario else "")


def place_address(answer: PredictionAnswer) -> dict[str, str]:
    """Return the members of an address of the predict page; none for an answer to given conditions."""
    if answer.location is None:
        return {}
    latitude, longitude = typed_text(*answer.location.pair).split(", ")
    return {"lat": latitude, "lon": longitude, **({"scenario": answer.scenario} if answer.scenario else {})}


def place_query(answer: PredictionAnswer) -> dict[str, object]:
    """Return the members of a query; none for an answer to given conditions."""
    if answer.location is None:
        return {}
    return {"location": answer.location.model_dump(), **({"scenario": answer.scenario} if answer.scenario else {})}
