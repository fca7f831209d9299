"""The job "gbif": fetch, store. Every step can be run again after its worker died."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import IO, Any

from app.database.db import db
from app.errors import AppError, Conflict, NotFound
from app.jobs.service import folder_of
from app.jobs.steps import JobRef, Step, StepContext, StepError, register_kind
from app.studies import files, names, own, storage, uploads
from app.studies.fetches import KIND
from app.studies.own import OwnStudy
from app.web.faces import settings

_FETCHED, _PLAN = "fetched", "stored.json"
_TRIES = 20
_OFF = "Fetching from GBIF is switched off on this server (GBIF_API). Download the file on gbif.org and upload it."
_OUT_OF_REACH = re.compile(r"(\S+) cannot be reached \((.*?)[,)]")
# The last line of a traceback.
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")


def register() -> None:
    """Register the kind of job."""
    register_kind(
        KIND,
        "Records from GBIF",
        (
            Step("fetch", "Fetch from GBIF", _fetch, weight=9),
            Step("store", "Store in the study", _store, weight=1),
        ),
        clean_up,
    )


def _fetch(context: StepContext) -> None:
    """Fetch the file; what was fetched before the worker died is used."""
    folder = context.folder / _FETCHED
    folder.mkdir(exist_ok=True)
    if _fetched(folder) is not None:
        return
    server = settings().gbif_api
    if not server:
        raise StepError(_OFF)
    source = [f"--{name}={value}" for name, value in context.job.parameters.items()]
    options: list[str | Path] = ["--output", folder, "--server", server, "--largest", str(settings().max_upload)]
    try:
        context.run_command([sys.executable, "-m", "ml", "gbif", *source, *options, "--progress", "json"])
    except StepError as error:
        raise StepError(_sentence(str(error))) from error
    if _fetched(folder) is None:
        raise StepError("GBIF sent no file. Start it again.")


def _sentence(text: str) -> str:
    """Return the message of the command for the user of a page."""
    if _EXCEPTION.match(text):
        return "The program stopped with an error; the log shows where. Please report it."
    text = re.sub(r"^python -m ml( gbif)?: (error: )?", "", text)
    if match := _OUT_OF_REACH.search(text):
        return (
            f"This server cannot reach GBIF at {match[1]} ({match[2]}). Try again later, or download the file on "
            "gbif.org and upload it."
        )
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?")) else f"{text}."


def _fetched(folder: Path) -> Path | None:
    """Return the complete file, or None."""
    return next((path for path in folder.glob("*.zip") if not path.name.startswith(".")), None)


def _store(context: StepContext) -> None:
    """Store the file in the study like an upload, unless the study has it already."""
    source = _fetched(context.folder / _FETCHED)
    if source is None:
        raise StepError("The fetched file is missing. Start it again.")
    slug = context.job.study
    try:
        digest = _hash_of(source, context)
        for _ in range(_TRIES):
            study = own.load(slug)
            stored = _stored(study, source, digest)
            if stored is not None:
                storage.remove_parts_of(slug, context.job.id)
                # By this job before its worker died, or by an earlier fetch of the same download.
                context.log(f"The study has this file: {stored}.")
                files.inspect(slug, stored)
                break
            if _receive(context, study, source, digest):
                break
        else:
            raise StepError("The files of the study change all the time. Fetch again when the uploads have ended.")
    except AppError as error:
        raise StepError(error.detail) from error
    context.result = f"/studies/{slug}"


def _stored(study: OwnStudy, source: Path, digest: str) -> str | None:
    """Return the name of a file of the study that has the same content and is not missing on the disk."""
    size = source.stat().st_size
    for report in study.files:
        path = study.folder / report.name
        if report.sha256 == digest and path.is_file() and path.stat().st_size == size:
            return report.name
    return None


def _receive(context: StepContext, study: OwnStudy, source: Path, digest: str) -> bool:
    """Store the file under a name that is free in a state of the study; return False where another file came first."""
    name = _free_name(study, source.name)
    size, slug, revision = source.stat().st_size, study.slug, study.revision
    # Of an attempt that ended early, perhaps under another name.
    storage.remove_parts_of(slug, context.job.id)
    plan = {"name": name, "sha256": digest}
    draft = context.folder / f".{_PLAN}"
    draft.write_text(json.dumps(plan), encoding="utf-8")
    draft.replace(context.folder / _PLAN)
    db.session.remove()
    try:
        with source.open("rb") as stream:
            reader: Any = _Reader(stream, size, context)
            # the revision refuses the name where somebody else took it in the meantime
            uploads.receive(
                slug, name, reader, length=size, content_range=None, token=context.job.id, revision=revision
            )
    except Conflict:
        storage.remove_parts_of(slug, context.job.id)
        if own.load(slug).revision == revision:
            raise
        return False
    context.log(f"Stored as {name}.")
    return True


class _Reader:
    """A file that is read while the job is not cancelled."""

    def __init__(self, stream: IO[bytes], size: int, context: StepContext) -> None:
        self._stream, self._size, self._context = stream, max(size, 1), context

    def read(self, n: int) -> bytes:
        """Return the next bytes."""
        self._context.check_cancelled()
        self._context.progress(0.9 * self._stream.tell() / self._size, "Storing the file")
        return self._stream.read(n)


def _hash_of(path: Path, context: StepContext) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(4 * storage.BLOCK):
            context.check_cancelled()
            digest.update(block)
    return digest.hexdigest()


def _free_name(study: OwnStudy, name: str) -> str:
    """Return a name that no file of the study has, also not in other capitals: with a number where it is taken."""
    taken = {names.name_key(report.name) for report in study.files}
    stem, ending = name.removesuffix(".zip"), ".zip"
    number = 1
    while names.name_key(name) in taken:
        number += 1
        name = f"{stem} {number}{ending}"
    return name


def clean_up(job: JobRef) -> None:
    """Remove what a failed or cancelled fetch left in the study: the part of a file, or a file that it stored."""
    try:
        plan = json.loads((folder_of(job.id) / _PLAN).read_bytes())
    except (OSError, ValueError):
        return
    with contextlib.suppress(OSError):
        storage.remove_parts_of(job.study, job.id)
    with contextlib.suppress(NotFound, Conflict):
        files.remove(job.study, plan["name"], sha256=plan["sha256"])
