"""The model as the report's texts need it, and the formatting of figures and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from ml.card import ModelCard, Predictor
from ml.card_fields import Part
from ml.numbers import rounded

MEMBERS = {
    "forest": "down-sampled random forest",
    "maxent": "MaxEnt-type model",
    "network": "multi-species network",
}
#: What each setting of a fit means, and the member it belongs to.
SETTINGS = {
    "n_estimators": ("trees of the forest", "forest"),
    "max_draw": ("most presences that one tree draws", "forest"),
    "regularization": ("multiplier of the penalties of the MaxEnt-type model", "maxent"),
    "n_networks": ("networks averaged", "network"),
    "n_folds": ("cross-validation folds asked for", ""),
}
# How the estimator's name in a card without members names each member.
_ESTIMATOR_NAMES = {"forest": "forest", "maxent": "MaxEnt", "network": "network"}


class OdmapTable(Part):
    """A table of an element, with formatted cells; the model card has the full precision."""

    caption: str
    columns: list[str]
    figures: list[bool] = Field(description="which columns hold figures")
    rows: list[list[str]]


@dataclass(frozen=True)
class ElementText:
    """The text of one element.

    Attributes
    ----------
    text : str
        Sentences; empty if the run cannot know.
    points : tuple of str
        More sentences, shown as a list.
    tables : tuple of OdmapTable
    to_write : str or None
        What a human must add; the protocol's own request if None.
    """

    text: str = ""
    points: tuple[str, ...] = ()
    tables: tuple[OdmapTable, ...] = ()
    to_write: str | None = None


@dataclass(frozen=True)
class Run:
    """One trained model.

    Attributes
    ----------
    card : ModelCard
    model_id : str
    version : int or None
        None for a model that is not in a registry.
    grid_km : int or None
        Width of the cells whose centres are the places of the card; None where they are places.
    """

    card: ModelCard
    model_id: str
    version: int | None
    grid_km: int | None = None

    @property
    def presence_only(self) -> bool:
        """Whether there are no true absences."""
        return self.card.study.records == "presence-background"

    @property
    def others(self) -> str:
        """What presences are compared with."""
        return "background points" if self.presence_only else "absences"

    @property
    def spatial(self) -> bool:
        """Whether whole areas were held out."""
        return self.card.validation.method == "spatial blocks"

    @property
    def species(self) -> str:
        """Scientific name, with the common name if there is one."""
        about = self.card.species
        return f"{about.scientific_name} ({about.vernacular_name})" if about.vernacular_name else about.scientific_name

    @property
    def several_members(self) -> bool:
        """Whether the model is a blend."""
        return len(self.card.members) > 1 or (not self.card.members and "+" in self.card.training.estimator)

    def has(self, member: str) -> bool:
        """Tell whether the model has a member."""
        if self.card.members:
            return member in self.card.members
        return _ESTIMATOR_NAMES[member].lower() in self.card.training.estimator.lower()

    def label(self, name: str) -> str:
        """Return a predictor's label."""
        return next((p.label for p in self.card.predictors if p.name == name), name)

    def labels(self, predictors: Sequence[Predictor] | None = None) -> str:
        """Return labels as a list in words."""
        return listed([p.label for p in (self.card.predictors if predictors is None else predictors)])

    def of_type(self, kind: str) -> list[Predictor]:
        """Return the predictors of a type."""
        return [p for p in self.card.predictors if p.type == kind]


def table(caption: str, columns: list[str], rows: list[list[str]], words: tuple[int, ...] = (0,)) -> OdmapTable:
    """Make a table.

    Parameters
    ----------
    caption : str
    columns : list of str
    rows : list of list of str
        Formatted cells.
    words : tuple of int
        Columns of words; the others are columns of figures.

    Returns
    -------
    OdmapTable
    """
    figures = [j not in words for j in range(len(columns))]
    return OdmapTable(caption=caption, columns=columns, figures=figures, rows=rows)


def score(value: float | None) -> str:
    """Write a score with three decimals."""
    return "–" if value is None else _minus(f"{value:.3f}")


def number(value: float | None) -> str:
    """Write a value of a predictor or a setting with four figures."""
    if value is None:
        return "–"
    return rounded(value, 4)


def degrees(value: float) -> str:
    """Write a coordinate with two decimals."""
    return _minus(f"{value:.2f}") + "°"


def percent(value: float) -> str:
    """Write a share."""
    return f"{100 * value:.1f} %".replace(".0 %", " %")


def interval(low: float | None, high: float | None) -> str:
    """Write the two ends of an interval."""
    return "–" if low is None or high is None else f"{score(low)} to {score(high)}"


def counted(n: int, one: str, several: str = "") -> str:
    """Write a number of things."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence; with semicolons if they contain commas."""
    if any("," in word for word in words):
        return "; ".join(words)
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def numeric_order(levels: Sequence[str]) -> list[str]:
    """Return levels in the order of their numbers if all are whole numbers, else in their own order."""
    try:
        return sorted(levels, key=int)
    except ValueError:
        return list(levels)


def sentence(text: str) -> str:
    """End a text with a full stop."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else text + "."


def joined(*texts: str) -> str:
    """Join sentences, leaving out empty ones."""
    return " ".join(sentence(text) for text in texts if text.strip())


def _minus(text: str) -> str:
    return text.replace("-", "−")
