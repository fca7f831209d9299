"""Rollouts: begin, change, promote, stop, and look up."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from app.catalogue import rollouts, snapshot, studies, versions
from app.catalogue.rollouts import Rollout
from app.catalogue.studies import Study
from app.catalogue.versions import ListedVersion
from app.database.db import db
from app.errors import Conflict, NotFound, Unavailable, ValidationFailed
from app.registry import changes
from app.registry import service as registry
from app.registry.changes import RegistryError
from app.rollouts import ending
from app.rollouts.schemas import MOST_PERCENT, RolloutStart
from app.telemetry.metrics import counters
from app.trail import details
from app.trail import recorder as trail
from ml.card import ModelCard
from ml.predictors.encoding import limits_of

_STALE = "This rollout was changed or ended in the meantime, so nothing was done. Look at it again first."
_BY_A_PERSON = "It was stopped by a person."
_MOST_CANDIDATES = 200


def find(slug: str) -> Rollout:
    """Return the rollout of a study that began last.

    Raises
    ------
    NotFound
        There is no such study, or it never had a rollout.
    """
    found = latest(slug)
    if found is None:
        raise NotFound(f"The study “{slug[:100]}” has had no rollout.")
    return found


def latest(slug: str) -> Rollout | None:
    """Return the rollout of a study that began last, or None; what workers do agrees with it afterwards.

    Raises
    ------
    NotFound
        There is no such study.
    """
    study = study_of(slug)
    found = rollouts.latest_of_study(study.id)
    if found is None or found.state != "running":
        return found
    ending.record_withheld()
    active = versions.active_for(found.species_id)
    if active is None or active.id != found.active_id:
        # activated by a worker of the previous release, or while this rollout began
        rollouts.end(found.id, "replaced", "Another version was activated.")
        db.session.commit()
    if not _is_in_snapshot(found) or active is None or active.id != found.active_id:
        changes.publish_snapshot()
    return rollouts.latest_of_study(study.id)


def study_of(slug: str) -> Study:
    """Return a study.

    Raises
    ------
    NotFound
        There is no such study.
    """
    study = studies.find(slug)
    if study is None:
        raise NotFound(f"There is no study “{slug[:100]}”.")
    return study


def candidates(slug: str) -> list[ListedVersion]:
    """Return the versions that a rollout may try: of species with an active version, the latest of each first."""
    rows = versions.listing(study=slug)
    answered = {row.species_slug for row in rows if row.active}
    found = [row for row in rows if not row.active and row.species_slug in answered]
    return sorted(found, key=lambda row: (row.scientific_name, -row.version))[:_MOST_CANDIDATES]


def start(slug: str, wanted: RolloutStart) -> Rollout:
    """Begin a rollout.

    Raises
    ------
    NotFound
        There is no such study.
    ValidationFailed
        The model cannot be a candidate.
    Conflict
        A rollout of the study runs already.
    """
    study = study_of(slug)
    candidate = versions.find(wanted.model)
    if candidate is None or candidate.species.study_id != study.id:
        raise ValidationFailed([("/model", "must be a model of this study")])
    active = versions.active_for(candidate.species_id)
    if active is None:
        raise ValidationFailed([("/model", "no version of this species answers yet; activate this one")])
    if active.id == candidate.id:
        raise ValidationFailed([("/model", "this version answers already")])
    try:
        opened = registry.opened(candidate)
    except Unavailable:
        raise ValidationFailed([("/model", "this version cannot be opened")]) from None
    _refuse_others(opened.card, registry.card_of(active))
    started = Rollout(
        study_id=study.id,
        species_id=candidate.species_id,
        candidate_id=candidate.id,
        active_id=active.id,
        mode=wanted.mode,
        percent=wanted.percent,
        judged={},
    )
    db.session.add(started)
    share = f" of {wanted.percent} %" if wanted.mode == "share" else f", {wanted.percent} %"
    trail.about("study", slug, f"model {candidate.id} beside {active.id}, {wanted.mode}{share}")
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("A rollout of this study runs already. Stop or promote it first.") from None
    changes.publish_snapshot()
    return find(slug)


def known(slug: str) -> Rollout:
    """Return the rollout of a study that began last, for a change of it.

    Raises
    ------
    NotFound
        There is no such study.
    Conflict
        It never had a rollout.
    """
    found = latest(slug)
    if found is None:
        raise Conflict(f"The study “{slug[:100]}” has had no rollout.")
    return found


def change(slug: str, percent: int, revision: int) -> Rollout:
    """Change the share of the rollout of a study.

    Raises
    ------
    NotFound
        There is no such study.
    ValidationFailed
        The share is too large for a rollout that answers.
    Conflict
        There was no rollout, it has ended, or it has another revision.
    """
    found = known(slug)
    before = found.percent
    if found.mode == "share" and percent > MOST_PERCENT:
        raise ValidationFailed([("/percent", f"must be {MOST_PERCENT} or less")])
    if not rollouts.change_percent(found.id, percent, revision):
        db.session.rollback()
        raise Conflict(_STALE)
    trail.about("study", slug, f"model {found.candidate_id}, {details.changed('percent', percent, before)}")
    db.session.commit()
    changes.publish_snapshot()
    return find(slug)


def promote(slug: str, revision: int | None = None) -> Rollout:
    """Let the candidate of a rollout answer everybody: the activation of its version.

    Raises
    ------
    NotFound
        There is no such study.
    Conflict
        There was no rollout, it has ended, or it has another revision.
    """
    found = known(slug)
    try:
        registry.opened(found.candidate)
    except Unavailable:
        raise Conflict("The candidate cannot be opened, so it was not promoted.") from None
    rollout_id, candidate_id, active_id = found.id, found.candidate_id, found.active_id
    reason = f"Version {found.candidate.version} was activated."

    def claim() -> None:
        # in the transaction of the activation: a stop at the same time wins or loses as a whole
        if not rollouts.end(rollout_id, "promoted", reason, revision):
            db.session.rollback()
            raise Conflict(_STALE)
        trail.about("study", slug, f"model {candidate_id}, before {active_id}")

    try:
        changes.switch_to(candidate_id, claim)
    except RegistryError as error:
        raise Conflict(f"{str(error)[:1].upper()}{str(error)[1:]}. Try again.") from None
    counters().rollouts_ended.labels("promoted").inc()
    return find(slug)


def stop(slug: str, revision: int | None = None) -> Rollout:
    """End the rollout of a study: the active model answers everybody again.

    Raises
    ------
    NotFound
        There is no such study.
    Conflict
        There was no rollout, it has ended, or it has another revision.
    """
    found = known(slug)
    if not rollouts.end(found.id, "stopped", _BY_A_PERSON, revision):
        db.session.rollback()
        raise Conflict(_STALE)
    trail.about("study", slug, f"model {found.candidate_id} answers nobody, {found.active_id} everybody")
    db.session.commit()
    changes.publish_snapshot()
    counters().rollouts_ended.labels("stopped").inc()
    return find(slug)


def _is_in_snapshot(rollout: Rollout) -> bool:
    entry = snapshot.current().by_slug.get(rollout.species.slug)
    known = entry.rollout if entry is not None else None
    return known is not None and (known.id, known.percent) == (rollout.id, rollout.percent)


def _refuse_others(candidate: ModelCard, active: ModelCard) -> None:
    """Raise ValidationFailed unless the candidate takes what the active model takes.

    A client does not know who answers. Both ask for the same conditions, the candidate takes every value that is
    possible for the active model, and it has the same rules of thresholds.
    """
    one, two = (
        {p.name: (p.type, p.unit, frozenset(p.levels or ())) for p in card.predictors} for card in (candidate, active)
    )
    if one != two:
        differing = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
        text = f"it asks for other conditions than the active version: {_some(differing)}"
        raise ValidationFailed([("/model", text)])
    limits = {p.name: limits_of(p) for p in active.predictors if p.type == "continuous"}
    narrower = sorted(
        p.name
        for p in candidate.predictors
        if p.name in limits and (limits_of(p)[0] > limits[p.name][0] or limits_of(p)[1] < limits[p.name][1])
    )
    if narrower:
        text = f"it refuses values that the active version takes: {_some(narrower)}"
        raise ValidationFailed([("/model", text)])
    missing = sorted(active.thresholds.keys() - candidate.thresholds.keys())
    if missing:
        raise ValidationFailed([("/model", f"it has no threshold by rules of the active version: {_some(missing)}")])


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
