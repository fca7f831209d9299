"""Opened models, kept in memory by id: each worker opens a model once, when it is first asked for."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from pathlib import Path

from app import metrics
from app.errors import Unavailable
from app.observability import timed
from ml.artifact import Artifact, ArtifactError, load_artifact

log = logging.getLogger(__name__)
_KEPT = 128


class Loader:
    """Opens models and keeps the most recently used ones.

    Parameters
    ----------
    root : Path
        Directory that relative paths start from.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: OrderedDict[str, Artifact] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, model_id: str, path: str) -> Artifact:
        """Return an opened model.

        Parameters
        ----------
        model_id : str
            The id it was registered under: the files must still be that model.
        path : str
            Its directory, absolute or below the root.

        Raises
        ------
        Unavailable
            The model cannot be opened or is another one.
        """
        with self._lock:
            if model_id in self._open:
                self._open.move_to_end(model_id)
                return self._open[model_id]
            try:
                with timed(metrics.counters().model_load, "open model"):
                    artifact = load_artifact(self._root / Path(path))
            except ArtifactError as error:
                metrics.failed("model")
                log.error("model %s cannot be opened: %s", model_id, error)
                raise Unavailable("The model of this species cannot be opened right now.") from error
            if artifact.model_id != model_id:
                metrics.failed("model")
                log.error("model %s was replaced on disk by %s", model_id, artifact.model_id)
                raise Unavailable("The model of this species cannot be opened right now.")
            self._open[model_id] = artifact
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)
            metrics.counters().models_open.set(len(self._open))
            return artifact
