"""The page of a study that is not made of own data."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response

from app.studies import sensitive, service
from app.web.faces import Reply, render


def other_page(slug: str, status: int = 200, *, marking: Mapping[str, str] | None = None) -> Response:
    """Return the page of a study with its sources.

    Template context: ``data`` StudyDetail, ``sensitive`` SensitivePlaces, ``marking`` the refused form of it.
    """
    detail = service.detail(slug)
    return render(
        Reply(detail, status, sensitive.page_context(slug, marking)), "studies/other.html", "studies/other.html"
    )
