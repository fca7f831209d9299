"""The long-lived objects of one application, looked up by their class."""

from __future__ import annotations

from typing import TypeVar, cast

from flask import Flask, current_app

T = TypeVar("T")
_KEY = "ecopredict"


class Components:
    """A typed container: one object for each class.

    ``create_app`` fills it. Optional objects, such as the Redis client, may be absent.
    """

    def __init__(self) -> None:
        self._by_class: dict[type, object] = {}

    def add(self, component: T) -> T:
        """Add an object under its class and return it.

        Raises
        ------
        ValueError
            The container has an object of this class already.
        """
        if type(component) in self._by_class:
            raise ValueError(f"there is a {type(component).__name__} already")
        self._by_class[type(component)] = component
        return component

    def get(self, kind: type[T]) -> T:
        """Return the object of a class.

        Raises
        ------
        LookupError
            The application has none.
        """
        component = self._by_class.get(kind)
        if component is None:
            raise LookupError(f"the application has no {kind.__name__}")
        return cast("T", component)

    def find(self, kind: type[T]) -> T | None:
        """Return the object of a class, or None."""
        return cast("T | None", self._by_class.get(kind))


def init_app(app: Flask) -> Components:
    """Add an empty container to an application."""
    container = Components()
    app.extensions[_KEY] = container
    return container


def components(app: Flask | None = None) -> Components:
    """Return the container of an application, by default of the current one."""
    return cast("Components", (current_app if app is None else app).extensions[_KEY])


def component(kind: type[T]) -> T:
    """Return an object of the current application by its class."""
    return components().get(kind)
