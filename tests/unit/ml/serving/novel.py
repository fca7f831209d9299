"""Made-up training rows, a gauge of them, and MESS as the paper writes it."""

from __future__ import annotations

import numpy as np

from ml.serving.novelty import NoveltyGauge

NAMES = list("abcd")


def gauge_of(rows, area=None, categorical=(), names=None):
    """A gauge whose natural units are the encoded ones."""
    columns = range(rows.shape[1])
    reference = [np.zeros(0, np.float32) if j in categorical else np.sort(rows[:, j]) for j in columns]
    return NoveltyGauge(names or NAMES[: rows.shape[1]], reference, area)


def rows_of(seed, n=60, p=4, categorical=()):
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(n, p)) * draw.choice([0.1, 1, 300], p) + draw.choice([-5, 0, 1], p)
    rows[:, list(categorical)] = draw.integers(0, 3, (n, len(categorical)))
    return rows.astype(np.float32)


def mess_by_the_paper(reference, p):
    """Elith et al. 2010, appendix, one predictor."""
    f = 100 * sum(value < p for value in reference) / len(reference)
    low, high = float(min(reference)), float(max(reference))
    if f == 0:
        return 100 * (float(p) - low) / (high - low)
    if f <= 50:
        return 2 * f
    if f < 100:
        return 2 * (100 - f)
    return 100 * (high - float(p)) / (high - low)
