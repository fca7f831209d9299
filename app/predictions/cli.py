"""``flask --app wsgi predictions``: what is done with stored predictions from the command line."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import click
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from app.cache import answers
from app.database.connections import take_time
from app.database.db import db
from app.errors import Unavailable
from app.predictions import cache_warming, tables
from app.registry.cli import UsageError

group = AppGroup("predictions", help="Look after stored predictions and the cache of answers.")

_AGE = re.compile(r"([1-9]\d{0,6})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = timedelta(days=50 * 365)
_MOST = 100_000
_SAY_EVERY_S = 2.0
# more than any clock that is looked after is wrong
_APART = timedelta(hours=1)


class _OneLine(click.Command):
    """A command whose expected failures, wrong options too, are one line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise UsageError(" ".join(error.format_message().split())) from None

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SQLAlchemyError as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise UsageError(f"the database does not answer, or is not migrated: {reason}") from None


@group.command("prune", cls=_OneLine)
@click.option(
    "--older-than", "age", required=True, metavar="AGE", help="Delete what is older, such as 365d, 52w or 48h."
)
@click.option("--batch", default=5000, show_default=True, metavar="N", help="Predictions deleted in one transaction.")
@click.option("--dry-run", is_flag=True, help="Say how many would be deleted, and delete nothing.")
def prune(age: str, batch: int, dry_run: bool) -> None:
    """Delete old predictions, in small transactions, while others are answered.

    Permanent links to them are 404 afterwards. May be interrupted and run again, by a timer for instance.
    """
    limit = _moment(age)
    if not 1 <= batch <= _MOST:
        raise UsageError(f"--batch: give a number from 1 to {_MOST}")
    take_time(db.session.connection())
    if abs(tables.clock_ahead()) > _APART:
        raise UsageError(
            "this machine's clock and the database server's are more than an hour apart; nothing was deleted"
        )
    last_id = tables.first_id_of(limit)
    total = tables.count_before(last_id)
    db.session.rollback()
    shown = f"older than {age} (before {limit:%Y-%m-%d %H:%M} UTC)"
    if dry_run:
        click.echo(f"{total} predictions are {shown}; nothing was deleted")
        return
    began = time.monotonic()
    deleted = _delete(last_id, batch, total)
    click.echo(f"{deleted} predictions {shown} deleted, in {time.monotonic() - began:.1f} s")


@group.command("warm", cls=_OneLine)
@click.option("--study", metavar="S", help="Only species of the study S.")
@click.option("--limit", default=1000, show_default=True, metavar="N", help="How many of the most asked conditions.")
def warm(study: str | None, limit: int) -> None:
    """Fill the shared cache with what will be asked.

    Computes and keeps in Redis what was asked most often among the latest predictions and what the page of each model
    begins with, for CACHE_TTL seconds: after a restart of Redis, or when new models answer.
    """
    if not 0 <= limit <= _MOST:
        raise UsageError(f"--limit: give a number from 0 to {_MOST}")
    kept_for = answers.shared_for()
    take_time(db.session.connection())
    try:
        work = cache_warming.plan(study, limit)
    except Unavailable as error:
        raise UsageError(str(error)) from None
    finally:
        db.session.rollback()
    if kept_for is None:
        click.echo("REDIS_URL is not set, and a cache in this process would end with it: nothing was done")
        return
    began = time.monotonic()
    done = _warm(work)
    if done["away"]:
        raise click.ClickException(f"Redis does not answer; {done['kept']} answers were kept before")
    passed_over = f", {done['passed over']} passed over" if done["passed over"] else ""
    seconds = time.monotonic() - began
    click.echo(f"{done['kept']} answers are kept for {kept_for} s{passed_over}, in {seconds:.1f} s")


def _moment(age: str) -> datetime:
    found = _AGE.fullmatch(age.strip())
    span = int(found[1]) * _UNITS[found[2]] if found else _LONGEST + _UNITS["d"]
    if span > _LONGEST:
        raise UsageError(
            "--older-than: give hours, days or weeks, such as 48h, 365d or 52w, and not more than 50 years"
        )
    return datetime.now(UTC) - span


def _delete(last_id: str, batch: int, total: int) -> int:
    terminal = sys.stderr.isatty()
    deleted, said = 0, time.monotonic()
    first_id: str | None = ""
    with tqdm(total=total, unit="prediction", disable=not terminal, file=sys.stderr) as bar:
        while first_id is not None:
            gone, first_id = tables.delete_between(first_id, last_id, batch)
            deleted += gone
            bar.update(gone)
            if not terminal and first_id is not None and time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                click.echo(f"{deleted}/{total} deleted")
    return deleted


def _warm(work: cache_warming.Plan) -> Counter[cache_warming.Outcome]:
    """Carry a plan out, up to the first answer that Redis does not take."""
    terminal = sys.stderr.isatty()
    done: Counter[cache_warming.Outcome] = Counter()
    said = time.monotonic()
    with tqdm(total=work.steps, disable=not terminal, file=sys.stderr) as bar:
        for number, outcomes in enumerate(cache_warming.carry_out(work), start=1):
            done += outcomes
            bar.update()
            if done["away"]:
                break
            if not terminal and time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                click.echo(f"{number}/{work.steps} done")
    return done
