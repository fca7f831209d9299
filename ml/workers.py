"""Where training runs: processes of this machine, or a Dask cluster through joblib's backend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from joblib import parallel_config

_CONNECT_S = 10


class SchedulerError(ValueError):
    """The scheduler cannot be reached."""


@contextmanager
def workers(jobs: int, scheduler: str | None = None) -> Iterator[None]:
    """Send what `joblib.Parallel` runs inside to local processes or to a cluster.

    Parameters
    ----------
    jobs : int
        Local processes; a cluster brings its own number.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``. Its workers need this library, and for training a
        disk that they share.

    Raises
    ------
    SchedulerError
        Nothing answers there, or no worker has joined.
    """
    if scheduler is None:
        with parallel_config(backend="loky", n_jobs=jobs):
            yield
        return
    if not re.fullmatch(r"tcp://[^/:\s]+:\d+", scheduler):
        raise SchedulerError(f"{scheduler} is not the address of a Dask scheduler, such as tcp://10.0.0.5:8786")
    # a second of imports that local training does without
    from distributed import Client

    try:
        client = Client(scheduler, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SchedulerError(f"no Dask scheduler answers at {scheduler}") from error
    try:
        if not client.scheduler_info()["workers"]:
            raise SchedulerError(f"the scheduler at {scheduler} has no workers")
        with parallel_config(backend="dask", n_jobs=-1, client=client):
            yield
    finally:
        client.close()  # type: ignore[no-untyped-call]
