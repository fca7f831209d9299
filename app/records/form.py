"""The forms of the page of records: from their fields to the change that the API takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from app.records.schemas import RecordsAnswer, RecordsFileItem
from app.web.form_values import Form, FormErrors, change_of_button
from ml.recipes.recipe import OPEN_LICENCES
from ml.records.reasons import CHECKS

#: Terms that a column can be mapped to, with their names on the page.
TERMS = {
    "scientificName": "scientific name",
    "species": "species",
    "decimalLatitude": "latitude",
    "decimalLongitude": "longitude",
    "geodeticDatum": "datum",
    "coordinateUncertaintyInMeters": "coordinate uncertainty (m)",
    "eventDate": "date",
    "year": "year",
    "occurrenceStatus": "present or absent",
    "individualCount": "number of individuals",
    "basisOfRecord": "kind of record",
    "countryCode": "country",
    "license": "licence",
    "rights": "rights",
    "datasetKey": "data set",
    "occurrenceID": "id of the record",
    "issue": "issues found by GBIF",
    "taxonKey": "taxon key",
}
#: Fields that the form has several times: boxes, and which of them were shown.
LISTS = ("shown", "drop", "licence-shown", "licence", "species-shown", "species")
#: Fields of the rules that are numbers.
NUMBERS = ("first_year", "last_year", "max_uncertainty_m", "thin_km")
#: Genus and species.
_BINOMIAL = re.compile(r"[A-Z][a-z]+ [a-z][a-z-]{2,}")


def rules_change(fields: MultiDict[str, str], answer: RecordsAnswer, errors: FormErrors) -> dict[str, Any]:
    """Return the body of PATCH for the form of the rules: only what differs from the state.

    Parameters
    ----------
    fields : MultiDict
        ``shown`` and ``licence-shown`` and ``species-shown`` list what the form had, because a browser does not send
        boxes that are not ticked.
    answer : RecordsAnswer
        The state.
    errors : FormErrors
        Receives the fields that cannot be read.
    """
    form, body = Form(fields, errors), {}
    rules: dict[str, Any] = _switches(fields, answer)
    licences = _licences(fields, answer)
    if licences is not None:
        rules["licences"] = licences
    for name in NUMBERS:
        if name in fields:
            number = form.whole_number(name) if name.endswith("year") else form.number(name)
            if number != getattr(answer.rules, name):
                rules[name] = number
    if rules:
        body["rules"] = rules
    body |= _species(fields, answer, errors)
    body |= change_of_button(fields, errors)
    return body


def _switches(fields: MultiDict[str, str], answer: RecordsAnswer) -> dict[str, Any]:
    shown, ticked = set(fields.getlist("shown")), set(fields.getlist("drop"))
    off, drop = set(answer.rules.off), set(answer.rules.drop)
    for check in CHECKS:
        if check.code not in shown:
            continue
        codes, member = (drop, check.code in ticked) if check.kind == "flag" else (off, check.code not in ticked)
        codes.discard(check.code)
        if member:
            codes.add(check.code)
    changed = {}
    if off != set(answer.rules.off):
        changed["off"] = sorted(off)
    if drop != set(answer.rules.drop):
        changed["drop"] = sorted(drop)
    return changed


def _licences(fields: MultiDict[str, str], answer: RecordsAnswer) -> list[str] | None:
    shown, ticked = fields.getlist("licence-shown"), set(fields.getlist("licence"))
    current = {item.licence for item in answer.licences if item.kept}
    if not shown or ticked & set(shown) == current & set(shown):
        return None
    # Files that are added later are read by the same rule.
    others = [name for name in answer.rules.licences or OPEN_LICENCES if name not in shown]
    return sorted({*ticked, *others})


def _species(fields: MultiDict[str, str], answer: RecordsAnswer, errors: FormErrors) -> dict[str, Any]:
    shown, ticked = fields.getlist("species-shown"), set(fields.getlist("species"))
    names = [item.name for item in answer.species]
    current = set(names if answer.chosen is None else answer.chosen)
    if not shown or ticked & set(shown) == current & set(shown):
        return {}
    chosen = [name for name in names if name in (ticked if name in shown else current)]
    if not chosen:
        errors.add("species", "choose at least one species")
        return {}
    return {"species": None if len(chosen) == len(names) else chosen}


def file_change(fields: Mapping[str, str], item: RecordsFileItem) -> dict[str, Any]:
    """Return the body of PATCH for the form of one file: its columns, encoding and datum.

    Parameters
    ----------
    fields : mapping
        ``column.<number>`` is the term of a column by its position in the file.
    """
    change: dict[str, Any] = {"name": item.name}
    for name in ("encoding", "delimiter", "sheet", "datum", "species"):
        if name in fields:
            change[name] = ("\t" if fields[name] == "tab" else fields[name].strip()) or None
    report = item.recognised
    if report is None:
        return {"files": [change]}
    chosen: dict[str, str] = {}
    for number, column in enumerate(report.columns):
        term = fields.get(f"column.{number}", "")
        if term:
            chosen[term] = column
    if any(name.startswith("column.") for name in fields) and chosen != report.mapping:
        without = {term: "" for term in report.mapping if term not in chosen}
        change["columns"] = {**chosen, **without}
    if report.unsure and not any(value for name, value in change.items() if name != "name"):
        # the user looked at the guesses and agrees
        change["columns"] = dict(report.mapping)
    return {"files": [change]}


def repeated_terms(fields: Mapping[str, str]) -> dict[str, str]:
    """Return messages for columns that have the term of another column, by the name of the field."""
    first: dict[str, str] = {}
    errors = {}
    for name, term in fields.items():
        if name.startswith("column.") and term:
            if term in first:
                errors[name] = f"another column is the {TERMS.get(term, term)} already"
            first.setdefault(term, name)
    return errors


def binomial_of(title: str) -> str:
    """Return the scientific name that the title of a study is, "" where it is none: a suggestion, never a choice."""
    return title.strip() if _BINOMIAL.fullmatch(title.strip()) else ""
