"""`flask predictions warm` fills the shared cache before the first request."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import termios
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client

from app.catalogue import snapshot
from app.outbox.row import QueuedRow
from app.predictions import tables
from tests.services.conftest import ENVIRONMENT, WHEATEAR, Instance, predict
from tools import live

Start = Callable[..., Instance]
BLACKCAP = "sylvia-atricapilla"


def _asked(instance: Instance, *questions: tuple[str, dict[str, Any]]) -> None:
    """Predictions as the database has them."""
    with instance.app.app_context():
        for slug, changes in questions:
            species = snapshot.current().by_slug[slug]
            assert species.model is not None
            model, environment = species.model, {**ENVIRONMENT, **changes}
            now = datetime.now(UTC)
            tables.insert(
                [QueuedRow(tables.new_id(), species.id, model.id, environment, b"{}", now, slug, model.version)]
            )


def _warm(instance: Instance, *arguments: str) -> tuple[int, str]:
    done = instance.app.test_cli_runner().invoke(args=["predictions", "warm", *arguments])
    return done.exit_code, done.output


def test_the_most_asked_conditions_and_each_beginning_are_found_afterwards(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    filler = start_instance(address)
    often, seldom, once = ({"trees": value} for value in (61.5, 62.5, 63.5))
    _asked(filler, *[(WHEATEAR, once)], *[(WHEATEAR, seldom)] * 2, *[(WHEATEAR, often)] * 3, (BLACKCAP, often))
    code, said = _warm(filler, "--limit", "2")
    assert code == 0, said
    # where it takes long, lines say how far it is
    assert said.splitlines()[-1].startswith("15 answers are kept for 3600 s, in ")
    other = start_instance(address)
    cached = [other.predict(**changes).json["cached"] for changes in (often, seldom, once)]
    assert cached == [True, True, False]
    # three points of each of four models, and the example of the first page
    assert len(client.keys("ecopredict:prediction:*")) == 2 + 4 * 3 + 1 + 1
    with other.app.app_context():
        assert other.app.test_client().get("/").status_code == 200
    assert other.hits_in("redis") == 3
    # what was there lives on
    (key, *_) = client.keys("ecopredict:prediction:*")
    client.expire(key, 5)
    assert _warm(filler)[0] == 0
    assert min(client.ttl(key) for key in client.keys("ecopredict:prediction:*")) > 3000


def test_one_study_and_conditions_that_no_longer_fit(start_instance: Start, address: str) -> None:
    instance = start_instance(address)
    _asked(instance, (WHEATEAR, {"snow": 1.0}), (WHEATEAR, {"trees": -1e30}))
    code, said = _warm(instance, "--study", "test-hills")
    assert (code, said.splitlines()[-1].split(", in ")[0]) == (0, "13 answers are kept for 3600 s, 2 skipped")


@pytest.mark.parametrize(
    "arguments", [("--study", "none"), ("--limit", "-1"), ("--limit", "x"), ("--limit", "100001"), ("--no",), ("more",)]
)
def test_bad_input_is_one_line_and_code_2(start_instance: Start, address: str, arguments: tuple[str, ...]) -> None:
    code, said = _warm(start_instance(address), *arguments)
    assert (code, len(said.strip().splitlines())) == (2, 1), said


def test_without_redis_it_says_so(start_instance: Start) -> None:
    code, said = _warm(start_instance())
    assert (code, len(said.splitlines())) == (0, 1)
    assert said.startswith("REDIS_URL is not set")
    code, said = _warm(start_instance("redis://127.0.0.1:1/0"))
    assert (code, said.splitlines()[-1]) == (1, "Error: Redis does not answer; 0 answers were kept before")
    code, said = _warm(start_instance(), "--help")
    assert code == 0
    assert "--study" in said


def test_a_terminal_gets_a_bar_and_a_pipe_plain_lines(prepared: Path, tmp_path: Path, address: str) -> None:
    environ = live.copy_site(prepared, tmp_path / "site", REDIS_URL=address)
    assert "\r" not in live.flask(environ, "predictions", "warm")
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "predictions", "warm"]
    done = subprocess.run(
        command, cwd=live.PROJECT, env=environ, stderr=theirs, stdout=subprocess.PIPE, text=True, check=True
    )
    os.close(theirs)
    drawn = b""
    # the end of a terminal is an error
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65536):
            drawn += part
    os.close(ours)
    assert b"100%" in drawn
    assert done.stdout.startswith("13 answers are kept")


@pytest.mark.thorough
def test_on_postgresql(on_services: Callable[..., live.Site], database: str, redis: live.Program) -> None:
    site = on_services()
    for _ in range(2):
        assert predict(site.url, trees=71.5).status == 200
    assert predict(site.url, trees=72.5).status == 200
    engine = live.connect(database)

    def arrived() -> bool:
        with engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM predictions").scalar_one()) == 3

    live.wait_until(arrived, what="the predictions arrive")
    engine.dispose()
    with redis_client.Redis(port=redis.port) as client:
        client.flushall()
    said = live.flask(site.environ, "predictions", "warm", "--limit", "1", "--study", "test-hills")
    assert said.splitlines()[-1].startswith("14 answers are kept")
    fresh = on_services()
    assert predict(fresh.url, trees=72.5).json["cached"] is False
    assert predict(fresh.url, trees=71.5).json["cached"] is True
