"""Opened models in memory, by id: a worker opens a model when it is first used."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, OrderedDict
from concurrent.futures import Future
from pathlib import Path

from app.errors import Unavailable
from app.telemetry import metrics
from app.telemetry.requests import timed
from ml.serving.artifact import Artifact, ArtifactError, load_artifact

log = logging.getLogger(__name__)
#: Bytes that a model takes in addition to its arrays: the card's objects, the arrays' headers and its counters.
OBJECTS = 64 * 1024
#: Seconds for which the front page does not try a model again that could not be opened.
_FAILED_S = 10.0
_UNAVAILABLE = "The model of this species cannot be opened right now."


class ModelCache:
    """Opens models and keeps the most recently used ones.

    No lock is held while a model is read and checked, so open models stay usable and other models can be opened at the
    same time. Threads that need the same model wait for the thread that opens it.

    Parameters
    ----------
    root : Path
        Directory that relative paths start from.
    limit : int
        Bytes that all open models may take together. The model used last stays open even if it is larger.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self._root = root
        self._limit = limit
        self._open: OrderedDict[str, Artifact] = OrderedDict()
        self._opening: dict[str, Future[Artifact]] = {}
        # by identity of the array: models of a study share some arrays, which are counted once
        self._users: Counter[int] = Counter()
        self._bytes = 0
        # when each model that could not be opened was last tried, in seconds of ``time.monotonic``
        self._failed: dict[str, float] = {}
        self._lock = threading.Lock()

    def get(self, model_id: str, path: str) -> Artifact:
        """Return an opened model.

        Parameters
        ----------
        model_id : str
            The id in the registry; the files must still be that model.
        path : str
            Directory of the model, absolute or below the root.

        Returns
        -------
        Artifact

        Raises
        ------
        Unavailable
            The model cannot be opened, or the directory contains another model. The next call tries again.
        """
        with self._lock:
            artifact = self._open.get(model_id)
            if artifact is not None:
                self._open.move_to_end(model_id)
                return artifact
            opening = self._opening.get(model_id)
            is_first = opening is None
            if opening is None:
                opening = self._opening[model_id] = Future()
        if not is_first:
            try:
                return opening.result()
            except Unavailable:
                # each thread raises an exception of its own
                raise Unavailable(_UNAVAILABLE) from None
        try:
            artifact = self._load(model_id, path)
            with self._lock:
                self._failed.pop(model_id, None)
                self._keep(model_id, artifact)
        except BaseException:
            self._failed[model_id] = time.monotonic()
            # after any exception the waiting threads must be released
            opening.set_exception(Unavailable(_UNAVAILABLE))
            raise
        else:
            opening.set_result(artifact)
            return artifact
        finally:
            with self._lock:
                del self._opening[model_id]

    def is_open(self, model_id: str) -> bool:
        """Return whether a model is in memory."""
        return model_id in self._open

    def failed_recently(self, model_id: str) -> bool:
        """Return whether a model could not be opened within the last seconds."""
        return time.monotonic() - self._failed.get(model_id, -math.inf) < _FAILED_S

    def _load(self, model_id: str, path: str) -> Artifact:
        try:
            with timed(metrics.counters().model_load, "open model"):
                artifact = load_artifact(self._root / Path(path))
        except ArtifactError as error:
            metrics.failed("model")
            log.error("model %s cannot be opened: %s", model_id, error)
            raise Unavailable(_UNAVAILABLE) from error
        if artifact.model_id != model_id:
            metrics.failed("model")
            log.error("model %s was replaced on disk by %s", model_id, artifact.model_id)
            raise Unavailable(_UNAVAILABLE)
        return artifact

    def _keep(self, model_id: str, artifact: Artifact) -> None:
        """Keep a model, and drop the least recently used ones while the limit is exceeded."""
        self._open[model_id] = artifact
        self._bytes += OBJECTS
        for values in artifact.predictor.arrays:
            self._users[id(values)] += 1
            if self._users[id(values)] == 1:
                self._bytes += values.nbytes
        while self._bytes > self._limit and len(self._open) > 1:
            self._drop(self._open.popitem(last=False)[1])
        metrics.counters().models_open.set(len(self._open))
        metrics.counters().models_bytes.set(self._bytes)

    def _drop(self, artifact: Artifact) -> None:
        self._bytes -= OBJECTS
        for values in artifact.predictor.arrays:
            self._users[id(values)] -= 1
            if self._users[id(values)] == 0:
                del self._users[id(values)]
                self._bytes -= values.nbytes
