"""What a command of Flask has read from ``.env``, which the server does not read."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterable

import click
from flask.helpers import get_load_dotenv


def report(names: Iterable[str]) -> None:
    """Say on standard error which settings a command has from the files that python-dotenv finds.

    Flask reads ``.flaskenv`` and ``.env`` for its commands where python-dotenv is installed, and gunicorn does not. A
    migration could then change another database than that of the service.

    Parameters
    ----------
    names : iterable of str
        Settings, as environment variables.
    """
    if os.environ.get("FLASK_RUN_FROM_CLI") != "true" or not get_load_dotenv():
        return
    # It is no requirement of the service, whose image lacks it; a statement of import would make it one.
    if importlib.util.find_spec("dotenv") is None:
        return
    dotenv = importlib.import_module("dotenv")
    for file in (".flaskenv", ".env"):
        path = dotenv.find_dotenv(file, usecwd=True)
        values = dotenv.dotenv_values(path, encoding="utf-8") if path else {}
        read = sorted({name for name in names if values.get(name) and os.environ.get(name) == values[name]})
        if read:
            click.echo(
                f"flask: {', '.join(read)} as in {path}, which the server does not read. "
                "FLASK_SKIP_DOTENV=1 leaves the file out.",
                err=True,
            )
