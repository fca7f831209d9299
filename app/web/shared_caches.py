"""What a content delivery network may store: reads of public data that nobody in particular asked for.

A response is shared only where everything says so; what is new is not. The lifetime is short instead of purged: an
activation needs no word to a network, and none can be lost.
"""

from __future__ import annotations

from flask import Flask, Response, request

from app.web.credentials import IDENTIFYING

#: Endpoints of the API whose responses depend on the address alone, for whoever is not signed in.
SHARED = frozenset(
    {
        "registry_api.browse",
        "registry_api.detail",
        "registry_api.odmap",
        "species_api.browse",
        "species_api.detail",
        "studies_api.browse",
        "studies_api.detail",
    }
)
#: Seconds that a shared cache answers by itself, and then while it asks here in the background.
FRESH_S, STALE_S = 30, 30
CONTROL = f"public, max-age=0, s-maxage={FRESH_S}, stale-while-revalidate={STALE_S}"


def init_app(app: Flask) -> None:
    """Mark responses, after everything that could make one private; not in development, where all see everything."""
    if app.config["SETTINGS"].needs_accounts:
        app.after_request(_share)


def _share(response: Response) -> Response:
    if request.endpoint not in SHARED or response.status_code != 200 or response.is_streamed:
        return response
    # whoever is signed in sees more, and a cache that ignores Vary must not store it
    response.vary.update(IDENTIFYING)
    if any(name in request.headers for name in IDENTIFYING) or "Set-Cookie" in response.headers:
        response.headers["Cache-Control"] = "private, no-store"
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = CONTROL
        # The ETag of a study is the revision of its recipe, which stays the same when another model is activated.
        if "ETag" not in response.headers:
            response.add_etag()
            response.make_conditional(request)
    return response
