"""False alarms and delay of the rule that stops a rollout, by simulation.

Run it with ``.venv/bin/python -m benchmarks.rollout_rule``; it takes about a minute. Requests arrive in blocks of about
a second, and the rule looks after each block. Two other rules are shown for comparison: a z-test of the two rates at
1 % after each block, and the same test once, at the end.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from app.rollouts.stopping import FALSE_ALARMS, Counts, Evidence

#: The two-sided 1 % would stop better candidates too; this is the one-sided quantile.
_Z = 2.3263478740408408
_EQUAL = (0.0001, 0.001, 0.01, 0.1)
_WORSE = ((0.0, 0.5), (0.0, 0.1), (0.0, 0.01), (0.001, 0.01), (0.01, 0.02), (0.01, 0.03), (0.1, 0.15))


def main() -> None:
    """Print false alarms of equal models, and the delay until a worse candidate is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000, help="Rollouts simulated for each row.")
    parser.add_argument("--blocks", type=int, default=1_000, help="Blocks of a rollout.")
    parser.add_argument("--block", type=int, default=50, help="Requests of a block.")
    parser.add_argument("--share", type=float, default=0.1, help="Share of the candidate.")
    parser.add_argument("--late", type=int, default=50_000, help="Requests before a candidate begins to fail.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = np.random.default_rng(options.seed)
    size = (
        f"{options.blocks * options.block:,} requests, {options.share:.0%} to the candidate, {options.runs:,} rollouts"
    )
    print(f"Equal models: stopped of 100 rollouts ({size}; the bound is {100 * FALSE_ALARMS:.0f})")
    print(f"{'error rate':>12} {'rule':>8} {'z-test, each block':>20} {'z-test, once':>14}")
    for rate in _EQUAL:
        counts = [_blocks(draw, options, rate, rate) for _ in range(options.runs)]
        rule = sum(_stopped_after(blocks) is not None for blocks in counts)
        tests = [_z_tests(blocks) for blocks in counts]
        each, once = sum(bool(test.any()) for test in tests), sum(bool(test[-1]) for test in tests)
        shares = [100 * number / options.runs for number in (rule, each, once)]
        print(f"{rate:>12.2%} {shares[0]:>8.1f} {shares[1]:>20.1f} {shares[2]:>14.1f}")
    print("\nWorse candidates: requests and failures of the candidate until it is stopped")
    print(f"{'active':>8} {'candidate':>10} {'stopped':>8} {'median':>8} {'9 of 10':>8} {'failures':>9}")
    runs = max(50, options.runs // 5)
    for active, candidate in _WORSE:
        _print_delays([_blocks(draw, options, active, candidate) for _ in range(runs)], active, candidate)
    print(f"\nThe same where it begins to fail after {options.late:,} requests without a failure")
    before = Evidence().after(Counts(int(options.late * (1 - options.share)), 0, int(options.late * options.share), 0))
    for candidate in (0.5, 0.1, 0.01):
        some = [_blocks(draw, options, 0.0, candidate) for _ in range(runs)]
        _print_delays(some, 0.0, candidate, before)


def _blocks(draw: np.random.Generator, options: argparse.Namespace, active: float, candidate: float) -> np.ndarray:
    """Return requests and failures of the active model and of the candidate in each block, shape (blocks, 4)."""
    of_candidate = draw.binomial(options.block, options.share, options.blocks)
    of_active = options.block - of_candidate
    failures = draw.binomial(of_active, active), draw.binomial(of_candidate, candidate)
    return np.stack([of_active, failures[0], of_candidate, failures[1]], axis=1)


def _stopped_after(blocks: np.ndarray, before: Evidence | None = None) -> Counts | None:
    """Return the counts since the beginning of the blocks when the rule stops, or None."""
    evidence = before or Evidence()
    start = totals = evidence.judged
    for row in blocks.tolist():
        totals += Counts(*row)
        evidence = evidence.after(totals)
        if evidence.stops():
            return totals - start
    return None


def _z_tests(blocks: np.ndarray) -> np.ndarray:
    """Return after each block whether a z-test of the two rates finds the candidate worse."""
    n_a, f_a, n_c, f_c = np.cumsum(blocks, axis=0).T
    rate = (f_a + f_c) / (n_a + n_c)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (f_c / n_c - f_a / n_a) / np.sqrt(rate * (1 - rate) * (1 / n_a + 1 / n_c))
    return np.nan_to_num(z) > _Z


def _print_delays(some: list[np.ndarray], active: float, candidate: float, before: Evidence | None = None) -> None:
    stops = [stop for stop in (_stopped_after(blocks, before) for blocks in some) if stop is not None]
    share = len(stops) / len(some)
    if not stops:
        print(f"{active:>8.1%} {candidate:>10.1%} {share:>8.0%}")
        return
    delays = sorted(stop.candidate for stop in stops)
    failures = sorted(stop.candidate_failed for stop in stops)
    middle, most = delays[len(delays) // 2], delays[math.ceil(0.9 * len(delays)) - 1]
    print(f"{active:>8.1%} {candidate:>10.1%} {share:>8.0%} {middle:>8,} {most:>8,} {failures[len(failures) // 2]:>9,}")


if __name__ == "__main__":
    main()
