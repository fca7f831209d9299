"""The OpenAPI description of an API view, declared as a decorator directly below its routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

Tag = Literal[
    "predictions",
    "comparisons",
    "species",
    "studies",
    "models",
    "maps",
    "observations",
    "jobs",
    "analytics",
    "accounts",
    "audit",
    "health",
]
Schema = dict[str, Any]
View = TypeVar("View", bound=Callable[..., object])

#: Schema of a parameter in the path, unless the operation declares another.
SLUG: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,149}$"}


@dataclass(frozen=True)
class Operation:
    """One operation of the API as the OpenAPI document describes it.

    Attributes
    ----------
    id : str
        The ``operationId``, unique in the document.
    tag : str
        The section of the document.
    summary : str
    answer : type of BaseModel
        Schema of the answer.
    description : str
        Further explanation; left out of the document when empty.
    body : type of BaseModel, optional
        Schema of a JSON body.
    body_required : bool
    media : tuple of str
        Media types of a required body that is not JSON, such as the content of a file; besides JSON where there is a
        `body`.
    also_in_address : tuple of str
        Members of the body that may be query parameters instead.
    query : type of BaseModel, optional
        Schema of the query parameters.
    path : mapping of str to dict
        JSON schemas of path parameters that are not slugs, by their names in the document.
    problems : tuple of int
        Statuses of the errors that the operation describes.
    answers : mapping of int to str
        Statuses of responses with the answer, and their meanings.
    media_type : str
        Of the answer; where it is not JSON, the answer is a text.
    limited : bool
        Whether the rate limit applies: its headers and status 429 are described then.
    """

    id: str
    tag: Tag
    summary: str
    answer: type[BaseModel]
    description: str = ""
    body: type[BaseModel] | None = None
    body_required: bool = True
    media: tuple[str, ...] = ()
    also_in_address: tuple[str, ...] = ()
    query: type[BaseModel] | None = None
    path: Mapping[str, Schema] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    answers: Mapping[int, str] = field(default_factory=lambda: {200: "The answer."})
    media_type: str = "application/json"
    limited: bool = True

    def __call__(self, view: View) -> View:
        """Declare that a view performs this operation; apply the decorator directly below the routes."""
        _BY_VIEW[view] = self
        return view


_BY_VIEW: dict[Callable[..., object], Operation] = {}


def operation_of(view: Callable[..., object]) -> Operation | None:
    """Return the operation that is declared for a view, or None.

    Parameters
    ----------
    view : callable
        The function that Flask calls, as in ``app.view_functions``.
    """
    return _BY_VIEW.get(view)
