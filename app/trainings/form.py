"""The form that starts a training: its settings as texts, and messages beside the fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.errors import ValidationFailed
from app.web.input_validation import validate
from ml.recipes.recipe import TrainingSettings

_LONGEST = 40
#: Name, label and hint of each setting.
FIELDS = (
    ("trees", "Trees in the forest", "10 to 5,000. More trees take longer and change little above 500."),
    ("folds", "Folds of the cross-validation", "2 to 20."),
    ("background", "Background cells at most", "100 to 100,000."),
    ("fewest", "Fewest cells with records", "4 to 1,000. Species with fewer are not trained."),
    ("seed", "Seed of random draws", "0 to 4,294,967,295. The same seed gives the same model."),
)


@dataclass
class StartForm:
    """The values of the form as texts, and the settings where all are valid."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    settings: TrainingSettings | None = None


def of(settings: TrainingSettings) -> StartForm:
    """Return the form with the settings of a recipe."""
    return StartForm({name: str(getattr(settings, name)) for name, _, _ in FIELDS}, settings=settings)


def read(fields: Mapping[str, str]) -> StartForm:
    """Read a posted form; a field that is missing has its default."""
    defaults = of(TrainingSettings()).values
    values = {name: fields.get(name, defaults[name]).strip()[:_LONGEST] for name, _, _ in FIELDS}
    errors: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for name, text in values.items():
        digits = text.replace(",", "").replace("\u202f", "").replace("\u00a0", "").replace(" ", "")
        if digits.isascii() and digits.isdigit() and len(digits) < 19:
            numbers[name] = int(digits)
        else:
            errors[name] = "Must be a whole number."
    if not errors:
        try:
            return StartForm(values, settings=validate(TrainingSettings, numbers))
        except ValidationFailed as error:
            errors = {pointer[1:]: f"{text[:1].upper()}{text[1:]}." for pointer, text in error.errors}
    return StartForm(values, errors)
