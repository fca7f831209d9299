"""The kinds of jobs, their steps, and what a step can do while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.database.db import db
from app.jobs import commands
from app.jobs.folder import JobLog, plain


class StepError(Exception):
    """A step cannot be done, and trying again would not help; the message is one line for the user."""


class Interrupted(Exception):
    """Base of the reasons for which a running step ends early. A step lets it pass."""


class Cancelled(Interrupted):
    """Somebody cancelled the job."""


class Stopping(Interrupted):
    """The worker stops; the step will be run again."""


class Lost(Interrupted):
    """Another worker has the job."""


@dataclass(frozen=True)
class JobRef:
    """The unchanging part of a job."""

    id: str
    kind: str
    study: str
    parameters: Mapping[str, Any]


class StepContext:
    """What a step receives.

    Attributes
    ----------
    job : JobRef
        ``job.id``, ``job.kind``, ``job.study`` (slug or ""), ``job.parameters``.
    folder : Path
        ``DATA_DIR/jobs/<id>``: working files, which later steps find there. All but the log is deleted when the job
        ends.
    result : str or None
        Path of the result on this site, stored when the step is done.
    """

    def __init__(self, job: JobRef, folder: Path, job_log: JobLog, watch_fds: Sequence[int] = ()) -> None:
        self.job = job
        self.folder = folder
        self.result: str | None = None
        self._log = job_log
        self._watch_fds = tuple(watch_fds)
        self._lock = threading.Lock()
        self._interruption: Interrupted | None = None
        self._progress: tuple[float, str] | None = None

    def log(self, line: str) -> None:
        """Write a line to the log of the job."""
        self._log.write(line)

    def without_paths(self, text: str) -> str:
        """Return a text for everybody: without the beginnings of paths that say where the server stores its files."""
        return self._log.without_paths(text)

    def progress(self, share: float, message: str = "") -> None:
        """Report the progress of this step; the worker stores it twice a second at most.

        Parameters
        ----------
        share : float
            0 to 1.
        message : str
            One line for the user.
        """
        # a number that is not finite becomes 0
        share = min(1.0, share) if share > 0.0 else 0.0
        with self._lock:
            self._progress = share, plain(self.without_paths(message), 500)

    def check_cancelled(self) -> None:
        """Raise `Interrupted` when the step must end. Long work in Python calls it once a second or more."""
        if self._interruption is not None:
            raise self._interruption

    def run_command(
        self,
        args: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        part: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        """Run a command, and end it with all its processes when the job is cancelled or the worker dies.

        The open transaction of ``db.session`` is committed first. Lines of the output that are JSON objects with
        ``progress`` (0 to 1) and optionally ``message`` are the progress of the step; the others go to the log.

        Parameters
        ----------
        args : sequence of str or Path
            The program and its arguments.
        env : mapping, optional
            Environment variables besides those of the worker. The secrets of the settings are not passed on.
        part : tuple of float
            The part of the step's progress that the command has, for a step of several commands.

        Raises
        ------
        StepError
            The command failed. The message is the last line of its output.
        """
        db.session.commit()
        start, end = part

        def report(share: float, message: str = "") -> None:
            self.progress(start + (end - start) * share, message)

        try:
            commands.run(
                args,
                env or {},
                log=self.log,
                progress=report,
                check=self.check_cancelled,
                watch_fds=self._watch_fds,
            )
        except commands.CommandError as error:
            raise StepError(str(error)) from None

    @property
    def interruption(self) -> Interrupted | None:
        """Why the step must end, or None."""
        return self._interruption

    def interrupt(self, reason: Interrupted) -> None:
        """Let the step end soon; the first reason counts. The worker calls it."""
        if self._interruption is None:
            self._interruption = reason

    def take_progress(self) -> tuple[float, str] | None:
        """Return the progress that is not stored yet, once. The worker calls it."""
        with self._lock:
            progress, self._progress = self._progress, None
        return progress


@dataclass(frozen=True)
class Step:
    """One step of a kind of job.

    A step may be run again after the worker died in it, or between its end and the record of its end: it must be
    repeatable, which means that it writes files under another name and renames them last.

    Attributes
    ----------
    name : str
        Unique within the kind; stored, so do not rename it while jobs run.
    title : str
        For users, such as "Read the records".
    run : callable
    weight : float
        Share of the time of the job, in proportion to the other steps.
    """

    name: str
    title: str
    run: Callable[[StepContext], None]
    weight: float = 1.0


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    Attributes
    ----------
    name, title : str
        The title is for users, such as "Training".
    steps : tuple of Step
    clean_up : callable, optional
        Removes what a failed or cancelled job left outside its folder; also called for a job that did nothing yet.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    clean_up: Callable[[JobRef], None] | None = None
    by_name: Mapping[str, Step] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {step.name: step for step in self.steps}
        if not self.steps or len(by_name) < len(self.steps):
            raise ValueError(f"the kind {self.name} needs steps with different names")
        object.__setattr__(self, "by_name", by_name)


_kinds: dict[str, Kind] = {}


def register_kind(
    name: str,
    title: str,
    steps: Sequence[Step],
    clean_up: Callable[[JobRef], None] | None = None,
) -> Kind:
    """Register a kind of job, also again; the application and the worker do so when they start.

    Parameters
    ----------
    name : str
        Stored with each job.
    title : str
        For users, such as "Training".
    steps : sequence of Step
    clean_up : callable, optional
        Removes what a failed or cancelled job left outside its folder.
    """
    kind = _kinds[name] = Kind(name, title, tuple(steps), clean_up)
    return kind


def find_kind(name: str) -> Kind | None:
    """Return a registered kind."""
    return _kinds.get(name)


def kind_names() -> list[str]:
    """Return the names of the registered kinds."""
    return sorted(_kinds)
