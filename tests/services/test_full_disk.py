"""A disk that is really full, under the spool and the log: a small file system of the server's own.

The workers' counters are on another file system: prometheus_client does not survive a full one.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.services.conftest import call, predict
from tests.services.load import Load
from tools import live

# as root, or as anyone whom the kernel lets have a name space of his own
ALONE = ("unshare", "--map-root-user", "--mount", "sh", "-c")
WITH_SMALL_DISK = 'mount -t tmpfs -o size=3m tmpfs "$DISK" && exec "$@" >"$DISK/log" 2>&1'


@dataclass
class Small:
    """A site on a small disk, and a way to that disk from outside."""

    site: live.Site
    disk: Path

    def fill(self) -> None:
        with contextlib.suppress(OSError), (self.disk / "filler").open("ab", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        assert shutil.disk_usage(self.disk).free == 0

    def make_room(self) -> None:
        (self.disk / "filler").unlink()

    def workers(self) -> set[int]:
        return {worker.pid for worker in psutil.Process(self.site.program.process.pid).children()}

    def waiting(self) -> int:
        return int(call(f"{self.site.url}/health/ready").json["components"]["waiting"])


@pytest.fixture(scope="module")
def small_disks() -> None:
    tried = subprocess.run(
        [*ALONE, "mount -t tmpfs -o size=1m tmpfs /mnt"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"a file system of one's own needs root or user name spaces: {tried.stderr.strip()}")


def run_on_small_disk(code: str) -> str:
    """Run Python with a small disk at /mnt, and a function that fills it and returns how to make room."""
    fill = """
import pathlib
def fill():
    filler = pathlib.Path("/mnt/filler")
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError as error:
        assert error.errno == 28
    return filler.unlink
"""
    command = (*ALONE, 'mount -t tmpfs -o size=1m tmpfs /mnt && exec "$@"', "sh", sys.executable, "-c", fill + code)
    done = subprocess.run(command, cwd=live.PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


SPOOL = """
from app.outbox.spool import Spool, SpoolError
spool, other = (Spool(pathlib.Path("/mnt/spool.db"), 1 << 30) for _ in range(2))
def refused(act, *values):
    try:
        act(*values)
    except SpoolError as error:
        return "full" in str(error)
kept = [f"{number:03}" for number in range(40)]
for row in kept:
    spool.append(row, b"x" * 2000)
make_room = fill()
assert refused(spool.append, "more", b"x" * 2000)
# taking away needs room too; what was begun must not hold up others
for _ in range(3):
    assert refused(spool.remove, kept)
    assert refused(spool.reject, kept[0], "why")
    assert refused(other.append, "more", b"x" * 2000)
