"""Stored layers of studies, opened by a worker when a place is first asked."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from app.components import component
from app.errors import Unavailable, ValidationFailed
from app.throttled_log import ThrottledLog
from ml.card import ModelCard
from ml.layers.stored import LayerStore, choose_store, list_stores, open_stores
from ml.layers.stored_index import INDEX, StoredLayersError

log = logging.getLogger(__name__)
_damaged = ThrottledLog(log)
#: Studies whose layers stay open in a worker. Their values are pages of files, which the system drops when it needs to.
_MOST_STUDIES = 200
_UNREADABLE = "The layers of this study cannot be read right now."

Stamp = tuple[tuple[str, int, int], ...]


@dataclass
class _Study:
    """The stores of a study as they were when its folder had this stamp, and the one of each model."""

    stamp: Stamp
    stores: list[LayerStore | StoredLayersError]
    by_model: dict[str, LayerStore | None] = field(default_factory=dict)


class LayerStores:
    """Opens the stored layers of studies, and opens them again when a training has stored others.

    Parameters
    ----------
    home : Path
        Has a folder for each study.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._studies: OrderedDict[str, _Study] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, card: ModelCard) -> LayerStore | None:
        """Return the layers that a model was trained on, or None where they are not stored.

        Raises
        ------
        StoredLayersError
            The layers are damaged.
        """
        study = self._study(card.study.slug)
        model = f"{card.species.slug} {card.training.data_fingerprint}"
        if model not in study.by_model:
            study.by_model[model] = choose_store(study.stores, card)
        return study.by_model[model]

    def has_any(self, card: ModelCard) -> bool:
        """Return whether the study has stored layers, of this model or of others."""
        return bool(self._study(card.study.slug).stores)

    def _study(self, slug: str) -> _Study:
        folder = self._home / slug
        stamp = _stamp(folder)
        with self._lock:
            study = self._studies.get(slug)
            if study is None or study.stamp != stamp:
                study = self._studies[slug] = _Study(stamp, list(open_stores(folder)))
                while len(self._studies) > _MOST_STUDIES:
                    self._studies.popitem(last=False)
            self._studies.move_to_end(slug)
            return study


def store_or_none(card: ModelCard) -> LayerStore | None:
    """Return the layers that a model was trained on, or None where there are none or they cannot be read."""
    try:
        return component(LayerStores).of(card)
    except StoredLayersError as error:
        _damaged.warning("stored layers cannot be read: %s", str(error))
        return None


def readable_store(card: ModelCard) -> LayerStore | None:
    """Return the layers that a model was trained on, or None where there are none.

    Raises
    ------
    Unavailable
        The layers are damaged.
    """
    try:
        return component(LayerStores).of(card)
    except StoredLayersError as error:
        raise unreadable(error) from error


def unreadable(error: StoredLayersError) -> Unavailable:
    """Log that stored layers are damaged, and return the error of the response."""
    _damaged.warning("stored layers cannot be read: %s", str(error))
    return Unavailable(_UNREADABLE)


def store_for(card: ModelCard) -> LayerStore:
    """Return the layers that a model was trained on.

    Raises
    ------
    ValidationFailed
        The study has no layers, or others than those of the model; the pointer is ``/location``.
    Unavailable
        The layers are damaged.
    """
    store = readable_store(card)
    if store is not None:
        return store
    if component(LayerStores).has_any(card):
        text = "this model was trained on other layers than those that are stored; give its conditions instead"
    else:
        text = (
            "this study has no layers from which conditions can be read; give the conditions instead, or a species of "
            "a study with layers (the page /map lists them)"
        )
    raise ValidationFailed([("/location", text)])


def _stamp(folder: Path) -> Stamp:
    """Return what changes when stored layers are added, replaced or removed."""
    stamp = []
    for path in list_stores(folder):
        try:
            status = (path / INDEX).stat()
        except OSError:
            continue
        stamp.append((path.name, status.st_mtime_ns, status.st_ino))
    return tuple(stamp)
