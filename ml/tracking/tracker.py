"""Models logged while others are trained, by a thread that a training never waits for long."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ml.regular_files import RefusedFileError, read_regular_file
from ml.serving.artifact import ArtifactError, read_card
from ml.tracking.address import TrackingServer
from ml.tracking.summary import metrics_of, parameters_of, tags_of

if TYPE_CHECKING:
    from ml.tracking.client import MlflowClient

#: Seconds for which the end of a training waits for models that are not logged yet, all together.
PATIENCE_S = 10.0
#: Failures one after another, after which the other models of the training are not tried.
MOST_FAILURES = 3
_LARGEST_FILE = 512 * 1024 * 1024


@dataclass(frozen=True)
class Tracked:
    """How many models of a training were logged, and how many were not.

    Attributes
    ----------
    logged, not_logged : int
    problem : str
        Why the last one was not logged, in a few words.
    """

    logged: int
    not_logged: int
    problem: str = ""

    @property
    def sentence(self) -> str:
        """The numbers in words; empty where there was nothing to log."""
        total = self.logged + self.not_logged
        if not total:
            return ""
        models = f"{total} model{'s' if total != 1 else ''}"
        if not self.not_logged:
            return f"MLflow: {models} logged"
        return f"MLflow: {self.not_logged} of {models} not logged ({self.problem})"


class Tracker:
    """Logs models to a server. Every model that is added is either logged or counted as not logged.

    In a ``with`` statement it is closed at the end of the body, unless it was closed before.

    Parameters
    ----------
    server : TrackingServer or None
        None: nothing is logged, and nothing is counted.
    has_places : bool
        Whether cards and model files are uploaded, which contain the places of records.
    patience : float
        See `PATIENCE_S`.
    """

    def __init__(self, server: TrackingServer | None, has_places: bool = True, patience: float = PATIENCE_S) -> None:
        self._server = server
        self._has_places = has_places
        self._patience = patience
        self._started = time.time()
        self._waiting: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._added = self._logged = 0
        self._problem = ""
        self._tracked: Tracked | None = None
        # A daemon: a server that never ends its answer does not keep the process.
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)

    def add(self, path: Path) -> None:
        """Log a model soon.

        Parameters
        ----------
        path : Path
            The model's directory.
        """
        if self._server is None:
            return
        if not self._added:
            self._thread.start()
        self._added += 1
        self._waiting.put(path)

    def close(self) -> Tracked:
        """Wait for the rest within the patience, and return what was logged."""
        if self._tracked is None:
            if self._added:
                self._waiting.put(None)
                self._thread.join(self._patience)
            problem = self._problem
            if self._thread.is_alive():
                problem = problem or f"it took more than {self._patience:.0f} s"
            logged = self._logged
            self._tracked = Tracked(logged, self._added - logged, problem)
        return self._tracked

    def __enter__(self) -> Tracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # an interrupt does not wait
        if kind is None or issubclass(kind, Exception):
            self.close()

    def _work(self) -> None:
        # Imports requests, which a training without a server does not need.
        from ml.tracking.client import MlflowClient, TrackingError

        assert self._server is not None  # noqa: S101 (the thread is not started without one)
        client = MlflowClient(self._server)
        failures = 0
        while (path := self._waiting.get()) is not None:
            if failures >= MOST_FAILURES:
                continue
            try:
                self._log(client, path)
            except (TrackingError, ArtifactError, RefusedFileError) as error:
                failures += 1
                self._problem = str(error) if isinstance(error, TrackingError) else type(error).__name__
            else:
                failures = 0
                self._logged += 1

    def _log(self, client: MlflowClient, path: Path) -> None:
        card = read_card(path)
        experiment = client.experiment(f"ecopredict/{card.study.slug}")
        run, folder = client.begin(experiment, card.species.slug, self._started, tags_of(card, path.name))
        try:
            client.log(run, parameters_of(card, self._has_places), metrics_of(card))
            if self._has_places:
                for file in sorted(path.iterdir()):
                    client.upload(folder, f"model/{file.name}", read_regular_file(file, _LARGEST_FILE))
            client.end(run)
        except Exception:
            client.give_up(run)
            raise
