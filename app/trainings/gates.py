"""Comparisons of candidates with the active versions of their species, kept in memory."""

from __future__ import annotations

from collections import OrderedDict

from app.catalogue import versions
from app.catalogue.versions import ModelVersion
from app.registry import service as registry
from app.trainings import frozen, gate
from app.trainings.held_out import read_held_out
from app.trainings.schemas import Gate

#: The verdicts of candidates that pass: better than the active version, or the first of their species.
PASSES = ("better", "first")
#: Instead of a verdict: the version that answers.
ACTIVE = "active"
_MOST_GATES = 2_000


class GateCache:
    """Comparisons of two models, which never change, by the ids of the models."""

    def __init__(self) -> None:
        self._gates: OrderedDict[tuple[str, str], Gate] = OrderedDict()

    def get(self, slug: str, candidate: ModelVersion, active: ModelVersion | None) -> Gate:
        """Return the comparison of a candidate with the active version."""
        key = candidate.id, active.id if active is not None else ""
        if key not in self._gates:
            folder = frozen.held_out_dir(slug)
            files = [read_held_out(folder / f"{one.id}.npz") if one and active else None for one in (candidate, active)]
            card_of_active = registry.card_of(active) if active is not None else None
            self._gates[key] = gate.compare(registry.card_of(candidate), card_of_active, *files)
            while len(self._gates) > _MOST_GATES:
                self._gates.popitem(last=False)
        return self._gates[key]


_gates = GateCache()


def gate_of(slug: str, candidate: ModelVersion, active: ModelVersion | None) -> Gate:
    """Return the comparison of a candidate with the active version of its species."""
    return _gates.get(slug, candidate, active)


def verdict_now(slug: str, candidate: ModelVersion) -> str:
    """Return the verdict on a candidate beside the version that is active now; `ACTIVE` where it is that version."""
    active = versions.active_for(candidate.species_id)
    if active is not None and active.id == candidate.id:
        return ACTIVE
    return gate_of(slug, candidate, active).verdict
