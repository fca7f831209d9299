"""The report itself: every element of the protocol with what the run says and what a human must write."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from ml.card import ModelCard, Part
from ml.odmap import fitting, judged, overview, records
from ml.odmap.protocol import CITATION, PROTOCOL, Asked, Section
from ml.odmap.purpose import intended_use, known_limits, not_for, summary
from ml.odmap.wording import OdmapTable, Run, Said

__all__ = ["OdmapElement", "OdmapReport", "OdmapTable", "build_report"]

_ANSWERS = overview.ANSWERS | records.ANSWERS | fitting.ANSWERS | judged.ANSWERS


class OdmapElement(Part):
    """One element of the protocol."""

    section: Section
    subsection: str
    element: str
    optional: bool = Field(description="whether the protocol asks for it only where it applies")
    source: Literal["run", "human", "both"] = Field(description="who can fill it in")
    text: str = Field("", description="filled from the run; empty where the run cannot know")
    points: list[str] = Field(default_factory=list, description="more of the text, to be read one by one")
    tables: list[OdmapTable] = Field(default_factory=list)
    to_write: str = Field("", description="what a human must write; empty where the run says all")

    @property
    def anchor(self) -> str:
        """A name for it in addresses."""
        words = f"{self.section} {self.subsection} {self.element}".lower()
        return "odmap-" + re.sub(r"[^a-z0-9]+", "-", words).strip("-")

    @property
    def place(self) -> str:
        """Where it stands within its section."""
        return ", ".join(dict.fromkeys([self.subsection, self.element]))


class OdmapReport(Part):
    """A model described by the ODMAP protocol."""

    protocol: str = Field(description="citation of the protocol")
    title: str
    summary: str = Field(description="the records and the score that matters most")
    model_id: str
    version: int | None
    species: str
    study: str
    records: Literal["presence-absence", "presence-background"]
    data_fingerprint: str = Field(description="SHA-256 of the training table")
    intended_use: list[str]
    not_for: list[str]
    known_limits: list[str]
    human_must_write: list[str] = Field(description="what is missing, each with where it belongs")
    elements: list[OdmapElement] = Field(description="in the order of the protocol")


def build_report(card: ModelCard, model_id: str, version: int | None = None) -> OdmapReport:
    """Describe a model by the ODMAP protocol.

    Parameters
    ----------
    card : ModelCard
        Of any format; what an older one lacks is said to be missing.
    model_id : str
    version : int, optional
        Its number in a registry.

    Returns
    -------
    OdmapReport
        The same card gives the same report.
    """
    run = Run(card, model_id, version)
    elements = [_element(asked, run) for asked in PROTOCOL]
    return OdmapReport(
        protocol=CITATION,
        title=f"{run.species}: model card and ODMAP report",
        summary=summary(run),
        model_id=model_id,
        version=version,
        species=card.species.scientific_name,
        study=card.study.title,
        records=card.study.records,
        data_fingerprint=card.training.data_fingerprint,
        intended_use=intended_use(run),
        not_for=not_for(run),
        known_limits=known_limits(run),
        human_must_write=[f"{one.section}, {one.place}: {one.to_write}" for one in elements if one.to_write],
        elements=elements,
    )


def _element(asked: Asked, run: Run) -> OdmapElement:
    answer = _ANSWERS.get(asked.key)
    said = answer(run) if answer else Said()
    to_write = asked.to_write if said.to_write is None else said.to_write
    by_run = bool(said.text or said.points or said.tables)
    source: Literal["run", "human", "both"] = "both" if by_run and to_write else "run" if by_run else "human"
    return OdmapElement(
        section=asked.section,
        subsection=asked.subsection,
        element=asked.element,
        optional=asked.optional,
        source=source,
        text=said.text,
        points=list(said.points),
        tables=list(said.tables),
        to_write=to_write,
    )
