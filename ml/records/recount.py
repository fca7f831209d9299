"""Counts of kept and dropped records under a recipe, from a saved audit. Nothing here imports pandas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.recipes.recipe import LICENCES, Recipe
from ml.recipes.reports import (
    LicenceCount,
    Problem,
    ReasonCount,
    RecordsReport,
    Remedy,
    SpeciesCount,
)
from ml.records.decision import Decision, allowed_licences, decide, merge_species, uncertainty_limit
from ml.records.duplicates import duplicates
from ml.records.effectless import without_effect
from ml.records.reasons import CHECKS, POSITIONS, Check
from ml.records.saved_audit import Audit

__all__ = ["Audit", "Decision", "decide", "recount"]

#: Largest number of places of a report, for its map.
MOST_PLACES = 2_000


def recount(audit: Audit, recipe: Recipe) -> RecordsReport:
    """Count the records under a recipe.

    Parameters
    ----------
    audit : Audit
    recipe : Recipe

    Returns
    -------
    RecordsReport
        ``kept`` and the numbers of the checks that drop add up to ``n``.
    """
    decision = decide(audit, recipe)
    kept = decision.kept
    species = _species(audit, recipe, decision)
    return RecordsReport(
        n=audit.n,
        kept=int(np.count_nonzero(kept)),
        cells=None if audit.cell_width_m is None else _n_cells(audit, kept),
        reasons=[_reason(check, audit, recipe, decision) for check in CHECKS],
        licences=_licences(audit, recipe),
        species=species,
        places=_places(audit, kept),
        problems=_problems(audit, recipe, decision, species),
    )


def _reason(check: Check, audit: Audit, recipe: Recipe, decision: Decision) -> ReasonCount:
    code = check.code
    dropped = int(np.count_nonzero(decision.reason == POSITIONS[code]))
    marked = int(np.count_nonzero(decision.flags[code])) if code in decision.flags else 0
    explanation = check.explanation
    if code == "no_conditions" and audit.empty_layers:
        listed = ", ".join(f"{name} ({n:,})" for name, n in list(audit.empty_layers.items())[:10])
        explanation += f" Records without a value, by layer: {listed}."
    limit = uncertainty_limit(audit, recipe)
    if code == "uncertainty_above_limit":
        explanation += " No limit applies yet." if limit is None else f" The limit is {limit:,.0f} m."
    return ReasonCount(
        code=code,
        label=check.label,
        explanation=explanation,
        kind=check.kind,
        on=decision.on[code],
        drops=decision.drops[code],
        switchable=check.switchable,
        n=dropped if decision.drops[code] else marked,
        n_concerned=decision.concerned[code],
    )


def _licences(audit: Audit, recipe: Recipe) -> list[LicenceCount]:
    counts = np.bincount(audit.licence, minlength=len(LICENCES))
    allowed = allowed_licences(recipe)
    missing = LICENCES.index("not stated")
    if recipe.rules.licences is None:
        # Kept where the file states none at all.
        allowed[missing] = not np.array(audit.states_licence, dtype=bool)[audit.file[audit.licence == missing]].any()
    return [
        LicenceCount(licence=licence, n=int(n), kept=bool(is_kept))
        for licence, n, is_kept in zip(LICENCES, counts, allowed, strict=True)
        if n
    ]


def _species(audit: Audit, recipe: Recipe, decision: Decision) -> list[SpeciesCount]:
    n_species = len(decision.names)
    n = np.bincount(decision.species[decision.species >= 0], minlength=n_species)
    rows = np.flatnonzero(decision.kept & (decision.species >= 0))
    kept = np.bincount(decision.species[rows], minlength=n_species)
    cells = np.bincount(decision.species[_distinct(audit, recipe, decision, rows)], minlength=n_species)
    groups, _ = merge_species(audit, recipe)
    spellings: list[list[str]] = [[] for _ in range(n_species)]
    for code, group in enumerate(groups):
        spellings[group] += audit.spellings[code]
    alike = {int(groups[a]): decision.names[groups[b]] for a, b in audit.alike if groups[a] != groups[b]}
    counts = [
        SpeciesCount(
            name=name,
            names=spellings[code],
            n=int(n[code]),
            kept=int(kept[code]),
            cells=None if audit.cell_width_m is None else int(cells[code]),
            trained=bool(decision.chosen[code] and cells[code] >= recipe.settings.fewest),
            looks_like=alike.get(code),
        )
        for code, name in enumerate(decision.names)
    ]
    return sorted(counts, key=lambda count: (-count.kept, -count.n, count.name))


def _distinct(audit: Audit, recipe: Recipe, decision: Decision, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one row for each species and cell. Without layers, different places take the part of cells."""
    if audit.cell_width_m is not None:
        rows = rows[~duplicates(audit.species_cell[rows])]
        if not recipe.merge:
            return rows
    spots = audit.cell if audit.cell_width_m is not None else audit.place
    keys = decision.species[rows].astype(np.int64) * (int(spots.max(initial=0)) + 1) + spots[rows]
    return np.asarray(rows[~duplicates(keys)])


