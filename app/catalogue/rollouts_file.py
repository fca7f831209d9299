"""The file of the rollouts that run, beside those of the snapshot.

``rollouts.json``
    The rollouts, and under ``withheld`` those that were stopped while the database did not answer, with the reasons.
    They stay there until the database says that they ended.

Readers watch the stamp of ``active.json``, so a writer replaces this file first. Without the file, or with one that is
not of this release, nothing is rolled out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from app.catalogue.entries import ModelEntry, RolloutEntry
from app.catalogue.rollouts import RolloutRow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RolloutsFile:
    """The content of the file.

    Attributes
    ----------
    running : dict
        Rollouts by the slug of their species.
    withheld : dict of int to str
        Reasons by the ids of rollouts that were stopped without the database.
    """

    running: dict[str, RolloutEntry] = field(default_factory=dict)
    withheld: dict[int, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The file."""
        rollouts = [
            {
                "species": species,
                "id": one.id,
                "active": one.active_id,
                "shadow": one.shadow,
                "percent": one.percent,
                "candidate": {
                    "id": one.candidate.id,
                    "version": one.candidate.version,
                    "path": one.candidate.path,
                },
            }
            for species, one in self.running.items()
        ]
        withheld = {str(rollout_id): reason for rollout_id, reason in self.withheld.items()}
        return orjson.dumps({"rollouts": rollouts, "withheld": withheld})


def of_rows(rows: Sequence[RolloutRow], withheld: Mapping[int, str]) -> RolloutsFile:
    """Return the content for the rollouts that run by the database, without those that were stopped already."""
    ids = {row.id for row in rows}
    return RolloutsFile(
        {
            row.species: RolloutEntry(
                id=row.id,
                active_id=row.active_id,
                shadow=row.mode == "shadow",
                percent=row.percent,
                candidate=ModelEntry(row.candidate_id, row.version, row.path, None),
            )
            for row in rows
            if row.id not in withheld
        },
        {rollout_id: reason for rollout_id, reason in withheld.items() if rollout_id in ids},
    )


def read(file: Path) -> RolloutsFile:
    """Return the content of the file; nothing without a file that can be read."""
    try:
        content = orjson.loads(file.read_bytes())
        running = {
            str(one["species"]): RolloutEntry(
                id=int(one["id"]),
                active_id=str(one["active"]),
                shadow=bool(one["shadow"]),
                percent=int(one["percent"]),
                candidate=ModelEntry(
                    id=str(one["candidate"]["id"]),
                    version=int(one["candidate"]["version"]),
                    path=str(one["candidate"]["path"]),
                    auc=None,
                ),
            )
            for one in content["rollouts"]
        }
        return RolloutsFile(running, {int(key): str(reason) for key, reason in content["withheld"].items()})
    except FileNotFoundError:
        return RolloutsFile()
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        log.error("%s is not a file of rollouts, so the active models answer everybody", file)
        return RolloutsFile()


def without(known: RolloutsFile, rollout_id: int, reason: str) -> RolloutsFile:
    """Return the content without a rollout, which is withheld from now on."""
    running = {species: one for species, one in known.running.items() if one.id != rollout_id}
    return RolloutsFile(running, {**known.withheld, rollout_id: reason})
