"""What the rule counts of each client: never more than of the third one, so that one or two clients decide nothing.

A client that repeats a request which breaks the candidate, thousands of times, would stop every candidate with such a
request; a client that repeats one which it answers would hide the failures of others. Each of four sums therefore
counts a client with at most as much as the third largest has: answers and failures, of the active model and of the
candidate. Failures of two clients count nothing, those of three count as often as the third has failed.

Clients are counted in groups, by a keyed hash (`app.rollouts.assignment`). That bounds what is stored, and a group
names nobody. Two clients of one group count as one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from app.catalogue.rollouts import Arm
from app.rollouts.stopping import Counts

Outcome = Literal["ok", "failed"]
#: Groups of clients in a rollout.
GROUPS = 64
#: Clients whose requests must fail before the rule stops a rollout.
FEWEST = 3
#: Seconds after which fewer are enough, where no more have asked the candidate.
ALONE_AFTER_S = 3600.0
Amounts = Mapping[tuple[Arm, str], float]


def name_of(outcome: Outcome, group: int) -> str:
    """Return the name of a number of a group."""
    return f"{outcome}.{group}"


@dataclass(frozen=True)
class Clients:
    """How many groups of clients an arm has, at least as many clients.

    Attributes
    ----------
    asked : int
    failed : int
        With a request that failed.
    """

    asked: int
    failed: int


def clients_of(amounts: Amounts, arm: Arm) -> Clients:
    """Return how many clients have asked an arm, and for how many it failed."""
    ok, failed = _groups(amounts, arm, "ok"), _groups(amounts, arm, "failed")
    return Clients(len(ok.keys() | failed.keys()), len(failed))


def fewest_of(amounts: Amounts, age_s: float) -> int:
    """Return the clients whose requests must fail: fewer only where, for an hour, no more have asked the candidate."""
    return FEWEST if age_s < ALONE_AFTER_S else max(1, min(FEWEST, clients_of(amounts, "candidate").asked))


def judged_counts(amounts: Amounts, fewest: int = FEWEST) -> Counts:
    """Return what the rule looks at.

    Parameters
    ----------
    amounts : mapping
        Numbers by arm and name.
    fewest : int
        The client, from the one with the most, whom nobody counts more than.
    """
    active, candidate = (
        [_groups(amounts, arm, outcome).values() for outcome in ("ok", "failed")] for arm in ("active", "candidate")
    )
    numbers = []
    for ok, failed in (active, candidate):
        # an arm with fewer clients has answers too
        n_failed = _trimmed(failed, fewest)
        numbers += [_trimmed(ok, max(1, min(fewest, len(ok)))) + n_failed, n_failed]
    return Counts(*numbers)


def _groups(amounts: Amounts, arm: Arm, outcome: Outcome) -> dict[str, int]:
    start = f"{outcome}."
    return {
        name.removeprefix(start): int(n)
        for (of, name), n in amounts.items()
        if of == arm and n >= 1 and name.startswith(start)
    }


def _trimmed(numbers: Collection[int], rank: int) -> int:
    """Return the sum of numbers of which none counts more than the one of a rank, from the largest."""
    if len(numbers) < rank:
        return 0
    most = sorted(numbers, reverse=True)[rank - 1]
    return sum(min(number, most) for number in numbers)
