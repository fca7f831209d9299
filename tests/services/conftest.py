"""One PostgreSQL for all tests, with a new database for each test that needs one, and a Valkey for each."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from flask import Flask

from app import create_app
from app.cache.in_redis import SharedAnswers
from app.components import components
from app.config.settings import Settings
from tests.conftest import Once
from tools import live

_numbers = itertools.count()
STOCKED = "stocked"
WHEATEAR = "oenanthe-hispanica"
ENVIRONMENT = {"bare_rock": 40.0, "trees": 12.5, "temperature": 14.0, "soil": "chalk"}


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    raw: bytes | None = None,
    method: str | None = None,
) -> Answer:
    data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with live.NO_PROXY.open(request, timeout=20) as response:
            return Answer(response.status, response.read(), {k.lower(): v for k, v in response.headers.items()})
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), {k.lower(): v for k, v in error.headers.items()})


def predict(url: str, **changes: Any) -> Answer:
    return call(f"{url}/api/v1/predictions", {"species": WHEATEAR, "environment": {**ENVIRONMENT, **changes}})


@pytest.fixture(scope="session")
def stocked(prepared: Path, once: Once) -> Path:
    """The folder of a stopped PostgreSQL with a database ``stocked``: migrated, with the models registered."""

    def make(folder: Path) -> None:
        server = live.make_postgres(folder)
        server.start()
        try:
            create_database(server.url, STOCKED)
            server.database = STOCKED
            live.prepare(folder / "site", prepared / "models", DATABASE_URL=server.url)
        finally:
            server.stop()

    return once("stocked", make)


@pytest.fixture(scope="session")
def postgres(stocked: Path, workroom: Path) -> Iterator[str]:
    server = live.make_postgres(workroom / "postgres", like=stocked)
    server.start()
    yield server.url
    server.stop()


def create_database(url: str, name: str, template: str = "template1") -> str:
    """Create a database on the server of an address; return the address of the new database."""
    _execute(url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return url.rsplit("/", 1)[0] + f"/{name}"


def drop_database(url: str) -> None:
    _execute(url.rsplit("/", 1)[0] + "/postgres", f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    """Execute a statement outside a transaction."""
    engine = live.connect(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    url = create_database(postgres, f"test_{next(_numbers)}")
    yield url
    drop_database(url)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """A new database with the tables and the registered models."""
    url = create_database(postgres, f"test_{next(_numbers)}", STOCKED)
    yield url
    drop_database(url)


@pytest.fixture
def redis(workroom: Path) -> Iterator[live.Program]:
    with live.valkey(workroom / f"valkey-{next(_numbers)}") as program:
        yield program


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


@pytest.fixture
def on_services(
    database: str, redis: live.Program, prepared: Path, workroom: Path, stack: ExitStack
) -> Callable[..., live.Site]:
    """Return a function that starts an instance of the application; all instances share a PostgreSQL and a Valkey."""
    folder = workroom / f"site-{next(_numbers)}"
    environ = live.copy_site(prepared, folder, DATABASE_URL=database, REDIS_URL=f"redis://127.0.0.1:{redis.port}/0")
    return lambda **changes: stack.enter_context(live.serving(environ, **changes))


@dataclass
class Instance:
    """An application with its own database, which shares only Redis with other instances."""

    app: Flask

    def predict(self, **changes: Any) -> Any:
        """Request a prediction, and wait until it is written to Redis."""
        query = {"species": WHEATEAR, "environment": {**ENVIRONMENT, **changes}}
        answer = self.app.test_client().post("/api/v1/predictions", json=query)
        shared = components(self.app).find(SharedAnswers)
        if shared is not None:
            shared.write_waiting()
        return answer

    def cache(self) -> str:
        return self.app.test_client().get("/health/ready").json["components"]["cache"]

    def hits_in(self, layer: str) -> int:
        text = self.app.test_client().get("/metrics").get_data(as_text=True)
        match = re.search(rf'^ecopredict_cache_total{{layer="{layer}"}} ([0-9.]+)$', text, re.MULTILINE)
        return int(float(match[1])) if match else 0


@pytest.fixture
def start_instance(prepared: Path, tmp_path: Path) -> Callable[..., Instance]:
    def make(redis_url: str | None = None, rate_limit: str = "1000/second", cache_ttl: int = 3600) -> Instance:
        folder = tmp_path / f"instance-{next(_numbers)}"
        shutil.copytree(prepared, folder)
        settings = Settings(
            environment="testing",
            data_dir=folder,
            database_url=f"sqlite:///{folder / 'ecopredict.db'}",
            secret_key="for-tests-only",
            redis_url=redis_url,
            rate_limit=rate_limit,
            cache_ttl=cache_ttl,
        )
        return Instance(create_app(settings))

    return make


@pytest.fixture
def client(redis: live.Program) -> Iterator[redis_client.Redis]:
    with redis_client.Redis(port=redis.port) as client:
        yield client


@pytest.fixture
def address(redis: live.Program) -> str:
    return f"redis://127.0.0.1:{redis.port}/0"


def command_calls(client: redis_client.Redis, command: str) -> int:
    return int(client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])
