"""The studies of maps, in memory: files of maps need no query."""

from __future__ import annotations

from sqlalchemy import select

from app.database.connections import reading_replica
from app.database.db import db
from app.maps.tables import Map

_MOST_KNOWN = 10_000


class MapStudies:
    """The slugs of the studies of maps, which never change, by the ids of the maps."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, map_id: str) -> str | None:
        """Return the slug of the study of a map, or None where there is no such map."""
        study = self._known.get(map_id)
        if study is None:
            with reading_replica(False):
                study = db.session.scalar(select(Map.study).where(Map.id == map_id))
            if study is not None:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[map_id] = study
        return study
