"""One round: a victim and a flood against one version, with the memory of its workers."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
import urllib.request

import psutil

from benchmarks.floods.clients import Attacker, run_victim
from benchmarks.floods.kinds import Target
from benchmarks.floods.report import Round
from benchmarks.serving.protocol import LoadGenerator
from benchmarks.serving.testbed import SPECIES, Testbed, Variant
from benchmarks.serving.workload import Workload
from tools.live import NO_PROXY, wait_until

# The flood begins before the victim and ends after it.
_LEAD_S = 0.3
# Long enough for what is made at the first use, such as templates.
_WARM_UP_S = 1.0
# between two rounds, in which the limits of one second end
_PAUSE_S = 1.0
_SAMPLE_S = 0.05


class Rounds:
    """Rounds against the versions of a test bed.

    Parameters
    ----------
    testbed : Testbed
    attacker : Attacker
    seconds : float
        Length of a round.
    """

    def __init__(self, testbed: Testbed, attacker: Attacker, seconds: float) -> None:
        self._attacker = attacker
        self._seconds = seconds
        self._workload = Workload(testbed.fields, SPECIES)
        self._variants = testbed.variants
        self._targets = {
            variant.name: Target(SPECIES, testbed.fields, _read_etag(variant)) for variant in testbed.variants
        }

    def warm_up(self, kinds: list[str]) -> None:
        """Flood every version with every kind for a moment."""
        for variant in self._variants:
            for kind in kinds:
                if kind != "none":
                    self._attacker.prepare(kind, self._targets[variant.name], 0)
                    self._attacker.start(variant.pages_port, 0, _WARM_UP_S).result()

    def measure(self, variant: Variant, kind: str, number: int) -> Round:
        """Run the victim against a version during a flood.

        Parameters
        ----------
        variant : Variant
        kind : str
            A key of `FLOODS`.
        number : int
            Selects the conditions and the address of the attacker; each flood needs its own.
        """
        requests = self._workload.requests(0.5, number)
        if kind != "none":
            self._attacker.prepare(kind, self._targets[variant.name], number)
        time.sleep(_PAUSE_S)
        flood = None
        with _PeakMemory(variant) as memory:
            if kind != "none":
                flood = self._attacker.start(variant.pages_port, number, self._seconds + 2 * _LEAD_S)
                time.sleep(_LEAD_S)
            victim = run_victim(variant.port, requests, self._seconds)
            attack = flood.result() if flood is not None else None
        # a flood can be so heavy that the victim gets a single answer
        latencies = victim.milliseconds * 2 if len(victim.milliseconds) == 1 else victim.milliseconds
        percentiles = statistics.quantiles(latencies, n=100, method="inclusive")
        result = Round(percentiles[49], percentiles[94], memory.peak / 1e6, victim.others)
        if attack is not None:
            counts = {"200": attack.answers, **attack.others, "closed": len(attack.broken)}
            result.statuses = {status: count / attack.seconds for status, count in counts.items() if count}
            result.largest = attack.largest
        return result


def store_answers(testbed: Testbed) -> None:
    """Store some thousand answers of many clients in each version, and fill its caches."""
    generator = LoadGenerator(testbed.fields, 16, 5000)
    try:
        for variant in testbed.variants:
            # without nginx, which would replace the addresses of the clients
            responses = generator.run(variant.programs[0].port, 0.5, -1, 4.0)
            if "error" in responses or not responses["answers"]:
                raise SystemExit(f"benchmarks.floods: {variant.name}: {responses}")
            expected = responses["answers"]
            wait_until(
                lambda variant=variant, expected=expected: variant.rows() >= expected, 60, "the answers are stored"
            )
    finally:
        generator.close()


def _read_etag(variant: Variant) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{variant.pages_port}/openapi.json")
    with NO_PROXY.open(request, timeout=30) as response:
        return response.headers.get("ETag", Target.etag)


class _PeakMemory:
    """The largest resident set of any worker of a version while the block runs, in bytes."""

    def __init__(self, variant: Variant) -> None:
        self._workers = psutil.Process(variant.programs[0].process.pid).children()
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.peak = 0

    def _sample(self) -> None:
        while not self._finished.is_set():
            for worker in self._workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.peak = max(self.peak, worker.memory_info().rss)
            self._finished.wait(_SAMPLE_S)

    def __enter__(self) -> _PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        self._thread.join()
