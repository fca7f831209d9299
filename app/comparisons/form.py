"""The compare forms: what they show, and how an address is read back into a query."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from app.catalogue.refs import PredictorRange
from app.comparisons.schemas import MOST, MOST_COLUMNS
from app.comparisons.subjects import Panel, Subject
from app.errors import AppError, ValidationFailed
from app.predictions import form as predict_form
from app.predictions.conditions import Canonical, number_text
from ml.card import Predictor

FormArgs = MultiDict[str, str]
_LONGEST = 200
_FIELD = re.compile(r"(?:env\.(?P<at>\d{1,3})\.(?P<name>.+)|label\.(?P<labelled>\d{1,3}))", re.DOTALL)
_HOW = ("threshold", "extrapolation")


@dataclass
class CompareForm:
    """A form as the page shows it.

    Attributes
    ----------
    chosen : str
        Slug of the study or the species.
    errors : dict of str to str
        By name of the field.
    options : dict of str to str
        Threshold, own threshold, extrapolation.
    """

    chosen: str = ""
    predictors: list[PredictorRange] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)

    @property
    def differing(self) -> set[str]:
        """Predictors whose value is not the same in all columns."""
        names = [predictor.name for predictor in self.predictors]
        return {name for name in names if len({column.values.get(name, "") for column in self.columns}) > 1}

    def limit_columns(self) -> None:
        """Refuse more sets than fit side by side; the first ones stay on the page."""
        if len(self.columns) > MOST_COLUMNS:
            self.columns = self.columns[:MOST_COLUMNS]
            text = f"at most {MOST_COLUMNS} sets fit side by side; the API compares up to {MOST}"
            raise ValidationFailed([("/environments", text)])

    def blame(self, error: AppError) -> None:
        """Put each message beside its field."""
        known = {None, *(predictor.name for predictor in self.predictors)}
        for at, text in error.errors:
            field_name, predictor = _field_of(at)
            message = "Enter a value" if text == "a value is needed" else text[:1].upper() + text[1:]
            # what has no field of its own is named by the message
            self.errors.setdefault(field_name, f"{predictor}: {text}" if predictor not in known else message)


@dataclass
class Column:
    """One set of conditions."""

    label: str
    values: dict[str, str]


def one_set(panel: Panel, given: FormArgs) -> tuple[CompareForm, dict[str, Any]]:
    """Read the form for one set of conditions; typical ones where the address carries none.

    Returns
    -------
    CompareForm
    dict
        The query, not yet validated.
    """
    form = CompareForm(panel.study.slug, _ranges(panel.predictors), options=_options(given))
    sent = predict_form.sent(given)
    form.values = {
        name.removeprefix(predict_form.PREFIX): value[:_LONGEST]
        for name, value in given.items()
        if name.startswith(predict_form.PREFIX)
    }
    if not form.values:
        sent["environment"] = panel.typical
        form.values = _shown(panel.typical)
    return form, {"study": panel.study.slug, "environment": sent["environment"], **_how(sent)}


def several_sets(one: Subject, given: FormArgs) -> tuple[CompareForm, dict[str, Any]]:
    """Read the form for several sets; the card's starting points where the address carries none.

    Returns
    -------
    CompareForm
    dict
        The query, not yet validated.
    """
    card = one.artifact.card
    form = CompareForm(one.species.slug, _ranges(card.predictors), options=_options(given))
    start = [Column(point.label, _shown(point.environment)) for point in card.starting_points]
    form.columns = _changed(_columns(given) or start[:MOST_COLUMNS], given)
    if len(form.columns) < 2:
        # one set alone, as a link from a prediction brings it, is compared with typical conditions
        form.columns.append(start[0])
    environments = [
        {"label": column.label, "environment": predict_form.environment_of(_prefixed(column.values))}
        for column in form.columns
    ]
    return form, {"species": form.chosen, "environments": environments, **_how(predict_form.sent(given))}


def _columns(given: FormArgs) -> list[Column]:
    """Return the sets that an address carries, in the order of their numbers, whatever those are."""
    found: dict[int, Column] = {}
    for name, value in given.items():
        match = _FIELD.fullmatch(name)
        if match is None:
            continue
        column = found.setdefault(int(match["at"] or match["labelled"]), Column("", {}))
        if match["name"] is not None:
            column.values[match["name"]] = value[:_LONGEST]
        else:
            column.label = value.strip()[:_LONGEST]
    columns = [found[number] for number in sorted(found)]
    for number, column in enumerate(columns, 1):
        column.label = column.label or f"Conditions {number}"
    return columns


def _changed(columns: list[Column], given: FormArgs) -> list[Column]:
    """Add or remove a set where a button asked for it.

    The address carries the sets as they were, so that reading it again makes the same change and no second one.
    """
    if given.get("add") and len(columns) < MOST_COLUMNS:
        last = columns[-1]
        return [*columns, Column(f"Conditions {len(columns) + 1}", dict(last.values))]
    remove = given.get("remove", "")
    if remove.isdecimal() and 1 <= int(remove[:3]) <= len(columns) > 2:
        return [column for number, column in enumerate(columns, 1) if number != int(remove[:3])]
    return columns


def _field_of(at: str) -> tuple[str, str | None]:
    """Return the name of the field that a JSON pointer means, and of the predictor where it is one's value."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]
    match parts:
        case ["environment", name, *_]:
            return predict_form.PREFIX + name, name
        case ["environments", number, "environment", name, *_]:
            return f"env.{int(number) + 1}.{name}", name
        case ["environments", number, "label", *_]:
            return f"label.{int(number) + 1}", None
        case ["threshold", *_]:
            return "own_threshold", None
        case [name, *_]:
            return name, None
    return "", None


def _options(given: FormArgs) -> dict[str, str]:
    return {name: given[name][:_LONGEST] for name in predict_form.OPTIONS if given.get(name)}


def _how(sent: dict[str, Any]) -> dict[str, Any]:
    return {name: sent[name] for name in _HOW if name in sent}


def _ranges(predictors: list[Predictor]) -> list[PredictorRange]:
    return [PredictorRange.of(predictor) for predictor in predictors]


def _shown(environment: Canonical) -> dict[str, str]:
    return {name: value if isinstance(value, str) else number_text(value) for name, value in environment.items()}


def _prefixed(values: dict[str, str]) -> FormArgs:
    return MultiDict({predict_form.PREFIX + name: value for name, value in values.items()})
