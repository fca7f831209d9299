"""Jobs: what is lost, done twice and how soon a killed worker's job goes on; and how many jobs are claimed a second.

    python -m benchmarks.jobs [--kills 20] [--jobs 300] [--postgresql]

Real workers are killed by SIGKILL in each step of jobs of four steps. Each step adds one line to a file when it ends.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tools import live
from tools.live.jobs import Yard, kill, kill_in_each_step


def main() -> int:
    """Run both measurements and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--postgresql", action="store_true", help="a PostgreSQL from the wheel instead of SQLite")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecopredict-jobs-", dir="/tmp")))
        folder.chmod(0o755)
        changes = {}
        if options.postgresql:
            server = live.make_postgres(folder / "postgres")
            server.start()
            stack.callback(server.stop)
            changes["DATABASE_URL"] = server.url
        data_dir = folder / "data"
        data_dir.mkdir()
        environ = live.app_environ(data_dir, **changes)
        live.flask(environ, "db", "upgrade")
        yard = Yard(environ, data_dir)
        stack.callback(yard.close)
        print(f"database: {yard.engine.dialect.name}")
        print(kill_in_each_step(yard, options.kills))
        _claims(yard, options.jobs)
    return 0


def _claims(yard: Yard, jobs: int) -> None:
    for _ in range(jobs):
        yard.add("quick")
    began = time.monotonic()
    ended = yard.states().get("succeeded", 0) + jobs
    first, second = yard.work(2), yard.work(2)
    live.wait_until(lambda: yard.states().get("succeeded", 0) >= ended, 300, "all are done")
    rate = jobs / (time.monotonic() - began)
    print(f"{jobs} jobs of one step by two workers with two threads each, with their start: {rate:.0f} jobs/s")
    for worker in (first, second):
        kill(worker)


if __name__ == "__main__":
    sys.exit(main())
