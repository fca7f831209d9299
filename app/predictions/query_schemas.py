"""Schemas of queries: a species with conditions or a place, and the options of a request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from app.predictions.place_schemas import Location
from app.web.fields import Text, plain_text

MOST_PREDICTORS = 200
RULES = ("maxSSS", "P10", "MTP")
#: The end of the message about a threshold that is neither a number nor a rule.
NAMES_OF_RULES = f" or one of {', '.join(RULES)}"
#: Members of a query that may be query parameters of a POST instead.
ALSO_IN_ADDRESS = ("extrapolation", "threshold")

Extrapolation = Literal["allow", "flag", "refuse"]

Environment = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": "number"}, {"type": "string", "maxLength": 200}]},
            "maxProperties": MOST_PREDICTORS,
            "description": "A value for each predictor of the species' model, by name, in the predictor's unit.",
        }
    ),
]


def read_threshold(value: object) -> float | str | None:
    """Return a threshold from 0 to 1 or the name of a rule."""
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() in {rule.lower() for rule in RULES}:
        return next(rule for rule in RULES if rule.lower() == value.strip().lower())
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        # not -0.0, which would be written as -0.00
        return float(value) + 0.0
    raise ValueError(f"must be a number from 0 to 1{NAMES_OF_RULES}")


class RequestOptions(BaseModel):
    """Options for the verdict: threshold and extrapolation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    extrapolation: Extrapolation = Field(
        "flag",
        description="Outside a model's area of applicability: `flag` answers with the verdict `cannot_say`, "
        "`allow` gives the verdict by the number alone, `refuse` is a 409 problem.",
    )
    threshold: Annotated[float | str | None, BeforeValidator(read_threshold)] = Field(
        None,
        description="A threshold of your own from 0 to 1, or the rule to use: maxSSS, P10, MTP. The model's own rule "
        "when left out.",
        json_schema_extra={
            "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"enum": [*RULES]}, {"type": "null"}]
        },
    )


def without_null(schema: dict[str, Any]) -> None:
    """Describe a member that a request either has or has not: neither null nor a default."""
    schema.pop("default", None)
    (described,) = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
    schema.update({**described, **schema})


#: Stands for a member that a request does not have.
LEFT_OUT: Any = object()


def none_if_left_out(value: object) -> object:
    """Return None for a member that was left out; a member that is null is refused."""
    if value is None:
        raise ValueError("must not be null; leave it out instead")
    return None if value is LEFT_OUT else value


class PredictionQuery(RequestOptions):
    """A species, and either conditions or a place whose conditions are read from the layers of its study."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["environment"]}, {"required": ["location"]}]},
    )

    species: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain_text)] = Field(
        description="Slug or scientific name."
    )
    location: Location | None = Field(
        None,
        description="A place, for species whose study has layers: their values there are the conditions.",
        json_schema_extra=without_null,
    )
    scenario: Text | None = Field(
        None,
        json_schema_extra=without_null,
        description="With `location`: the scenario whose layers are read, by its label; the conditions that the model "
        "was trained on when left out.",
    )
    environment: Annotated[Environment | None, BeforeValidator(none_if_left_out)] = Field(
        default_factory=lambda: LEFT_OUT, validate_default=True, json_schema_extra=without_null
    )

    @field_validator("location", "scenario", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        return none_if_left_out(value)

    @field_validator("scenario")
    @classmethod
    def _of_a_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and "location" in info.data and info.data["location"] is None:
            raise ValueError("belongs to a location, which is missing")
        return value

    @field_validator("environment")
    @classmethod
    def _one_of_both(cls, value: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        if value is None and info.data.get("location", "wrong") is None:
            raise ValueError("a value is needed")
        if value is not None and info.data.get("location") is not None:
            raise ValueError("give the environment or a location, not both")
        if value is not None and len(value) > MOST_PREDICTORS:
            raise ValueError(f"must not hold more than {MOST_PREDICTORS} values")
        return value