def _n_cells(audit: Audit, kept: NDArray[np.bool_]) -> int:
    rows = np.flatnonzero(kept & (audit.species_cell >= 0))
    cells = np.sort(audit.cell[rows[~duplicates(audit.species_cell[rows])]])
    return int(np.count_nonzero(np.diff(cells))) + bool(len(cells))


def _places(audit: Audit, kept: NDArray[np.bool_]) -> list[tuple[float, float, bool]]:
    """Return up to 2,000 places, spread over the order of places; a place is kept if one of its records is."""
    n_places = int(audit.place.max(initial=-1)) + 1
    if not n_places:
        return []
    first = np.zeros(n_places, dtype=np.int64)
    rows = np.flatnonzero(audit.place >= 0)
    first[audit.place[rows]] = rows
    is_kept = np.zeros(n_places, dtype=bool)
    is_kept[audit.place[rows[kept[rows]]]] = True
    sample = np.unique(np.linspace(0, n_places - 1, min(n_places, MOST_PLACES)).astype(np.int64))
    longitude, latitude = (np.round(degrees[first[sample]], 6) for degrees in (audit.longitude, audit.latitude))
    return list(zip(longitude.tolist(), latitude.tolist(), is_kept[sample].tolist(), strict=True))


def _problems(audit: Audit, recipe: Recipe, decision: Decision, species: list[SpeciesCount]) -> list[Problem]:
    problems = [
        Problem(
            code="names_alike",
            text=f"{count.name} ({count.n:,} records) and {count.looks_like} have almost the same name. If they are "
            "one species, merge them.",
            blocking=False,
            remedy=Remedy(
                label=f"Merge {count.name} into {count.looks_like}",
                target="records",
                change={"merge": {**recipe.merge, count.name: count.looks_like}},
            ),
        )
        for count in species
        if count.looks_like is not None
    ]
    problems += without_effect(audit, recipe)
    if not audit.n:
        return [Problem(code="no_records", text="The files have no records. Add a file with records."), *problems]
    if any(count.trained for count in species):
        return problems
    if decision.kept.any():
        most = max(species, key=lambda count: count.cells if count.cells is not None else count.kept)
        where = "places" if most.cells is None else "cells"
        number = most.kept if most.cells is None else most.cells
        text = (
            f"No species has enough records: {most.name} has the most with {number:,} {where}, and "
            f"{recipe.settings.fewest} are needed. Add records, or switch checks off."
        )
        return [Problem(code="too_few_records", text=text), *problems]
    return [_nothing_kept(audit, recipe, decision), *problems]


def _nothing_kept(audit: Audit, recipe: Recipe, decision: Decision) -> Problem:
    """Return the problem that all records were dropped, with the most frequent reason and what to do."""
    numbers = np.bincount(decision.reason, minlength=len(CHECKS))
    check = CHECKS[int(numbers.argmax())]
    text = f"No record is kept. The most frequent reason is: {check.label} ({int(numbers.max()):,} of {audit.n:,})."
    remedy = None
    if check.code == "no_species":
        text += " Choose the column with the names, or name the species of each file."
    elif check.code == "licence":
        counts = np.bincount(audit.licence, minlength=len(LICENCES))
        licences = [licence for licence, n in zip(LICENCES, counts, strict=True) if n]
        text += f" The records are under {', '.join(licences)}. Allow one of these licences if you may use them."
        remedy = Remedy(
            label=f"Allow {', '.join(licences)}", target="records", change={"rules": {"licences": licences}}
        )
    elif check.code in ("outside_layers", "no_conditions"):
        text += " Add layers of the region of the records, or check that latitude and longitude are not exchanged."
    elif check.code.startswith("coordinates_"):
        text += " Check which columns have the latitude and the longitude."
    if remedy is None and check.switchable and check.code != "licence":
        remedy = Remedy(
            label=f"Switch off: {check.label}",
            target="records",
            change={"rules": {"off": [*recipe.rules.off, check.code]}},
        )
    return Problem(code="no_records_kept", text=text, remedy=remedy)
