"""Learning from observations: the switch of a study, and what became of the trainings that it asked for."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue import access, studies, versions
from app.database.db import db
from app.errors import AppError, OverPlan
from app.jobs import service as jobs
from app.jobs import starters
from app.jobs.starters import NoRoom
from app.jobs.steps import Step, StepContext, StepError, register_kind
from app.jobs.tables import Job
from app.learning import tables, trigger
from app.learning.tables import Due
from app.records import accepted
from app.studies import own
from app.studies.own import OwnStudy
from app.trail import details
from app.trail import recorder as trail
from app.trainings import service
from app.trainings.gates import ACTIVE, PASSES, verdict_now
from app.trainings.report import TrainingReport, read_report, report_path
from app.trainings.schemas import USUAL_NEW, LearningChange, LearningState, LearningTry, TrainingRequest, TryState

CAVEAT = (
    "Observations are presences from where people look, along roads and near towns, and often where a model had said "
    "“suitable”. A training takes them as further records, so its models may lean towards such places. Absences are "
    "not used: they count in the live accuracy only."
)
_JOB_PAGE = "/jobs/"
_NOT_STARTED = "It could not be started for the owner of the study"


def state_of(study: OwnStudy) -> LearningState:
    """Return whether a study learns, and what became of the last training that it asked for."""
    chosen, new = tables.find(study.id), tables.n_new(study.id)
    is_on, number = (chosen.is_on, chosen.number) if chosen is not None else (False, USUAL_NEW)
    knows_all = access.edits(study.slug)
    waits_for = _waits_for(study, knows_all=knows_all) if is_on and new >= number else ""
    last = next(iter(jobs.find_by_study(study.slug, trigger.LEARNING, 1)), None)
    return LearningState(
        on=is_on,
        number=number,
        new=new,
        waits_for=waits_for,
        sentence=_sentence(new, number, waits_for or ("" if knows_all else "it can"), is_on=is_on),
        caveat=CAVEAT,
        last=_try(study, last) if last is not None else None,
    )


def change(slug: str, wanted: LearningChange) -> LearningState:
    """Switch learning from observations on or off. What is due at once is asked for at once.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    """
    study = own.load(slug)
    chosen = tables.find(study.id)
    number = wanted.number or (chosen.number if chosen is not None else USUAL_NEW)
    before = "off" if chosen is None or not chosen.is_on else f"on at {chosen.number}"
    after = f"on at {number}" if wanted.on else "off"
    trail.about("study", slug, details.changed("learning", after, before))
    tables.save(study.id, is_on=wanted.on, number=number)
    if wanted.on:
        trigger.ask(_due(study))
    return state_of(study)


def _due(study: OwnStudy) -> Due:
    row = studies.find(study.slug)
    return Due(study.id, study.slug, row.owner_id if row is not None else None)


def _waits_for(study: OwnStudy, *, knows_all: bool) -> str:
    """Return what a training that is due waits for; only those who may change the study know all of it."""
    return trigger.why_not(_due(study)) if knows_all else trigger.why_not_for_all(study.slug)


def _sentence(new: int, number: int, waits_for: str, *, is_on: bool) -> str:
    if not is_on:
        one = new == 1
        counted = f"{new:,} accepted presence{'' if one else 's'} {'is' if one else 'are'} in no training yet"
        return f"Off. {counted}."
    if new < number:
        return f"{new:,} of {number:,} newly accepted presences; then a training starts."
    counted = f"{new:,} newly accepted presences, {number:,} are needed"
    return f"{counted}. A training starts when {waits_for}." if waits_for else f"{counted}. A training starts soon."


def _try(study: OwnStudy, job: Job) -> LearningTry:
    training_id = job.result.removeprefix(_JOB_PAGE) if job.result is not None else None
    training = db.session.get(Job, training_id, populate_existing=True) if training_id is not None else None
    new = int(job.parameters["new"])
    state, text = _became(job, training)
    report = read_report(report_path(study.slug, training.id)) if state == "done" and training is not None else None
    outcome = _outcome(study.slug, report) if report is not None else None
    if outcome is not None:
        text = outcome.sentence
    return LearningTry(
        asked_at=job.created_at,
        new=new,
        job=job.id,
        training=training_id,
        state=state,
        passed=outcome.passed if outcome is not None else None,
        candidates=outcome.candidates if outcome is not None else None,
        answering=outcome.answering if outcome is not None else None,
        passing_now=outcome.passing_now if outcome is not None else None,
        sentence=f"The training of {job.created_at:%-d %B %Y}, asked for by {new:,} presences, {text}.",
    )


def _became(job: Job, training: Job | None) -> tuple[TryState, str]:
    """Return the state of a training that was asked for, and how its sentence ends."""
    again = "The next one takes as many new reports"
    if training is None:
        if not job.is_finished:
            return "preparing", "is being prepared"
        reason = (job.error or "it was cancelled").rstrip(".")
        return "refused", f"could not be started: {reason}. {again}"
    if not training.is_finished:
        return "training", "waits or runs"
    if training.state == "succeeded":
        return "done", "is done"
    if training.state == "cancelled":
        return "cancelled", f"was cancelled. {again}"
    return "failed", f"failed: {(training.error or '').rstrip('.')}. {again}"


@dataclass(frozen=True)
class _Outcome:
    """What became of the candidates of a training.

    Attributes
    ----------
    candidates : int
    passed : int
        As the promotion gate found it when the training ended.
    answering : int
        Active now.
    passing_now : int
        Not active, and passing beside the versions that are active now.
    """

    candidates: int
    passed: int
    answering: int
    passing_now: int

    @property
    def sentence(self) -> str:
        """How the sentence about the training ends."""
        candidates = f"{self.candidates:,} candidate{'' if self.candidates == 1 else 's'}"
        gave = f"gave {candidates}, of which {self.passed:,} passed the promotion gate then"
        if self.answering == 0 and self.passing_now == self.passed:
            return f"{gave}. Nothing answers before an admin activates it"
        now = f"Now {self.answering:,} answer{'s' if self.answering == 1 else ''}"
        others = self.candidates - self.answering
        if not others:
            return f"{gave}. {now}"
        return f"{gave}. {now}, and {self.passing_now:,} of the other {others:,} would pass beside what answers now"


def _outcome(slug: str, report: TrainingReport) -> _Outcome:
    found = ((model.model_id, versions.find(model.model_id)) for model in report.trained)
    now = {model_id: verdict_now(slug, version) for model_id, version in found if version is not None}
    verdicts = list(now.values())
    # older reports do not say what was found then; of those candidates the ones that answer had passed
    then = verdicts if report.found is None else list(report.found.values())
    passes = PASSES if report.found is not None else (*PASSES, ACTIVE)
    return _Outcome(
        candidates=len(report.trained),
        passed=sum(verdict in passes for verdict in then),
        answering=verdicts.count(ACTIVE),
        passing_now=sum(verdict in PASSES for verdict in verdicts),
    )


def register() -> None:
    """Register the kind of job, and the duty of workers to ask for trainings that are due."""
    register_kind(
        trigger.LEARNING,
        "Learning from observations",
        (
            Step("use", "Put accepted observations into the records", _use),
            Step("start", "Start the training", _start, weight=3),
        ),
    )


def _use(context: StepContext) -> None:
    try:
        accepted.use(context.job.study)
    except AppError as error:
        raise StepError(error.detail) from None


def _start(context: StepContext) -> None:
    """Start the training for the owner; the key makes it one, where a worker dies after the start."""
    slug = context.job.study
    row = studies.find(slug)
    starter = starters.of_owner(row.owner_id) if row is not None else None
    if starter is None:
        # whoever reads the study reads the job, and must not learn that an account is disabled
        raise StepError(_NOT_STARTED)
    try:
        training = service.start(slug, TrainingRequest(), f"learning-{context.job.id}", starter=starter)
    except (OverPlan, NoRoom):
        raise StepError(_NOT_STARTED) from None
    except AppError as error:
        raise StepError(error.detail) from None
    context.log(f"The training is the job {training.id}.")
    context.result = f"{_JOB_PAGE}{training.id}"
