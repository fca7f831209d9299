"""A rollout on two workers and PostgreSQL, which goes away while the candidate breaks."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.conftest import ENVIRONMENT, STOCKED, WHEATEAR, call, create_database
from tools import live

ROLLOUT = "/api/v1/studies/test-hills/rollout"


@pytest.fixture
def server(stocked: Path, workroom: Path) -> Iterator[live.Postgres]:
    """A PostgreSQL that this test may stop."""
    made = live.make_postgres(workroom / "postgres-of-rollouts", like=stocked)
    made.start()
    yield made
    made.stop()


def models_of(site: live.Site, n: int) -> list[str]:
    """The models that answer clients of n addresses."""
    found = []
    for at in range(n):
        body = {"species": WHEATEAR, "environment": {**ENVIRONMENT, "temperature": 10 + at / 100}}
        answer = call(f"{site.url}/api/v1/predictions", body, {"X-Forwarded-For": f"192.0.2.{at + 1}"})
        assert answer.status == 200, answer.body
        found.append(answer.json["model"]["id"])
    return found


def read(site: live.Site) -> Any:
    return call(site.url + ROLLOUT).json


def test_two_workers_agree_add_up_and_stop_without_the_database(
    server: live.Postgres, prepared: Path, newer_model: Path, tmp_path: Path
) -> None:
    url = create_database(server.url, f"rollouts{time.time_ns()}", STOCKED)
    environ = live.copy_site(prepared, tmp_path / "rollouts", DATABASE_URL=url, TRUSTED_PROXIES="1")
    folder = shutil.copytree(newer_model, Path(environ["DATA_DIR"]) / "models" / "newer" / newer_model.name)
    live.flask(environ, "models", "register", folder)
    live.flask(environ, "models", "rollout", "start", "test-hills", folder.name, "--percent", "50")
    with live.serving(environ) as site:
        first = models_of(site, 40)
        assert len(set(first)) == 2
        # whichever worker answers
        assert models_of(site, 40) == first == models_of(site, 40)
        live.wait_until(lambda: sum(arm["requests"] for arm in read(site)["arms"]) == 120, 20, "all are counted")
    # workers that have not opened the candidate
    shutil.rmtree(folder)
    with live.serving(environ) as site:
        server.stop()
        kept = Path(environ["DATA_DIR"]) / "registry" / "rollouts.json"

        def is_withheld() -> bool:
            assert folder.name not in models_of(site, 10)
            return bool(json.loads(kept.read_bytes())["withheld"])

        live.wait_until(is_withheld, 30, "the rollout is stopped")
        assert call(site.url + ROLLOUT).status == 503
        server.start()
        live.wait_until(lambda: call(site.url + ROLLOUT).status == 200, 30, "the database is back")
        stopped = read(site)
        assert (stopped["state"], "could not be opened 5 times in a row" in stopped["reason"]) == ("stopped", True)
        # the other worker may write the file once more before it has read that the rollout has ended
        nothing = {"rollouts": [], "withheld": {}}
        live.wait_until(lambda: json.loads(kept.read_bytes()) == nothing, 15, "nothing is withheld")
        assert folder.name not in models_of(site, 40)
