"""Species with known suitability on a region's real environment, and records of them with a known bias.

A cell is a random background point of a region of the NCEAS benchmark, with its real conditions and coordinates.
The records of a group are drawn from the cells where its species occur, in proportion to how often people go there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ml.benchmark.nceas import RegionGroup, are_degrees
from ml.training.default_model import Group

Floats = NDArray[np.float64]
KINDS = ("none", "roads", "climate", "taxon")
"""How people choose places: evenly, near roads, by the climate, or by a taste of their own for each species."""
RECORDS = (10, 30, 100, 300, 1000)
PREVALENCES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
_ROADS = 6
# At most this share of the cells in which a species occurs is recorded.
_MOST_RECORDED = 0.25


@dataclass(frozen=True)
class World:
    """The cells of a region.

    Attributes
    ----------
    region : str
    rows : ndarray of float32, shape (n, n_predictors)
    places : ndarray, shape (n, 2)
    categorical : tuple of int
    predictors : tuple of str
        Names; x0, x1, … where there are none.
    """

    region: str
    rows: NDArray[np.float32]
    places: Floats
    categorical: tuple[int, ...]
    predictors: tuple[str, ...] = ()

    @classmethod
    def of(cls, group: RegionGroup) -> World:
        """Return the random background of a region."""
        random = ~group.records.recorded.any(axis=1)
        records, names = group.records, tuple(group.predictors)
        return cls(group.region, records.rows[random], group.places[random], records.categorical, names)

    def standard_scores(self) -> Floats:
        """Return the continuous predictors as standardised ranks, shape (n, n_continuous)."""
        columns = [j for j in range(self.rows.shape[1]) if j not in self.categorical]
        return np.column_stack([_standardised(rankdata(self.rows[:, j])) for j in columns])


@dataclass(frozen=True)
class VirtualGroup:
    """Species with known suitability, and their records.

    Attributes
    ----------
    group : RegionGroup
        Its test rows are all cells of the world.
    suitability : ndarray, shape (n_cells, n_species)
        Probability that the species occurs in the cell.
    effort : ndarray, shape (n_cells, n_species)
        How often people look for the species in the cell, up to a factor.
    n_records : ndarray of int, shape (n_species,)
    """

    group: RegionGroup
    suitability: Floats
    effort: Floats
    n_records: NDArray[np.int64]


def make_group(
    world: World, kind: str, strength: float, draw: np.random.Generator, n_species: int = 10, common: float = 0.0
) -> VirtualGroup:
    """Make a group of virtual species with records.

    Parameters
    ----------
    world : World
    kind : str
        One of `KINDS`.
    strength : float
        Standard deviation over the cells of the logarithm of how often people go there.
    draw : Generator
    n_species : int
        Their numbers of records go through `RECORDS`.
    common : float
        Share of the variance of each species' liking of a cell that all species of the group have in common, 0..1.

    Returns
    -------
    VirtualGroup
    """
    scores = world.standard_scores()
    n = len(scores)
    shared = common**0.5 * liking(scores, draw) if common else None
    likings = []
    for _ in range(n_species):
        prevalence, own = draw.choice(PREVALENCES), liking(scores, draw)
        likings.append((own if shared is None else shared + (1 - common) ** 0.5 * own, prevalence))
    suitability = np.column_stack([niche(one, prevalence) for one, prevalence in likings])
    effort = [np.exp(strength * taste) for taste in _tastes(world, scores, kind, n_species, draw)]
    recorded = np.zeros((n, n_species), np.int64)
    for s in range(n_species):
        occurs = np.flatnonzero(draw.random(n) < suitability[:, s])
        wanted = min(RECORDS[s % len(RECORDS)], int(len(occurs) * _MOST_RECORDED))
        weight = effort[s][occurs]
        recorded[draw.choice(occurs, max(2, wanted), replace=False, p=weight / weight.sum()), s] = 1
    visited = np.flatnonzero(recorded.any(axis=1))
    # Random background is a second draw of cells, which may have records too.
    random = draw.choice(n, n // 2, replace=False)
    chosen = np.concatenate([visited, random])
    labels = np.concatenate([recorded[visited], np.zeros((len(random), n_species), np.int64)])
    group = RegionGroup(
        region=world.region,
        name=f"{kind} {strength:g}",
        species=[f"virtual{s:02d}" for s in range(n_species)],
        n_presences=recorded.sum(axis=0).tolist(),
        predictors=list(world.predictors) or [f"x{j}" for j in range(world.rows.shape[1])],
        records=Group(world.rows[chosen], labels, world.categorical),
        places=world.places[chosen],
        geographic=are_degrees(world.places),
        sites=[str(i) for i in range(n)],
        test_rows=world.rows,
        unseen={},
    )
    return VirtualGroup(group, suitability, np.column_stack(effort), recorded.sum(axis=0))


def liking(scores: Floats, draw: np.random.Generator) -> Floats:
    """Return how much a species likes the cells: two to four humps or slopes, each along one predictor.

    Parameters
    ----------
    scores : ndarray, shape (n, n_continuous)
    draw : Generator

    Returns
    -------
    ndarray, shape (n,)
        Standardised.
    """
    chosen = draw.choice(scores.shape[1], min(scores.shape[1], int(draw.integers(2, 5))), replace=False)
    total = np.zeros(len(scores))
    for j in chosen:
        if draw.random() < 0.6:
            total -= ((scores[:, j] - draw.normal()) / draw.uniform(0.5, 1.5)) ** 2 / 2
        else:
            total += draw.choice([-1, 1]) * draw.uniform(0.5, 2) * scores[:, j]
    return _standardised(total)


def niche(liked: Floats, prevalence: float) -> Floats:
    """Return a suitability: a logistic function of a liking, with the given mean over the cells.

    Parameters
    ----------
    liked : ndarray, shape (n,)
        Standardised.
    prevalence : float

    Returns
    -------
    ndarray, shape (n,)
    """
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _logistic(3 * liked + middle).mean() < prevalence else (low, middle)
    return _logistic(3 * liked + (low + high) / 2)


def expected_auc(score: Floats, suitability: Floats) -> float:
    """Return the AUC of a score that is expected over all occurrences that a suitability allows.

    Each cell counts as a presence by its suitability and as an absence by the rest; ties count half.

    Parameters
    ----------
    score, suitability : ndarray, shape (n,)

    Returns
    -------
    float
    """
    _, level = np.unique(score, return_inverse=True)
    present = np.bincount(level, weights=suitability)
    absent = np.bincount(level, weights=1 - suitability)
    below = np.cumsum(absent) - absent
    pairs = (present * (below + absent / 2)).sum() - (suitability * (1 - suitability)).sum() / 2
    # a cell is not compared with itself
    return float(pairs / (present.sum() * absent.sum() - (suitability * (1 - suitability)).sum()))


def _tastes(world: World, scores: Floats, kind: str, n_species: int, draw: np.random.Generator) -> list[Floats]:
    """Return for each species where people look for it, as standardised scores of the cells."""
    if kind == "none":
        return [np.zeros(len(scores))] * n_species
    if kind == "roads":
        return [_nearness(world.places, draw)] * n_species
    shared = _standardised(scores @ draw.normal(size=scores.shape[1]))
    if kind == "climate":
        return [shared] * n_species
    # half of the taste belongs to the species
    own = [_standardised(scores @ draw.normal(size=scores.shape[1])) for _ in range(n_species)]
    return [_standardised(shared + one) for one in own]


def _nearness(places: Floats, draw: np.random.Generator) -> Floats:
    """Return how near the places lie to straight roads between random places, standardised."""
    ends = places[draw.integers(0, len(places), (_ROADS, 2))]
    nearest = np.full(len(places), np.inf)
    for start, end in ends:
        along = end - start
        position = np.clip((places - start) @ along / max(float(along @ along), 1e-12), 0, 1)
        nearest = np.minimum(nearest, np.hypot(*(places - start - position[:, None] * along).T))
    return -_standardised(rankdata(nearest))


def _standardised(values: Floats) -> Floats:
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
