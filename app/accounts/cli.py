"""The command ``flask --app wsgi users``: create people, list them and change what they may do."""

from __future__ import annotations

import sys
from datetime import timedelta

import click
from flask import current_app
from flask.cli import AppGroup

from app.accounts import links, users
from app.accounts.roles import ROLES, Role
from app.accounts.site import configured, local
from app.commands import OneLineCommand, UsageError
from app.config.settings import Settings
from app.errors import AppError
from app.plans.tables import OF_PEOPLE

group = AppGroup("users", help="Create people, list them and change what they may do.")
_ROLE = click.Choice(ROLES)
_with_site = click.option("--site", metavar="URL", help="Beginning of the link, such as https://eco.example.org.")


class UsersCommand(OneLineCommand):
    """Reports expected failures of accounts in one line."""

    expected = (AppError,)


@group.command("create", cls=UsersCommand)
@click.argument("email", metavar="EMAIL")
@click.option("--role", type=_ROLE, required=True, help="What the person may do.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, and print no link.")
@_with_site
def create(email: str, role: Role, password_stdin: bool, site: str | None) -> None:
    """Create the person EMAIL, and print a link to set the password that works once, for three days."""
    address = _site(site)
    if password_stdin:
        user = users.create(email, role, sys.stdin.readline().rstrip("\r\n"))
        click.echo(f"{user.email} can sign in as {role}")
        return
    user = users.create(email, role)
    click.echo(f"{user.email} is {role}, and sets the password here, within three days:", err=True)
    click.echo(links.address_of(links.create(user, links.INVITATION), address))


@group.command("list", cls=UsersCommand)
def list_users() -> None:
    """List people with their roles."""
    people = users.browse()
    if not people:
        click.echo("nobody has an account; see users create --help")
        return
    width = max(len(user.email) for user in people)
    click.echo(f"{'email':<{width}}  {'role':<6}  {'state':<11}  {'second factor':<13}  {'created':<10}  plan")
    for user in people:
        state = "disabled" if user.disabled else "active" if user.password_hash else "no password"
        factor = "yes" if user.totp_secret else "no"
        click.echo(
            f"{user.email:<{width}}  {user.role:<6}  {state:<11}  {factor:<13}  {user.created_at:%Y-%m-%d}  {user.plan}"
        )


@group.command("role", cls=UsersCommand)
@click.argument("email", metavar="EMAIL")
@click.argument("role", metavar="ROLE", type=_ROLE)
def change_role(email: str, role: Role) -> None:
    """Give the person EMAIL the role ROLE: viewer, editor or admin."""
    click.echo(f"{users.set_role(email, role).email} is {role} now")


@group.command("plan", cls=UsersCommand)
@click.argument("email", metavar="EMAIL")
@click.argument("plan", metavar="PLAN", type=click.Choice(OF_PEOPLE))
def change_plan(email: str, plan: str) -> None:
    """Give the person EMAIL the plan PLAN: free or partner."""
    click.echo(f"{users.set_plan(email, plan).email} has the plan {plan} now")


@group.command("disable", cls=UsersCommand)
@click.argument("email", metavar="EMAIL")
def disable(email: str) -> None:
    """Disable the person EMAIL: they cannot sign in, and their sessions end."""
    click.echo(f"{users.set_disabled(email, True).email} is disabled")


@group.command("enable", cls=UsersCommand)
@click.argument("email", metavar="EMAIL")
def enable(email: str) -> None:
    """Let the person EMAIL sign in again."""
    click.echo(f"{users.set_disabled(email, False).email} is enabled")


@group.command("reset", cls=UsersCommand)
@click.argument("email", metavar="EMAIL")
@click.option(
    "--second-factor", is_flag=True, help="Turn the second factor off too, such as after a telephone was lost."
)
@click.option(
    "--hours", type=click.IntRange(1, 72), default=24, show_default=True, metavar="N", help="Life of the link."
)
@_with_site
def reset(email: str, second_factor: bool, hours: int, site: str | None) -> None:
    """Print a link for the person EMAIL to set a new password, which works once."""
    address = _site(site)
    user = users.get(email)
    if user.disabled:
        raise UsageError(f"{user.email} is disabled; users enable {user.email} comes first")
    if second_factor:
        users.remove_second_factor(user)
    click.echo(links.address_of(links.create(user, timedelta(hours=hours)), address))


def _site(given: str | None) -> str:
    """Return the beginning of links: as given, or from the settings."""
    if given is not None:
        site = given.rstrip("/")
        if not site.startswith(("http://", "https://")) or any(character.isspace() for character in site):
            raise UsageError("--site: expected the address of the site, such as https://eco.example.org")
        return site
    settings: Settings = current_app.config["SETTINGS"]
    return configured(settings) or local(settings)
