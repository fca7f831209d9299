"""Which records are kept under a recipe, and the one reason of each that is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.recipes.recipe import LICENCES, OPEN_LICENCES, Recipe
from ml.records.duplicates import duplicates
from ml.records.reasons import CHECKS, COMPARISONS, POSITIONS, STORED
from ml.records.saved_audit import Audit
from ml.records.thinning import crowded

Bools = NDArray[np.bool_]
_NOT_STATED = LICENCES.index("not stated")


@dataclass(frozen=True)
class Decision:
    """What becomes of every record.

    Attributes
    ----------
    reason : ndarray of int8, shape (n,)
        Position in ``ml.records.reasons.CHECKS`` of the check that dropped the record; -1 where it is kept.
    flags : dict of str to ndarray of bool, shape (n,)
        Records that each flag marks, by code. Flags that are switched off are not in it.
    concerned : dict of str to int
        Records that each check concerns, whatever other checks say. Those that compare records (duplicates, one a cell,
        thinning) are counted among the records that remain after the checks before.
    on, drops : dict of str to bool
        Whether a check is switched on, and whether it drops records.
    species : ndarray of int32, shape (n,)
        Position in ``names``; -1 without a species.
    names : list of str
        Names of the species after merging.
    chosen : ndarray of bool, shape (n_species,)
        Species that are trained as far as the recipe chooses.
    """

    reason: NDArray[np.int8]
    flags: dict[str, Bools]
    concerned: dict[str, int]
    on: dict[str, bool]
    drops: dict[str, bool]
    species: NDArray[np.int32]
    names: list[str]
    chosen: Bools

    @property
    def kept(self) -> Bools:
        """Which records are kept, shape (n,)."""
        return np.asarray(self.reason < 0)


def decide(audit: Audit, recipe: Recipe) -> Decision:
    """Decide which records are kept. Pages, files and training use this function.

    Parameters
    ----------
    audit : Audit
    recipe : Recipe
        Its rules, species and merged names.

    Returns
    -------
    Decision
    """
    groups, names = merge_species(audit, recipe)
    chosen = _chosen(audit, recipe, groups, names)
    species = np.where(audit.species >= 0, groups[audit.species], -1).astype(np.int32) if audit.names else audit.species
    reason = np.full(audit.n, -1, dtype=np.int8)
    on, drops = switches(recipe)
    flags: dict[str, Bools] = {}
    concerned: dict[str, int] = {}
    for check in CHECKS:
        if check.code in COMPARISONS:
            hit = _repeated(check.code, audit, recipe, species, reason < 0)
        elif check.code in STORED:
            hit = audit.mark(check.code)
        else:
            hit = _choice(check.code, audit, recipe, species, chosen)
        concerned[check.code] = int(np.count_nonzero(hit))
        if on[check.code] and check.kind == "flag":
            flags[check.code] = hit
        if drops[check.code] and concerned[check.code]:
            reason[hit & (reason < 0)] = POSITIONS[check.code]
    return Decision(reason, flags, concerned, on, drops, species, names, chosen)


def switches(recipe: Recipe) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return by code whether a check is switched on, and whether it drops records."""
    off, drop = set(recipe.rules.off), set(recipe.rules.drop)
    on = {check.code: not check.switchable or (check.on and check.code not in off) for check in CHECKS}
    return on, {check.code: on[check.code] and (check.kind == "drop" or check.code in drop) for check in CHECKS}


def uncertainty_limit(audit: Audit, recipe: Recipe) -> float | None:
    """Return the largest coordinate uncertainty, metres: that of the recipe, or else the width of a cell."""
    return recipe.rules.max_uncertainty_m or audit.cell_width_m


def allowed_licences(recipe: Recipe) -> Bools:
    """Return for each of ``LICENCES`` whether its records are kept."""
    choice = OPEN_LICENCES if recipe.rules.licences is None else recipe.rules.licences
    return np.array([licence in choice for licence in LICENCES])


