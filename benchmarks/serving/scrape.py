"""The cost and the correctness of scraping ``/metrics`` while the application is under load."""

from __future__ import annotations

import threading
import time

from benchmarks.serving.protocol import Protocol
from benchmarks.serving.testbed import Testbed
from tools.live import NO_PROXY

_INTERVAL_S = 0.5


def scrape_under_load(testbed: Testbed, protocol: Protocol) -> list[str]:
    """Scrape EcoPredict twice a second during one more round; return lines for the report."""
    variant = next((one for one in testbed.variants if one.metrics_url), None)
    if variant is None:
        return []
    count_before = _count_predictions(_scrape(variant.metrics_url)[1])
    answers_before = protocol.answers[variant.name]
    latencies: list[float] = []
    errors: list[str] = []
    finished = threading.Event()

    def scrape_repeatedly() -> None:
        while not finished.is_set():
            try:
                latencies.append(_scrape(variant.metrics_url)[0])
            except OSError as error:
                errors.append(str(error))
            finished.wait(_INTERVAL_S)

    thread = threading.Thread(target=scrape_repeatedly)
    thread.start()
    try:
        result = protocol.measure(variant, 0.9, -1)
    finally:
        finished.set()
        thread.join()
    text = _scrape(variant.metrics_url)[1]
    counted = _count_predictions(text) - count_before
    answers = protocol.answers[variant.name] - answers_before
    n_series = sum(not line.startswith("#") for line in text.splitlines())
    return [
        f"`/metrics` scraped {len(latencies)} times under load ({result.rate:.0f} requests/s): {min(latencies):.0f} to "
        f"{max(latencies):.0f} ms, {n_series} series, {len(errors)} failed; "
        f"it counted {counted:.0f} predictions of {answers} answers.",
        "",
    ]


def _scrape(url: str) -> tuple[float, str]:
    """Return the milliseconds that a scrape took, and its text."""
    started = time.perf_counter()
    with NO_PROXY.open(url, timeout=10) as response:
        text = response.read().decode()
    return 1000 * (time.perf_counter() - started), text


def _count_predictions(text: str) -> float:
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("ecopredict_predictions_total")
    )
