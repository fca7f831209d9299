"""The row of the outbox: a prediction that is not in the database yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class QueuedRow:
    """A prediction to be stored.

    Attributes
    ----------
    id : str
    species_id : int
    model_id : str
    environment : dict
        Values by predictor.
    answer : bytes
        The stored part of the answer, as JSON.
    created_at : datetime
        With a time zone.
    species : str
        Slug of the species. It is not a column: a waiting row is read with it while the database is down.
    version : int
        Version of the model, for the same reason.
    user_id : str or None
        Id of the person who asked.
    """

    id: str
    species_id: int
    model_id: str
    environment: dict[str, float | str]
    answer: bytes
    created_at: datetime
    species: str
    version: int
    user_id: str | None = None

    def to_json(self) -> bytes:
        """Return the row as JSON. Its members have the names of the columns of the table."""
        return orjson.dumps(
            {
                "id": self.id,
                "species_id": self.species_id,
                "model_id": self.model_id,
                "environment": self.environment,
                "answer": orjson.Fragment(self.answer),
                "created_at": self.created_at,
                "species": self.species,
                "version": self.version,
                "user_id": self.user_id,
                # Release 0.1, which may run beside this one during an upgrade, reads them here.
                "told": {"species": self.species, "version": self.version},
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> QueuedRow:
        """Return the row from its JSON. JSON that release 0.1 wrote is accepted too.

        Raises
        ------
        ValueError
            The JSON does not contain a row.
        """
        members = orjson.loads(body)
        if not isinstance(members, dict) or "answer" not in members:
            raise ValueError("not a row of the outbox")
        # Release 0.1 wrote species and version into an object `told`.
        former = members.pop("told", None)
        if isinstance(former, dict):
            members |= former
        return _reader.validate_python({**members, "answer": orjson.dumps(members["answer"])})


_reader = TypeAdapter(QueuedRow)