def merge_species(audit: Audit, recipe: Recipe) -> tuple[NDArray[np.int32], list[str]]:
    """Return the number of each species after merging, shape (n_species,), and the names by number.

    A name is one of the canonical names or one of their spellings. Names that no record has are left out.
    """
    codes = spelling_codes(audit)
    targets = list(range(len(audit.names)))
    labels = dict(enumerate(audit.names))
    for name, label in recipe.merge.items():
        if name not in codes:
            continue
        # A name that is merged may be merged again: A to B, and B to C.
        seen = {name}
        while label in recipe.merge and label not in seen:
            seen.add(label)
            label = recipe.merge[label]
        target = codes.get(label)
        if target is None:
            target = codes[label] = len(labels)
            labels[target] = label
        targets[codes[name]] = target
    used = sorted({labels[target] for target in targets})
    numbers = {name: number for number, name in enumerate(used)}
    return np.array([numbers[labels[target]] for target in targets], dtype=np.int32), used


def spelling_codes(audit: Audit) -> dict[str, int]:
    """Return the number of each species by its canonical name and its spellings."""
    codes = {spelling: code for code, spellings in enumerate(audit.spellings) for spelling in spellings}
    return codes | {name: code for code, name in enumerate(audit.names)}


def _chosen(audit: Audit, recipe: Recipe, groups: NDArray[np.int32], names: list[str]) -> Bools:
    if recipe.species is None:
        return np.ones(len(names), dtype=bool)
    codes = spelling_codes(audit)
    labels = {names[groups[codes[name]]] if name in codes else name for name in recipe.species}
    return np.array([name in labels for name in names], dtype=bool)


def _choice(code: str, audit: Audit, recipe: Recipe, species: NDArray[np.int32], chosen: Bools) -> Bools:
    """Return which records a check concerns that the recipe's choices decide."""
    rules = recipe.rules
    if code == "species_not_chosen":
        # A record without a species has a reason of its own.
        return np.append(~chosen, False)[species]
    if code == "licence":
        refused = ~allowed_licences(recipe)[audit.licence]
        if rules.licences is None:
            silent = ~np.array(audit.states_licence, dtype=bool)
            refused &= ~(silent[audit.file] & (audit.licence == _NOT_STATED))
        return np.asarray(refused)
    if code == "uncertainty_above_limit":
        limit = uncertainty_limit(audit, recipe)
        return np.zeros(audit.n, dtype=bool) if limit is None else np.asarray(audit.uncertainty > np.float32(limit))
    if rules.first_year is None and rules.last_year is None:
        return np.zeros(audit.n, dtype=bool)
    if code == "year_not_stated":
        return np.asarray(audit.year == 0)
    first, last = rules.first_year or 0, rules.last_year or 9_999
    return np.asarray((audit.year != 0) & ((audit.year < first) | (audit.year > last)))


def _repeated(code: str, audit: Audit, recipe: Recipe, species: NDArray[np.int32], remaining: Bools) -> Bools:
    """Return which of the remaining records repeat another of them, shape (n,)."""
    out = np.zeros(audit.n, dtype=bool)
    keys = {"duplicate": audit.occasion, "same_cell": audit.species_cell, "thinned": audit.place}[code]
    usable = remaining & (keys >= 0) & (species >= 0)
    if code == "thinned":
        if recipe.rules.thin_km is not None:
            at = np.flatnonzero(usable)
            out[at] = crowded(species[at], audit.longitude[at], audit.latitude[at], recipe.rules.thin_km)
        return out
    # The first in the order of places is kept, so that the order of rows has no influence on the places that are kept.
    rows = audit.order[usable[audit.order]].astype(np.int64)
    repeated = duplicates(keys[rows])
    out[rows] = repeated
    if recipe.merge:
        # Species that were merged share places and cells.
        rows = rows[~repeated]
        shared = (audit.event if code == "duplicate" else audit.cell)[rows].astype(np.int64)
        out[rows] = duplicates(species[rows] * (int(shared.max(initial=0)) + 1) + shared)
    return out
