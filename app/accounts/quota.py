"""Which requests count towards the quota of a month. The rate limit holds for all of them."""

from __future__ import annotations

from typing import Final

from app.accounts.needs import NEEDS, is_for_browsers

# What nobody may be kept from, besides what is for admins and one's account: to decide about observations and to
# withdraw one's own, to stop a rollout, a job or the learning of a study, to choose who may read a study and which of
# its species are sensitive, and to delete files. Otherwise a small quota, or a key in the wrong hands, would stop those
# who have to put it right.
_UNCOUNTED: Final = frozenset(
    {
        "observations.moderate",
        "observations.decide_form",
        "observations_api.browse",
        "observations_api.decide",
        "own_observations.page",
        "own_observations.withdraw_form",
        "own_observations_api.browse",
        "own_observations_api.withdraw",
        "rollouts.page",
        "rollouts_api.read",
        "jobs_changes.cancel_form",
        "jobs_changes_api.cancel",
        "studies.detail",
        "own_studies_api.change",
        "sharing_api.browse",
        "sharing_api.put",
        "sharing_api.remove",
        "sharing.change_form",
        "sharing.add_form",
        "sharing.remove_form",
        "sensitive_api.browse",
        "sensitive_api.put",
        "sensitive_api.remove",
        "sensitive.mark_form",
        "sensitive.unmark_form",
        "learning_api.read",
        "learning_api.change",
        "learning.change_form",
        "own_studies_api.browse_files",
        "own_studies_api.remove_file",
        "own_studies_api.remove",
        "studies.remove_files",
        "studies.remove",
    }
)


def has_quota(endpoint: str) -> bool:
    """Return whether requests to an endpoint count towards the quota of a month."""
    return not (is_for_browsers(endpoint) or endpoint in _UNCOUNTED or NEEDS.get(endpoint) == "admin")
