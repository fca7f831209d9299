"""Messages of invalid fields: a plain sentence for each type of error, with the limit of the field."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core.core_schema import ErrorType

from app.web.field_messages import MESSAGES, UNKNOWN, field_errors


class Part(BaseModel):
    name: str


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: float = Field(0.0, gt=0, lt=10, allow_inf_nan=False)
    count: int = Field(1, ge=1, le=100)
    text: Annotated[str, Field(min_length=2, max_length=5)] = "abc"
    title: Annotated[str, Field(min_length=1)] = "a"
    mode: Literal["flag", "allow"] = "flag"
    exact: bool = True
    names: list[str] = Field(["a", "b"], min_length=2, max_length=3)
    environment: dict[str, Any] = {}
    part: Part = Part(name="a")
    pattern: Annotated[str, Field(pattern="^a")] = "a"

    @field_validator("title")
    @classmethod
    def _check_title(cls, value: str) -> str:
        if value == "no":
            raise ValueError("must not be no")
        return value


def message(values: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as raised:
        Query.model_validate(values)
    ((_, text),) = field_errors(raised.value)
    return text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("number", "x", "must be a number"),
        ("number", [], "must be a number"),
        ("number", float("nan"), "must be a finite number"),
        ("number", 0, "must be greater than 0.0"),
        ("number", 10, "must be less than 10.0"),
        ("count", "x", "must be a whole number"),
        ("count", 1.5, "must be a whole number"),
        ("count", "1" * 5000, "has too many digits"),
        ("count", 0, "must be 1 or more"),
        ("count", 101, "must be 100 or less"),
        ("text", 3, "must be text"),
        ("text", "a", "must have at least 2 characters"),
        ("text", "abcdef", "must have at most 5 characters"),
        ("title", "", "must not be empty"),
        ("title", "no", "must not be no"),
        ("mode", "other", "must be flag or allow"),
        ("exact", "maybe", "must be true or false"),
        ("names", 1, "must be a list"),
        ("names", ["a"], "must have at least 2 items"),
        ("names", ["a"] * 4, "must have at most 3 items"),
        ("environment", 1, "must be a JSON object"),
        ("part", 1, "must be a JSON object"),
        ("part", {}, "a value is needed"),
        ("unknown", 1, "is not a known field"),
        ("pattern", "b", UNKNOWN),
    ],
)
def test_an_invalid_field_has_a_plain_message(name, value, expected):
    assert message({name: value}) == expected


def test_a_location_has_every_name_on_the_way_to_the_field():
    with pytest.raises(ValidationError) as raised:
        Query.model_validate({"names": ["a", 1]})
    assert field_errors(raised.value) == [(("names", 1), "must be text")]


def test_every_type_of_error_in_the_table_is_a_type_of_pydantic():
    assert set(MESSAGES) <= set(get_args(ErrorType))
