"""The rule that stops a rollout: whether the candidate fails more often than the active model, beyond chance.

The rule looks at the counts again and again, so a test for a fixed number of requests would stop good candidates: with
enough looks it always does. It is a test martingale instead: a capital that begins at 1 and is bet on "the candidate
fails more often". While the candidate fails no more often, the expected capital never grows, and the probability that
it ever reaches ``1 / a`` is at most ``a`` (Ville's inequality), however often and whenever one looks.

**Share.** A block has n_a requests of the active model and n_c of the candidate. Two rates t_a < t_c are chosen from
earlier blocks, and t_0 is their mean weighted by n_a and n_c. The capital is multiplied by the likelihood of the block
under t_a and t_c, divided by that under t_0 for both: an e-variable of Turner, Ly & Grünwald (2024, doi
10.1016/j.jspi.2023.106116). If the true rates are p_a and p_c, the logarithm of its expectation is at most
``n_c (t_c - t_0) (p_c - p_a) / (t_0 (1 - t_0))``, because log(1 + x) <= x: not above 0 while p_c <= p_a. The block may
be chosen by the numbers of requests, not by their outcomes.

**Shadow.** Both arms have the same requests. A request fails by the active model, or it is answered and fails by the
candidate. If the candidate fails no more often, at most half of these failures are the candidate's; the bet is on more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

#: The probability that a candidate which fails no more often than the active model is ever stopped.
FALSE_ALARMS = 0.01
#: The same where a process judges its own requests alone, because the database does not answer.
FALSE_ALARMS_ALONE = 0.001
#: Failures of the candidate one after another, in one process, where the active model answered each of the requests.
MOST_IN_A_ROW = 5
#: Pseudo-counts of a rate.
_PRIOR = 0.5


@dataclass(frozen=True)
class Counts:
    """Requests of both arms, and those that failed.

    Attributes
    ----------
    active, active_failed : int
    candidate : int
    candidate_failed : int
        Requests that the candidate could not answer and the active model could.
    """

    active: int = 0
    active_failed: int = 0
    candidate: int = 0
    candidate_failed: int = 0

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.active - other.active,
            self.active_failed - other.active_failed,
            self.candidate - other.candidate,
            self.candidate_failed - other.candidate_failed,
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.active + other.active,
            self.active_failed + other.active_failed,
            self.candidate + other.candidate,
            self.candidate_failed + other.candidate_failed,
        )

    def as_json(self) -> dict[str, int]:
        """Return the members."""
        return asdict(self)

    @classmethod
    def of_json(cls, members: Mapping[str, Any]) -> Counts:
        """Return counts from their members."""
        return cls(**{name: int(members.get(name, 0)) for name in asdict(cls())})


@dataclass(frozen=True)
class Evidence:
    """The capital of the rule.

    Attributes
    ----------
    log : float
        Its natural logarithm.
    judged : Counts
        The counts that are in it.
    """

    log: float = 0.0
    judged: Counts = field(default_factory=Counts)

    def after(self, totals: Counts, *, shadow: bool = False) -> Evidence:
        """Return the evidence after everything that was counted so far.

        What is new is one block. A block without a request of one of the arms says nothing and waits for more. Where
        there is less than before, the evidence begins anew.
        """
        block = totals - self.judged
        if min(block.active, block.active_failed, block.candidate, block.candidate_failed) < 0:
            # what an earlier release counted was counted otherwise
            return Evidence(0.0, totals)
        if shadow:
            return Evidence(self.log + _gain_of_pairs(self.judged, block), totals)
        if block.active < 1 or block.candidate < 1:
            return self
        return Evidence(self.log + _gain(self.judged, block), totals)

    def stops(self, false_alarms: float = FALSE_ALARMS) -> bool:
        """Return whether the candidate fails more often, beyond chance."""
        return self.log >= -math.log(false_alarms)


def _gain(judged: Counts, block: Counts) -> float:
    """Return the logarithm of the factor of a block of requests that were shared out."""
    low = (judged.active_failed + _PRIOR) / (judged.active + 2 * _PRIOR)
    high = (judged.candidate_failed + _PRIOR) / (judged.candidate + 2 * _PRIOR)
    # without a failure there is nothing to bet on, and each bet that is lost would delay a later alarm
    if judged.candidate_failed == 0 or high <= low:
        return 0.0
    middle = (block.active * low + block.candidate * high) / (block.active + block.candidate)
    return _log_ratio(block.active, block.active_failed, low, middle) + _log_ratio(
        block.candidate, block.candidate_failed, high, middle
    )


def _log_ratio(n: int, failed: int, rate: float, other: float) -> float:
    """Return the logarithm of the likelihood of one rate of failures, divided by that of another."""
    return failed * math.log(rate / other) + (n - failed) * math.log((1 - rate) / (1 - other))


def _gain_of_pairs(judged: Counts, block: Counts) -> float:
    """Return the logarithm of the factor of the failures of a shadow; the first bet is two to one."""
    share = (judged.candidate_failed + 4 * _PRIOR) / (judged.candidate_failed + judged.active_failed + 6 * _PRIOR)
    share = max(0.5, share)
    return block.candidate_failed * math.log(2 * share) + block.active_failed * math.log(2 * (1 - share))
