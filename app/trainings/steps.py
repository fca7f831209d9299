"""The job "training": read and align, train, check, register. Every step can be run again after its worker died."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.catalogue import snapshot, versions
from app.database.db import db
from app.jobs.service import folder_of
from app.jobs.steps import JobRef, Step, StepContext, StepError, register_kind
from app.jobs.tables import FINISHED, Job
from app.learning.trigger import TRAINING
from app.registry import changes
from app.registry import service as registry
from app.registry.changes import RegistryError
from app.trainings import frozen
from app.trainings.gates import verdict_now
from app.trainings.placing import draft_of, place_file, place_folder
from app.trainings.report import TrainedModel, TrainingReport, read_report, report_path
from app.trainings.schemas import FailedSpecies
from app.web.faces import settings
from ml.layers.stored import list_stores
from ml.layers.stored_index import layers_key
from ml.serving.artifact import ArtifactError, load_artifact, verify_artifact
from ml.tracking.address import SETTING

KIND = TRAINING
_CHECKED = "checked.json"
# Folders of a job.
_FILES, _WORK, _MODELS, _LAYERS = "files", "work", "models", "layers"
_TRIES = 3
#: Stored layers of a study that are kept: those of its latest trainings.
_MOST_LAYERS = 3
# The last line of a traceback.
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")


def register() -> None:
    """Register the kind of job."""
    register_kind(
        KIND,
        "Training",
        (
            Step("prepare", "Read, clean, align", _prepare, weight=2),
            Step("train", "Train the species", _train, weight=10),
            Step("check", "Open and check the models", _check, weight=0.5),
            Step("register", "Register the candidates", _register, weight=0.5),
        ),
        clean_up,
    )


def _prepare(context: StepContext) -> None:
    """Copy the frozen recipe, link the files, and assemble the study."""
    source = frozen.frozen_dir(context.job.study, context.job.parameters["fingerprint"])
    try:
        if not (context.folder / _FILES).is_dir():
            shutil.copyfile(source / frozen.RECIPE, context.folder / frozen.RECIPE)
            place_folder(source / frozen.FILES, context.folder / _FILES)
    except FileNotFoundError:
        raise StepError("The files of this training were deleted before it began. Start it again.") from None
    _run(context, "--only", "prepare")


def _train(context: StepContext) -> None:
    """Train the species; species that are finished are not trained again."""
    _run(context)


def _run(context: StepContext, *more: str) -> None:
    folder = context.folder
    options: list[str | Path] = ["--recipe", folder / frozen.RECIPE, "--files", folder / _FILES]
    options += ["--models", folder / _MODELS, "--work", folder / _WORK, "--progress", "json"]
    options += ["--layer-store", folder / _LAYERS]
    if settings().dask_scheduler:
        options += ["--scheduler", settings().dask_scheduler or ""]
    if snapshot.snapshot_file().marks().of(context.job.study) is not None:
        # People who read MLflow need not be those who may see the places of a sensitive species.
        options += ["--without-places"]
    try:
        context.run_command([sys.executable, "-m", "ml", "train", *options, *more], _tracking())
    except StepError as error:
        text = str(error)
        if _EXCEPTION.match(text):
            raise StepError("The program stopped with an error; the log shows where. Please report it.") from error
        raise StepError(re.sub(r"^python -m ml( train)?: (error: )?", "", text)) from error


def _tracking() -> dict[str, str]:
    """Return the environment variable that the command needs to log models; commands of jobs get no other secret."""
    uri = settings().mlflow_tracking_uri
    return {SETTING: uri} if uri else {}


def _check(context: StepContext) -> None:
    """Open every model. One that cannot be opened fails its species, not the study."""
    result = read_report(context.folder / _WORK / "result.json")
    if result is None:
        raise StepError("The training ended without a result. Start it again.")
    report = TrainingReport(trained=[], failed=result.failed, tracked=result.tracked)
    for number, model in enumerate(result.trained):
        context.check_cancelled()
        context.progress(number / len(result.trained), f"Opening {model.species}")
        # not the path of the report: a folder can only be below the models of this job
        path = _below(context.folder / _MODELS, context.job.study, model)
        try:
            artifact = load_artifact(path)
            if artifact.model_id != model.model_id or artifact.card.study.slug != context.job.study:
                raise ArtifactError("it is the model of another study or species")
        except ArtifactError as error:
            problem = f"The model could not be opened: {str(error).replace(str(context.folder), '')}"
            report.failed.append(FailedSpecies(species=model.species, problem=problem))
        else:
            report.trained.append(model)
    if not report.trained:
        raise StepError(f"No model could be trained. {report.failed[0].problem if report.failed else ''}".strip())
    frozen.write_json(context.folder / _CHECKED, report.model_dump(mode="json"))


def _register(context: StepContext) -> None:
    """Move the models into place, and register all of them in one transaction."""
    context.check_cancelled()
    report = read_report(context.folder / _CHECKED)
    if report is None:
        raise StepError("The list of checked models is missing. Start the training again.")
    slug, models = context.job.study, settings().models_dir
    with frozen.locked(slug):
        for model in report.trained:
            _place(context, model, models)
        _place_layers(context)
        done = _register_all(report, slug, models)
        changes.publish_snapshot()
        path = report_path(slug, context.job.id)
        earlier = read_report(path)
        # a step that runs again finds what it found the first time, whatever was activated since
        done.found = earlier.found if earlier is not None and earlier.found is not None else _found(done, slug)
        frozen.write_json(path, done.model_dump(mode="json"))
        _release(context.job)
    context.progress(1.0, done.sentence)
    context.result = f"/studies/{slug}/versions"


def _found(report: TrainingReport, slug: str) -> dict[str, str]:
    """Return what the promotion gate says about each model, beside the versions that are active now."""
    found = ((model.model_id, versions.find(model.model_id)) for model in report.trained)
    return {model_id: verdict_now(slug, version) for model_id, version in found if version is not None}


def _place(context: StepContext, model: TrainedModel, models: Path) -> None:
    """Move a model and its held-out scores out of the folder of the job; what is in place already stays."""
    slug = context.job.study
    source, target = _below(context.folder / _MODELS, slug, model), _below(models, slug, model)
    held_out = f"{model.model_id}.npz"
    place_file(context.folder / _WORK / "held_out" / held_out, frozen.held_out_dir(slug) / held_out)
    try:
        verify_artifact(target)
    except ArtifactError:
        try:
            place_folder(source, target, move=True)
        except FileNotFoundError:
            raise StepError(f"The model {model.model_id} is missing. Start the training again.") from None
    else:
        shutil.rmtree(source, ignore_errors=True)


def _place_layers(context: StepContext) -> None:
    """Move the stored layers out of the folder of the job, and drop old ones that no active model was trained on.

    The models of other trainings from the same layers use the same folder, which may have gained a scenario.
    """
    study = context.job.study
    home = settings().layers_dir / study
    for source in list_stores(context.folder / _LAYERS / study):
        place_folder(source, home / source.name, move=True)
    models = [entry.model for entry in snapshot.current().species if entry.study.slug == study and entry.model]
    cards = [registry.card_of(model) for model in models]
    used = {layers_key(card.preparation) for card in cards if card.preparation is not None}
    latest = sorted(list_stores(home), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for old in latest[_MOST_LAYERS:]:
        if old.name not in used:
            shutil.rmtree(old, ignore_errors=True)


def _register_all(report: TrainingReport, slug: str, models: Path) -> TrainingReport:
    """Register the models in one transaction, so that a cancelled job leaves none or all."""
    for attempt in range(1, _TRIES + 1):
        done = TrainingReport(trained=[], failed=list(report.failed), tracked=report.tracked)
        try:
            for model in report.trained:
                try:
                    changes.register(_below(models, slug, model), commit=False)
                except (RegistryError, ArtifactError) as error:
                    problem = f"The model could not be registered: {error}"
                    done.failed.append(FailedSpecies(species=model.species, problem=problem))
                else:
                    done.trained.append(model)
            db.session.commit()
            break
        except IntegrityError:
            # somebody registered a model of one of the species at the same time
            db.session.rollback()
            if attempt == _TRIES:
                raise
    return done


def _below(models: Path, study: str, model: TrainedModel) -> Path:
    return models / study / model.slug / model.model_id


def clean_up(job: JobRef) -> None:
    """Remove what a failed or cancelled training left: links to frozen files, and models that were not registered."""
    slug = job.study
    if not frozen.trainings_dir(slug).is_dir():
        return
    report = read_report(folder_of(job.id) / _CHECKED)
    with frozen.locked(slug):
        for model in report.trained if report is not None else []:
            if not changes.is_registered(model.model_id):
                target = _below(settings().models_dir, slug, model)
                shutil.rmtree(target, ignore_errors=True)
                shutil.rmtree(draft_of(target), ignore_errors=True)
                (frozen.held_out_dir(slug) / f"{model.model_id}.npz").unlink(missing_ok=True)
        _release(job)


def _release(job: JobRef) -> None:
    """Remove the links to the frozen files of a job, unless another training needs them."""
    fingerprint = job.parameters["fingerprint"]
    unfinished = select(Job).where(
        Job.kind == KIND, Job.study == job.study, Job.id != job.id, Job.state.not_in(FINISHED)
    )
    if not any(other.parameters["fingerprint"] == fingerprint for other in db.session.scalars(unfinished)):
        frozen.release_files(job.study, fingerprint)
