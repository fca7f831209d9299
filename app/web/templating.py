"""Globals of the templates, and the URL converter of slugs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from flask import Flask, url_for
from werkzeug.routing import BaseConverter

from app.config.version import app_version
from app.web.glossary import GLOSSARY
from ml.numbers import distances, range_seen, rounded, with_unit
from ml.odmap.intervals import fitted_on, interval_words
from ml.odmap.purpose import limits_of
from ml.odmap.wording import numeric_order
from ml.serving.verdict import WORDS


class SlugConverter(BaseConverter):
    """A slug or an id. Anything else is a 404 and does not reach the database."""

    regex = r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}"


class PredictionConverter(SlugConverter):
    """The id of a prediction, which is not the name of another resource beside it."""

    regex = rf"(?!batch\Z){SlugConverter.regex}"


def init_app(app: Flask) -> None:
    """Add the glossary, the version and ``asset`` to the globals of the templates, and filters."""
    app.jinja_env.filters["numeric_order"] = numeric_order
    app.jinja_env.filters["limits_of"] = limits_of
    app.jinja_env.filters["interval_words"] = interval_words
    app.jinja_env.filters["fitted_on"] = fitted_on
    app.jinja_env.filters["minus"] = minus
    app.jinja_env.filters["exact"] = with_unit
    app.jinja_env.filters["rounded"] = rounded
    app.jinja_env.filters["verdict_word"] = WORDS.__getitem__
    app.jinja_env.globals.update(
        glossary=GLOSSARY,
        range_seen=range_seen,
        distances=distances,
        app_version=app_version(),
        asset=_asset(app),
        shows_analytics=app.config["SETTINGS"].shows_analytics,
    )


#: A hyphen before a number, but not one between two parts of a name, a range or a date.
_HYPHEN = re.compile(r"(?<![\w./+)-])-(?=\.?\d)")


def minus(text: str) -> str:
    """Return a sentence with the minus sign before negative numbers."""
    return _HYPHEN.sub("\u2212", text)


def _asset(app: Flask) -> Callable[[str], str]:
    root = Path(app.static_folder or "static")

    def asset(name: str) -> str:
        """Return the URL of a static file. It changes with the file, so that browsers may cache it."""
        file = root / name
        try:
            stamp = file.stat()
        except FileNotFoundError:
            return url_for("static", filename=name)
        return url_for("static", filename=name, v=f"{stamp.st_mtime_ns ^ stamp.st_size:x}"[-8:])

    return asset
