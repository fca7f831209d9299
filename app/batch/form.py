"""The page of batches: its fields, and the preview of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.batch.schemas import BatchParameters
from app.batch.selection import Selection
from app.batch.shown import scenario_labels
from app.batch.storage import clean_name
from app.catalogue import snapshot
from app.catalogue.entries import SpeciesEntry, StudyEntry
from app.web.input_validation import validate
from ml.batch.answering import columns_of_numbers
from ml.batch.cells import DecimalMark, Problem
from ml.batch.chunks import Chunk, Rows
from ml.batch.conditions import read_conditions
from ml.batch.place_columns import PlaceColumns
from ml.card import Predictor
from ml.predictors.encoding import number_text

# What the preview shows.
_PLACES = ("latitude", "longitude", "scenario", "scenario_column")
_FIRST_ROWS, _MOST_PROBLEMS, _MOST_CHECKED = 5, 50, 1_000


@dataclass
class BatchForm:
    """The values of the form.

    Attributes
    ----------
    species : list of str
    text : str
        A table that was pasted.
    stored : str
        Id of a table that the server has.
    name : str
        Of its file.
    latitude, longitude, scenario, scenario_column : str
        As of `app.batch.schemas.BatchParameters`.
    errors : dict of str to str
        Messages by field: species, file, text, threshold, or "" for the form.
    """

    species: list[str] = field(default_factory=list)
    text: str = ""
    stored: str = ""
    name: str = ""
    threshold: str = ""
    extrapolation: str = "flag"
    latitude: str = ""
    longitude: str = ""
    scenario: str = ""
    scenario_column: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: dict[str, list[str]]) -> BatchForm:
        """Read the fields of a posted form."""

        def last(name: str, default: str = "") -> str:
            return fields.get(name, [default])[-1].strip()

        return cls(
            species=[name for name in fields.get("species", []) if name.strip()],
            text=fields.get("text", [""])[-1],
            stored=last("stored"),
            name=clean_name(last("name")) if last("name") else "",
            threshold=last("threshold").replace(",", "."),
            extrapolation=last("extrapolation", "flag"),
            latitude=last("latitude"),
            longitude=last("longitude"),
            scenario=last("scenario"),
            scenario_column=last("scenario_column"),
        )

    def options(self) -> BatchParameters:
        """Return the options; ValidationFailed where one is not valid."""
        names = ("threshold", *_PLACES)
        stated = {name: text for name in names if (text := getattr(self, name))}
        return validate(BatchParameters, {"extrapolation": self.extrapolation} | stated)

    def add_error(self, pointer: str, text: str) -> None:
        """Put a message beside the field of a JSON pointer."""
        name = pointer.split("/")[1] if pointer.startswith("/") else ""
        if name in ("rows", "file"):
            name = "file" if self.stored or not self.text else "text"
        # the page has a field for the text of a place, not for the place
        if name not in ("species", "file", "text", "threshold", "extrapolation", *_PLACES):
            name = ""
        first = text.split(" ")[0].rstrip(",:")
        is_name = first == self.name.split(" ")[0] or any(first == one.slug for one in snapshot.current().species)
        self.errors.setdefault(name, text if is_name else text[:1].upper() + text[1:])


@dataclass(frozen=True)
class ColumnUse:
    """A predictor and its column."""

    predictor: Predictor
    is_present: bool
    similar: str
    first: str


@dataclass(frozen=True)
class PlaceUse:
    """A part of a place and its column."""

    label: str
    column: str
    first: str


@dataclass(frozen=True)
class CellNote:
    """A cell, a place or a row that cannot be used; the predictor is "" for a row."""

    row: int
    line: int | None
    predictor: str
    text: str


@dataclass(frozen=True)
class Preview:
    """What is known of a table before it is answered.

    Attributes
    ----------
    n_rows : int
        Of the beginning that was read.
    is_cut : bool
        Whether there are more.
    places : list of PlaceUse
        Empty for a table of conditions.
    scenarios : list of str
        Labels that the layers of all species have.
    uses : list of ColumnUse
    others : list of str
        Columns that are passed through.
    header : list of str
    rows : list of (int, int or None, sequence of str)
        Numbers, lines and cells of the first rows.
    decimal : str
    notes : list of CellNote
    n_notes : int
    n_bad : int
        Rows with a cell that cannot be used.
    """

    n_rows: int
    is_cut: bool
    places: list[PlaceUse]
    scenarios: list[str]
    uses: list[ColumnUse]
    others: list[str]
    header: list[str]
    rows: list[tuple[int, int | None, Sequence[str]]]
    decimal: str
    notes: list[CellNote]
    n_notes: int
    n_bad: int

    @property
    def is_complete(self) -> bool:
        """Whether each predictor has a column, or its value comes from the layers."""
        return bool(self.places) or all(use.is_present for use in self.uses)


def preview(selection: Selection, rows: Rows) -> Preview:
    """Return what the beginning of a table shows.

    Raises
    ------
    ValueError
        It has no rows, or cannot be read.
    """
    chunks = rows.chunks(check=True)
    chunk = next(chunks, None)
    if chunk is None:
        raise ValueError(f"{rows.name} has no rows")
    is_cut = len(chunk) > _MOST_CHECKED or next(chunks, None) is not None
    first = _beginning(chunk)
    columns = first.columns
    places = selection.places
    numbers = columns_of_numbers(selection.subjects, places)
    mark = DecimalMark()
    if not rows.is_typed:
        readable = first.take(first.readable).columns
        mark.read(readable, [name for name in numbers if name in readable])
    problems = _problems(selection, first, mark.mark)
    in_lower_case = {name.lower(): name for name in rows.header}
    uses = [
        ColumnUse(
            one,
            one.name in columns and places is None,
            in_lower_case.get(one.name.lower(), "") if one.name not in columns else "",
            str(columns[one.name][0]) if one.name in columns and places is None else "",
        )
        for one in selection.predictors
    ]
    names = {one.name for one in selection.predictors} if places is None else set(places.columns)
    return Preview(
        n_rows=len(first),
        is_cut=is_cut,
        places=_place_uses(places, columns),
        scenarios=scenario_labels(selection) if places is not None else [],
        uses=uses,
        others=[name for name in rows.header if name not in names],
        header=rows.header,
        rows=[(first.first + at, first.line_of(at), first.rows[at]) for at in range(min(len(first), _FIRST_ROWS))],
        decimal=mark.mark,
        notes=[
            CellNote(first.first + one.row, first.line_of(one.row), one.predictor, one.text)
            for one in problems[:_MOST_PROBLEMS]
        ],
        n_notes=len(problems),
        n_bad=len({one.row for one in problems}),
    )


def _beginning(chunk: Chunk) -> Chunk:
    if len(chunk) <= _MOST_CHECKED:
        return chunk
    errors = {at: text for at, text in chunk.errors.items() if at < _MOST_CHECKED}
    lines = None if chunk.lines is None else chunk.lines[:_MOST_CHECKED]
    return Chunk(chunk.first, lines, chunk.rows[:_MOST_CHECKED], chunk.header, errors)


def _problems(selection: Selection, chunk: Chunk, decimal: str) -> list[Problem]:
    """Return the cells, places and rows that cannot be used, as the answers will name them."""
    problems: dict[tuple[int, str], Problem] = {}
    for subject in selection.subjects:
        present = [one for one in subject.predictors if one.name in chunk.header or selection.places is not None]
        if not present:
            continue
        conditions = read_conditions(chunk, present, decimal, selection.places, subject.store)
        for problem in conditions.problems:
            problems.setdefault((problem.row, problem.predictor), problem)
    return sorted(problems.values(), key=lambda one: one.row)


def _place_uses(places: PlaceColumns | None, columns: Mapping[str, Sequence[str]]) -> list[PlaceUse]:
    if places is None:
        return []
    parts = {"Latitude": places.latitude, "Longitude": places.longitude, "Scenario": places.scenario_column}
    return [PlaceUse(label, name, columns[name][0]) for label, name in parts.items() if name]


def example_row(selection: Selection) -> dict[str, str]:
    """Return typical conditions, for the template of a table."""
    values: dict[str, float | str] = {}
    for subject in selection.subjects:
        values = dict(subject.artifact.card.starting_points[0].environment) | values
    row = {one.name: values.get(one.name, "") for one in selection.predictors}
    return {name: value if isinstance(value, str) else number_text(value) for name, value in row.items()}


def choices() -> list[tuple[StudyEntry, list[SpeciesEntry]]]:
    """Return the species that have a model, by study and name."""
    groups: dict[StudyEntry, list[SpeciesEntry]] = {}
    for entry in sorted(snapshot.current().species, key=lambda one: (one.study.title, one.scientific_name, one.slug)):
        if entry.model is not None:
            groups.setdefault(entry.study, []).append(entry)
    return list(groups.items())
