"""Reports on files of records as the present request may see them: the first rows of a file have places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from app.catalogue import sensitive
from ml.recipes.reports import FileReport, Problem

Report = TypeVar("Report", bound=FileReport)
_NOT_TOLD = "The file has a problem. Those who see exact places of this study see which."
#: Problems whose texts repeat cells of a file. The columns of a table without a header are its first row.
_REPEATING = ("unreadable", "columns")


def shown_report(report: Report, study: str) -> Report:
    """Return a report on a file; on a grid without first rows, and without texts that repeat cells."""
    if report.role == "layers" or sensitive.grid_for(study) is None:
        return report
    records = report.records
    changes: dict[str, object] = {"problems": shown_problems(report.problems, study)}
    if records is not None:
        hidden: dict[str, object] = {"preview": [], "unsure": []}
        if any(one.code == "columns" for one in report.problems):
            hidden["columns"] = []
        changes["records"] = records.model_copy(update=hidden)
    elif report.problems or report.role == "unknown":
        changes["sentence"] = _NOT_TOLD
    return report.model_copy(update=changes)


def hidden_facts(report: FileReport, study: str) -> dict[str, None]:
    """Return the members of a file that are null on a grid: they tell which guess of a small file is right."""
    if report.role == "layers" or sensitive.grid_for(study) is None:
        return {}
    return {"sha256": None, "size": None}


def shown_problems(problems: Sequence[Problem], study: str) -> list[Problem]:
    """Return problems of records; on a grid without what a reader of a file says about its cells."""
    if sensitive.grid_for(study) is None:
        return list(problems)
    return [one.model_copy(update={"text": _NOT_TOLD}) if one.code in _REPEATING else one for one in problems]


def shown_error(text: str, study: str) -> str:
    """Return what a reader of a file says; on a grid without what it repeats of the file."""
    return text if sensitive.grid_for(study) is None else _NOT_TOLD
