"""Schemas of fetches from GBIF in the API."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ml.records.gbif_keys import download_id, is_like_download


def _strip(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _scientific_name(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line")
    if is_like_download(value) or not any(one.isalpha() for one in value):
        raise ValueError("is not a scientific name")
    # a command would take it for an option
    if value.startswith("-"):
        raise ValueError("must not begin with a dash")
    return value


def _download(value: str) -> str:
    name = download_id(value)
    if name is None:
        raise ValueError(
            "must be the key of a GBIF download, such as 0001234-240101000000000, or its DOI, such as "
            "10.15468/dl.abcdef"
        )
    return name


class GbifRequest(BaseModel):
    """Body of a request that fetches records from GBIF: a species or a download."""

    model_config = ConfigDict(extra="forbid")

    species: (
        Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_strip), AfterValidator(_scientific_name)]
        | None
    ) = Field(None, description="Scientific name: all records with coordinates, at most 100,000.")
    download: Annotated[str, Field(max_length=200), AfterValidator(_download)] | None = Field(
        None, description="Key or DOI of a download that was made on GBIF's website."
    )

    @model_validator(mode="after")
    def _one(self) -> GbifRequest:
        if (self.species is None) == (self.download is None):
            raise ValueError("needs either species or download")
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the job."""
        return self.model_dump(exclude_none=True)


def from_text(text: str) -> GbifRequest:
    """Return the request that a text stands for: a download where it has the shape of one, or else a species.

    Raises
    ------
    ValidationError
        It can be neither.
    """
    return GbifRequest(download=text) if is_like_download(text) else GbifRequest(species=text)
