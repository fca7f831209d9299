"""Start of trainings, and the versions of a study's species."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import access, versions
from app.catalogue import species as species_tables
from app.catalogue.refs import SpeciesRef, StudyRef
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.database.db import db
from app.errors import Conflict, ValidationFailed
from app.jobs import service as jobs
from app.jobs.starters import Starter
from app.jobs.tables import FINISHED, Job
from app.learning import tables as learning
from app.records import accepted
from app.registry import activations
from app.registry import service as registry
from app.studies import own
from app.studies.own import OwnStudy
from app.studies.shown_files import shown_error, shown_problems
from app.trainings import activity, frozen
from app.trainings.differences import describe_differences
from app.trainings.frozen import FrozenFilesError
from app.trainings.gates import gate_of
from app.trainings.preflight import preflight
from app.trainings.report import TrainingReport, read_report, report_path
from app.trainings.schemas import (
    SpeciesVersions,
    StudyVersions,
    TrainingRequest,
    VersionScores,
)
from app.trainings.steps import KIND
from app.web.fields import PageQuery
from app.web.paging import cut_page, read_cursor
from ml.card import ModelCard
from ml.numbers import rounded
from ml.quality import quality_of
from ml.recipes.reports import Preflight

log = logging.getLogger(__name__)


def preflight_of(slug: str) -> Preflight:
    """Return the preflight of a study as it is stored.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    """
    study = own.load(slug)
    try:
        report = preflight(study, frozen.with_slug(study))
    except ValidationFailed as error:
        text = shown_error(error.detail, slug)
        raise ValidationFailed([("", text)], text) from None
    return report.model_copy(update={"problems": shown_problems(report.problems, slug)})


def start(
    slug: str,
    request: TrainingRequest,
    key: str | None = None,
    revision: int | None = None,
    starter: Starter | None = None,
) -> Job:
    """Start a training, or return the job that the same request started.

    Parameters
    ----------
    slug : str
    request : TrainingRequest
    key : str, optional
        Idempotency key of the client. An unfinished training of the same recipe and files is returned for any key.
    revision : int, optional
        Revision of the study that is meant.
    starter : Starter, optional
        Who starts it; by default the person who sends the present request.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        The study has another revision, or the key was used for another training.
    ValidationFailed
        Something stands in the way of the training; each blocking problem is listed.
    """
    key = access.own_key(key)
    study = own.load(slug)
    recipe = frozen.with_slug(study)
    if request.settings is not None:
        recipe = recipe.model_copy(update={"settings": request.settings})
    fingerprint = frozen.fingerprint_of(recipe, study.files)
    earlier = _trainings(slug)
    # a repeated request is answered before the revision is compared: the first one may have changed it
    repeated = next((job for job in earlier if key and job.idempotency_key == f"key:{key}"), None)
    if repeated is not None and not _is_of(repeated, fingerprint):
        raise Conflict(
            f"The Idempotency-Key was used for another training, the job {repeated.id}. Send a new key for a new one."
        )
    unfinished = next((job for job in earlier if job.state not in FINISHED and _is_of(job, fingerprint)), None)
    if repeated is not None or unfinished is not None:
        job = repeated or unfinished
        assert job is not None  # noqa: S101 (one of the two is a job)
        return job
    if revision is not None and revision != study.revision:
        raise own.stale()
    _refuse_blocked(preflight(study, recipe))
    if request.settings is not None and request.settings != study.recipe.settings:
        changed = study.recipe.model_copy(update={"settings": request.settings})
        own.save_recipe(slug, changed, study.revision)
    ended = sum(job.state in FINISHED and _is_of(job, fingerprint) for job in earlier)
    # two simultaneous requests without a key of their own have the same one
    name = f"key:{key}" if key else f"same:{fingerprint[:32]}:{ended}"
    with frozen.locked(slug):
        try:
            frozen.freeze(study, recipe, fingerprint)
        except FrozenFilesError as error:
            raise Conflict(str(error)) from None
        job = jobs.enqueue(KIND, slug, {"fingerprint": fingerprint}, name, starter=starter)
    _count_as_learned(study)
    return job


def _count_as_learned(study: OwnStudy) -> None:
    """Count the observations in the records no more: this training has them."""
    try:
        ids = accepted.ids_in(study)
        if ids:
            learning.mark(study.id, ids)
    except (OSError, ValueError, SQLAlchemyError) as error:
        # the training has begun; at worst the next one asks for itself too early
        db.session.rollback()
        log.warning("study %s: its observations still count as new: %s", study.slug, type(error).__name__)


def _is_of(job: Job, fingerprint: str) -> bool:
    return bool(job.parameters["fingerprint"] == fingerprint)


def _trainings(slug: str) -> list[Job]:
    statement = select(Job).where(Job.study == slug, Job.kind == KIND).order_by(Job.created_at.desc(), Job.id.desc())
    return list(db.session.scalars(statement))


def _refuse_blocked(report: Preflight) -> None:
    blocking = [problem for problem in report.problems if problem.blocking]
    if blocking:
        number = "One problem stands" if len(blocking) == 1 else f"{len(blocking)} problems stand"
        texts = " ".join(problem.text for problem in blocking[:10])
        errors = [("", problem.text) for problem in blocking]
        raise ValidationFailed(errors, f"{number} in the way of the training. {texts}")


def versions_of(slug: str, query: PageQuery) -> StudyVersions:
    """Return a page of a study's species, each with its latest version beside the active one.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    """
    study = own.load(slug)
    (after,) = read_cursor(query.cursor, str) or ("",)
    rows, cursor = cut_page(
        species_tables.of_study(study.id, after, query.limit + 1), query.limit, lambda row: (row.slug,)
    )
    job, report = latest_training(slug)
    again = _trained_again(job, report) if job is not None and report is not None else set()
    return StudyVersions(
        study=StudyRef(slug=study.slug, title=study.title),
        items=[one for one in (_versions(slug, row, again) for row in rows) if one is not None],
        failed=report.failed if report is not None else [],
        next=cursor,
    )


