"""The steps from files to models of a study of own data, each with its state, for the navigation of its pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flask import current_app
from werkzeug.exceptions import HTTPException

from app.studies import changes
from app.studies.counts import Counts, read_counts
from app.studies.own import OwnStudy
from app.studies.schemas import SPECIES_TERMS
from ml.layers.review import review
from ml.recipes.recipe import Recipe, RecordFile
from ml.recipes.reports import FileReport, LayersReport, are_samples

State = Literal["done", "attention", "next", "later"]
#: What the states mean, for people who do not see the marks.
WORDS: dict[State, str] = {"done": "done", "attention": "needs a look", "next": "to do", "later": "later"}


@dataclass(frozen=True)
class StudyStep:
    """One step.

    Attributes
    ----------
    name : str
        files, records, layers, start or versions.
    title : str
    address : str
        Empty where there is no such page.
    state : str
    note : str
        A few words, such as "3 files".
    """

    name: str
    title: str
    address: str
    state: State
    note: str

    @property
    def word(self) -> str:
        """The state in words."""
        return WORDS[self.state]


def steps_of(study: OwnStudy) -> list[StudyStep]:
    """Return the steps of a study with their states.

    A step of records or layers needs a look where its page shows a problem in the way of training, or a guess that the
    user did not confirm.
    """
    records = [report for report in study.files if report.role == "records"]
    unknown = [report for report in study.files if report.role == "unknown"]
    review_of_layers = review(study.recipe, study.files)
    layers = review_of_layers.layers
    # records that bring their conditions need no layers
    are_enough = bool(layers) or are_samples(study.files)
    counts = read_counts(study) if records else None
    n_models = changes.n_models(study.id)
    # A file that could not be read needs a look where the study wants its records, or has nothing else.
    wanted = {file.name for file in study.recipe.records}
    is_unknown = any(report.name in wanted for report in unknown) or len(unknown) == len(study.files) > 0
    return [
        _step(
            study,
            "files",
            "Files",
            "" if study.files else "next",
            _count(len(study.files), "file"),
            needs_look=is_unknown,
        ),
        _step(
            study,
            "records",
            "Records",
            "" if records else "later",
            _records_note(records, counts),
            needs_look=(counts is not None and counts.is_blocked)
            or any(_is_unsure(study.recipe, report) for report in records),
        ),
        _step(
            study,
            "layers",
            "Layers",
            "" if are_enough else "later",
            _layers_note(review_of_layers) or ("none needed" if are_enough else ""),
            needs_look=any(problem.blocking for problem in review_of_layers.problems),
        ),
        _step(study, "start", "Start", "" if n_models else "next" if records and are_enough else "later", ""),
        _step(study, "versions", "Versions", "" if n_models else "later", _count(n_models, "model")),
    ]


def _is_unsure(recipe: Recipe, report: FileReport) -> bool:
    """Return whether the user should look at how a file of records is read; a choice that was made settles guesses."""
    choice = next((file for file in recipe.records if file.name == report.name), RecordFile(name=report.name))
    if report.records is None or any(problem.blocking for problem in report.problems):
        return True
    names = (report.records.mapping.get(term) for term in SPECIES_TERMS)
    if choice.species is None and not any(names):
        return True
    return bool(report.records.unsure) and choice == RecordFile(name=report.name)


def _records_note(records: Sequence[FileReport], counts: Counts | None) -> str:
    if counts is None:
        return _count(sum(report.records.n for report in records if report.records is not None), "record")
    kept = f"{counts.kept:,} kept" if counts.cells is None else f"{_count(counts.cells, 'cell') or 'no cells'} kept"
    return f"{_count(counts.n, 'record') or 'no records'}, {kept}"


def _layers_note(report: LayersReport) -> str:
    if not report.layers:
        return ""
    number = len(report.training)
    return f"{_count(number, 'layer')} for training" if number else f"{_count(len(report.layers), 'layer')}, none used"


def _step(
    study: OwnStudy, name: str, title: str, state: Literal["", "next", "later"], note: str, *, needs_look: bool = False
) -> StudyStep:
    address = f"/studies/{study.slug}" + ("" if name == "files" else f"/{name}")
    finished: State = "attention" if needs_look else "done"
    return StudyStep(name, title, address if _exists(address) else "", state or finished, note)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if number else ""


def _exists(address: str) -> bool:
    """Return whether a page has this address; the pages of a study belong to several features."""
    try:
        current_app.url_map.bind("localhost").match(address, method="GET")
    except HTTPException:
        return False
    return True
