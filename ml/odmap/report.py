"""The report: every element of the protocol with its text from the run and what a human must still write."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from ml.card import ModelCard
from ml.card_fields import Part
from ml.odmap import assessment, fitting, overview, records
from ml.odmap.protocol import CITATION, PROTOCOL, ProtocolElement, Section
from ml.odmap.purpose import intended_use, known_limits, not_for, summary
from ml.odmap.wording import ElementText, OdmapTable, Run

__all__ = ["OdmapElement", "OdmapReport", "OdmapTable", "build_report"]

_TEXTS = overview.TEXTS | records.TEXTS | fitting.TEXTS | assessment.TEXTS


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
        """Fragment identifier for links to the element."""
        words = f"{self.section} {self.subsection} {self.element}".lower()
        return "odmap-" + re.sub(r"[^a-z0-9]+", "-", words).strip("-")

    @property
    def place(self) -> str:
        """Subsection and element, as a title within the section."""
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


def build_report(card: ModelCard, model_id: str, version: int | None = None, grid_km: int | None = None) -> OdmapReport:
    """Describe a model by the ODMAP protocol.

    Parameters
    ----------
    card : ModelCard
        Of any format; the report says what a card of an older format lacks.
    model_id : str
    version : int, optional
        Number of the version in a registry.
    grid_km : int, optional
        Width of the cells whose centres are the places of the card, because a species is sensitive.

    Returns
    -------
    OdmapReport
        The same arguments give the same report.
    """
    run = Run(card, model_id, version, grid_km)
    elements = [_element(element, run) for element in PROTOCOL]
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


def _element(element: ProtocolElement, run: Run) -> OdmapElement:
    text_of = _TEXTS.get(element.key)
    text = text_of(run) if text_of else ElementText()
    to_write = element.to_write if text.to_write is None else text.to_write
    by_run = bool(text.text or text.points or text.tables)
    source: Literal["run", "human", "both"] = "both" if by_run and to_write else "run" if by_run else "human"
    return OdmapElement(
        section=element.section,
        subsection=element.subsection,
        element=element.element,
        optional=element.optional,
        source=source,
        text=text.text,
        points=list(text.points),
        tables=list(text.tables),
        to_write=to_write,
    )
