"""Complete answers for many rows as arrays: the numbers that `FastPredictor.answer` gives for each of them.

Maps and batches use it. Contributions are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.serving.answers import RowMeasures
from ml.serving.artifact import Artifact
from ml.serving.threshold import Cutoff
from ml.serving.verdict import judge_rows

#: Rows that are computed together; their intermediate values take some megabytes.
BLOCK_ROWS = 2**15


@dataclass(frozen=True)
class BulkAnswers(RowMeasures):
    """Answers for many rows: what was measured, and the verdicts.

    Attributes
    ----------
    verdict : ndarray of uint8, shape (n,)
        Index into `ml.serving.verdict.VERDICTS`.
    """

    verdict: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.suitability)


def answer_rows(
    artifact: Artifact, X: NDArray[Any], *, threshold: Cutoff | None = None, extrapolation: bool = False
) -> BulkAnswers:
    """Answer many rows of natural values.

    Parameters
    ----------
    artifact : Artifact
    X : ndarray, shape (n, n_predictors)
        Natural units (level names where categorical), in the order of the card's predictors.
    threshold : Cutoff, optional
        The card's by default.
    extrapolation : bool
        Whether rows outside the area of applicability get a verdict.

    Returns
    -------
    BulkAnswers
        Equal to the answers of the single rows.

    Raises
    ------
    EnvironmentValueError
        A value that is missing, infinite or not a known level.
    """
    encoder = artifact.predictor.encoder
    return answer_encoded(
        artifact, encoder.natural_rows(X), encoder.encode_rows(X), threshold=threshold, extrapolation=extrapolation
    )


def answer_encoded(
    artifact: Artifact,
    natural: NDArray[np.float32],
    encoded: NDArray[np.float32],
    *,
    threshold: Cutoff | None = None,
    extrapolation: bool = False,
) -> BulkAnswers:
    """Answer rows that are already encoded.

    Parameters
    ----------
    artifact : Artifact
    natural : ndarray of float32, shape (n, n_predictors)
        Natural units; entries of categorical predictors are ignored.
    encoded : ndarray of float32, shape (n, n_predictors)
        As `RowEncoder.encode_rows` gives.
    threshold, extrapolation
        As for `answer_rows`.

    Returns
    -------
    BulkAnswers
    """
    cutoff = threshold or artifact.predictor.cutoff()
    starts = range(0, len(encoded), BLOCK_ROWS) or (0,)
    blocks = [
        artifact.predictor.measure_rows(natural[start : start + BLOCK_ROWS], encoded[start : start + BLOCK_ROWS])
        for start in starts
    ]
    measures = blocks[0] if len(blocks) == 1 else RowMeasures.join(blocks)
    verdict = judge_rows(
        measures.suitability,
        (measures.low, measures.high),
        cutoff,
        inside=measures.inside | extrapolation,
        better_than_chance=artifact.quality.better_than_chance,
    )
    return BulkAnswers(**measures.columns(), verdict=verdict)
