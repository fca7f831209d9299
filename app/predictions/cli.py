"""``flask --app wsgi predictions``: prune stored predictions, fill the cache, empty the spool."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import click
from flask import current_app
from flask.cli import AppGroup
from tqdm import tqdm

from app.cache import answers
from app.commands import OneLineCommand, UsageError
from app.database.connections import remove_time_limits
from app.database.db import db
from app.errors import Unavailable
from app.outbox.outbox import outbox
from app.outbox.spool import SpoolError
from app.predictions import cache_warming, tables
from app.trail import recorder as trail

group = AppGroup("predictions", help="Prune stored predictions, fill the cache of answers, empty the spool.")

_AGE = re.compile(r"([1-9]\d{0,6})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = timedelta(days=50 * 365)
_MOST = 100_000
_REPORT_EVERY_S = 2.0
# Synchronised clocks differ by far less.
_CLOCK_TOLERANCE = timedelta(hours=1)
_LONGEST_WAIT_S = 86_400
_LOOK_EVERY_S = 0.1


@group.command("prune", cls=OneLineCommand)
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    help="Delete what is older, such as 365d, 52w or 48h. Default: the setting PREDICTIONS_RETENTION_DAYS.",
)
@click.option("--batch", default=5000, show_default=True, metavar="N", help="Predictions deleted in one transaction.")
@click.option("--dry-run", is_flag=True, help="Say how many would be deleted, and delete nothing.")
def prune(age: str | None, batch: int, dry_run: bool) -> None:
    """Delete old predictions in small transactions, while the service runs.

    Permanent links to them return 404 afterwards. The command can be interrupted and run again, for example by a timer.
    """
    days = current_app.config["SETTINGS"].predictions_retention_days
    if age is None and days is None:
        raise UsageError("--older-than: give an age such as 365d, or set PREDICTIONS_RETENTION_DAYS")
    age = age if age is not None else f"{days}d"
    limit = _moment(age)
    if not 1 <= batch <= _MOST:
        raise UsageError(f"--batch: give a number from 1 to {_MOST}")
    remove_time_limits(db.session.connection())
    if abs(tables.clock_ahead()) > _CLOCK_TOLERANCE:
        raise UsageError(
            "this machine's clock and the database server's are more than an hour apart; nothing was deleted"
        )
    last_id = tables.first_id_of(limit)
    total = tables.count_before(last_id)
    db.session.rollback()
    scope = f"older than {age} (before {limit:%Y-%m-%d %H:%M} UTC)"
    if dry_run:
        click.echo(f"{total} predictions are {scope}; nothing was deleted")
        return
    began = time.monotonic()
    deleted = _delete(last_id, batch, total)
    if deleted:
        trail.add("", "", f"{deleted} {scope}")
        db.session.commit()
    click.echo(f"{deleted} predictions {scope} deleted, in {time.monotonic() - began:.1f} s")


@group.command("warm", cls=OneLineCommand)
@click.option("--study", metavar="S", help="Only species of the study S.")
@click.option(
    "--limit", default=1000, show_default=True, metavar="N", help="Number of conditions, the most frequent first."
)
def warm(study: str | None, limit: int) -> None:
    """Fill the shared cache in advance.

    Computes the most frequent conditions among the latest predictions, the starting points of each model and the
    example of the first page, and keeps the answers in Redis for CACHE_TTL seconds. Useful after a restart of Redis,
    or when new models are activated.
    """
    if not 0 <= limit <= _MOST:
        raise UsageError(f"--limit: give a number from 0 to {_MOST}")
    seconds_kept = answers.shared_for()
    remove_time_limits(db.session.connection())
    try:
        work = cache_warming.plan(study, limit)
    except Unavailable as error:
        raise UsageError(str(error)) from None
    finally:
        db.session.rollback()
    if seconds_kept is None:
        click.echo("REDIS_URL is not set, and a cache in this process would end with it: nothing was done")
        return
    began = time.monotonic()
    done = _fill(work)
    if done["refused"]:
        raise click.ClickException(f"Redis does not answer; {done['cached']} answers were kept before")
    skipped = f", {done['skipped']} skipped" if done["skipped"] else ""
    seconds = time.monotonic() - began
    click.echo(f"{done['cached']} answers are kept for {seconds_kept} s{skipped}, in {seconds:.1f} s")


@group.command("drain", cls=OneLineCommand)
@click.option("--wait", default=60, show_default=True, metavar="S", help="Seconds to wait for PostgreSQL at most.")
def drain(wait: int) -> None:
    """Bring the answers that wait in the spool to PostgreSQL.

    Used before the disk of the spool is removed, after the server has ended. While the server runs, it does so itself.
    """
    if not 0 <= wait <= _LONGEST_WAIT_S:
        raise UsageError(f"--wait: give a number from 0 to {_LONGEST_WAIT_S}")
    if outbox().spool is None:
        click.echo("answers are written to the database at once; there is no spool")
        return
    until = time.monotonic() + wait
    outbox().start()
    try:
        before = waiting = _waiting()
        while waiting and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S)
            waiting = _waiting()
    except SpoolError as error:
        raise click.ClickException(f"the spool cannot be read: {error}") from None
    finally:
        outbox().stop()
    if waiting:
        raise click.ClickException(f"{waiting} answers still wait for the database after {wait} s")
    click.echo(f"{before} answers waited; none waits now")


def _waiting() -> int:
    depth = outbox().depth()
    return 0 if depth is None else depth.rows


def _moment(age: str) -> datetime:
    match = _AGE.fullmatch(age.strip())
    span = int(match[1]) * _UNITS[match[2]] if match else _LONGEST + _UNITS["d"]
    if span > _LONGEST:
        raise UsageError(
            "--older-than: give hours, days or weeks, such as 48h, 365d or 52w, and not more than 50 years"
        )
    return datetime.now(UTC) - span


def _delete(last_id: str, batch: int, total: int) -> int:
    terminal = sys.stderr.isatty()
    deleted, reported = 0, time.monotonic()
    first_id: str | None = ""
    with tqdm(total=total, unit="prediction", disable=not terminal, file=sys.stderr) as bar:
        while first_id is not None:
            count, first_id = tables.delete_between(first_id, last_id, batch)
            deleted += count
            bar.update(count)
            if not terminal and first_id is not None and time.monotonic() - reported > _REPORT_EVERY_S:
                reported = time.monotonic()
                click.echo(f"{deleted}/{total} deleted")
    return deleted


def _fill(work: cache_warming.Plan) -> Counter[cache_warming.Outcome]:
    """Carry out a plan; stop at the first answer that Redis does not take."""
    terminal = sys.stderr.isatty()
    done: Counter[cache_warming.Outcome] = Counter()
    reported = time.monotonic()
    with tqdm(total=work.steps, disable=not terminal, file=sys.stderr) as bar:
        for number, outcomes in enumerate(cache_warming.fill(work), start=1):
            done += outcomes
            bar.update()
            if done["refused"]:
                break
            if not terminal and time.monotonic() - reported > _REPORT_EVERY_S:
                reported = time.monotonic()
                click.echo(f"{number}/{work.steps} done")
    return done
