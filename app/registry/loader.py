"""Opened models, kept in memory by id: each worker opens a model once, when it is first asked for."""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict
from concurrent.futures import Future
from pathlib import Path

from app.errors import Unavailable
from app.telemetry import metrics
from app.telemetry.requests import timed
from ml.serving.artifact import Artifact, ArtifactError, load_artifact

log = logging.getLogger(__name__)
#: What a model takes beside its arrays: the card as objects, the arrays' own headers, counters of what is asked.
OBJECTS = 64 * 1024
_AWAY = "The model of this species cannot be opened right now."


class Loader:
    """Opens models and keeps the most recently used ones.

    Models are opened outside of any lock that others need: while one is read, checked and laid out, all that are open
    go on answering and others are opened beside it. Those who ask for a model that is being opened wait for it alone.

    Parameters
    ----------
    root : Path
        Directory that relative paths start from.
    limit : int
        Bytes that the models kept open may take together. The model asked for last is kept whatever it takes.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self._root = root
        self._limit = limit
        self._open: OrderedDict[str, Artifact] = OrderedDict()
        self._opening: dict[str, Future[Artifact]] = {}
        # by identity of the array: models of a study have some in common, which are counted once
        self._users: Counter[int] = Counter()
        self._bytes = 0
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
            The model cannot be opened or is another one. The next to ask for it tries again.
        """
        with self._lock:
            found = self._open.get(model_id)
            if found is not None:
                self._open.move_to_end(model_id)
                return found
            turn = self._opening.get(model_id)
            mine = turn is None
            if turn is None:
                turn = self._opening[model_id] = Future()
        if not mine:
            try:
                return turn.result()
            except Unavailable:
                # one of its own for each thread
                raise Unavailable(_AWAY) from None
        try:
            artifact = self._load(model_id, path)
            with self._lock:
                self._keep(model_id, artifact)
        except BaseException:
            # whatever it was, those who wait must not wait for ever
            turn.set_exception(Unavailable(_AWAY))
            raise
        else:
            turn.set_result(artifact)
            return artifact
        finally:
            with self._lock:
                del self._opening[model_id]

    def _load(self, model_id: str, path: str) -> Artifact:
        try:
            with timed(metrics.counters().model_load, "open model"):
                artifact = load_artifact(self._root / Path(path))
        except ArtifactError as error:
            metrics.failed("model")
            log.error("model %s cannot be opened: %s", model_id, error)
            raise Unavailable(_AWAY) from error
        if artifact.model_id != model_id:
            metrics.failed("model")
            log.error("model %s was replaced on disk by %s", model_id, artifact.model_id)
            raise Unavailable(_AWAY)
        return artifact

    def _keep(self, model_id: str, artifact: Artifact) -> None:
        """Keep a model, and let go of those that were not asked for the longest as far as the limit demands."""
        self._open[model_id] = artifact
        self._bytes += OBJECTS
        for values in artifact.predictor.arrays:
            self._users[id(values)] += 1
            if self._users[id(values)] == 1:
                self._bytes += values.nbytes
        while self._bytes > self._limit and len(self._open) > 1:
            self._let_go(self._open.popitem(last=False)[1])
        metrics.counters().models_open.set(len(self._open))
        metrics.counters().models_bytes.set(self._bytes)

    def _let_go(self, artifact: Artifact) -> None:
        self._bytes -= OBJECTS
        for values in artifact.predictor.arrays:
            self._users[id(values)] -= 1
            if self._users[id(values)] == 0:
                del self._users[id(values)]
                self._bytes -= values.nbytes
