"""Failures of a candidate one after another, in one process."""

from __future__ import annotations

from app.rollouts import ending
from app.rollouts.by_client import FEWEST
from app.rollouts.stopping import MOST_IN_A_ROW


class Streak:
    """Failures since the candidate answered last.

    Those that a request may cause stop a rollout only if they are of several clients. No client can cause that the
    candidate cannot be opened.
    """

    def __init__(self) -> None:
        self._failures = self._unopened = 0
        self._groups: set[int] = set()

    def add(self, group: int, *, unopened: bool) -> None:
        """Count a failure of a client of a group."""
        self._failures += 1
        self._unopened += unopened
        self._groups.add(group)

    @property
    def reason(self) -> str:
        """Why the rollout must be stopped; empty while it need not be."""
        if self._unopened >= MOST_IN_A_ROW:
            return ending.in_a_row(self._unopened, unopened=True)
        if self._failures >= MOST_IN_A_ROW and len(self._groups) >= FEWEST:
            return ending.in_a_row(self._failures, unopened=False)
        return ""
