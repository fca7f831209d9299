"""Refuses, before the view, changes of studies by people who may only read them.

Whoever may not read the study gets the answer of the view, which is that of a study that does not exist.
"""

from __future__ import annotations

from flask import Flask, g, request

from app.accounts.needs import STUDY_NEEDS
from app.catalogue import access, studies
from app.errors import NotPermitted

# What is the same for everybody. Tiles of public maps stay in the browser for longer than a cookie keeps its value;
# app/maps/rights.py does the others.
_FOR_ALL = frozenset(
    {
        "static",
        "docs.asset",
        "docs.reference",
        "docs.document",
        "health.live",
        "health.ready",
        "prometheus_metrics",
        "map_files.send_tile",
        "maps.land",
        "maps.coasts",
    }
)
_WORDS = {
    "edit": "You can read this study. Its owner, and the people that it is shared with as editors, change it.",
    "own": "Only the owner of this study and admins do this.",
}


def init_app(app: Flask) -> None:
    """Check each request that changes a study, after the role of the person; let templates ask the same."""
    app.before_request(_check)
    app.jinja_env.globals.update(edits_study=access.edits)


def _check() -> None:
    if request.endpoint not in _FOR_ALL:
        # Whether something exists must not show in the headers: the answer depends on the person in both cases, also
        # where the body or the query names a study, a species, a model or an answer.
        g.reads_identity = True
    level = STUDY_NEEDS.get(request.endpoint or "")
    if level is None or request.method == "OPTIONS" or access.current().everything:
        return
    study = studies.find(str((request.view_args or {})["slug"]))
    if study is not None and not access.may(study, level):
        raise NotPermitted(_WORDS[level])
