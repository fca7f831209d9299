"""Schemas of studies in the API."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from app.catalogue.refs import PredictorRange, StudyRef
from ml.card import Source


class StudyItem(StudyRef):
    """A study in a list."""

    description: str
    records: Literal["presence-absence", "presence-background"]
    n_species: int


class StudyDetail(StudyItem):
    """One study, with its predictors and the sources of its records."""

    predictors: list[PredictorRange]
    sources: list[Source]
    limits: list[str]


class StudyPage(BaseModel):
    """A page of the list of studies."""

    items: list[StudyItem]
    next: str | None
