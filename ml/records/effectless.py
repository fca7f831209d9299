"""Choices of a recipe that have no effect on the records, because what they name does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from ml.recipes.recipe import Recipe
from ml.recipes.reports import Problem
from ml.records.decision import spelling_codes
from ml.records.reasons import CHECKS
from ml.records.saved_audit import Audit

_CHECKS = {check.code: check for check in CHECKS}
_MOST = 50


def without_effect(audit: Audit, recipe: Recipe) -> list[Problem]:
    """Return a problem, not blocking, for each choice about records that has no effect."""
    texts = [text for _, text in zip(range(_MOST), _texts(audit, recipe), strict=False)]
    return [Problem(code="no_effect", text=f"{text}: this choice has no effect.", blocking=False) for text in texts]


def _texts(audit: Audit, recipe: Recipe) -> Iterator[str]:
    for member, codes in (("off", recipe.rules.off), ("drop", recipe.rules.drop)):
        for code in codes:
            check = _CHECKS.get(code)
            if check is None:
                yield f"rules.{member} has {code}, and there is no check of this name"
            elif not check.switchable and member == "off":
                yield f"rules.off has {code}, and this check cannot be switched off"
            elif member == "drop" and check.kind == "drop":
                yield f"rules.drop has {code}, which is not a flag and drops its records unless it is switched off"
            elif member == "drop" and code in recipe.rules.off:
                yield f"rules.drop has {code}, which is switched off"
    for file in recipe.records:
        if file.name not in audit.files:
            yield f"records has {file.name}, and the study has no file of records of this name"
    known = spelling_codes(audit)
    for name in recipe.species or []:
        if name not in known and name not in recipe.merge.values():
            yield f"species has {name}, and no record has this name"
    for name in recipe.merge:
        if name not in known and name not in recipe.merge.values():
            yield f"merge has {name}, and no record has this name"
