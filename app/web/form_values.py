"""Values of the fields of a form, with a message for each that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.errors import FieldErrors, ValidationFailed
from app.web import json_text
from app.web.field_messages import WHOLE_NUMBER
from app.web.input_validation import NUMBER, pointer_parts

#: The field of a button that makes one change: JSON members of a PATCH body.
BUTTON = "change"


class FormErrors:
    """Messages by the names of fields; "" is the name of the form itself."""

    def __init__(self) -> None:
        self._by_field: dict[str, str] = {}

    def add(self, field: str, message: str) -> None:
        """Add a message; the first message of a field is kept."""
        self._by_field.setdefault(field, message)

    def add_pointers(self, errors: FieldErrors, names: Mapping[str, str]) -> None:
        """Add errors of the API.

        Parameters
        ----------
        errors : sequence of (str, str)
            JSON pointers and messages.
        names : mapping of str to str
            The field of a pointer; the longest beginning of a pointer decides.
        """
        for pointer, message in errors:
            parts = pointer_parts(pointer)
            field = ""
            for length in range(len(parts), 0, -1):
                beginning = "/" + "/".join(parts[:length])
                if beginning in names:
                    field = names[beginning]
                    break
            self.add(field, message)

    def get(self, field: str) -> str | None:
        """Return the message of a field, or None."""
        return self._by_field.get(field)

    def items(self) -> Iterator[tuple[str, str]]:
        """Return the fields with their messages."""
        return iter(self._by_field.items())

    def __len__(self) -> int:
        return len(self._by_field)


class Form:
    """Fields of a form as numbers.

    Parameters
    ----------
    fields : mapping of str to str
    errors : FormErrors
        Receives the fields that are no numbers.
    """

    def __init__(self, fields: Mapping[str, str], errors: FormErrors) -> None:
        self._fields = fields
        self._errors = errors

    def number(self, name: str) -> float | None:
        """Return a number, which may have a decimal comma; None where the field is empty."""
        text = self._fields.get(name, "").strip().replace(",", ".").replace("−", "-")
        if not text:
            return None
        if not NUMBER.fullmatch(text):
            self._errors.add(name, "must be a number")
            return None
        return float(text) + 0.0

    def whole_number(self, name: str) -> int | None:
        """Return a whole number; None where the field is empty."""
        text = self._fields.get(name, "").strip()
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):
            self._errors.add(name, WHOLE_NUMBER)
            return None
        return int(text)


def change_of_button(fields: Mapping[str, str], errors: FormErrors) -> dict[str, Any]:
    """Return the members of the change that a button makes; none where no such button was pressed."""
    text = fields.get(BUTTON, "")
    if not text:
        return {}
    try:
        body = json_text.parse(text)
    except (ValueError, RecursionError, ValidationFailed):
        body = None
    if not isinstance(body, dict):
        errors.add("", "The change of the button is not valid. Reload the page.")
        return {}
    return body
