"""Where training runs: processes of this machine, or a Dask cluster through joblib's backend."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from joblib import parallel_config
from threadpoolctl import ThreadpoolController

_CONNECT_S = 10


class SchedulerError(ValueError):
    """The scheduler cannot be reached."""


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Give BLAS and OpenMP one thread in a block.

    The libraries are looked up at the first call, and not, as `threadpoolctl.threadpool_limits` does, at each: a
    training of a few records has some dozen such blocks. Those that are loaded later are not limited.
    """
    context: AbstractContextManager[object] = _controller().limit(limits=1)
    return context


@contextmanager
def workers(jobs: int, scheduler: str | None = None) -> Iterator[None]:
    """Run every `joblib.Parallel` of the block in local processes or on a cluster.

    Parameters
    ----------
    jobs : int
        Number of local processes; a cluster uses all its workers.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``. Its workers need this library and, for training,
        a shared disk.

    Raises
    ------
    SchedulerError
        The scheduler does not answer, or it has no workers.
    """
    if scheduler is None:
        with parallel_config(backend="loky", n_jobs=jobs):
            yield
        return
    if not re.fullmatch(r"tcp://[^/:\s]+:\d+", scheduler):
        raise SchedulerError(f"{scheduler} is not the address of a Dask scheduler, such as tcp://10.0.0.5:8786")
    # The import takes a second, which local training does not need.
    from distributed import Client

    try:
        client = Client(scheduler, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]  # distributed has no types for it
    except (OSError, ValueError) as error:
        raise SchedulerError(f"no Dask scheduler answers at {scheduler}") from error
    try:
        if not client.scheduler_info()["workers"]:
            raise SchedulerError(f"the scheduler at {scheduler} has no workers")
        with parallel_config(backend="dask", n_jobs=-1, client=client):
            yield
    finally:
        client.close()  # type: ignore[no-untyped-call]  # distributed has no types for it
