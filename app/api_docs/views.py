"""The interactive API reference, served from the installed Swagger UI: no CDN, no inline script."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, jsonify, render_template, send_from_directory
from werkzeug.exceptions import NotFound as NotHere

from app.api_docs import openapi
from app.registry import service as registry

pages = Blueprint("docs", __name__)

_ASSETS = frozenset(
    {
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "swagger-ui-standalone-preset.js",
        "favicon-16x16.png",
        "favicon-32x32.png",
    }
)


def _assets() -> Path:
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise RuntimeError("flask-swagger-ui is not installed")
    return Path(spec.origin).parent / "dist"


@pages.get("/docs")
def reference() -> Response:
    """Show the interactive reference."""
    return Response(render_template("docs.html", data=None), content_type="text/html; charset=utf-8")


@pages.get("/docs/assets/<path:name>")
def asset(name: str) -> Response:
    """Send one file of Swagger UI."""
    if name not in _ASSETS:
        raise NotHere
    return send_from_directory(_assets(), name, max_age=86400)


@pages.get("/openapi.json")
def document() -> Response:
    """Send the OpenAPI document, its example taken from a model that answers."""
    version = registry.best_active()
    example = None
    if version is not None:
        typical = registry.card_of(version).starting_points[0].environment
        example = {"species": version.species.slug, "environment": dict(typical)}
    return jsonify(openapi.build(example))
