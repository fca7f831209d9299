"""Verdicts on "a place where it was recorded" of every model in a directory, and the example of the first page.

Run it with ``.venv/bin/python -m benchmarks.recorded_places instance/models``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from ml.serving.artifact import Artifact, find_artifacts, load_artifact
from ml.serving.showcase import RECORDED, find_showcase, verdict_at
from ml.serving.verdict import VERDICTS, WORDS, Verdict


def recorded_verdict(artifact: Artifact) -> Verdict | None:
    """Return the verdict on the starting point where the species was recorded; None without such a point."""
    points = [point for point in artifact.card.starting_points if point.label == RECORDED]
    return verdict_at(artifact, dict(points[0].environment)) if points else None


def main() -> None:
    """Print the verdict and the example of each model, and the number of models with each verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, help="directory of models")
    counts: Counter[Verdict] = Counter()
    for path in find_artifacts(parser.parse_args().models):
        artifact = load_artifact(path)
        verdict = recorded_verdict(artifact)
        if verdict is None:
            continue
        counts[verdict] += 1
        showcase = find_showcase(artifact)
        steps = "no example" if showcase is None else f"{showcase.predictor} leads to {showcase.steps[-1].verdict}"
        print(f"{artifact.card.species.slug:28} {WORDS[verdict]:20} {steps}")
    print(", ".join(f"{WORDS[verdict]}: {counts[verdict]}" for verdict in VERDICTS), f"of {counts.total()}")


if __name__ == "__main__":
    main()