def state_of(study: OwnStudy) -> str:
    """Return the text that differs whenever other models of a study answer."""
    return activations.state_of(study.id)


def latest_training(slug: str) -> tuple[Job | None, TrainingReport | None]:
    """Return the latest training that succeeded, with its report."""
    done = next((job for job in _trainings(slug) if job.state == "succeeded"), None)
    return done, read_report(report_path(slug, done.id)) if done is not None else None


def _trained_again(job: Job, report: TrainingReport) -> set[str]:
    """Return the ids of the models of a training that were registered before it."""
    trained = (versions.find(model.model_id) for model in report.trained)
    return {one.id for one in trained if one is not None and one.registered_at < job.created_at}


def history(slug: str, limit: int = 20) -> Sequence[Job]:
    """Return the latest trainings of a study, latest first."""
    return _trainings(slug)[:limit]


def can_roll_back(study: OwnStudy) -> bool:
    """Return whether a species of a study has an earlier model to go back to."""
    return versions.has_earlier(study.id)


def _versions(slug: str, species: Species, again: set[str]) -> SpeciesVersions | None:
    latest = next(iter(versions.versions_of(species.id, 1)), None)
    if latest is None:
        return None
    active = versions.active_for(species.id)
    candidate = None if latest.active else latest
    earlier = activity.version_before(active) if active is not None and candidate is None else None
    return SpeciesVersions(
        species=SpeciesRef(slug=species.slug, scientific_name=species.scientific_name),
        candidate=_scores(candidate, active) if candidate is not None else None,
        active=_scores(active) if active is not None else None,
        earlier=_scores(earlier, active) if earlier is not None else None,
        trained_again=not again.isdisjoint({one.id for one in (latest, active) if one is not None}),
        gate=gate_of(slug, candidate, active) if candidate is not None else None,
    )


def _scores(version: ModelVersion, active: ModelVersion | None = None) -> VersionScores:
    """Return a version, with what differs in it from the active one."""
    card = registry.card_of(version)
    preparation_of_active = registry.card_of(active).preparation if active is not None else None
    return VersionScores(
        id=version.id,
        version=version.version,
        active=version.active,
        registered_at=version.registered_at,
        auc=card.metrics.get("auc_roc"),
        quality=quality_of(card).sentence,
        validation=_validation(card),
        n_presences=card.n_presences,
        n_background=card.n_absences,
        command=card.preparation.command if card.preparation is not None else "",
        answered=version.active or activity.has_answered(version.id),
        differences=describe_differences(card.preparation, preparation_of_active),
    )


def _validation(card: ModelCard) -> str:
    used = card.validation
    size = f" of {rounded(used.block_size_km, 4)} km" if used.block_size_km else ""
    return f"{used.folds} folds, {used.method}{size}"
