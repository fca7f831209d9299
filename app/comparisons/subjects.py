"""The species that are compared, with their opened models."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue import snapshot
from app.catalogue import studies as study_tables
from app.catalogue.entries import ModelEntry, SpeciesEntry
from app.catalogue.names import shorten
from app.catalogue.snapshot import Snapshot
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.comparisons import tables
from app.comparisons.schemas import MOST, MissingSpecies, NamedSpecies
from app.comparisons.tables import Choice
from app.errors import Unavailable, ValidationFailed
from app.predictions.conditions import Canonical
from app.registry import service as registry
from app.web.input_validation import pointer
from ml.card import Predictor
from ml.serving.artifact import Artifact

Row = tuple[Species, ModelVersion | None]


@dataclass(frozen=True)
class Subject:
    """A species and its opened model."""

    species: Species | SpeciesEntry
    version: ModelVersion | ModelEntry
    artifact: Artifact


@dataclass(frozen=True)
class Panel:
    """Species of one study that are compared on the same conditions.

    Attributes
    ----------
    study : Study
    subjects : list of Subject
        At least one.
    missing : list of MissingSpecies
    left_out : int
        Number of species of the study beyond the first hundred, which are not compared.
    """

    study: Study
    subjects: list[Subject]
    missing: list[MissingSpecies]
    left_out: int = 0

    @property
    def predictors(self) -> list[Predictor]:
        """Every predictor that any of the models reads; old and new models may read different ones."""
        predictors: dict[str, Predictor] = {}
        for one in self.subjects:
            for predictor in one.artifact.card.predictors:
                predictors.setdefault(predictor.name, predictor)
        return list(predictors.values())

    @property
    def typical(self) -> Canonical:
        """Typical conditions, for the example."""
        environment: Canonical = {}
        for one in self.subjects:
            environment = dict(one.artifact.card.starting_points[0].environment) | environment
        return environment


def open_study(slug: str, names: list[str] | None = None, *, first_only: bool = False) -> Panel:
    """Open the models of species of a study.

    Parameters
    ----------
    slug : str
        Of the study.
    names : list of str, optional
        Slugs or scientific names; every species of the study when left out.
    first_only : bool
        Take the first hundred by name of more than a hundred species, instead of raising ValidationFailed.

    Raises
    ------
    ValidationFailed
        There is no such study, no such species in it, no model of it yet, or there are too many to compare.
    Unavailable
        None of their models can be opened.
    """
    study = study_tables.find(slug.strip().lower())
    if study is None:
        raise ValidationFailed([("/study", f"no study is called “{shorten(slug.strip())}”")])
    rows = tables.species_of(study.id)
    if names is not None:
        rows = _named(rows, names, study)
    elif len(rows) > MOST and not first_only:
        raise ValidationFailed([("/species", f"this study has {len(rows)} species; name at most {MOST} of them")])
    opened = [_open(species, version) for species, version in rows[:MOST]]
    subjects = [one for one in opened if isinstance(one, Subject)]
    if not any(version is not None for _, version in rows):
        at, whose = ("/study", f"the study {study.title}") if names is None else ("/species", "these species")
        raise ValidationFailed([(at, f"no model answers for {whose} yet")])
    if not subjects:
        raise Unavailable(f"There is no model to ask in the study {study.title} yet.")
    missing = [one for one in opened if isinstance(one, MissingSpecies)]
    return Panel(study, subjects, missing, left_out=len(rows[MOST:]))


def open_species(name: str) -> Subject:
    """Return a species and its opened model.

    Raises
    ------
    ValidationFailed
        No species is called that, or more than one.
    Conflict
        No version of the species answers yet.
    Unavailable
        Its model cannot be opened.
    """
    species = snapshot.current().resolve(name)
    if species.model is None:
        raise registry.nothing_answers(species)
    return Subject(species, species.model, registry.opened(species.model))


def studies() -> list[tuple[Study, int]]:
    """Return the studies with active models, by title, each with its number of active models."""
    return tables.studies()


def largest_of(choices: list[tuple[Study, int]]) -> str:
    """Return the study with the most species, the example for a first visit."""
    return max(choices, key=lambda pair: pair[1])[0].slug


def choices(*, answering: bool = False) -> list[Choice]:
    """Return the species that have a model, by study and name; with ``answering`` only those with an active model."""
    return [choice for choice in tables.choices() if choice.answering or not answering]


def example() -> str:
    """Return the example species for a first visit; empty if there is no active model."""
    best = registry.example_species()
    return best.slug if best is not None else ""


def with_versions(choices: list[Choice]) -> str:
    """Return the first species with several versions, or else the first species; empty if there is none."""
    return next((choice.slug for choice in choices if choice.versions > 1), choices[0].slug if choices else "")


def name_of(species: Species | SpeciesEntry) -> NamedSpecies:
    """Return the reference to a species with both names."""
    return NamedSpecies(
        slug=species.slug, scientific_name=species.scientific_name, vernacular_name=species.vernacular_name
    )


def _open(species: Species, version: ModelVersion | None) -> Subject | MissingSpecies:
    if version is None:
        return MissingSpecies(**dict(name_of(species)), reason="it has no model yet")
    try:
        return Subject(species, version, registry.opened(version))
    except Unavailable:
        # one damaged model must not prevent the answers for the other species
        return MissingSpecies(**dict(name_of(species)), reason="its model cannot be opened right now")


def _named(rows: list[Row], names: list[str], study: Study) -> list[Row]:
    """Select the named species, each once."""
    by_slug = {row[0].slug: row for row in rows}
    within_study = Snapshot.of([entry for entry in snapshot.current().species if entry.slug in by_slug])
    chosen: dict[int, Row] = {}
    problems: list[tuple[str, str]] = []
    for at, name in enumerate(names):
        try:
            row = by_slug[within_study.resolve(name).slug]
        except ValidationFailed:
            problems.append((pointer("species", at), f"{study.title} has no species called “{shorten(name)}”"))
        else:
            chosen[row[0].id] = row
    if problems:
        raise ValidationFailed(problems)
    return list(chosen.values())
