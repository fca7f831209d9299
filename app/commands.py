"""Commands of ``flask --app wsgi`` that report an expected failure in one line."""

from __future__ import annotations

import os
from typing import ClassVar

import click
from flask.cli import ScriptInfo
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError


class UsageError(click.ClickException):
    """Bad input: one line, exit code 2."""

    exit_code = 2


class OneLineCommand(click.Command):
    """A command that reports expected failures, including wrong options, in one line.

    Attributes
    ----------
    expected : tuple of exception types
        Failures whose message is for the user, besides those of the database.
    """

    expected: ClassVar[tuple[type[Exception], ...]] = ()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; a wrong one is one line."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise UsageError(" ".join(error.format_message().split())) from None

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an expected failure is one line."""
        try:
            return super().invoke(ctx)
        except self.expected as error:
            raise UsageError(" ".join(str(error).split())) from None
        except SQLAlchemyError as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise UsageError(
                f"the database does not answer, or is not migrated: {reason} "
                f"(flask --app wsgi db upgrade migrates it). {_database_asked(ctx)}"
            ) from None


def _database_asked(ctx: click.Context) -> str:
    """Say which database a command asked: in a shell without the settings of the service it is another one."""
    settings = ctx.find_object(ScriptInfo).load_app().config["SETTINGS"]  # type: ignore[union-attr]
    address = make_url(settings.database_url).render_as_string(hide_password=True)
    if any(os.environ.get(name) for name in ("DATA_DIR", "DATABASE_URL", "DATABASE_URL_FILE")):
        return f"The database is {address}."
    return f"The database is {address}, because neither DATA_DIR nor DATABASE_URL is set."
