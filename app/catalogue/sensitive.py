"""Places of records as the present request may see them: the one place that coarsens them.

Whatever shows a place of a record, or conditions that identify one, asks :func:`grid_for` for the grid of the study and
passes the places through :func:`coarsen`. The hot path of a prediction looks into memory, and into the database for
nobody but a person who is signed in.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, false, true

from app.catalogue import access, place_checks
from app.catalogue.names import fold
from app.catalogue.snapshot import snapshot_file
from app.catalogue.study_tables import Study
from ml.card import Conditions, ModelCard, Places
from ml.card_preparation import Preparation
from ml.coarse_places import cells_of, coarsen, coarsen_place
from ml.recipes.reports import RecordsReport

__all__ = [
    "cells_of",
    "coarsen",
    "coarsen_place",
    "grid_for",
    "has_marks",
    "hides_checks",
    "is_marked",
    "seen_exactly",
    "sentence",
    "shown_card",
    "shown_fingerprint",
    "shown_places",
    "shown_starts",
]

#: In the place of the hash of a training table, which can be compared with that of guessed records.
_WITHHELD: Final = "withheld"


def is_marked(study: str) -> bool:
    """Return whether a study has a sensitive species, whoever asks."""
    return snapshot_file().marks().of(study) is not None


def has_marks() -> bool:
    """Return whether any study may have a sensitive species."""
    known = snapshot_file().marks().by_study
    return known is None or bool(known)


def grid_for(study: str) -> int | None:
    """Return the grid on which the present request sees the places of a study's records, in km; None: as they are.

    The response depends on the person from now on, where the study has a sensitive species.

    Raises
    ------
    RuntimeError
        There is no application, and so nobody knows what is sensitive: places are never exact by mistake.
    """
    mark = snapshot_file().marks().of(study)
    if mark is None or access.sees_places(study):
        return None
    return mark.grid_km


def seen_exactly() -> ColumnElement[bool]:
    """Return the condition on `Study` that selects the studies whose places the present request sees as they are."""
    known = snapshot_file().marks().by_study
    if known is None:
        return true() if access.current().everything else false()
    coarse = [slug for slug in known if grid_for(slug) is not None]
    return Study.slug.not_in(coarse) if coarse else true()


def sentence(study: str, species: str = "") -> str:
    """Return in words on which grid the present request sees places; empty where it sees them as they are.

    Parameters
    ----------
    study : str
        Slug.
    species : str
        Scientific name of the species that is shown; without one it is the study as a whole.
    """
    grid_km = grid_for(study)
    if grid_km is None:
        return ""
    mark = snapshot_file().marks().of(study)
    is_own = mark is not None and fold(species) in mark.names
    why = "this species is sensitive" if is_own else "a species of this study is sensitive"
    return f"Places are shown to {grid_km} km, because {why}."


def shown_card(card: ModelCard, study: str) -> ModelCard:
    """Return a model card as the present request may see it."""
    grid_km = grid_for(study)
    if grid_km is None:
        return card
    dropped, about = place_checks.without_counts(card)
    changes = {
        "dropped": dropped,
        "places": Places(shown_places(card, study)),
        "starting_points": shown_starts(card, study),
        "training": card.training.model_copy(update={"data_fingerprint": shown_fingerprint(card, study)}),
        "preparation": _without_hashes(about) if about is not None else None,
    }
    return card.model_copy(update=changes)


def hides_checks(report: RecordsReport, study: str) -> bool:
    """Return whether the counts of the checks of places are left out: on a grid, where there are few records."""
    mark = snapshot_file().marks().of(study)
    return mark is not None and grid_for(study) is not None and place_checks.are_few(report, mark.names)


def shown_fingerprint(card: ModelCard, study: str) -> str:
    """Return the hash of a training table as the present request may see it."""
    return card.training.data_fingerprint if grid_for(study) is None else _WITHHELD


def _without_hashes(about: Preparation) -> Preparation:
    """Return how a model was made without hashes and sizes of files but those of layers.

    Whoever guesses the few records of a small file would know by its hash which guess is right.
    """
    # predictors of samples with their own data are read from the table of records, and have no layer with a hash
    layers = {layer.file for layer in about.layers if layer.sha256}
    files = [
        file if file.name in layers else file.model_copy(update={"sha256": None, "size": None}) for file in about.files
    ]
    return about.model_copy(update={"files": files})


def shown_starts(card: ModelCard, study: str) -> list[Conditions]:
    """Return the starting points of a model that the present request may see.

    The conditions of a record identify its cell among the layers. Typical conditions are medians, and of no place.
    """
    return card.starting_points if grid_for(study) is None else card.starting_points[:1]


def shown_places(card: ModelCard, study: str) -> list[tuple[float, float]]:
    """Return longitudes and latitudes of the presences of a model as the present request may see them.

    On a grid each cell is listed once, and it is the cell of the record itself, as in lists of records. Models of own
    data of earlier versions have the centres of layer cells instead: whoever compared their cells with those of the
    lists would learn in which part of its cell a record lies. Such a model has no places on a grid.
    """
    grid_km = grid_for(study)
    if grid_km is None:
        return list(card.places)
    is_of_records = card.preparation is None or card.preparation.places == "records"
    return cells_of(card.places, grid_km) if is_of_records else []
