"""Pruning tens of thousands of predictions on a real PostgreSQL while new ones are stored."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable

import pytest

from tests.services.conftest import predict
from tools import live

Sites = Callable[..., live.Site]
MANY = 50_000
# as many ids as are wanted, one a second from 400 days ago, each with an answer of some kilobytes
_OLD = f"""
INSERT INTO predictions (id, species_id, model_id, environment, answer, created_at)
SELECT regexp_replace(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8000' ||
                      lpad(to_hex(n), 12, '0'), '^(.{{8}})(.{{4}})(.{{4}})(.{{4}})(.{{12}})$', '\\1-\\2-\\3-\\4-\\5'),
       m.species_id, m.id, '{{}}', json_build_object('filler', repeat(md5(n::text), 60)), at
FROM (SELECT n, now() - interval '400 days' + n * interval '1 second' AS at FROM generate_series(1, {MANY}) AS n) AS o,
     (SELECT id, species_id FROM model_versions ORDER BY id LIMIT 1) AS m
"""


def _ids(url: str) -> set[str]:
    with live.connected(url) as connection:
        return set(connection.exec_driver_sql("SELECT id FROM predictions").scalars())


def _fill(url: str) -> None:
    with live.connected(url) as connection:
        connection.exec_driver_sql(_OLD)
        connection.commit()


def _prune(environ: dict[str, str], *arguments: str) -> str:
    return live.flask(environ, "predictions", "prune", "--older-than", "365d", *arguments)


def test_tens_of_thousands_go_while_answers_are_given(on_services: Sites, database: str) -> None:
    site = on_services()
    _fill(database)
    assert f"{MANY} predictions are older" in _prune(site.environ, "--dry-run")
    done, answers = threading.Event(), []

    def ask() -> None:
        while not done.is_set():
            answers.append(predict(site.url, temperature=10 + len(answers) % 200 / 10))
            time.sleep(0.01)

    thread = threading.Thread(target=ask)
    thread.start()
    said = _prune(site.environ, "--batch", "2000")
    done.set()
    thread.join()
    assert f"{MANY} predictions older than 365d" in said
    assert {answer.status for answer in answers} == {200}
    given = {answer.json["id"] for answer in answers}
    live.wait_until(lambda: _ids(database) == given, 20, "the answers, and nothing else, are stored")
    assert _prune(site.environ).startswith("0 predictions")


@pytest.mark.thorough
def test_two_that_prune_at_once_and_a_bar_on_a_terminal(on_services: Sites, database: str) -> None:
    environ = on_services().environ
    _fill(database)
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "predictions", "prune", "--older-than", "365d"]
    other = subprocess.Popen(command, cwd=live.PROJECT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    shown = subprocess.run(
        [*command, "--batch", "1000"], cwd=live.PROJECT, env=environ, stdout=subprocess.PIPE, stderr=slave, check=True
    )
    os.close(slave)
    bar = os.read(master, 65536).decode()
    os.close(master)
    out, errors = other.communicate(timeout=60)
    assert other.returncode == 0, errors
    deleted = [int(text.splitlines()[-1].split()[0]) for text in (shown.stdout.decode(), out.decode())]
    assert sum(deleted) == MANY
    assert _ids(database) == set()
    assert "prediction" in bar
    assert errors == b""
