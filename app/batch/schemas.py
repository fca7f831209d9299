"""Schemas of batches in the API."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, RootModel, WithJsonSchema, field_validator

from app.jobs.schemas import JobDetail
from app.predictions.query_schemas import Extrapolation, RequestOptions, read_threshold
from app.predictions.schemas import SUITABLE_MEANING, VERDICT_MEANING
from app.web.fields import Text, plain_text
from ml.batch.place_columns import PlaceOptions
from ml.serving.verdict import Verdict

#: Rows that are answered at once; more become a job.
MOST_ROWS = 1_000
#: Answers (rows times species) that are given at once.
MOST_ANSWERS = 10_000
#: Species of a batch.
MOST_SPECIES = 200
_LONGEST_NAME = 200


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME), AfterValidator(plain_text)]
SpeciesNames = Annotated[
    list[Name],
    Field(min_length=1, max_length=MOST_SPECIES),
    BeforeValidator(_as_list),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME},
                {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME},
                    "minItems": 1,
                    "maxItems": MOST_SPECIES,
                },
            ]
        }
    ),
]


_EXTRAPOLATION = (
    "Outside a model's area of applicability: `flag` answers with the verdict `cannot_say`, `allow` gives the verdict "
    "by the number alone, `refuse` gives the row an error."
)


class BatchQuery(RequestOptions):
    """One or several species of a study, and rows of conditions."""

    extrapolation: Extrapolation = Field("flag", description=_EXTRAPOLATION)

    species: SpeciesNames = Field(description="Slug or scientific name, or a list of them.")
    rows: Annotated[
        list[dict[str, Any]],
        WithJsonSchema(
            {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "location": {
                            "type": "object",
                            "properties": {"latitude": {"type": "number"}, "longitude": {"type": "number"}},
                            "required": ["latitude", "longitude"],
                        },
                        "scenario": {"type": "string"},
                    },
                    "additionalProperties": {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]},
                },
            }
        ),
    ] = Field(
        description="Rows of conditions: a value for each predictor of the models, by name, in the predictor's unit. "
        "Or rows of places, for species whose study has layers: `location` and optionally `scenario`, as in `POST "
        "/predictions`. Other members are ignored here and passed through by a job."
    )
    scenario: Text | None = Field(None, description="Label of the scenario of all places that state none.")

    @field_validator("rows")
    @classmethod
    def _some(cls, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not value:
            raise ValueError("must contain a row at least")
        return value


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _number(value: object) -> object:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


class BatchParameters(RequestOptions):
    """The parameters of an upload: in the address, or as fields of a form."""

    extrapolation: Extrapolation = Field("flag", description=_EXTRAPOLATION)

    species: Annotated[
        list[Name] | None, BeforeValidator(_split), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})
    ] = Field(None, description="Slugs of species, separated by commas; for uploads of a table.")
    threshold: Annotated[float | str | None, BeforeValidator(read_threshold), BeforeValidator(_number)] = Field(
        None,
        description="A threshold from 0 to 1, or a rule: maxSSS, P10, MTP. The model's own rule when left out.",
        json_schema_extra={"anyOf": [{"type": "string"}, {"type": "null"}]},
    )
    latitude: Name | None = Field(None, description="For a table of places: its column of latitudes, if not found.")
    longitude: Name | None = Field(None, description="The column of longitudes.")
    scenario: Text | None = Field(None, description="Label of the scenario of all places that state none.")
    scenario_column: Name | None = Field(None, description="The column of scenarios; `scenario` by default.")

    @property
    def places(self) -> PlaceOptions:
        """What the parameters say about places."""
        return PlaceOptions(self.latitude, self.longitude, self.scenario_column, self.scenario or None)


class BatchItem(BaseModel):
    """The answer of one species to one row, or an error."""

    row: int = Field(description="Number of the row, from 1; neither the header nor blank lines are counted.")
    line: int | None = Field(description="Line in the table that was sent, where the row begins; null for JSON.")
    species: str = Field(description="Slug.")
    verdict: Verdict | None = Field(description=VERDICT_MEANING)
    suitability: float | None
    low: float | None = Field(description="Low end of the interval.")
    high: float | None = Field(description="High end of the interval.")
    suitable: bool | None = Field(description=SUITABLE_MEANING)
    in_area_of_applicability: bool | None
    dissimilarity_index: float | None
    mess: float | None
    most_dissimilar: str | None = Field(description="As in an answer: null where `mess` is withheld, unless outside.")
    environment: dict[str, float | str | None] | None = Field(
        None, description="For a place: the values that the layers have there, by predictor; null for conditions."
    )
    scenario: str | None = Field(
        None,
        description="For a place: the label of its scenario; null for the training conditions, and for conditions.",
    )
    model: str = Field(description="Id of the model.")
    threshold: float
    error: str | None = Field(description="Why there is no answer; null where there is one.")


class VerdictCounts(BaseModel):
    """The answers of one species by verdict."""

    species: str = Field(description="Slug.")
    suitable: int = 0
    probably_suitable: int = 0
    probably_unsuitable: int = 0
    unsuitable: int = 0
    cannot_say: int = 0
    error: int = Field(0, description="Rows without an answer.")


class ModelUsed(BaseModel):
    """What the answers of one species are for."""

    species: str = Field(description="Slug.")
    model: str = Field(description="Id of the model.")
    threshold: float
    rule: str = Field(description="Rule of the threshold: maxSSS, P10, MTP, or own.")


class ScenarioCount(BaseModel):
    """The places of one scenario."""

    scenario: str | None = Field(description="Label; null for the training conditions.")
    places: int


class CellProblem(BaseModel):
    """A cell, a place or a row that cannot be used."""

    row: int
    line: int | None
    predictor: str | None = Field(
        description="The predictor or column; `location` for a place; null for a row that cannot be read."
    )
    detail: str


class BatchAnswer(BaseModel):
    """The answers to a batch."""

    n_rows: int
    n_errors: int = Field(description="Rows with an error for one of the species at least.")
    counts: list[VerdictCounts]
    models: list[ModelUsed] = Field(description="Model and threshold of each species.")
    scenarios: list[ScenarioCount] = Field(description="Scenarios of the places; empty for conditions.")
    items: list[BatchItem] = Field(description="In the order of the rows, and for each row in that of the species.")
    problems: list[CellProblem] = Field(description="The first 50 cells, places and rows that cannot be used.")


class BatchReply(RootModel[BatchAnswer | JobDetail]):
    """The answers to up to 1,000 rows, or the job for more."""
