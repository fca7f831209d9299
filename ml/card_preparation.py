"""The part of a model card that says how a study was made of a user's own files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml.card_fields import Count, Label, Name, Part, Prose


class UsedFile(Part):
    """A file that a study of a user's own data was made of."""

    name: Label
    sha256: Label | None = Field(description="null for those who see the places of the study on a grid")
    size: Count | None = Field(description="in bytes; null as the hash")
    content: Prose = Field(description="what the file was recognised as")


class UsedLayer(Part):
    """The layer that a predictor was read from."""

    predictor: Name
    file: Label
    band: Label
    sha256: Label = Field(description="of the file together with its companions")
    treatment: Prose = Field(description="what was done to the values: scale, unit, resampling")


class Preparation(Part):
    """How a study was made of a user's own files. The files and the recipe are enough to train the same model again."""

    files: list[UsedFile] = Field(max_length=1_000)
    layers: list[UsedLayer] = Field(max_length=1_000)
    grid: Prose
    rules: list[Prose] = Field(max_length=200, description="the cleaning rules, each a sentence")
    recipe: Annotated[str, Field(max_length=1_000_000)] = Field(description="the recipe as JSON")
    # Absent in models of earlier versions, whose card has the centres of the cells of layers that records lie in.
    places: Literal["records"] | None = Field(
        None, exclude_if=lambda value: value is None, description="what the places of the card are those of"
    )
    command: Prose = Field(description="the command that trains the same model from the files and the recipe")
