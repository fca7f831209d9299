"""Recipes as they are stored: one may have a value that this version of the program refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.web.field_messages import field_errors
from ml.recipes.recipe import Recipe

_MOST_REFUSED = 100
_LONGEST_VALUE = 80


def read_recipe(stored: Mapping[str, Any], title: str) -> tuple[Recipe, list[str]]:
    """Return a recipe with the valid members of a stored one.

    Parameters
    ----------
    stored : mapping
    title : str
        Of the study, for a recipe without a valid one.

    Returns
    -------
    Recipe
        Refused members have their defaults.
    list of str
        Each refused member with its value and the reason, such as ``rules.thin_km (5000): must be 1000 or less``.
    """
    data: dict[str, Any] = dict(copy.deepcopy(stored))
    refused: list[str] = []
    while True:
        try:
            return Recipe.model_validate(data), refused
        except ValidationError as error:
            location, message = field_errors(error)[0]
        if len(refused) >= _MOST_REFUSED:
            return Recipe(title=title), [*refused, "further members"]
        path, value = _remove(data, location)
        if not path:
            # the title is the one member without a default
            data["title"] = title
        name = ".".join(str(part) for part in path or location)
        refused.append(f"{name}{value}: {message}")


def _remove(data: Any, location: Sequence[int | str]) -> tuple[list[int | str], str]:
    """Remove the innermost part of JSON on the way to a location; return its path and its value for a message."""
    parents: list[tuple[Any, int | str]] = []
    for key in location:
        is_there = key in data if isinstance(data, dict) else isinstance(data, list) and key in range(len(data))
        if not is_there:
            break
        parents.append((data, key))
        data = data[key]
    if not parents:
        return [], ""
    container, key = parents[-1]
    value = container.pop(key)
    text = f" ({json.dumps(value, ensure_ascii=False)[:_LONGEST_VALUE]})" if not isinstance(value, dict | list) else ""
    return [key for _, key in parents], text
