"""The command ``flask --app wsgi plans``: list and change the limits of plans."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from app.commands import OneLineCommand, UsageError
from app.config.settings import Settings
from app.errors import AppError
from app.plans import service
from app.plans.service import NUMBERS

group = AppGroup("plans", help="List and change how much people may ask.")
_NONE = "none"


class _PlansCommand(OneLineCommand):
    expected = (AppError,)


@group.command("list", cls=_PlansCommand)
def list_plans() -> None:
    """List the plans with their limits."""
    settings: Settings = current_app.config["SETTINGS"]
    click.echo(f"{'plan':<9}  {'rate':<20}  {'requests a month':>16}  {'upload in bytes':>15}  {'jobs at once':>12}")
    for plan in service.browse():
        rate = plan.rate or f"{settings.rate_limit} (RATE_LIMIT)"
        numbers = [_NONE if value is None else str(value) for value in (getattr(plan, name) for name in NUMBERS)]
        click.echo(f"{plan.name:<9}  {rate:<20}  {numbers[0]:>16}  {numbers[1]:>15}  {numbers[2]:>12}")


@group.command("set", cls=_PlansCommand)
@click.argument("name", metavar="PLAN")
@click.option("--rate", metavar="RATE", help="Such as 20/second; none is RATE_LIMIT.")
@click.option("--requests-a-month", metavar="N", help="Quota of a month; none is no quota.")
@click.option("--upload-bytes", metavar="N", help="Largest upload; none is MAX_UPLOAD.")
@click.option("--jobs-at-once", metavar="N", help="Jobs of a person that wait or run; none is no limit.")
def set_limits(name: str, rate: str | None, **given: str | None) -> None:
    """Change limits of the plan PLAN; those without an option stay."""
    if rate is None and all(value is None for value in given.values()):
        raise UsageError("nothing to change; see plans set --help")
    plan = service.find(name)
    numbers = {field: _number(field, value, getattr(plan, field)) for field, value in given.items()}
    new_rate = plan.rate if rate is None else None if rate == _NONE else rate
    service.change(name, plan.revision, new_rate, numbers)
    click.echo(f"the plan {name} is changed; running processes know it within seconds")


def _number(field: str, text: str | None, present: int | None) -> int | None:
    if text is None:
        return present
    if text == _NONE:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise UsageError(f"--{field.replace('_', '-')}: expected a whole number, or none")
    return int(text)
