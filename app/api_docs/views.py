"""The OpenAPI document and its interactive reference, served from the installed Swagger UI without a CDN."""

from __future__ import annotations

import logging
import threading
from importlib.util import find_spec
from pathlib import Path

import orjson
from flask import Blueprint, Flask, Response, abort, current_app, render_template, request, send_from_directory
from sqlalchemy.exc import SQLAlchemyError

from app.api_docs import openapi
from app.components import component, components
from app.errors import Unavailable
from app.predictions.query_schemas import PredictionQuery
from app.registry import service as registry

log = logging.getLogger(__name__)
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
        abort(404)
    return send_from_directory(_assets(), name, max_age=86400)


class DocumentCache:
    """The OpenAPI document of this process, built again when its example changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._built: tuple[dict[str, object] | None, bytes] | None = None

    def content(self, example: dict[str, object] | None) -> bytes:
        """Return the document as JSON, with an example of a query."""
        built = self._built
        if built is None or built[0] != example:
            with self._lock:
                built = self._built
                if built is None or built[0] != example:
                    document = openapi.build(current_app, {PredictionQuery: example} if example else None)
                    built = self._built = example, orjson.dumps(document)
        return built[1]


@pages.get("/openapi.json")
def document() -> Response:
    """Send the OpenAPI document, with an example that the best model answers."""
    response = Response(component(DocumentCache).content(_example()), content_type="application/json")
    response.add_etag()
    response.cache_control.no_cache = True
    response.make_conditional(request)
    return response


def init_app(app: Flask) -> None:
    """Add the document of this process."""
    components(app).add(DocumentCache())


def _example() -> dict[str, object] | None:
    """Return typical conditions of the best model; None where there is no model that can be opened."""
    try:
        best = registry.example_species()
        if best is None or best.model is None:
            return None
        environment = registry.card_of(best.model).starting_points[0].environment
    except (Unavailable, SQLAlchemyError) as error:
        # without a snapshot file the database is read
        log.warning("the OpenAPI document has no example: %s", type(error).__name__)
        return None
    return {"species": best.slug, "environment": dict(environment)}
