"""The model card: the description of a model that is stored with it and shown wherever it is used.

A card contains no time and no machine name, so that the same data, settings and seed give the same bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, overload

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
)

from ml.card_fields import Address, Count, Label, Name, Number, Part, Portion, Prose, Share, Slug, places_on_earth
from ml.card_preparation import Preparation

#: Places of presences that a card names at most.
MOST_PLACES = 800


class Predictor(Part):
    """One environmental predictor in its natural unit, before any transform."""

    name: Name
    label: Label
    unit: Label = ""
    description: Prose = ""
    type: Literal["continuous", "categorical"] = "continuous"
    minimum: Number | None = None
    maximum: Number | None = None
    median: Number | None = None
    lowest_possible: Number | None = Field(None, description="physical limit: below it a value is an error")
    highest_possible: Number | None = Field(None, description="physical limit: above it a value is an error")
    levels: Annotated[list[Label], Field(max_length=1_000)] | None = None
    transform: Literal["none", "log1p"] = "none"


class Source(Part):
    """A source of data, with its licence."""

    title: Label
    citation: Prose
    licence: Prose
    url: Address | None = None


class StudyDescription(Part):
    """A study: one area, one set of predictors, one or more species."""

    slug: Slug
    title: Label
    description: Prose
    records: Literal["presence-absence", "presence-background"]
    sources: list[Source] = Field(max_length=100)
    limits: list[Prose] = Field(default_factory=list, max_length=100, description="known limits, each a plain sentence")


class SpeciesDescription(Part):
    """The species a model is for."""

    slug: Slug
    scientific_name: Name
    vernacular_name: Label = ""
    other_names: list[Name] = Field(default_factory=list, max_length=200)


class Metric(Part):
    """A cross-validated score with its 95 % bootstrap interval."""

    # No score is above 1; AUC-PRG has no lower bound.
    value: float = Field(ge=-1e12, le=1)
    low: float | None = Field(None, ge=-1e12, le=1)
    high: float | None = Field(None, ge=-1e12, le=1)


class Threshold(Part):
    """A threshold on suitability, with its sensitivity and specificity on held-out records."""

    value: Portion
    sensitivity: Portion
    specificity: Portion


class Validation(Part):
    """How the records were divided for cross-validation."""

    method: Literal["spatial blocks", "stratified"]
    folds: Count
    block_size_km: float | None = Field(None, ge=0, le=50_000)
    note: Prose


class ReliabilityBin(Part):
    """Held-out records of similar suitability, and the share of them with the species."""

    suitability: Portion
    observed: Portion
    n: Count


class CalibrationReport(Part):
    """The calibration, and what a calibrated suitability means."""

    meaning: Prose
    intercept: Number
    slope: Number
    reliability: list[ReliabilityBin] = Field(
        default_factory=list, max_length=1_000, description="only with true absences"
    )


class BackgroundReport(Part):
    """The absences or background points that presences were compared with."""

    kind: Literal["absences", "target group", "random"]
    target_group_share: float = Field(0.0, ge=0, le=1, description="share of the background from other species' places")
    share_scores: dict[Share, Number] = Field(
        default_factory=dict,
        max_length=100,
        description="cross-validated score of each share tried, in cards of versions that chose the share so",
    )
    bias_strength: Portion | None = Field(
        None,
        description="held-out AUC with which the environment tells places of records of the group from random "
        "background; null without a target group, and in cards written before it was measured",
    )
    bias_between_species: Portion | None = Field(
        None,
        description="the same AUC for the places of species left out, averaged over species; the share follows from it",
    )
    note: Prose


class Optimism(Part):
    """The AUC under random folds and under spatial blocks; the difference is the optimism of random folds."""

    auc_roc_spatial: Portion
    auc_roc_random: Portion


class AreaReport(Part):
    """The area of applicability (Meyer & Pebesma 2021, doi 10.1111/2041-210X.13650)."""

    threshold: float = Field(ge=0, le=1e12, description="the largest dissimilarity index that counts as inside")
    training_inside: Portion = Field(description="share of training rows inside, each measured without its own fold")
    n_points: Count = Field(description="training rows that conditions are compared with")
    folds: Count


class Collinear(Part):
    """Two strongly correlated predictors, or a predictor that the others determine."""

    predictors: list[Name] = Field(max_length=1_000)
    measure: Literal["spearman", "vif"]
    value: Number
    warning: Prose = Field(description="the same in a sentence; also among the card's notes")


class IntervalReport(Part):
    """The fitted figures of the intervals, and their coverage on held-out records."""

    level: float = Field(gt=0, lt=1, description="what share of intervals should hold")
    scale: float = Field(ge=0, le=10_000, description="multiplies the spread between half samples and between members")
    place: float = Field(
        ge=0, le=100, description="spread between places that the records do not explain, on the logit scale"
    )
    few_records: float = Field(
        0,
        ge=0,
        le=100,
        description="spread of a single place beyond that of groups, by the number of presences, on the logit scale",
    )
    coverage: Portion = Field(
        description="share of held-out groups whose count lies where intervals fitted without their fold say, the luck "
        "of small numbers allowed for"
    )
    groups: Count = Field(description="held-out groups of this species: records of one fold with similar suitability")
    pooled_coverage: Portion | None = Field(None, description="coverage over all species of the study")
    pooled_groups: Count | None = None
    note: Prose


class Places(Sequence[tuple[float, float]]):
    """Pairs of longitude and latitude that take 16 bytes each; a list of tuples takes 128.

    A card has up to 800 of them, which as tuples would be most of its memory, and every opened model keeps its card.

    Parameters
    ----------
    pairs : iterable of (float, float)
    """

    __slots__ = ("_numbers",)

    def __init__(self, pairs: Iterable[tuple[float, float]] = ()) -> None:
        self._numbers = array("d", [number for pair in pairs for number in pair])

    def __len__(self) -> int:
        return len(self._numbers) // 2

    @overload
    def __getitem__(self, index: int) -> tuple[float, float]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[float, float]]: ...

    def __getitem__(self, index: int | slice) -> tuple[float, float] | list[tuple[float, float]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        return self._numbers[2 * i], self._numbers[2 * i + 1]

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Places | list | tuple) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # Python's own way to make a class unhashable

    def __repr__(self) -> str:
        return f"Places({list(self)})"


class Conditions(Part):
    """A named set of values that a form can start from."""

    label: Label
    environment: dict[Name, Number | Label] = Field(max_length=1_000)


class Training(Part):
    """Everything needed to repeat the fit."""

    estimator: Label
    parameters: dict[Name, Annotated[int, Field(ge=-(10**18), le=10**18)] | float | Label | None] = Field(
        max_length=1_000
    )
    seed: Count
    data_fingerprint: Label = Field(description="SHA-256 of the training table")
    versions: dict[Name, Label] = Field(max_length=1_000)


class ModelCard(Part):
    """The model card."""

    study: StudyDescription
    species: SpeciesDescription
    predictors: list[Predictor] = Field(max_length=1_000)
    n_presences: Count
    n_absences: Count = Field(description="absences, or background points in a presence-background study")
    dropped: dict[Label, Count] = Field(
        default_factory=dict, max_length=1_000, description="records left out, by reason"
    )
    metrics: dict[Name, Metric] = Field(
        max_length=100, description="auc_roc, auc_prg, cor, tss, cbi; brier only with true absences"
    )
    validation: Validation
    thresholds: dict[Name, Threshold] = Field(max_length=100, description="by rule: maxSSS, P10, MTP")
    threshold_rule: Name = "maxSSS"
    importance: dict[Name, Portion] = Field(
        max_length=1_000,
        description="mean absolute contribution over training rows, as shares; in formats 1 and 2 the forest's mean "
        "decrease in impurity",
    )
    starting_points: list[Conditions] = Field(
        max_length=100, description="typical (medians), a place where it was recorded, a place where it was not"
    )
    places: Annotated[
        Sequence[tuple[float, float]],
        AfterValidator(places_on_earth),
        AfterValidator(Places),
        PlainSerializer(list, list[tuple[float, float]]),
    ] = Field(
        default_factory=Places,
        max_length=100_000,
        description="up to 800 presences as (longitude, latitude); empty without coordinates",
    )
    training: Training
    # Format 1, a forest alone, has none of these.
    members: dict[Name, Portion] = Field(
        default_factory=dict, max_length=100, description="weight of each member in their mean"
    )
    background: BackgroundReport | None = None
    calibration: CalibrationReport | None = None
    optimism: Optimism | None = None
    # Format 2 has none of these.
    area: AreaReport | None = None
    interval: IntervalReport | None = None
    collinear: list[Collinear] = Field(
        default_factory=list, max_length=10_000, description="predictors that cannot be told apart"
    )
    notes: list[Prose] = Field(
        default_factory=list, max_length=1_000, description="what was unusual about the records, and what was done"
    )
    # Only models of users' own data have it. A card without it is written as before it existed.
    preparation: Preparation | None = Field(None, exclude_if=lambda value: value is None)
