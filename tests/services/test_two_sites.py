"""Two sites: the second follows the first, the first dies, and the second goes on. Prints what was lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.services.conftest import STOCKED, WHEATEAR, Answer, call, predict
from tests.services.test_replica import ask, caught_up, run
from tests.services.versions import retrained
from tools import live
from tools.live import PROJECT

BEFORE, UNSENT, DURING, AFTER = 20, 5, 20, 5


def follow(source: Path, target: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tools.follow", source, target], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def answers(url: str, number: int, first: float) -> list[str]:
    """Ask for different conditions, and return the ids."""
    ids = []
    for step in range(number):
        answer = predict(url, temperature=first + step / 100)
        assert answer.status == 200, answer.body
        ids.append(answer.json["id"])
    return ids


def found(url: str, ids: list[str]) -> int:
    return sum(call(f"{url}/api/v1/predictions/{one}").status == 200 for one in ids)


def active(url: str) -> str:
    """The model that answers; each look is one more stored answer."""
    return str(predict(url).json["model"]["id"])


def rows(url: str) -> object:
    return ask(url, "SELECT count(*) FROM predictions")


def test_the_second_site_goes_on_when_the_first_dies(stocked: Path, workroom: Path, prepared: Path) -> None:
    with ExitStack() as stack:
        primary = live.make_postgres(workroom / "two-primary", like=stocked)
        primary.database = STOCKED
        primary.start()
        stack.callback(primary.stop)
        standby = live.make_standby(workroom / "two-standby", primary)
        standby.start()
        stack.callback(standby.stop)
        environ = live.copy_site(prepared, workroom / "first-site", DATABASE_URL=primary.url)
        first = stack.enter_context(live.serving(environ))

        # the second site: its models are those of the first, and it writes to the primary of the first
        data_dir = workroom / "second-site"
        data_dir.mkdir()
        follow(first.data_dir, data_dir)
        there = live.app_environ(data_dir, DATABASE_URL=primary.url, DATABASE_REPLICA_URL=standby.url)
        second = stack.enter_context(live.serving(there))
        one, other = predict(first.url).json, predict(second.url).json
        assert [one[name] for name in ("suitability", "interval", "model")] == [
            other[name] for name in ("suitability", "interval", "model")
        ]

        # an activation reaches the second site with the next call, not before
        version = retrained(next((first.data_dir / "models").glob(f"*/{WHEATEAR}/*")))
        live.flask(first.environ, "models", "register", version, "--activate")
        assert (active(first.url), active(second.url)) == (version.name, one["model"]["id"])
        # what is read from the database is ahead of the files
        assert call(f"{second.url}/api/v1/species/{WHEATEAR}").json["model"]["id"] == version.name
        # the model, and the list of active models
        assert follow(first.data_dir, data_dir) != "0 files copied\n"
        assert active(second.url) == version.name
        assert follow(first.data_dir, data_dir) == "0 files copied\n"

        kept = answers(first.url, BEFORE, 10.0)
        # five looks at what answers
        stored = BEFORE + 5
        live.wait_until(lambda: rows(primary.url) == stored, 20, "the rows are in the primary")
        caught_up(primary, standby)

        # the first site dies: its database, then its servers, with answers that have not reached the database
        primary.stop()
        unsent = answers(first.url, UNSENT, 11.0)
        first.program.stop(signal.SIGKILL)

        # the second answers, and shows what the replica has
        during: list[Answer] = [predict(second.url, temperature=12.0 + step / 100) for step in range(DURING)]
        assert [answer.status for answer in during] == [200] * DURING
        ids = [answer.json["id"] for answer in during]
        assert found(second.url, kept) == BEFORE
        assert found(second.url, ids) == DURING
        assert found(second.url, unsent) == 0
        assert call(f"{second.url}/health/ready").json["status"] == "degraded"

        # the replica becomes the primary, and the second site is started again with it
        started = time.monotonic()
        run(standby.url, "SELECT pg_promote()")
        second.program.stop(signal.SIGTERM)
        del there["DATABASE_REPLICA_URL"]
        again = stack.enter_context(live.serving(there, DATABASE_URL=standby.url))
        live.wait_until(lambda: rows(standby.url) == stored + DURING, 30, "the spool is empty")
        promoted = time.monotonic() - started
        later = answers(again.url, AFTER, 13.0)
        assert found(again.url, kept + ids + later) == BEFORE + DURING + AFTER
        assert found(again.url, unsent) == 0

        # the disk of the first site is found: what its spool has is stored
        live.flask(first.environ | {"DATABASE_URL": standby.url}, "predictions", "drain")
        assert found(again.url, unsent) == UNSENT
        live.wait_until(lambda: rows(standby.url) == stored + DURING + AFTER + UNSENT, 20, "all rows")
        print(
            f"while the first site was dead: {DURING} of {DURING} predictions answered; lost until its disk is read: "
            f"{UNSENT} of {BEFORE + UNSENT}; promoted, started again and handed over in {promoted:.1f} s"
        )
