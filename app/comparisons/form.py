"""The compare forms: their values, and the query that an address contains."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from app.catalogue import sensitive
from app.catalogue.refs import PredictorRange
from app.comparisons.schemas import MOST, MOST_COLUMNS
from app.comparisons.subjects import Panel, Subject
from app.errors import AppError, ValidationFailed
from app.predictions import form as predict_form
from app.predictions.conditions import value_texts
from app.predictions.query_schemas import ALSO_IN_ADDRESS
from app.web.input_validation import pointer_parts
from ml.card import Predictor

FormArgs = MultiDict[str, str]
# A number has one spelling, so that no set is given twice.
_SET = r"0|[1-9][0-9]{0,2}"
_FIELD = re.compile(rf"(?:env\.(?P<at>{_SET})\.(?P<name>.+)|label\.(?P<labelled>{_SET}))", re.DOTALL)


@dataclass
class CompareForm:
    """A form with its values and messages.

    Attributes
    ----------
    chosen : str
        Slug of the study or the species.
    errors : dict of str to str
        By name of the field.
    unlisted : int
        Number of problems that are not in `errors`.
    options : dict of str to str
        Threshold, own threshold, extrapolation.
    """

    chosen: str = ""
    predictors: list[PredictorRange] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    unlisted: int = 0
    options: dict[str, str] = field(default_factory=dict)

    @property
    def differing(self) -> set[str]:
        """Predictors whose value differs between columns."""
        names = [predictor.name for predictor in self.predictors]
        return {name for name in names if len({column.values.get(name, "") for column in self.columns}) > 1}

    def limit_columns(self) -> None:
        """Reject more sets than fit side by side, and keep the first ones on the page."""
        if len(self.columns) > MOST_COLUMNS:
            self.columns = self.columns[:MOST_COLUMNS]
            text = f"at most {MOST_COLUMNS} sets fit side by side; the API compares up to {MOST}"
            raise ValidationFailed([("/environments", text)])

    def add_errors(self, error: AppError) -> None:
        """Put each message beside its field."""
        for at, text in error.listed:
            self.errors.setdefault(_field_of(at), predict_form.message_for(text))
        self.unlisted = error.n_unlisted


@dataclass
class Column:
    """One set of conditions."""

    label: str
    values: dict[str, str]


def one_set(panel: Panel, args: FormArgs) -> tuple[CompareForm, dict[str, object]]:
    """Read the form for one set of conditions; typical conditions are used if the address has none.

    Returns
    -------
    CompareForm
    dict
        The query, not yet validated.
    """
    form = CompareForm(panel.study.slug, _ranges(panel.predictors), options=predict_form.options_of(args))
    query = predict_form.query_of(args, _units(panel.predictors))
    form.values = {name: value[: predict_form.LONGEST] for name, value in predict_form.typed_values(args).items()}
    if not form.values:
        query["environment"] = panel.typical
        form.values = value_texts(panel.typical)
    return form, {"study": panel.study.slug, "environment": query["environment"], **_options_of(query)}


def several_sets(one: Subject, args: FormArgs) -> tuple[CompareForm, dict[str, object]]:
    """Read the form for several sets; the card's starting points are used if the address has none.

    Returns
    -------
    CompareForm
    dict
        The query, not yet validated.
    """
    card = one.artifact.card
    form = CompareForm(one.species.slug, _ranges(card.predictors), options=predict_form.options_of(args))
    start = [
        Column(point.label, value_texts(point.environment))
        for point in sensitive.shown_starts(card, one.species.study.slug)
    ]
    form.columns = _add_or_remove(_columns(args) or start[:MOST_COLUMNS], args)
    if len(form.columns) < 2:
        # a link from a prediction contains one set, which is compared with typical conditions
        form.columns.append(start[0])
    units = _units(card.predictors)
    for column in form.columns:
        column.values = predict_form.with_known_levels(column.values, form.predictors)
    environments = [
        {"label": column.label, "environment": predict_form.environment_of(_prefixed(column.values), units)}
        for column in form.columns
    ]
    return form, {"species": form.chosen, "environments": environments, **_options_of(predict_form.query_of(args))}


def _columns(args: FormArgs) -> list[Column]:
    """Return the sets in an address, in the order of their numbers."""
    by_number: dict[int, Column] = {}
    for name, value in args.items():
        match = _FIELD.fullmatch(name)
        if match is None:
            continue
        column = by_number.setdefault(int(match["at"] or match["labelled"]), Column("", {}))
        if match["name"] is not None:
            column.values[match["name"]] = value[: predict_form.LONGEST]
        else:
            column.label = value.strip()[: predict_form.LONGEST]
    columns = [by_number[number] for number in sorted(by_number)]
    for number, column in enumerate(columns, 1):
        column.label = column.label or f"Conditions {number}"
    return columns


def _add_or_remove(columns: list[Column], args: FormArgs) -> list[Column]:
    """Add or remove a set if the button for it was pressed.

    The address contains the sets before the change, so that reading it again makes the same change once.
    """
    if args.get("add") and len(columns) < MOST_COLUMNS:
        last = columns[-1]
        return [*columns, Column(f"Conditions {len(columns) + 1}", dict(last.values))]
    remove = args.get("remove", "")
    if remove.isdecimal() and 1 <= int(remove[:3]) <= len(columns) > 2:
        return [column for number, column in enumerate(columns, 1) if number != int(remove[:3])]
    return columns


def _field_of(at: str) -> str:
    """Return the name of the field of a JSON pointer."""
    match pointer_parts(at):
        case ["environment", name, *_]:
            return predict_form.PREFIX + name
        case ["environments", number, "environment", name, *_]:
            return f"env.{int(number) + 1}.{name}"
        case ["environments", number, "label", *_]:
            return f"label.{int(number) + 1}"
        case ["threshold", *_]:
            return "own_threshold"
        case [name, *_]:
            return name
    return ""


def _options_of(query: dict[str, object]) -> dict[str, object]:
    return {name: query[name] for name in ALSO_IN_ADDRESS if name in query}


def _ranges(predictors: list[Predictor]) -> list[PredictorRange]:
    return [PredictorRange.of(predictor) for predictor in predictors]


def _units(predictors: list[Predictor]) -> dict[str, str]:
    return {predictor.name: predictor.unit for predictor in predictors if predictor.type == "continuous"}


def _prefixed(values: dict[str, str]) -> FormArgs:
    return MultiDict({predict_form.PREFIX + name: value for name, value in values.items()})
