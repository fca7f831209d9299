"""Schemas of studies in the API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.catalogue.refs import PredictorRange, StudyRef
from ml.card import Source
from ml.card_fields import Name
from ml.recipes.reports import FileReport

Visibility = Literal["private", "shared", "public"]
Level = Literal["read", "edit", "own"]
#: Terms whose columns name the species of a record.
SPECIES_TERMS = ("scientificName", "species", "taxonKey")
_NOT_ON_A_GRID = "Null for a file of records where the request sees the places of the study on a grid."
#: Longest slug of a study of own data.
_SLUG = Field(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")


def _strip(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Title = Annotated[Name, BeforeValidator(_strip)]


class OwnPart(BaseModel):
    """What only a study of a user's own data has."""

    revision: int = Field(description="Increases with every change; the ETag of the study.")
    files: int
    bytes: int | None = Field(
        description="Of the files; null where the request sees the places of the study on a grid."
    )


class StudyItem(StudyRef):
    """A study in a list."""

    description: str
    records: Literal["presence-absence", "presence-background"]
    n_species: int
    n_models: int = Field(0, description="Models that answer.")
    own: OwnPart | None = Field(None, description="Of a study of a user's own data; null for others.")
    visibility: Visibility = Field("public", description="Who may read the study with everything derived from it.")
    access: Level = Field("read", description="What the request may do: read; edit; own, which includes sharing.")


class StudyDetail(StudyItem):
    """One study, with its predictors and the sources of its records."""

    predictors: list[PredictorRange]
    sources: list[Source]
    limits: list[str]
    places_grid_km: int | None = Field(
        None, description="The grid on which this request sees places of records, in km; null: exactly."
    )


class StudyPage(BaseModel):
    """A page of the list of studies."""

    items: list[StudyItem]
    next: str | None


class NewStudy(BaseModel):
    """A study that is created."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    slug: Annotated[str, _SLUG] | None = Field(None, description="Made from the title by default.")


class StudyChange(BaseModel):
    """A change of a study: of one of the two."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    visibility: Visibility | None = Field(None, description="Only the owner and admins change it.")


class StudyFileItem(FileReport):
    """A file of a study, and what it was recognised as."""

    size: int | None = Field(ge=0, description=_NOT_ON_A_GRID)  # type: ignore[assignment]  # wider than of a report
    sha256: str | None = Field(description=_NOT_ON_A_GRID)  # type: ignore[assignment]
    used: bool = Field(description="Whether the study uses the file; others can be deleted.")
    shared: bool = Field(description="Whether other files have the same content, which is stored once.")


class StudyFiles(BaseModel):
    """The files of a study."""

    revision: int
    items: list[StudyFileItem]


class Refusal(BaseModel):
    """A file that was not stored."""

    name: str
    status: int
    detail: str


class UploadedFiles(StudyFiles):
    """The files of a study after an upload of several files."""

    stored: list[str] = Field(description="Names of the files that this request stored.")
    refused: list[Refusal] = Field(default_factory=list, exclude=True)


class UploadState(BaseModel):
    """An upload that is not complete."""

    name: str
    received: int = Field(description="Bytes that have arrived; the next part begins there.")
    total: int
    complete: Literal[False] = False


class UploadAnswer(BaseModel):
    """The answer to a part of an upload, or to all of it."""

    file: StudyFileItem | None = Field(description="Null while parts are missing.")
    upload: UploadState | None = Field(None, description="Null when the file is complete.")
    revision: int


class Deleted(BaseModel):
    """A study that was deleted."""

    slug: str
    deleted: Literal[True] = True
