"""Workers of jobs while the database is stopped, or is not there."""

from __future__ import annotations

import itertools
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from tests.services.conftest import STOCKED
from tools import live
from tools.live.jobs import STEPS, Yard

_numbers = itertools.count()


def test_a_restart_of_the_database_interrupts_nothing(
    stocked: Path, prepared: Path, workroom: Path, stack: ExitStack
) -> None:
    server = live.make_postgres(workroom / f"restarted-{next(_numbers)}", like=stocked)
    server.database = STOCKED
    server.start()
    stack.callback(server.stop)
    environ = live.copy_site(prepared, workroom / f"jobs-database-{next(_numbers)}", DATABASE_URL=server.url)
    yard = Yard(environ, Path(environ["DATA_DIR"]))
    stack.callback(yard.close)
    job = yard.add("four", seconds=1.0)
    worker = yard.work()
    yard.wait_for_step(job, "two")
    yard.engine.dispose()
    server.stop()
    # the step ends meanwhile, and cannot be recorded
    live.wait_until(lambda: len(yard.lines()) == 2, 20, "the step ends")
    time.sleep(2)
    server.start()
    yard.wait_for(job, "succeeded", 40)
    assert yard.lines() == [f"{job} {step}" for step in STEPS["four"]]
    assert worker.is_alive()
    assert yard.log().count("the database does not answer; the worker waits for it") == 1
    assert yard.log().count("the database answers again") == 1


def test_a_worker_without_a_database_ends_at_sigterm(prepared: Path, workroom: Path, stack: ExitStack) -> None:
    url = f"postgresql://nobody@127.0.0.1:{live.free_port()}/none"
    environ = live.copy_site(prepared, workroom / f"jobs-database-{next(_numbers)}", DATABASE_URL=url)
    yard = Yard(environ, Path(environ["DATA_DIR"]))
    stack.callback(yard.close)
    worker = yard.work()
    live.wait_until(lambda: "the worker waits for it" in yard.log(), 20, "the worker waits")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(6) == 0
