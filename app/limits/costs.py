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
    "species.browse_csv": 2,
    "species.detail": 1,
    "species_api.browse": 1,
    "species_api.detail": 1,
    "studies_api.browse": 1,
    "studies_api.detail": 1,
    "studies.browse": 1,
    "studies.detail": 1,
    "studies.new": 1,
    # Studies of own data. The bytes of an upload are limited by its size, the quota and the disk.
    "studies.create": 2,
    "studies.rename": 1,
    "studies.remove": 2,
    "studies.put_file": 1,
    "studies.post_files": 2,
    "studies.remove_files": 1,
    "studies.inspect_file": 2,
    "own_studies_api.create": 2,
    "own_studies_api.change": 1,
    "own_studies_api.remove": 2,
    "own_studies_api.browse_files": 1,
    "own_studies_api.put_file": 1,
    "own_studies_api.post_files": 2,
    "own_studies_api.remove_file": 1,
    "registry.browse": 1,
    "registry.browse_csv": 2,
    "registry.detail": 1,
    "registry_api.browse": 1,
    "registry_api.detail": 1,
    # Jobs.
    "jobs.detail": 1,
    "jobs_api.browse": 1,
    "jobs_api.detail": 1,
    "jobs_api.read": 1,
    "jobs_changes.cancel_form": 1,
    "jobs_changes_api.cancel": 1,
    # Documents.
    "registry.odmap_markdown": 1,
    "registry_api.odmap": 1,
    "registry.recipe": 1,
    "docs.reference": 1,
    "docs.document": 1,
    # The latest 2,000 answers of each study are read.
    "analytics.look_back": 5,
    "analytics_api.look_back": 5,
    # Trainings and versions.
    "trainings_api.read_preflight": 5,
    "trainings_api.start": 5,
    "trainings_api.read_versions": 2,
    "trainings.start_page": 5,
    "trainings.start_form": 5,
    "trainings.versions_page": 2,
    "trainings.recipe": 1,
    "registry_changes_api.activate": 1,
    "registry_changes_api.rollback": 1,
    "registry_changes.activate_form": 1,
    "registry_changes.rollback_form": 1,
    # Records and layers of own data. A page of layers has dozens of pictures, which are drawn once.
    "records.page": 1,
    "records.submit": 2,
    "records_api.read": 1,
    "records_api.change": 2,
    "records_api.rows": 5,
    "layers.page": 1,
    "layers.submit": 2,
    "layers.picture": 0,
    "layers_api.read": 1,
    "layers_api.change": 2,
    "layers_api.scenarios": 1,
}
