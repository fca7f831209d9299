"""A multi-species network: one model of all species of a group, which helps species with few records.

The species share the hidden layers of small fully connected networks. Each species has an output, the logarithm of its
density ratio. The networks maximise the normalised Poisson likelihood, as Maxent does (DeepMaxent, arXiv 2412.19217;
shared layers as in multi-species distribution models, Ovaskainen et al. 2017, doi 10.1111/ele.12757). Dropout
(Srivastava et al. 2014, JMLR 15: 1929-1958) reduces overfitting. The model is the mean of several networks with
different random starts.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from ml.kernels.network import N_QUANTILES, network_inputs

Floats32 = NDArray[np.float32]


class MultiSpeciesNetwork(BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Mean of several networks with shared hidden layers and one output for each species.

    Parameters
    ----------
    width : int
        Units in each of the two hidden layers.
    n_networks : int
        Number of networks, which have different random starts.
    n_steps : int
        Adam steps on all rows; the learning rate falls to zero along a cosine.
    learning_rate : float
    weight_decay : float
        Share of the learning rate by which each step shrinks the weights (Loshchilov & Hutter 2019).
    dropout : float
        Share of hidden units left out at each step.
    max_background : int
        Largest number of random background points of one network; each network draws its own.
    categorical : tuple of int
        Columns of level codes 0, 1, 2, ...
    random_state : int
        Seed.

    Attributes
    ----------
    n_species_ : int
    quantiles_, positions_ : ndarray, shape (n_features, N_QUANTILES)
    mean_, scale_ : ndarray, shape (n_features,)
    n_levels_ : ndarray of int32, shape (n_features,)
    hidden_1_ : ndarray of float32, shape (n_networks, n_inputs + 1, width)
        The last row is the bias.
    hidden_2_ : ndarray of float32, shape (n_networks, width + 1, width)
    output_ : ndarray of float32, shape (n_networks, width + 1, n_species)
    """

    def __init__(
        self,
        width: int = 64,
        n_networks: int = 5,
        n_steps: int = 150,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-3,
        dropout: float = 0.3,
        max_background: int = 4000,
        categorical: tuple[int, ...] = (),
        random_state: int = 0,
    ) -> None:
        self.width = width
        self.n_networks = n_networks
        self.n_steps = n_steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.max_background = max_background
        self.categorical = categorical
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, background_weight: ArrayLike | None = None) -> Self:
        """Fit all species at once.

        Parameters
        ----------
        X : array-like, shape (n_samples, n_features)
            Encoded predictors.
        y : array-like of 0/1, shape (n_samples, n_species)
            1 where the species was recorded. Rows without any 1 are random background. The output of a species
            without records is 0 everywhere.
        background_weight : array-like, shape (n_samples,), optional
            Weight of each row as background, places of records included.

        Returns
        -------
        MultiSpeciesNetwork

        Raises
        ------
        ValueError
            Shapes do not fit, `y` has values other than 0 and 1 or no records, or values are missing.
        """
        rows = validate_data(self, X, dtype=np.float32)
        recorded = check_array(y, dtype=np.float32, ensure_2d=True)
        if len(recorded) != len(rows) or not np.isin(recorded, (0, 1)).all():
            raise ValueError("y must hold 0 and 1, a row for each row of X and a column for each species")
        if not recorded.any():
            raise ValueError("no species is recorded anywhere")
        if not 0 <= self.dropout < 1 or min(self.width, self.n_networks, self.n_steps, self.max_background) < 1:
            raise ValueError("dropout must be at least 0 and below 1; sizes and steps must be at least 1")
        weight = np.ones(len(rows)) if background_weight is None else np.asarray(background_weight, dtype=np.float64)
        if weight.shape != (len(rows),) or not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
            raise ValueError("background_weight must hold one number of 0 or more for each row, not all of them 0")
        self.n_species_ = recorded.shape[1]
        self._learn_inputs(rows)
        inputs = self._inputs(rows)

        places = np.flatnonzero(recorded.any(axis=1))
        others = np.flatnonzero(~recorded.any(axis=1) & (weight > 0))
        layers = []
        for number in range(self.n_networks):
            draw = np.random.default_rng((self.random_state, number))
            chosen = others
            if len(others) > self.max_background:
                chosen = np.sort(draw.choice(others, self.max_background, replace=False))
            used = np.concatenate((places, chosen))
            counted = weight[used].copy()
            # The drawn points get the weight of all points.
            if len(chosen):
                counted[len(places) :] *= weight[others].sum() / weight[chosen].sum()
            layers.append(self._fit_one(inputs[used], recorded[used], counted / counted.sum(), draw))
        self.hidden_1_, self.hidden_2_, self.output_ = (np.stack(parts) for parts in zip(*layers, strict=True))
        self._standardise(inputs, weight / weight.sum(), recorded)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithm of the density ratio of each species to the background.

        Parameters
        ----------
        X : array-like, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples, n_species)
        """
        check_is_fitted(self)
        inputs = self._inputs(validate_data(self, X, dtype=np.float32, reset=False)).astype(np.float64)
        return np.asarray(np.mean([self._forward(inputs, number) for number in range(self.n_networks)], axis=0))

    def _forward(self, inputs: NDArray[np.float64], number: int) -> NDArray[np.float64]:
        """Return the outputs of one network, shape (n, n_species), in double precision as in serving."""
        hidden = inputs
        for layer in (self.hidden_1_[number], self.hidden_2_[number]):
            hidden = np.maximum(hidden @ layer[:-1].astype(np.float64) + layer[-1], 0)
        output = self.output_[number].astype(np.float64)
        return np.asarray(hidden @ output[:-1] + output[-1])

    def _standardise(self, inputs: Floats32, weight: NDArray[np.float64], recorded: Floats32) -> None:
        """Shift each output so that the mean density ratio over the background is 1, which the likelihood leaves open.

        Outputs of a species without records are 0, and so are all outputs where no predictor varies.
        """
        self.output_[:, :, ~recorded.any(axis=0)] = 0
        if (inputs == inputs[0]).all():
            self.output_[:] = 0
            return
        counts = weight > 0
        for number in range(self.n_networks):
            scores = self._forward(inputs[counts].astype(np.float64), number)
            highest = scores.max(axis=0)
            self.output_[number, -1] -= highest + np.log(weight[counts] @ np.exp(scores - highest))

    def _learn_inputs(self, rows: Floats32) -> None:
        n_features = rows.shape[1]
        self.n_levels_ = np.zeros(n_features, np.int32)
        self.quantiles_, self.positions_ = np.zeros((2, n_features, N_QUANTILES))
        self.mean_, self.scale_ = np.zeros(n_features), np.ones(n_features)
        for j in range(n_features):
            column = rows[:, j].astype(np.float64)
            if j in self.categorical:
                self.n_levels_[j] = int(column.max()) + 1
                continue
            self.quantiles_[j] = np.quantile(column, np.linspace(0, 1, N_QUANTILES), method="lower")
            self.positions_[j] = np.linspace(0, 1, N_QUANTILES)
            self.mean_[j] = column.mean()
            self.scale_[j] = column.std() or 1.0

    def _inputs(self, rows: Floats32) -> Floats32:
        n_inputs = int(np.where(self.n_levels_ > 0, self.n_levels_, 2).sum())
        out = np.empty((len(rows), n_inputs), np.float32)
        network_inputs(
            self.quantiles_,
            self.positions_,
            self.mean_,
            self.scale_,
            self.n_levels_,
            np.ascontiguousarray(rows),
            out,
        )
        return out

    def _fit_one(
        self, inputs: Floats32, recorded: Floats32, weight: NDArray[np.float64], draw: np.random.Generator
    ) -> tuple[Floats32, Floats32, Floats32]:
        """Fit one network by Adam (Kingma & Ba 2015); return its layers, with the bias as last row."""
        sizes = [inputs.shape[1], self.width, self.width, self.n_species_]
        # Gains of He et al. 2015 for the hidden layers; small ones for the outputs, which start near 0.
        gain = [2.0, 2.0, 0.1]
        weights = [
            draw.normal(0, np.sqrt(gain[i] / sizes[i]), (sizes[i], sizes[i + 1])).astype(np.float32) for i in range(3)
        ]
        biases = [np.zeros(size, np.float32) for size in sizes[1:]]
        parameters = weights + biases
        first = [np.zeros_like(p) for p in parameters]
        second = [np.zeros_like(p) for p in parameters]
        counts = recorded.sum(axis=0)
        target = recorded / np.maximum(counts, 1)
        # Every record has the same weight, as in the likelihood of a Poisson process.
        importance = (counts / counts.sum()).astype(np.float32)
        log_weight = np.where(weight > 0, np.log(np.maximum(weight, 1e-30)), -1e9).astype(np.float32)[:, None]
        keep = np.float32(1 - self.dropout)

        for step in range(1, self.n_steps + 1):
            layers, masks = [inputs], []
            for w, b in zip(weights[:2], biases[:2], strict=True):
                hidden = layers[-1] @ w
                hidden += b
                np.maximum(hidden, 0, out=hidden)
                mask = (draw.random(hidden.shape, dtype=np.float32) < keep) / keep
                hidden *= mask
                masks.append(mask)
                layers.append(hidden)
            tilted = layers[-1] @ weights[2]
            tilted += biases[2]
            tilted += log_weight
            tilted -= tilted.max(axis=0)
            np.exp(tilted, out=tilted)
            tilted /= tilted.sum(axis=0)
            slope = (tilted - target) * importance
            gradients: list[Floats32] = []
            for i in (2, 1, 0):
                gradients = [layers[i].T @ slope, slope.sum(axis=0), *gradients]
                if i:
                    slope = slope @ weights[i].T
                    slope *= masks[i - 1]
                    slope *= layers[i] > 0
            rate = self.learning_rate * 0.5 * (1 + np.cos(np.pi * step / self.n_steps))
            for j, gradient in enumerate(gradients[0::2] + gradients[1::2]):
                first[j] += 0.1 * (gradient - first[j])
                second[j] += 0.001 * (gradient * gradient - second[j])
                change = (first[j] / (1 - 0.9**step)) / (np.sqrt(second[j] / (1 - 0.999**step)) + 1e-8)
                if j < 3:
                    change += self.weight_decay * parameters[j]
                parameters[j] -= (rate * change).astype(np.float32)
        hidden_1, hidden_2, output = (np.vstack((w, b)) for w, b in zip(weights, biases, strict=True))
        return hidden_1, hidden_2, output
