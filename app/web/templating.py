"""What every template can use, and the form of a slug in an address."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, url_for
from werkzeug.routing import BaseConverter

from app.config.settings import app_version
from app.web.glossary import GLOSSARY


class SlugConverter(BaseConverter):
    """A slug or an id; anything else is no address of ours and never reaches the database."""

    regex = r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}"


def init_app(app: Flask) -> None:
    """Give templates the glossary, the version and the addresses of static files."""
    app.jinja_env.globals.update(glossary=GLOSSARY, app_version=app_version(), asset=_asset(app))


def _asset(app: Flask):  # type: ignore[no-untyped-def]  # noqa: ANN202
    root = Path(app.static_folder or "static")

    def asset(name: str) -> str:
        """Return the address of a static file; it changes with the file, so browsers may keep what they have."""
        file = root / name
        try:
            stamp = file.stat()
        except FileNotFoundError:
            return url_for("static", filename=name)
        return url_for("static", filename=name, v=f"{stamp.st_mtime_ns ^ stamp.st_size:x}"[-8:])

    return asset
