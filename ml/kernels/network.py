"""Compiled evaluation of the multi-species network."""

from __future__ import annotations

import numpy as np
from numba import njit

#: Points of a predictor's quantile table, which spreads skewed predictors evenly.
N_QUANTILES = 101
# Standardised values are clamped at this many standard deviations.
_CLAMPED_AT = 3.0
# Ranks run over 0..1; centred and multiplied by this they have the spread of a standardised predictor.
_RANK_SCALE = 3.46


@njit(cache=True, nogil=True)
def network_inputs(quantiles, positions, mean, scale, n_levels, rows, out):  # noqa: ANN001, ANN201
    """Compute the network's inputs.

    A continuous predictor has two inputs, its rank and its standardised value; a categorical one has an input for each
    level.

    Parameters
    ----------
    quantiles, positions : float64, shape (n_predictors, N_QUANTILES)
        Each predictor's values and their ranks in 0..1.
    mean, scale : float64, shape (n_predictors,)
    n_levels : int32, shape (n_predictors,)
        0 for a continuous predictor.
    rows : float32, shape (n, n_predictors)
    out : float32, shape (n, n_inputs)
        Filled.
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
            out[r, k + 1] = min(_CLAMPED_AT, max(-_CLAMPED_AT, standard))
            k += 2


@njit(cache=True, nogil=True)
def _rank(values, positions, value):  # noqa: ANN001, ANN202
    """Return the rank of a value, interpolated; the middle of the points for a value that occurs at several.

    `values` and `positions` are float64 of shape (N_QUANTILES,).
    """
    right = np.searchsorted(values, value, side="right")
    if right == 0:
        return positions[0]
    left = np.searchsorted(values, value, side="left")
    if left < right:
        return (positions[left] + positions[right - 1]) / 2
    if right == values.shape[0]:
        return positions[-1]
    # Interpolate from the middle of the lower value's points to the middle of the upper value's points.
    below, above = values[right - 1], values[right]
    low = (positions[np.searchsorted(values, below, side="left")] + positions[right - 1]) / 2
    high = (positions[right] + positions[np.searchsorted(values, above, side="right") - 1]) / 2
    return low + (high - low) * (value - below) / (above - below)


@njit(cache=True, nogil=True)
def forward(hidden_1, hidden_2, output, inputs, out):  # noqa: ANN001, ANN201
    """Compute the mean output of the networks for each row: two hidden layers of rectified linear units.

    Parameters
    ----------
    hidden_1 : float32, shape (n_networks, n_inputs + 1, width)
        The last row is the bias, as in the other layers.
    hidden_2 : float32, shape (n_networks, width + 1, width)
    output : float32, shape (n_networks, width + 1)
    inputs : float32, shape (n, n_inputs)
    out : float64, shape (n,)
        Filled.
    """
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
