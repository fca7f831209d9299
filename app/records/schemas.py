"""Schemas of the records of a study in the API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.studies.schemas import SPECIES_TERMS
from app.web.fields import Revision
from ml.card_fields import Name, Part
from ml.recipes.recipe import RecordFile, RecordRules
from ml.recipes.reports import Problem, RecordFileReport, RecordsReport


class RecordsFileItem(Part):
    """A file of records: what it was recognised as, and what the user chose."""

    name: str
    sentence: str
    choice: RecordFile = Field(description="encoding, delimiter, columns and datum that the user chose")
    recognised: RecordFileReport | None = Field(description="null where the file cannot be read")
    problems: list[Problem]

    @property
    def needs_species(self) -> bool:
        """Whether neither a column nor a choice names the species."""
        report = self.recognised
        if report is None or self.choice.species is not None:
            return False
        return not any(report.mapping.get(term) for term in SPECIES_TERMS)

    @property
    def needs_look(self) -> bool:
        """Whether the user should look at how the file is read."""
        if self.needs_species or self.recognised is None:
            return True
        # a choice that was made settles the guesses
        return bool(self.recognised.unsure) and self.choice == RecordFile(name=self.name)


class RecordsAnswer(RecordsReport):
    """All records of a study after cleaning, with the rules and the files that they come from."""

    revision: int = Field(description="of the study; the number in the ETag")
    rules: RecordRules
    chosen: list[str] | None = Field(description="species that are trained if they have enough cells; null: all")
    merge: dict[str, str]
    files: list[RecordsFileItem]
    checks_withheld: bool = Field(
        False,
        description="whether `reasons` lacks the checks of places: on a grid, of fewer than 10 records",
    )
    places_grid_km: int | None = Field(
        None, description="the grid on which this request sees places, in km: the centres of cells; null: exactly"
    )


class RecordsChange(Part):
    """A change of the rules, files or species. Members that are left out stay as they are."""

    revision: Revision | None = Field(None, description="in place of the header If-Match")
    rules: RecordRules | None = Field(None, description="members that are left out stay as they are")
    files: Annotated[list[RecordFile], Field(max_length=100)] | None = Field(
        None, description="changes of files by name; members that are left out stay as they are"
    )
    species: Annotated[list[Name], Field(min_length=1, max_length=2_000)] | None = Field(
        None, description="species that are trained; null: all"
    )
    merge: Annotated[dict[Name, Name | None], Field(max_length=500)] | None = Field(
        None, description="another name to the name that is used; null separates the two again"
    )


class AcceptedObservations(BaseModel):
    """Accepted observations of a study's species at a place, presences only, as a source of records."""

    presences: int = Field(description="accepted by now")
    used: bool = Field(description="whether they are a file of the study")
    up_to_date: bool = Field(description="whether that file has all of them and no other")
    file: str = Field(description="its name")
    sentence: str


class RowsQuery(BaseModel):
    """Which rows a download has."""

    status: Literal["kept", "dropped"] | None = Field(None, description="all rows where it is left out")


class Rows(BaseModel):
    """The rows of all files with the reason of each."""
