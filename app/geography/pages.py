"""The page of a list of places: its filters, their messages, and the address of the next page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from urllib.parse import urlencode

from flask import request

from app.catalogue import studies
from app.errors import NotFound, ValidationFailed
from app.geography.schemas import AREA_FIELDS, LONGEST_POLYGON, PlacesPage, PlacesQuery
from app.web.faces import Reply
from app.web.input_validation import pointer_parts, validate

_FILTERS = ("species", *AREA_FIELDS)
PAGE = ("places/page.html", "places/_list.html")


def show(
    slug: str,
    kind: Literal["records", "observations"],
    look: Callable[[PlacesQuery], PlacesPage],
    *,
    has_other: bool = True,
) -> Reply:
    """Return the page of the places of a study.

    Template context: ``data`` PlacesPage or None, ``study`` Study, ``kind``, ``has_other``, ``query`` dict of filters,
    ``errors`` messages by filter, ``problem`` or "", ``more`` address of the next page or "".

    Parameters
    ----------
    slug : str
    kind : str
        What the places are of; the address of the page has it.
    look : callable
        Returns a page of places.
    has_other : bool
        Whether the study has a list of the other kind.

    Raises
    ------
    NotFound
        No study has this slug.
    """
    filters = {name: request.args.get(name, "")[: LONGEST_POLYGON + 1] for name in _FILTERS}
    given = {name: value for name, value in filters.items() if value}
    cursor = request.args.get("cursor")
    errors: dict[str, str] = {}
    found, status = None, 200
    study = studies.find(slug)
    if study is None:
        raise NotFound(f"There is no study “{slug[:100]}”.")
    try:
        found = look(validate(PlacesQuery, {**given, **({"cursor": cursor} if cursor else {})}))
    except ValidationFailed as error:
        status = error.status
        errors = {"".join(pointer_parts(at)[:1]): text for at, text in error.errors}
    # what is wrong with a file begins with its name
    problem = " ".join(text for name, text in errors.items() if name not in _FILTERS)
    more = ""
    if found is not None and found.next is not None:
        more = f"{request.path}?{urlencode({**given, 'cursor': found.next})}"
    context = {
        "study": study,
        "kind": kind,
        "has_other": has_other,
        "query": filters,
        "errors": {name: f"{text[:1].upper()}{text[1:]}." for name, text in errors.items()},
        "problem": problem,
        "more": more,
    }
    return Reply(found, status, context)
