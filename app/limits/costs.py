"""The cost of a request by its endpoint, in requests of the rate limit."""

from __future__ import annotations

#: Of addresses that do not exist, and of endpoints that are missing from the table.
DEFAULT = 1
# A comparison costs as many requests as it has answers: one at first, the others when their number is known.
_COMPARISON = 1

COSTS: dict[str, int] = {
    # Files, and what monitoring reads.
    "static": 0,
    "docs.asset": 0,
    "health.live": 0,
    "health.ready": 0,
    "prometheus_metrics": 0,
    # Answers.
    "predictions.start": 1,
    "predictions.predict_form": 1,
    "predictions.detail": 1,
    "predictions_api.predict": 1,
    "predictions_api.detail": 1,
    "predictions_list.browse": 1,
    "curves.curves": 2,
    "curves_api.curves": 2,
    # Comparisons.
    "comparisons.front": 1,
    "comparisons.species_page": _COMPARISON,
    "comparisons.conditions_page": _COMPARISON,
    "comparisons.models_page": _COMPARISON,
    "comparisons_api.species": _COMPARISON,
    "comparisons_api.conditions": _COMPARISON,
    "comparisons_api.models": _COMPARISON,
    # Lists and pages.
    "species.browse": 1,
    "species.detail": 1,
    "species_api.browse": 1,
    "species_api.detail": 1,
    "studies_api.browse": 1,
    "studies_api.detail": 1,
    "registry.browse": 1,
    "registry.detail": 1,
    "registry_api.browse": 1,
    "registry_api.detail": 1,
    # Documents.
    "registry.odmap_markdown": 1,
    "registry_api.odmap": 1,
    "docs.reference": 1,
    "docs.document": 1,
    # The latest 2,000 answers of each study are read.
    "analytics.look_back": 5,
    "analytics_api.look_back": 5,
}