assert [row for row, _ in other.batch(99)] == kept
make_room()
other.append("more", b"x")
spool.remove(kept)
assert [row for row, _ in other.batch(99)] == ["more"]
assert spool.depth().rejected == 0
"""


@pytest.mark.usefixtures("small_disks")
def test_a_spool_on_a_full_disk_refuses_rows_and_loses_none() -> None:
    run_on_small_disk(SPOOL)


@pytest.fixture
def small(small_disks: None, database: str, model_tree: Path, workroom: Path) -> Iterator[Small]:
    folder = Path(tempfile.mkdtemp(prefix="full-", dir=workroom))
    environ = live.prepare(folder, model_tree, DATABASE_URL=database)
    disk, port = folder / "spool", live.free_port()
    disk.mkdir(exist_ok=True)
    environ |= {"DISK": str(disk), "PROMETHEUS_MULTIPROC_DIR": ""}
    environ |= {"PORT": str(port), "WEB_CONCURRENCY": "2"}
    server = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")
    with live.running((*ALONE, WITH_SMALL_DISK, "sh", *server), folder / "out", port, environ=environ) as program:
        url = f"http://127.0.0.1:{port}"
        live.wait_until(lambda: call(f"{url}/health/live").status == 200, 30, "it lives")
        inside = Path(f"/proc/{program.process.pid}/root") / disk.relative_to("/")
        made = Small(live.Site(program, url, environ, folder, inside), inside)
        live.wait_until(lambda: len(made.workers()) == 2, 15, "two workers")
        for worker in made.workers():
            maps = Path(f"/proc/{worker}/maps")
            live.wait_until(lambda maps=maps: "/dev/shm/ecopredict-metrics-" in maps.read_text(), 15, "it counts")
        yield made


@contextlib.contextmanager
def away(database: str, postgres: str) -> Iterator[None]:
    """The database lets nobody in."""
    name = database.rsplit("/", 1)[1]
    engine = live.connect(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    engine.dispose()


def test_a_full_disk_refuses_and_loses_nothing(small: Small, database: str, postgres: str, record_summary) -> None:
    url = small.site.url
    assert predict(url).status == 200
    before = small.workers()
    with Load(url, threads=2) as load:
        load.until(20)
        with away(database, postgres):
            load.until(20)
            small.fill()
            live.wait_until(lambda: load.refused.get(503, 0) > 20, 30, "answers are refused")
            refused = predict(url)
            assert refused.status == 503
            assert refused.headers["content-type"] == "application/problem+json"
            assert "could not be stored" in refused.json["detail"]
            # what makes series that were not there yet
            for path in ("/species", "/models", "/docs", "/nothing", "/openapi.json", "/analytics", "/compare/species"):
                assert call(url + path).status < 600
            assert call(f"{url}/metrics").status == 200
            assert small.waiting() > 0
            ready = call(f"{url}/health/ready")
            assert (ready.status, ready.json["status"], ready.json["components"]["disk"]) == (
                503,
                "unavailable",
                "down",
            )
            assert small.workers() == before
            # workers that start now live as well
            for worker in before:
                psutil.Process(worker).kill()
            live.wait_until(lambda: len(small.workers() - before) == 2, 15, "new workers")
            after = small.workers()
            # the files of those that are gone are gone with them
            small.fill()
            refused_by_others = load.refused[503]
            live.wait_until(lambda: load.refused[503] > refused_by_others + 20, 30, "these refuse as well")
            assert call(f"{url}/metrics").status == 200
        # the disk is full and the database is back: answers go there at once
        load.until(50)
        # delivered rows leave room in the spool's files
        small.fill()
        ready = call(f"{url}/health/ready")
        assert (ready.status, ready.json["status"], ready.json["components"]["disk"]) == (200, "degraded", "down")
        small.make_room()
        load.until(50)
    assert small.workers() == after
    # those that the killed ones held
    assert load.broken <= 2 * load.threads
    assert set(load.refused) == {503}
    live.wait_until(lambda: small.waiting() == 0, 20, "all answers arrive")
    with live.connected(database) as connection:
        rows = list(connection.exec_driver_sql("SELECT id FROM predictions").scalars())
    record_summary("hand-over: disk full", f"{len(load.given)} answers, {len(rows)} rows, refused {load.refused}")
    assert len(rows) == len(set(rows))
    assert set(load.given) <= set(rows)
    assert len(rows) - len(load.given) - 1 <= load.broken


UPLOADS = """
import io
from app import create_app
from app.config.settings import Settings
from app.studies import changes, own, storage, uploads
from app.studies.schemas import NewStudy
from app.studies.upload_headers import ContentRange
from app.errors import InsufficientStorage
import shutil, tempfile
storage.RESERVE = 0
# the database is on another disk: here the files alone meet the full one
elsewhere = tempfile.mkdtemp()
url = f"sqlite:///{elsewhere}/test.db"
settings = Settings(environment="testing", data_dir=pathlib.Path("/mnt"), database_url=url, secret_key="x")
app = create_app(settings)
result = app.test_cli_runner().invoke(args=["db", "upgrade"])
assert result.exit_code == 0, result.output
total = 300_000
content = bytes(range(256)) * 1200
def put(data, content_range=None, length=None):
    return uploads.receive("full", "a.bin", io.BytesIO(data), length=length, content_range=content_range)
class Filling(io.BytesIO):
    # the disk fills between two blocks of one body
    room = None
    def read(self, size=-1):
        if self.tell() and self.room is None:
            Filling.room = fill()
        return super().read(100_000)
with app.test_request_context():
    changes.create(NewStudy(title="Full"))
    folder = own.load("full").folder
    for length in (total, None):
        Filling.room = None
        try:
            uploads.receive("full", "a.bin", Filling(content[:total]), length=length, content_range=None)
        except InsufficientStorage as error:
            assert error.status == 507 and "No space left" in error.detail, error.detail
        else:
            raise AssertionError("stored on a full disk")
        assert list(folder.iterdir()) == []
        Filling.room()
        # what is of known length can be continued; the rest leaves nothing
        state = put(b"", ContentRange(None, None, total))
        assert (state.received > 0) == (length is not None), state
    assert own.load("full").files == []
    put(content[:total], ContentRange(0, total, total), total)
    assert (folder / "a.bin").read_bytes() == content[:total]
shutil.rmtree(elsewhere)
"""


@pytest.mark.usefixtures("small_disks")
def test_an_upload_on_a_full_disk_is_refused_and_can_be_continued() -> None:
    run_on_small_disk(UPLOADS)
