"""Compiled loops that evaluate the multi-species network."""

from __future__ import annotations

import numpy as np
from numba import njit

#: Number of points of a predictor's quantile table, which spreads skewed predictors evenly for the network.
N_QUANTILES = 101


# Predictors far outside the training range are held at this many standard deviations in the network.
_HELD_AT = 3.0


# Ranks run over 0..1; centred and multiplied by this they have the spread of a standardised predictor.
_RANK_SCALE = 3.46


@njit(cache=True, nogil=True)
def network_inputs(quantiles, positions, mean, scale, n_levels, rows, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """What the network sees, into `out` of shape (n, n_inputs).

    A continuous predictor enters twice, by its rank and by its standardised value; a categorical one by its level.
    """
    for r in range(rows.shape[0]):
        k = 0
        for j in range(rows.shape[1]):
            value = np.float64(rows[r, j])
            if n_levels[j] > 0:
                for level in range(n_levels[j]):
                    out[r, k + level] = 1.0 if value == level else 0.0
                k += n_levels[j]
                continue
            out[r, k] = (_rank(quantiles[j], positions[j], value) - 0.5) * _RANK_SCALE
            standard = (value - mean[j]) / scale[j]
            out[r, k + 1] = min(_HELD_AT, max(-_HELD_AT, standard))
            k += 2


@njit(cache=True, nogil=True)
def _rank(values, positions, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Rank of a value between the table's points; of a value that fills several points, the middle of them."""
    right = np.searchsorted(values, value, side="right")
    if right == 0:
        return positions[0]
    left = np.searchsorted(values, value, side="left")
    if left < right:
        return (positions[left] + positions[right - 1]) / 2
    if right == values.shape[0]:
        return positions[-1]
    # between two different values: from the middle of the lower one's points to the middle of the upper one's
    below, above = values[right - 1], values[right]
    low = (positions[np.searchsorted(values, below, side="left")] + positions[right - 1]) / 2
    high = (positions[right] + positions[np.searchsorted(values, above, side="right") - 1]) / 2
    return low + (high - low) * (value - below) / (above - below)


@njit(cache=True, nogil=True)
def forward(hidden_1, hidden_2, output, inputs, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Mean output of the networks for each row, shape (n,), into `out`."""
    n_networks, width = output.shape[0], output.shape[1] - 1
    first, second = np.empty(width), np.empty(width)
    for r in range(inputs.shape[0]):
        total = 0.0
        for m in range(n_networks):
            first[:] = hidden_1[m, -1]
            for i in range(inputs.shape[1]):
                x = np.float64(inputs[r, i])
                if x != 0:
                    for h in range(width):
                        first[h] += x * hidden_1[m, i, h]
            second[:] = hidden_2[m, -1]
            for i in range(width):
                x = first[i]
                if x > 0:
                    for h in range(width):
                        second[h] += x * hidden_2[m, i, h]
            value = np.float64(output[m, width])
            for h in range(width):
                if second[h] > 0:
                    value += second[h] * output[m, h]
            total += value
        out[r] = total / n_networks
