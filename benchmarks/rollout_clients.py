"""How the rule that stops a rollout stands clients who are hostile or busy, by simulation.

Run it with ``.venv/bin/python -m benchmarks.rollout_clients``; it takes some minutes. Clients differ in how much they
ask (log-normal). Each has an arm for the whole rollout and is counted in its group. Requests arrive in blocks of about
a second, and the rule looks after each block. Hostile clients have the candidate. In each block they send requests that
it fails, or requests that it answers.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from app.catalogue.rollouts import Arm
from app.rollouts.by_client import FEWEST, GROUPS, Outcome, judged_counts, name_of
from app.rollouts.stopping import Counts, Evidence

_ARMS: tuple[Arm, Arm] = ("active", "candidate")
_OUTCOMES: tuple[Outcome, Outcome] = ("ok", "failed")


@dataclass(frozen=True)
class Case:
    """A rollout that is simulated.

    Attributes
    ----------
    name : str
    active, candidate : float
        Shares of the requests that fail.
    clients : int
    share : float
        Of the clients whom the candidate answers.
    hostile, bad, good : int
        Hostile clients, and what each sends in a block.
    """

    name: str
    active: float = 0.0
    candidate: float = 0.0
    clients: int = 300
    share: float = 0.1
    hostile: int = 0
    bad: int = 0
    good: int = 0


_CASES = (
    Case("equal, nothing fails, one hostile client", hostile=1, bad=100),
    Case("equal, nothing fails, two hostile clients", hostile=2, bad=100),
    Case("equal, nothing fails, three hostile clients", hostile=3, bad=100),
    Case("equal, 0.1 % fails", 0.001, 0.001),
    Case("equal, 1 % fails", 0.01, 0.01),
    Case("equal, 10 % fails", 0.1, 0.1),
    Case("equal, 0.1 % fails, one hostile client", 0.001, 0.001, hostile=1, bad=100),
    Case("candidate fails 5 %", 0.0, 0.05),
    Case("the same, one hostile client fails too", 0.0, 0.05, hostile=1, bad=100),
    Case("the same, one hostile client hides it", 0.0, 0.05, hostile=1, good=1_000),
    Case("the same, active fails 0.1 %", 0.001, 0.05),
    Case("candidate fails 5 %, 50 % of 12 clients", 0.0, 0.05, clients=12, share=0.5),
    Case("candidate fails 1 %", 0.0, 0.01),
)


@dataclass(frozen=True)
class Run:
    """What happened: whether the rule stopped it, and the requests of the candidate until then."""

    stopped: bool
    requests: int
    failures: int
    of_hostile: int


def main() -> None:
    """Print how often and after how many requests rollouts are stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="Rollouts simulated for each row.")
    parser.add_argument("--blocks", type=int, default=400, help="Blocks of a rollout.")
    parser.add_argument("--block", type=int, default=50, help="Requests of a block, of clients who mean well.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = np.random.default_rng(options.seed)
    print(f"{options.runs} rollouts of at most {options.blocks * options.block:,} requests beside the hostile ones.")
    print("Requests of the candidate until it is stopped are those of clients who mean well, and of them the failures.")
    print(f"{'':<44} {'stopped':>8} {'median':>7} {'9 of 10':>8} {'failures':>9} {'hostile requests':>17}")
    for case in _CASES:
        _print(case, [_run(case, draw, options.blocks, options.block) for _ in range(options.runs)])


def _run(case: Case, draw: np.random.Generator, blocks: int, size: int) -> Run:
    weights = draw.lognormal(0.0, 1.0, case.clients)
    gets = draw.random(case.clients) < case.share
    groups = draw.integers(0, GROUPS, case.clients)
    hostile = [int(group) for group in draw.choice(GROUPS, case.hostile, replace=False)]
    totals: Counter[tuple[Arm, str]] = Counter()
    evidence, well = Evidence(), Counts()
    number = 0
    while number < blocks and not evidence.stops():
        number += 1
        who = draw.choice(case.clients, size, p=weights / weights.sum())
        arm = gets[who].astype(int)
        failed = (draw.random(size) < np.where(arm == 1, case.candidate, case.active)).astype(int)
        for one, outcome, group in zip(arm.tolist(), failed.tolist(), groups[who].tolist(), strict=True):
            totals[_ARMS[one], name_of(_OUTCOMES[outcome], group)] += 1
        for group in hostile:
            totals["candidate", name_of("failed", group)] += case.bad
            totals["candidate", name_of("ok", group)] += case.good
        well += Counts(0, 0, int(arm.sum()), int((arm * failed).sum()))
        evidence = evidence.after(judged_counts(totals, FEWEST))
    sent = number * case.hostile * (case.bad + case.good)
    return Run(evidence.stops(), well.candidate, well.candidate_failed, sent)


def _print(case: Case, runs: list[Run]) -> None:
    stopped = sorted((run for run in runs if run.stopped), key=lambda run: run.requests)
    sent = sorted(run.of_hostile for run in (stopped or runs))
    text = f"{case.name:<44} {len(stopped) / len(runs):>8.1%}"
    if len(stopped) > len(runs) / 20:
        failures = sorted(run.failures for run in stopped)
        text += f" {stopped[len(stopped) // 2].requests:>7,} {stopped[math.ceil(0.9 * len(stopped)) - 1].requests:>8,}"
        text += f" {failures[len(failures) // 2]:>9,}"
    else:
        text += f" {'':>7} {'':>8} {'':>9}"
    print(f"{text} {sent[len(sent) // 2]:>17,}" if case.hostile else text, flush=True)


if __name__ == "__main__":
    main()
