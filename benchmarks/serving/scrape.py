"""Prometheus' side: what it costs and says to be scraped while the application is under load."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from tools.live import NO_PROXY

if TYPE_CHECKING:
    from benchmarks.serving.__main__ import Protocol
    from benchmarks.serving.stage import Stage

_EVERY_S = 0.5


def under_load(stage: Stage, protocol: Protocol) -> list[str]:
    """Scrape EcoPredict every half second through one more round, and return what to say of it."""
    variant = next((one for one in stage.variants if one.metrics_url), None)
    if variant is None:
        return []
    before = _counted(_scrape(variant.metrics_url)[1])
    answers = protocol.answers[variant.name]
    took: list[float] = []
    failed: list[str] = []
    done = threading.Event()

    def go_on() -> None:
        while not done.is_set():
            try:
                took.append(_scrape(variant.metrics_url)[0])
            except OSError as error:
                failed.append(str(error))
            done.wait(_EVERY_S)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        one = protocol.measure(variant, 0.9, -1)
    finally:
        done.set()
        thread.join()
    text = _scrape(variant.metrics_url)[1]
    counted = _counted(text) - before
    given = protocol.answers[variant.name] - answers
    series = sum(not line.startswith("#") for line in text.splitlines())
    return [
        f"`/metrics` scraped {len(took)} times under load ({one.rate:.0f} requests/s): {min(took):.0f} to "
        f"{max(took):.0f} ms, {series} series, {len(failed)} failed; "
        f"it counted {counted:.0f} predictions of {given} given.",
        "",
    ]


def _scrape(url: str) -> tuple[float, str]:
    began = time.perf_counter()
    with NO_PROXY.open(url, timeout=10) as response:
        text = response.read().decode()
    return 1000 * (time.perf_counter() - began), text


def _counted(text: str) -> float:
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("ecopredict_predictions_total")
    )
