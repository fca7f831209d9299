"""How many presences were accepted since each model was registered: the model has not seen them.

``registry/newer.json`` has the numbers by the ids of models. It is written after decisions, and by workers every ten
minutes, so that pages of predictions need no database. Without the file no page has such a sentence.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import orjson
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue.versions import ModelVersion
from app.components import component
from app.confirmations.tables import Observation
from app.database.db import db
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_unread, _uncounted, _unwritten = ThrottledLog(log), ThrottledLog(log), ThrottledLog(log)
FILE = "newer.json"


class NewerPresences:
    """The numbers, read again when their file has changed.

    Parameters
    ----------
    folder : Path
        Directory of the file.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._numbers: dict[str, int] = {}

    def of(self, model_id: str) -> int:
        """Return how many presences were accepted since a model was registered."""
        try:
            found = self._file.stat()
        except OSError:
            return 0
        stamp = found.st_ino, found.st_mtime_ns, found.st_size
        with self._lock:
            if stamp != self._stamp:
                self._stamp, self._numbers = stamp, self._read()
            return self._numbers.get(model_id, 0)

    def _read(self) -> dict[str, int]:
        try:
            content = orjson.loads(self._file.read_bytes())
            return {str(model_id): max(0, int(number)) for model_id, number in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            _unread.warning("%s cannot be read, so no page says how many presences are newer than a model", self._file)
            return {}

    def write(self, numbers: dict[str, int]) -> None:
        """Replace the file."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_name(f".{FILE}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            draft.write_bytes(orjson.dumps(numbers))
            draft.replace(self._file)
        finally:
            draft.unlink(missing_ok=True)


def number_for(model_id: str) -> int:
    """Return how many presences were accepted since a model was registered."""
    return component(NewerPresences).of(model_id)


def publish() -> None:
    """Count anew, and write the file. What was decided holds also where this fails; workers repeat it."""
    accepted = (
        select(ModelVersion.id, func.count())
        .join(Observation, Observation.species_id == ModelVersion.species_id)
        .where(
            Observation.state == "accepted",
            Observation.present.is_(True),
            Observation.latitude.is_not(None),
            Observation.moderated_at > ModelVersion.registered_at,
        )
        .group_by(ModelVersion.id)
    )
    try:
        numbers = {row[0]: row[1] for row in db.session.execute(accepted)}
        component(NewerPresences).write(numbers)
    except SQLAlchemyError as error:
        db.session.rollback()
        _uncounted.warning("newer presences cannot be counted: %s", type(error).__name__)
    except OSError as error:
        _unwritten.warning("the number of newer presences cannot be written: %s", error.strerror)
