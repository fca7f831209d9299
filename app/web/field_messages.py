"""Plain sentences for the validation errors of Pydantic, by type of error."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_TEXT = "must be text"
_NUMBER = "must be a number"
WHOLE_NUMBER = "must be a whole number"
_TRUE_OR_FALSE = "must be true or false"
_LIST = "must be a list"
_OBJECT = "must be a JSON object"

#: Message for each type of error that the fields of the queries can cause, with the limits of the field. The types and
#: the names in braces are Pydantic's: https://docs.pydantic.dev/latest/errors/validation_errors/
MESSAGES: Mapping[str, str] = {
    "missing": "a value is needed",
    "extra_forbidden": "is not a known field",
    "invalid_key": "the name of a field must be text",
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "int_type": WHOLE_NUMBER,
    "int_parsing": WHOLE_NUMBER,
    "int_from_float": WHOLE_NUMBER,
    "int_parsing_size": "has too many digits",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "bool_type": _TRUE_OR_FALSE,
    "bool_parsing": _TRUE_OR_FALSE,
    "list_type": _LIST,
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
}
#: The message for any other type.
UNKNOWN = "is not valid"


def field_errors(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Return the location and the message of each invalid field.

    Parameters
    ----------
    error : ValidationError

    Returns
    -------
    list of (tuple, str)
        The names and the numbers on the way to a field, and the message, which starts in lower case.
    """
    return [(item["loc"], _message(item)) for item in error.errors(include_input=False, include_url=False)]


def _message(item: ErrorDetails) -> str:
    limits = item.get("ctx", {})
    if item["type"] == "value_error":
        # a validator of the application wrote this message
        return str(limits["error"])
    text = MESSAGES.get(item["type"], UNKNOWN)
    if item["type"] in ("string_too_short", "too_short") and limits["min_length"] == 1:
        return "must not be empty"
    # Pydantic writes "'flag', 'allow' or 'refuse'"
    return text.format_map({name: str(value).replace("'", "") for name, value in limits.items()})
