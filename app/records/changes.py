"""The recipe after a change of its rules, files or species."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from app.errors import ValidationFailed
from app.records.schemas import RecordsChange
from app.web.field_messages import field_errors
from app.web.input_validation import pointer
from ml.recipes.recipe import Recipe, RecordFile, RecordRules
from ml.recipes.reports import RecordsReport
from ml.records.reasons import wrong_codes


def change_recipe(recipe: Recipe, change: RecordsChange) -> Recipe:
    """Return the recipe after a change.

    Raises
    ------
    ValidationFailed
        The change names a file that the study does not have, or the rules contradict each other.
    """
    updates: dict[str, object] = {}
    if change.rules is not None:
        updates["rules"] = _rules(recipe.rules, change.rules)
    if change.files is not None:
        updates["records"] = _files(recipe.records, change.files)
    if "species" in change.model_fields_set:
        updates["species"] = change.species
    if change.merge is not None:
        updates["merge"] = merge_names(recipe.merge, change.merge)
    return recipe.model_copy(update=updates)


def _rules(rules: RecordRules, change: RecordRules) -> RecordRules:
    merged = {**rules.model_dump(), **change.model_dump(exclude_unset=True)}
    merged["off"], merged["drop"] = sorted(set(merged["off"])), sorted(set(merged["drop"]))
    try:
        return RecordRules.model_validate(merged)
    except ValidationError as error:
        # the members are valid by themselves, so it is their order
        message = field_errors(error)[0][1]
        raise ValidationFailed([("/rules/first_year", message)]) from None


def _files(files: Sequence[RecordFile], changes: Sequence[RecordFile]) -> list[RecordFile]:
    by_name = {file.name: file for file in files}
    for number, change in enumerate(changes):
        if change.name not in by_name:
            names = ", ".join(by_name) or "none"
            message = f"“{change.name}” is not a file of records of this study; it has: {names}"
            raise ValidationFailed([(pointer("files", number, "name"), message)])
        by_name[change.name] = RecordFile.model_validate(
            {**by_name[change.name].model_dump(), **change.model_dump(exclude_unset=True)}
        )
    return list(by_name.values())


def merge_names(merge: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    """Return names and the names that are used for them, without chains.

    Parameters
    ----------
    merge, change : mapping of str to str
        In `change`, None separates a name again.

    Raises
    ------
    ValidationFailed
        A name would stand for itself.
    """
    merged = {**merge, **{name: used for name, used in change.items() if used is not None}}
    for name, used in change.items():
        if used is None:
            merged.pop(name, None)
    flat: dict[str, str] = {}
    for name in merged:
        used, steps = merged[name], 0
        while used in merged and steps <= len(merged):
            used, steps = merged[used], steps + 1
        if used == name or steps > len(merged):
            raise ValidationFailed([(pointer("merge", name), "must be another name, and not lead back to this one")])
        flat[name] = used
    return flat


def check_codes(rules: RecordRules) -> None:
    """Refuse codes of checks that do not exist or cannot be switched.

    Raises
    ------
    ValidationFailed
    """
    wrong = wrong_codes(rules.off, rules.drop)
    if wrong:
        raise ValidationFailed([(pointer("rules", member, number), text) for member, number, text in wrong])


def check_species(species: Iterable[str] | None, report: RecordsReport) -> None:
    """Refuse species that the records do not have.

    Raises
    ------
    ValidationFailed
    """
    names = {item.name for item in report.species}
    errors = [
        (pointer("species", number), f"“{name}” is not a species of the records")
        for number, name in enumerate(species or ())
        if name not in names
    ]
    if errors:
        raise ValidationFailed(errors)
