"""Pages and API of comparisons. The page forms use GET, so that the address of a comparison can be shared."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from app.comparisons import downloads, service, subjects, versions
from app.comparisons import form as forms
from app.comparisons.form import CompareForm
from app.comparisons.schemas import (
    MOST_COLUMNS,
    ConditionsComparison,
    ConditionsComparisonQuery,
    ModelsComparison,
    ModelsComparisonQuery,
    PageChoice,
    SpeciesComparison,
    SpeciesComparisonQuery,
)
from app.errors import AppError, NotFound, OutsideArea, ValidationFailed
from app.predictions.query_schemas import ALSO_IN_ADDRESS
from app.web.csv_download import csv_download
from app.web.faces import API_PREFIX, DECISIVE, Reply, faces, keep_all_private
from app.web.input_validation import read_json, read_query, validate
from app.web.operations import Operation

api = Blueprint("comparisons_api", __name__, url_prefix=f"{API_PREFIX}/comparisons")
pages = Blueprint("comparisons", __name__, url_prefix="/compare")

keep_all_private(api, pages)


# Headers for a reply that replaces the form as well, with messages or another column.
_REPLACE_FORM = {"HX-Retarget": "#compare", "HX-Reswap": "outerHTML"}
# A form with messages has itself as target, so the same address has two fragments.
_VARY = {"Vary": ", ".join((*DECISIVE, "HX-Target"))}
_NO_MODEL = "There is nothing to compare: no model is installed yet."
_NOT_STORED = "Nothing is kept and no answer gets an id: ask for a prediction to keep one."


@pages.get("")
@faces(page="comparisons/front.html", fragment="comparisons/front.html")
def front() -> Reply:
    """Explain the three ways to compare."""
    return Reply(None)


@api.post("/species")
@Operation(
    "compareSpecies",
    tag="comparisons",
    summary="Rank the species of a study for one set of conditions",
    description=f"Rank the species of a study for one set of conditions. {_NOT_STORED}",
    body=SpeciesComparisonQuery,
    also_in_address=ALSO_IN_ADDRESS,
    answer=SpeciesComparison,
    problems=(400, 409, 413, 415, 422, 503),
)
@faces()
def species() -> Reply:
    """Rank species for one set of conditions."""
    query = read_json(SpeciesComparisonQuery, also_in_address=ALSO_IN_ADDRESS)
    return Reply(service.compare_species(subjects.open_study(query.study, query.species), query))


@api.post("/conditions")
@Operation(
    "compareConditions",
    tag="comparisons",
    summary="Ask about several sets of conditions for one species",
    description=f"Ask about several sets of conditions for one species. {_NOT_STORED}",
    body=ConditionsComparisonQuery,
    also_in_address=ALSO_IN_ADDRESS,
    answer=ConditionsComparison,
    problems=(400, 409, 413, 415, 422, 503),
)
@faces()
def conditions() -> Reply:
    """Ask one species about several sets of conditions."""
    query = read_json(ConditionsComparisonQuery, also_in_address=ALSO_IN_ADDRESS)
    return Reply(service.compare_conditions(subjects.open_species(query.species), query))


@api.get("/models")
@Operation(
    "compareModels",
    tag="comparisons",
    summary="Put two versions of a model side by side",
    description="Put two versions of a model side by side; with one id the other is the version before it. "
    f"{_NOT_STORED}",
    query=ModelsComparisonQuery,
    answer=ModelsComparison,
    problems=(404, 422),
)
@faces()
def models() -> Reply:
    """Put two versions of a model side by side."""
    return Reply(versions.compare_models(versions.find_pair(read_query(ModelsComparisonQuery))))


@pages.get("/species")
@faces(page="comparisons/species.html", fragment="comparisons/_ranking.html")
def species_page() -> Reply:
    """Show the ranked list; typical conditions are the example.

    Template context: ``data`` SpeciesComparison or None, ``groups`` its items by verdict, ``form`` CompareForm,
    ``choices`` the studies, ``panel`` Panel or None, ``example`` whether these are typical conditions, ``refusal``
    OutsideArea or None.
    """
    context: dict[str, Any] = {"choices": subjects.studies(), "panel": None, "form": CompareForm(), "example": False}
    if not context["choices"]:
        return _reply("species", None, context)
    try:
        comparison = _species_comparison(context)
    except (ValidationFailed, OutsideArea) as error:
        return _reply("species", None, context, error)
    context["groups"] = service.by_verdict(comparison)
    return _reply("species", comparison, context)


@pages.get("/species.csv")
def species_csv() -> Response:
    """Download what the page of the same address shows."""
    context: dict[str, Any] = {"choices": subjects.studies()}
    if not context["choices"]:
        raise NotFound(_NO_MODEL)
    comparison = _species_comparison(context)
    return _csv(f"ecopredict-species-{comparison.study.slug}", downloads.species_table(comparison))


@pages.get("/conditions")
@faces(page="comparisons/conditions.html", fragment="comparisons/_answers.html")
def conditions_page() -> Reply:
    """Show sets of conditions side by side; the card's starting points are the example.

    Template context: ``data`` ConditionsComparison or None, ``form`` CompareForm, ``choices`` the species,
    ``subject`` Subject or None, ``most_columns``, ``refusal`` OutsideArea or None.
    """
    context: dict[str, Any] = {"choices": subjects.choices(answering=True), "subject": None, "form": CompareForm()}
    context["most_columns"] = MOST_COLUMNS
    if not context["choices"]:
        return _reply("conditions", None, context)
    # adding or removing a column changes the form, not only the answers
    replace_form = "add" in request.args or "remove" in request.args
    try:
        comparison = _conditions_comparison(context)
    except (ValidationFailed, OutsideArea) as error:
        return _reply("conditions", None, context, error, replace_form=replace_form)
    return _reply("conditions", comparison, context, replace_form=replace_form)


@pages.get("/conditions.csv")
def conditions_csv() -> Response:
    """Download what the page of the same address shows."""
    if not subjects.choices(answering=True):
        raise NotFound(_NO_MODEL)
    comparison = _conditions_comparison({})
    return _csv(f"ecopredict-conditions-{comparison.species.slug}", downloads.conditions_table(comparison))


@pages.get("/models")
@faces(page="comparisons/models.html", fragment="comparisons/_versions.html")
def models_page() -> Reply:
    """Show two versions of a model; without ids the latest two of the chosen species.

    Template context: ``data`` ModelsComparison or None, ``choices`` the species, ``history`` SpeciesVersions or None,
    ``problem`` the message about an invalid choice.
    """
    context: dict[str, Any] = {"choices": subjects.choices(), "history": None, "problem": ""}
    try:
        pair = _pair(context)
    except ValidationFailed as error:
        context["problem"] = ". ".join(text[:1].upper() + text[1:] for _, text in error.listed) + "."
        return Reply(None, 422, context)
    return Reply(versions.compare_models(pair) if pair else None, context=context)


@pages.get("/models.csv")
def models_csv() -> Response:
    """Download the answers of both versions that the page of the same address shows."""
    pair = _pair({"choices": subjects.choices()})
    if pair is None:
        raise NotFound("There are no two versions to compare.")
    comparison = versions.compare_models(pair)
    return _csv(f"ecopredict-versions-{comparison.species.slug}", downloads.models_table(comparison))


def _species_comparison(context: dict[str, Any]) -> SpeciesComparison:
    """Compare species as the address of the page asks; the form and what it needs are added to the context."""
    slug = read_query(PageChoice).study or subjects.largest_of(context["choices"])
    context["form"] = CompareForm(slug)
    context["panel"] = panel = subjects.open_study(slug, first_only=True)
    context["form"], query = forms.one_set(panel, request.args)
    context["example"] = not any(name.startswith("env.") for name in request.args)
    return service.compare_species(panel, validate(SpeciesComparisonQuery, query))


def _conditions_comparison(context: dict[str, Any]) -> ConditionsComparison:
    """Compare conditions as the address of the page asks; the form and what it needs are added to the context."""
    name = read_query(PageChoice).species or subjects.example()
    context["form"] = CompareForm(name)
    context["subject"] = one = subjects.open_species(name)
    context["form"], query = forms.several_sets(one, request.args)
    context["form"].limit_columns()
    return service.compare_conditions(one, validate(ConditionsComparisonQuery, query))


def _pair(context: dict[str, Any]) -> versions.Pair | None:
    """Return the two versions that the address of the page asks for, by default the latest two of a species."""
    query = read_query(ModelsComparisonQuery)
    name = read_query(PageChoice).species or subjects.with_versions(context["choices"])
    context["history"] = history = versions.versions_for(query, name)
    if query.first or query.second:
        return versions.find_pair(query)
    return history.latest_two if history else None


def _csv(name: str, table: downloads.Table) -> Response:
    return csv_download(f"{name}.csv", table.columns, table.rows)


def _reply(
    name: str,
    data: BaseModel | None,
    context: dict[str, Any],
    error: AppError | None = None,
    *,
    replace_form: bool = False,
) -> Reply:
    """Return the comparison, or the form with its messages."""
    context["refusal"] = error if isinstance(error, OutsideArea) else None
    if isinstance(error, ValidationFailed):
        context["form"].add_errors(error)
        replace_form = True
    fragment = f"comparisons/_{name}.html" if replace_form or request.headers.get("HX-Target") == "compare" else None
    headers = _VARY | (_REPLACE_FORM if replace_form else {})
    return Reply(data, error.status if error else 200, context, fragment=fragment, headers=headers)
