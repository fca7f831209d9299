"""The files of batches: ``DATA_DIR/batches/<id>`` has the table, its plan and, after the job, the answers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from app.accounts.identity import may
from app.catalogue import access
from app.errors import InsufficientStorage, MalformedBody, NotFound, TooLarge, ValidationFailed
from app.file_search import find
from app.studies.storage import BLOCK, RESERVE
from app.web.faces import settings
from app.web.sizes import size_text
from app.workbench import runner
from app.workbench.runner import WorkbenchError
from ml.batch.table import ZIP

INPUT, RESULT, SUMMARY, PLAN = "input.csv", "answers.csv", "summary.json", "plan.json"
_WORKBOOK = "workbook.xlsx"
#: Seconds after which answers are removed, and tables that were not started.
LIFE_S, DRAFT_LIFE_S = 7 * 24 * 3600, 24 * 3600
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_NAME = 100


@dataclass(frozen=True)
class Plan:
    """What a job answers.

    Attributes
    ----------
    name : str
        Of the table, for messages and the download.
    species : list of str
        Slugs.
    models : list of str
        Paths beneath the folder of models, in the order of the species.
    threshold : float, str or None
    extrapolation : str
    is_rows : bool
        Whether the file has rows of JSON instead of a table.
    places : dict or None
        Of a table of places: `latitude`, `longitude`, `scenario_column` and `scenario`.
    hides_index : bool
        Whether the person sees the places of the study on a grid, so that answers have no dissimilarity index.
    """

    name: str
    species: list[str]
    models: list[str]
    threshold: float | str | None
    extrapolation: str
    is_rows: bool = False
    places: dict[str, str | None] | None = None
    hides_index: bool = False


@dataclass(frozen=True)
class Draft:
    """A table that has arrived.

    Attributes
    ----------
    id : str
        Of the batch.
    name : str
    sha256 : str
    """

    id: str
    name: str
    sha256: str

    @property
    def path(self) -> Path:
        """The file."""
        return folder_of(self.id) / INPUT


def root() -> Path:
    """Return the folder of all batches."""
    return settings().data_dir / "batches"


def folder_of(batch: str) -> Path:
    """Return the folder of a batch.

    Raises
    ------
    NotFound
        The text is not an id.
    """
    if not _ID.fullmatch(batch):
        raise NotFound("There is no such batch.")
    return root() / batch


def clean_name(name: str) -> str:
    """Return the name of a file as it is shown: without its folder and characters that are not printed."""
    plain = "".join(one for one in name.replace("\\", "/").rpartition("/")[2] if one.isprintable() and one not in '"')
    return plain.strip()[-_MOST_NAME:] or "table.csv"


@contextlib.contextmanager
def received(stream: IO[bytes], name: str, limit: int, length: int | None = None) -> Iterator[Draft]:
    """Store a table while it arrives, and remove it afterwards unless it was adopted.

    Parameters
    ----------
    stream : binary stream
    name : str
    limit : int
        Bytes.
    length : int, optional
        Bytes that the request announces.

    Raises
    ------
    TooLarge
        Before anything is read, where the length is known.
    MalformedBody
        The connection ended early.
    InsufficientStorage
        The disk or the quota has no space.
    """
    if length is not None and length > limit:
        raise too_large(limit)
    batch = str(uuid.uuid4())
    folder = folder_of(batch)
    try:
        folder.mkdir(parents=True)
        draft = Draft(batch, clean_name(name), _copy(stream, folder / INPUT, limit))
        _unpack_workbook(folder, draft.name)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InsufficientStorage(f"The server cannot store the table: {error.strerror}.") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        yield draft
    finally:
        if not (folder / PLAN).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _unpack_workbook(folder: Path, name: str) -> None:
    """Replace a workbook by the CSV of its sheet, where files of users are opened by this server."""
    path = folder / INPUT
    with path.open("rb") as stream:
        if stream.read(len(ZIP)) != ZIP or not may("editor"):
            return
    path.replace(folder / _WORKBOOK)
    payload = {"folder": str(folder.resolve()), "name": _WORKBOOK, "output": str(path.resolve())}
    try:
        runner.run("table", payload)
    except WorkbenchError as error:
        raise ValidationFailed([("/file", str(error).replace(_WORKBOOK, name))]) from None
    (folder / _WORKBOOK).unlink()


def _copy(stream: IO[bytes], path: Path, limit: int) -> str:
    digest, arrived, room = hashlib.sha256(), 0, 0
    with path.open("xb") as target:
        while block := _read(stream):
            arrived += len(block)
            if arrived > limit:
                raise too_large(limit)
            room -= len(block)
            if room < 0:
                room = _check_space(len(block))
            target.write(block)
            digest.update(block)
    return digest.hexdigest()


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(BLOCK)
    except (OSError, ParseException, ClientDisconnected):
        raise MalformedBody("The connection ended before the table was complete. Send it again.") from None


def too_large(limit: int) -> TooLarge:
    """Return the answer to a table that is too large."""
    return TooLarge(f"The table is larger than {size_text(limit)} ({limit:,} bytes), the most that is accepted.")


def _check_space(more: int) -> int:
    """Return how many bytes may be written before the space is measured again."""
    used = 0
    for path in find(root(), "*/*"):
        with contextlib.suppress(OSError):
            used += path.lstat().st_size
    left = min(settings().upload_quota - used, shutil.disk_usage(root()).free - RESERVE)
    # the answers are larger than the table
    if left < 3 * more:
        raise InsufficientStorage("The server has no space left for tables. Try again later, or tell the operator.")
    return min(left // 3, 16 * 1024 * 1024)


def check_answers(draft: Draft, n_species: int) -> None:
    """Raise InsufficientStorage where the disk has no space for the answers to a table."""
    # each species repeats the row, and an answer may be longer than the row
    needed = 4 * n_species * draft.path.stat().st_size
    if shutil.disk_usage(root()).free - RESERVE < needed:
        raise InsufficientStorage(
            f"The answers may need {size_text(needed)}, which the disk of the server does not have. Send the table in "
            "parts, or for fewer species."
        )


def adopt(draft: Draft, plan: Plan | None) -> None:
    """Let a draft stay for its person: with its plan, or for a form that is not started yet."""
    content: dict[str, Any] = {"name": draft.name, "sha256": draft.sha256, "owner": access.owner_of_new()}
    _write_json(folder_of(draft.id) / PLAN, content | (asdict(plan) if plan is not None else {}))


def open_draft(batch: str) -> Draft:
    """Return the draft of a form that is not started yet.

    Raises
    ------
    NotFound
        It was removed, or started, or is that of another person.
    """
    stored = _plan_of_person(batch)
    if stored is None or "models" in stored or not (folder_of(batch) / INPUT).is_file():
        raise NotFound("The table is no longer on the server. Choose it again.")
    return Draft(batch, stored["name"], stored["sha256"])


def plan_of(batch: str) -> Plan | None:
    """Return what the job of a batch answers; None where there is none, or it is that of another person."""
    stored = _plan_of_person(batch)
    if stored is None or "models" not in stored:
        return None
    return Plan(**{name: value for name, value in stored.items() if name not in ("sha256", "owner")})


def _plan_of_person(batch: str) -> dict[str, Any] | None:
    """Return the stored plan of a batch, where the present request may use it."""
    stored = read_json(folder_of(batch) / PLAN)
    owner = stored.get("owner") if stored is not None else None
    granted = access.current()
    # earlier releases stored no owner
    return stored if owner is None or granted.everything or owner == granted.person else None


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file of JSON that this package wrote, or None."""
    try:
        stored = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return stored if isinstance(stored, dict) else None


def _write_json(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)


def remove(batch: str) -> None:
    """Remove the files of a batch."""
    shutil.rmtree(folder_of(batch), ignore_errors=True)


def remove_old(running: set[str]) -> None:
    """Remove answers after a week, and tables that were not started after a day.

    Parameters
    ----------
    running : set of str
        Batches of jobs that are not finished.
    """
    now = time.time()
    for folder in root().glob("*"):
        life = LIFE_S if (folder / RESULT).exists() else DRAFT_LIFE_S
        with contextlib.suppress(OSError):
            if folder.name not in running and folder.lstat().st_mtime < now - life:
                shutil.rmtree(folder, ignore_errors=True)
