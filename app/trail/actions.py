"""What each changing route and command is called in the audit trail, and which tables are watched.

A changing route, a command or a table without a row fails a test. Where a row is missing all the same, the line has the
name of the endpoint or of the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal


@dataclass(frozen=True)
class Action:
    """One kind of change.

    Attributes
    ----------
    name : str
    kind : str
        Of the object that is changed.
    arguments : tuple of str
        Variables of the address, or arguments of the command, that name the object. Without them it is the row that the
        change writes.
    is_sign_in : bool
        Whether refusals are recorded also of somebody who is not signed in.
    """

    name: str
    kind: str = ""
    arguments: tuple[str, ...] = ()
    is_sign_in: bool = False


#: Changes nothing that is stored, or only what is not watched.
NONE: Final = None
_FILE = ("slug", "name")
_SLUG = ("slug",)
_TRAINING = Action("training.start", "job")
_CREATE, _RENAME = Action("study.create", "study"), Action("study.change", "study", _SLUG)
_REMOVE = Action("study.delete", "study", _SLUG)
_PUT, _POST = Action("file.put", "file", _FILE), Action("file.put", "file")
_REMOVE_FILE, _REMOVE_FILES = Action("file.delete", "file", _FILE), Action("file.delete", "file")
_RECORDS, _LAYERS = Action("records.change", "study", _SLUG), Action("layers.change", "study", _SLUG)
_LEARN = Action("learning.change", "study", _SLUG)
_FETCH, _BATCH, _CANCEL = Action("gbif.fetch", "job"), Action("batch.start", "job"), Action("job.cancel", "job")
_MAP, _REMOVE_MAP = Action("map.start", "map"), Action("map.delete", "map", ("map_id",))
_ACTIVATE, _ROLLBACK = Action("model.activate", "model", ("model_id",)), Action("study.rollback", "study", _SLUG)
_SHARE, _TAKE_OVER = Action("study.share", "study", _SLUG), Action("study.take-over", "study", _SLUG)
_MARK, _UNMARK = Action("species.sensitive", "study", _SLUG), Action("species.not-sensitive", "study", _SLUG)
_REPORT = Action("observation.report", "observation")
_WITHDRAW = "observation.withdraw"
_TRY, _TRY_MORE = Action("rollout.start", "study", _SLUG), Action("rollout.change", "study", _SLUG)
_PROMOTE, _END_TRIAL = Action("rollout.promote", "study", _SLUG), Action("rollout.stop", "study", _SLUG)

#: By endpoint: routes of methods other than GET, HEAD and OPTIONS.
ENDPOINTS: dict[str, Action | None] = {
    # Answers are stored through the outbox. Nothing is written to the trail, so that nothing can delay them.
    "predictions.predict_form": NONE,
    "predictions_api.predict": NONE,
    "comparisons_api.species": NONE,
    "comparisons_api.conditions": NONE,
    "batch.answers_csv": NONE,
    "batch_api.answer": _BATCH,
    "batch.submit": _BATCH,
    "studies.create": _CREATE,
    "studies.rename": _RENAME,
    "studies.remove": _REMOVE,
    "studies.reset": Action("study.reset", "study", _SLUG),
    "studies.put_file": _PUT,
    "studies.post_files": _POST,
    "studies.remove_files": _REMOVE_FILES,
    "studies.inspect_file": Action("file.inspect", "file"),
    "own_studies_api.create": _CREATE,
    "own_studies_api.change": _RENAME,
    "own_studies_api.remove": _REMOVE,
    "own_studies_api.put_file": _PUT,
    "own_studies_api.post_files": _POST,
    "own_studies_api.remove_file": _REMOVE_FILE,
    "gbif.fetch_form": _FETCH,
    "gbif_api.fetch": _FETCH,
    "records.submit": _RECORDS,
    "records_api.change": _RECORDS,
    "accepted.submit": _RECORDS,
    "accepted_api.use": _RECORDS,
    "accepted_api.leave_out": _RECORDS,
    "learning.change_form": _LEARN,
    "learning_api.change": _LEARN,
    "layers.submit": _LAYERS,
    "layers_api.change": _LAYERS,
    "trainings_api.start": _TRAINING,
    "trainings.start_form": _TRAINING,
    "jobs_changes.cancel_form": _CANCEL,
    "jobs_changes_api.cancel": _CANCEL,
    "maps_changes_api.start": _MAP,
    "maps_changes.start_form": _MAP,
    "maps_changes_api.remove": _REMOVE_MAP,
    "maps_changes.remove_form": _REMOVE_MAP,
    "registry_changes_api.activate": _ACTIVATE,
    "registry_changes.activate_form": _ACTIVATE,
    "registry_changes_api.rollback": _ROLLBACK,
    "registry_changes.rollback_form": _ROLLBACK,
    "accounts.sign_in_form": Action("account.sign-in", "account", is_sign_in=True),
    "accounts.code_form": Action("account.sign-in", "account", is_sign_in=True),
    "accounts.sign_out": Action("account.sign-out", "account"),
    "accounts.forgotten_form": Action("account.ask-for-link", "account"),
    "accounts.password_form": Action("account.password-by-link", "account", is_sign_in=True),
    "account.change_password": Action("account.password", "account"),
    "account.begin_second_factor": Action("account.second-factor-begin", "account"),
    "account.confirm_second_factor": Action("account.second-factor-on", "account"),
    "account.remove_second_factor": Action("account.second-factor-off", "account"),
    "account.renew_recovery_codes": Action("account.recovery-codes", "account"),
    "personal_data.delete": Action("account.delete", "account"),
    "account.end_sessions": Action("account.end-sessions", "account"),
    "account_keys.create": Action("key.create", "key"),
    "account_keys.revoke": Action("key.revoke", "key", ("key_id",)),
    "account_keys.revoke_all": Action("key.revoke-all", "account"),
    "people.invite_form": Action("account.create", "account"),
    "people_api.invite": Action("account.create", "account"),
    "people.change_form": Action("account.change", "account", ("user_id",)),
    "people_api.change": Action("account.change", "account", ("user_id",)),
    "people.link_form": Action("account.invite-again", "account", ("user_id",)),
    "people_api.invite_again": Action("account.invite-again", "account", ("user_id",)),
    "auth_api.sign_in": Action("token.create", "account", is_sign_in=True),
    "auth_api.refresh": Action("token.refresh", "account"),
    "auth_api.revoke": Action("token.revoke", "account"),
    "plans.change": Action("plan.change", "plan", ("name",)),
    "sharing.change_form": Action("study.visibility", "study", _SLUG),
    "sharing.add_form": _SHARE,
    "sharing.remove_form": Action("study.share-no-more", "study", _SLUG),
    "sharing.take_over_form": _TAKE_OVER,
    "sensitive.mark_form": _MARK,
    "sensitive.unmark_form": _UNMARK,
    "sensitive_api.put": _MARK,
    "sensitive_api.remove": _UNMARK,
    "sharing_api.put": _SHARE,
    "sharing_api.remove": Action("study.share-no-more", "study", _SLUG),
    "sharing_api.take_over": _TAKE_OVER,
    "observations.report_form": _REPORT,
    "observations_api.report": _REPORT,
    "own_observations.withdraw_form": Action(_WITHDRAW, "observation"),
    "own_observations_api.withdraw": Action(_WITHDRAW, "observation", ("observation_id",)),
    "observations.decide_form": Action("observation.decide", "observation"),
    "observations_api.decide": Action("observation.decide", "observation", ("observation_id",)),
    "rollouts.start_form": _TRY,
    "rollouts.change_form": _TRY_MORE,
    "rollouts.promote_form": _PROMOTE,
    "rollouts.stop_form": _END_TRIAL,
    "rollouts_api.start": _TRY,
    "rollouts_api.change": _TRY_MORE,
    "rollouts_api.promote": _PROMOTE,
    "rollouts_api.stop": _END_TRIAL,
}

#: By command of ``flask --app wsgi``.
COMMANDS: dict[str, Action | None] = {
    "models list": NONE,
    "models register": Action("model.register", "model"),
    "models activate": Action("model.activate", "model", ("model_id",)),
    "models rollback": Action("study.rollback", "study", ("study",)),
    "models rollout start": Action("rollout.start", "study", ("study",)),
    "models rollout show": NONE,
    "models rollout promote": Action("rollout.promote", "study", ("study",)),
    "models rollout stop": Action("rollout.stop", "study", ("study",)),
    "keys create": Action("key.create", "key"),
    "keys list": NONE,
    "keys revoke": Action("key.revoke", "key", ("key_id",)),
    "plans list": NONE,
    "plans set": Action("plan.change", "plan", ("name",)),
    "studies owner": Action("study.owner", "study", ("slug",)),
    "studies sensitive": Action("species.sensitive", "study", ("slug",)),
    "users plan": Action("account.plan", "account"),
    "predictions prune": Action("predictions.prune"),
    "predictions warm": NONE,
    "predictions drain": NONE,
    "studies list": NONE,
    "studies index": NONE,
    "studies prune": Action("studies.prune"),
    # what a job does has the name of its kind
    "jobs work": NONE,
    "jobs list": NONE,
    "jobs cancel": _CANCEL,
    "users create": Action("account.create", "account"),
    "users list": NONE,
    "users role": Action("account.role", "account"),
    "users disable": Action("account.disable", "account"),
    "users enable": Action("account.enable", "account"),
    "users delete": Action("account.delete", "account"),
    "users reset": Action("account.reset", "account"),
    "audit list": NONE,
    "audit export": NONE,
    "audit prune": Action("audit.prune"),
}

#: The end of a job, which a worker writes.
JOB_END: Final = Action("job.end", "job")

#: The names of all actions, in order.
NAMES: Final = sorted(
    {action.name for action in (*ENDPOINTS.values(), *COMMANDS.values(), JOB_END) if action is not None}
)

#: "watched": each commit that changes a row has a line. "by service": rows change all the time, such as the progress of
#: a job, and the service adds the line of what a person does. "none": says nothing about what a person changes.
Watch = Literal["watched", "by service", "none"]
TABLES: dict[str, Watch] = {
    "users": "watched",
    "recovery_codes": "watched",
    "one_time_links": "watched",
    "ended_sessions": "by service",
    "studies": "watched",
    "species": "watched",
    # an index for search
    "species_grams": "none",
    "study_recipes": "watched",
    "study_files": "watched",
    # derived from recipe and files
    "record_places": "none",
    "record_place_sets": "none",
    "model_versions": "watched",
    "activations": "watched",
    "maps": "watched",
    "jobs": "by service",
    "job_workers": "none",
    "predictions": "by service",
    "api_keys": "watched",
    "token_families": "watched",
    "plans": "watched",
    "monthly_usage": "none",
    "study_people": "watched",
    "sensitive_species": "watched",
    "observations": "watched",
    "study_learning": "watched",
    "rollouts": "watched",
    "rollout_counts": "none",
    "audit_lines": "none",
    "audit_deletions": "by service",
    "request_counts": "none",
    "answer_counts": "none",
}
#: The column of a watched table that names an object, and the kind of the object, where a line has no other.
COLUMNS: dict[str, tuple[str, str]] = {
    "users": ("account", "id"),
    "recovery_codes": ("account", "user_id"),
    "one_time_links": ("account", "user_id"),
    "studies": ("study", "slug"),
    "study_files": ("file", "name"),
    "model_versions": ("model", "id"),
    "activations": ("model", "model_id"),
    "maps": ("map", "id"),
    "api_keys": ("key", "id"),
    "token_families": ("account", "user_id"),
    "plans": ("plan", "name"),
    "observations": ("observation", "id"),
}


def identity_of(row: Any) -> tuple[str, str] | None:
    """Return kind and id of the object that a row of a watched table is about, or None."""
    named = COLUMNS.get(row.__tablename__)
    return (named[0], str(getattr(row, named[1]))) if named is not None else None
