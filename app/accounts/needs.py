"""What each endpoint needs in production: nobody in particular, or a person with a role."""

from __future__ import annotations

from typing import Final, Literal

from app.accounts.roles import Role

#: Any person who is signed in, also in development.
ACCOUNT: Final = "account"
Needed = Role | Literal["account"] | None
_OPEN: Final = None

NEEDS: dict[str, Needed] = {
    # Files, documents, and what monitoring reads.
    "static": _OPEN,
    "docs.asset": _OPEN,
    "docs.reference": _OPEN,
    "docs.document": _OPEN,
    "health.live": _OPEN,
    "health.ready": _OPEN,
    "prometheus_metrics": _OPEN,
    # Predicting.
    "predictions.start": _OPEN,
    "predictions.predict_form": _OPEN,
    "predictions.detail": _OPEN,
    "predictions_api.predict": _OPEN,
    "predictions_api.detail": _OPEN,
    "predictions_list.browse": _OPEN,
    "answers.explain": _OPEN,
    "answers.statement": _OPEN,
    "answers_api.explain": _OPEN,
    "curves.curves": _OPEN,
    "curves_api.curves": _OPEN,
    "comparisons.front": _OPEN,
    "comparisons.species_page": _OPEN,
    "comparisons.conditions_page": _OPEN,
    "comparisons.models_page": _OPEN,
    "comparisons.species_csv": _OPEN,
    "comparisons.conditions_csv": _OPEN,
    "comparisons.models_csv": _OPEN,
    "comparisons_api.species": _OPEN,
    "comparisons_api.conditions": _OPEN,
    "comparisons_api.models": _OPEN,
    # A table that becomes a job needs an editor: app/batch/service.py asks.
    "batch_api.answer": _OPEN,
    "batch.page": _OPEN,
    "batch.submit": _OPEN,
    "batch.template": _OPEN,
    "batch.answers_csv": _OPEN,
    "batch_results.detail": "viewer",
    "batch_results.download": "viewer",
    # Reading what is published.
    "species.browse": _OPEN,
    "species.browse_csv": _OPEN,
    "species.detail": _OPEN,
    "species_api.browse": _OPEN,
    "species_api.detail": _OPEN,
    "studies.browse": _OPEN,
    "studies_api.browse": _OPEN,
    "studies_api.detail": _OPEN,
    "registry.browse": _OPEN,
    "registry.browse_csv": _OPEN,
    "registry.detail": _OPEN,
    "registry.odmap_markdown": _OPEN,
    "registry.recipe": _OPEN,
    "registry_api.browse": _OPEN,
    "registry_api.detail": _OPEN,
    "registry_api.odmap": _OPEN,
    "analytics.look_back": _OPEN,
    "analytics.species_csv": _OPEN,
    "analytics_api.look_back": _OPEN,
    "maps_api.browse": _OPEN,
    "maps_api.detail": _OPEN,
    "map_files.file": _OPEN,
    "map_files.picture": _OPEN,
    "map_files.send_tile": _OPEN,
    "map_downloads.suitable_area": _OPEN,
    "map_downloads.item": _OPEN,
    "map_downloads.collection": _OPEN,
    "maps.browse": _OPEN,
    "maps.detail": _OPEN,
    "maps.points": _OPEN,
    "maps.land": _OPEN,
    "maps.coasts": _OPEN,
    "jobs.detail": _OPEN,
    "jobs_api.browse": _OPEN,
    "jobs_api.detail": _OPEN,
    "jobs_api.read": _OPEN,
    # Own data: reading it, as long as no study has an owner, needs an account; changing it an editor.
    "studies.detail": "viewer",
    "studies.new": "editor",
    "studies.create": "editor",
    "studies.rename": "editor",
    "studies.remove": "editor",
    "studies.reset": "editor",
    "studies.put_file": "editor",
    "studies.post_files": "editor",
    "studies.remove_files": "editor",
    "studies.inspect_file": "editor",
    "own_studies_api.create": "editor",
    "own_studies_api.change": "editor",
    "own_studies_api.remove": "editor",
    "own_studies_api.browse_files": "viewer",
    "own_studies_api.put_file": "editor",
    "own_studies_api.post_files": "editor",
    "own_studies_api.remove_file": "editor",
    "gbif.fetch_form": "editor",
    "gbif_api.fetch": "editor",
    "records.page": "viewer",
    "records.submit": "editor",
    "records_api.read": "viewer",
    "records_api.change": "editor",
    "records_api.rows": "viewer",
    "layers.page": "viewer",
    "layers.submit": "editor",
    "layers.picture": "viewer",
    "layers_api.read": "viewer",
    "layers_api.change": "editor",
    "layers_api.scenarios": "viewer",
    "trainings_api.read_preflight": "viewer",
    "trainings_api.start": "editor",
    "trainings_api.read_versions": "viewer",
    "trainings.start_page": "editor",
    "trainings.start_form": "editor",
    "trainings.versions_page": "viewer",
    "trainings.recipe": "viewer",
    # Jobs and maps.
    "jobs_changes.cancel_form": "editor",
    "jobs_changes_api.cancel": "editor",
    "maps_changes_api.start": "editor",
    "maps_changes_api.remove": "editor",
    "maps_changes.start_form": "editor",
    "maps_changes.remove_form": "editor",
    # Which model answers.
    "registry_changes_api.activate": "admin",
    "registry_changes_api.rollback": "admin",
    "registry_changes.activate_form": "admin",
    "registry_changes.rollback_form": "admin",
    # Accounts.
    "plans.browse": "admin",
    "plans.change": "admin",
    "auth_api.sign_in": _OPEN,
    "auth_api.refresh": _OPEN,
    "auth_api.revoke": _OPEN,
    "accounts.sign_in_page": _OPEN,
    "accounts.sign_in_form": _OPEN,
    "accounts.code_page": _OPEN,
    "accounts.code_form": _OPEN,
    "accounts.sign_out": _OPEN,
    "accounts.forgotten_page": _OPEN,
    "accounts.forgotten_form": _OPEN,
    "accounts.password_page": _OPEN,
    "accounts.password_form": _OPEN,
    "account.overview": ACCOUNT,
    "account.change_password": ACCOUNT,
    "account.begin_second_factor": ACCOUNT,
    "account.confirm_second_factor": ACCOUNT,
    "account.remove_second_factor": ACCOUNT,
    "account.renew_recovery_codes": ACCOUNT,
    "account.end_sessions": ACCOUNT,
    "account_keys.create": ACCOUNT,
    "account_keys.revoke": ACCOUNT,
    "account_keys.revoke_all": ACCOUNT,
}

#: What answers with predictions: a key needs the scope for it. Nobody in particular needs nothing.
PREDICTING = frozenset(
    {
        "predictions.predict_form",
        "predictions_api.predict",
        "comparisons.species_page",
        "comparisons.conditions_page",
        "comparisons.species_csv",
        "comparisons.conditions_csv",
        "comparisons_api.species",
        "comparisons_api.conditions",
        "batch_api.answer",
        "batch.submit",
        "batch.answers_csv",
    }
)


#: Blueprints about signing in and one's account, which no key and no token may use.
_FOR_BROWSERS = ("accounts.", "account.", "account_keys.")


def is_for_browsers(endpoint: str) -> bool:
    """Return whether an endpoint is for people with a browser only."""
    return endpoint.startswith(_FOR_BROWSERS)
