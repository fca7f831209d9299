"""The measuring protocol: one variant at a time receives load, and every answer is counted against a stored row."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from benchmarks.serving.report import Round
from benchmarks.serving.testbed import SPECIES, Testbed, Variant, cpu_seconds
from tools.live import PROJECT

# More requests a second than any variant answers. They are prepared in memory before a round.
_MOST_PER_SECOND = 12_000


class LoadGenerator:
    """The process that sends requests.

    Parameters
    ----------
    fields : dict of str to (float, float)
        Range of each predictor.
    connections : int
        Number of keep-alive connections.
    n_addresses : int
        Number of client addresses in X-Forwarded-For; with 0 the header is left out.
    """

    def __init__(self, fields: dict[str, tuple[float, float]], connections: int, n_addresses: int = 0) -> None:
        self._fields = fields
        self._connections = connections
        self._n_addresses = n_addresses
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serving.load_generator"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def prepare(self, repeated: float, number: int, seconds: float) -> None:
        """Build the requests of a round in memory."""
        self._order(0, 0, repeated, number, seconds)

    def run(self, port: int, repeated: float, number: int, seconds: float) -> dict:
        """Send the requests of a round to a port; return the fields of `Responses`, or ``error``."""
        return self._order(port, self._connections, repeated, number, seconds)

    def _order(self, port: int, connections: int, repeated: float, number: int, seconds: float) -> dict:
        order = {
            "port": port,
            "repeated": repeated,
            "round": number,
            "seconds": seconds,
            "connections": connections,
            "at_most": int(_MOST_PER_SECOND * seconds) + 2 * self._connections,
            "fields": self._fields,
            "species": SPECIES,
            "n_addresses": self._n_addresses,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"error": "the load generator ended"}

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class Protocol:
    """Rounds of load, and the counts of answers and failures of each variant."""

    def __init__(self, testbed: Testbed, generator: LoadGenerator, seconds: float) -> None:
        self._testbed = testbed
        self._generator = generator
        self._seconds = seconds
        self.answers = {variant.name: 0 for variant in testbed.variants}
        self.refused: dict[str, dict[str, int]] = {variant.name: {} for variant in testbed.variants}
        self.broken: dict[str, list[str]] = {variant.name: [] for variant in testbed.variants}

    def measure(self, variant: Variant, repeated: float, number: int) -> Round:
        """Run one round against one variant, and wait until the rows of its answers are stored.

        Parameters
        ----------
        variant : Variant
        repeated : float
            Share of repeated requests.
        number : int
            Number of the round; it selects the requests.

        Returns
        -------
        Round
            Its CPU times include the work that was done after the last answer.
        """
        self._generator.prepare(repeated, number, self._seconds)
        own, services = variant.cpu(), cpu_seconds(self._testbed.services)
        responses = self._generator.run(variant.port, repeated, number, self._seconds)
        if "error" in responses:
            logs = "\n".join(program.output()[-2000:] for program in variant.programs)
            raise SystemExit(f"benchmarks.serving: {variant.name}: {responses['error']}\n{logs}")
        self.answers[variant.name] += responses["answers"]
        for status, count in responses["others"].items():
            self.refused[variant.name][status] = self.refused[variant.name].get(status, 0) + count
        self.broken[variant.name] += responses["broken"]
        pending = self._wait_for_rows(variant)
        own, services = variant.cpu() - own, cpu_seconds(self._testbed.services) - services
        latencies = sorted(responses["latencies"])
        if len(latencies) < 2:
            raise SystemExit(f"benchmarks.serving: {variant.name} gave no answers: {responses['others']}")
        percentiles = statistics.quantiles(latencies, n=100, method="inclusive")
        scale = 1e6 / responses["answers"]
        return Round(
            rate=responses["in_time"] / responses["seconds"],
            p50=percentiles[49],
            p95=percentiles[94],
            p99=percentiles[98],
            cpu_own=own * scale,
            cpu_services=services * scale,
            rows_pending=pending,
            memory=variant.memory() / 1e6,
        )

    def _wait_for_rows(self, variant: Variant) -> int:
        """Wait until every answer has its row; return how many rows were missing at first."""
        if variant.database is None:
            return 0
        expected = self.answers[variant.name]
        missing = expected - variant.rows()
        deadline = time.monotonic() + 60
        while variant.rows() < expected and time.monotonic() < deadline:
            time.sleep(0.1)
        return missing
