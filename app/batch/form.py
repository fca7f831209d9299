"""The page of batches: its fields, and the preview of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.batch.schemas import BatchParameters
from app.batch.service import Selection
from app.catalogue import snapshot
from app.catalogue.entries import SpeciesEntry, StudyEntry
from app.web.input_validation import validate
from ml.batch.cells import DecimalMark, check_columns, missing_columns
from ml.batch.table import Chunk, Rows
from ml.card import Predictor
from ml.predictors.encoding import number_text

# What the preview shows.
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
    errors : dict of str to str
        Messages by field: species, file, text, threshold, or "" for the form.
    """

    species: list[str] = field(default_factory=list)
    text: str = ""
    stored: str = ""
    name: str = ""
    threshold: str = ""
    extrapolation: str = "flag"
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
            threshold=last("threshold").replace(",", "."),
            extrapolation=last("extrapolation", "flag"),
        )

    def options(self) -> BatchParameters:
        """Return the options; ValidationFailed where one is not valid."""
        values = {"extrapolation": self.extrapolation}
        return validate(BatchParameters, values | ({"threshold": self.threshold} if self.threshold else {}))

    def add_error(self, pointer: str, text: str) -> None:
        """Put a message beside the field of a JSON pointer."""
        name = pointer.split("/")[1] if pointer.startswith("/") else ""
        if name in ("rows", "file"):
            name = "file" if self.stored or not self.text else "text"
        if name not in ("species", "file", "text", "threshold", "extrapolation"):
            name = ""
        self.errors.setdefault(name, text[:1].upper() + text[1:])


@dataclass(frozen=True)
class ColumnUse:
    """A predictor and its column."""

    predictor: Predictor
    is_present: bool
    similar: str
    first: str


@dataclass(frozen=True)
class CellNote:
    """A cell that cannot be used."""

    line: int
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
    uses : list of ColumnUse
    others : list of str
        Columns that are passed through.
    header : list of str
    rows : list of (int, sequence of str)
        Lines and cells of the first rows.
    decimal : str
    notes : list of CellNote
    n_notes : int
    n_bad : int
        Rows with a cell that cannot be used.
    """

    n_rows: int
    is_cut: bool
    uses: list[ColumnUse]
    others: list[str]
    header: list[str]
    rows: list[tuple[int, Sequence[str]]]
    decimal: str
    notes: list[CellNote]
    n_notes: int
    n_bad: int

    @property
    def is_complete(self) -> bool:
        """Whether each predictor has a column."""
        return all(use.is_present for use in self.uses)


def preview(selection: Selection, rows: Rows) -> Preview:
    """Return what the beginning of a table shows.

    Raises
    ------
    ValueError
        It has no rows, or cannot be read.
    """
    chunks = rows.chunks()
    chunk = next(chunks, None)
    if chunk is None:
        raise ValueError(f"{rows.name} has no rows")
    is_cut = len(chunk) > _MOST_CHECKED or next(chunks, None) is not None
    first = Chunk(chunk.lines[:_MOST_CHECKED], chunk.rows[:_MOST_CHECKED], chunk.header)
    predictors = predictors_of(selection)
    present = [one for one in predictors if one.name in first.columns]
    mark = DecimalMark()
    mark.read(first.columns, [one.name for one in present if one.type == "continuous"])
    problems = check_columns(present, [first.columns[one.name] for one in present], mark.mark)[1] if present else []
    in_lower_case = {name.lower(): name for name in rows.header}
    uses = [
        ColumnUse(
            one,
            one.name in first.columns,
            in_lower_case.get(one.name.lower(), "") if one.name not in first.columns else "",
            str(first.columns[one.name][0]) if one.name in first.columns else "",
        )
        for one in predictors
    ]
    names = {one.name for one in predictors}
    return Preview(
        n_rows=len(first),
        is_cut=is_cut,
        uses=uses,
        others=[name for name in rows.header if name not in names],
        header=rows.header,
        rows=list(zip(first.lines, first.rows, strict=True))[:_FIRST_ROWS],
        decimal=mark.mark,
        notes=[CellNote(first.lines[one.row], one.predictor, one.text) for one in problems[:_MOST_PROBLEMS]],
        n_notes=len(problems),
        n_bad=len({one.row for one in problems}),
    )


def missing(selection: Selection, rows: Rows) -> list[str]:
    """Return the predictors that have no column."""
    return missing_columns(predictors_of(selection), rows.header)


def predictors_of(selection: Selection) -> list[Predictor]:
    """Return the predictors of all models, each once."""
    predictors: dict[str, Predictor] = {}
    for subject in selection.subjects:
        for one in subject.predictors:
            predictors.setdefault(one.name, one)
    return list(predictors.values())


def example_row(selection: Selection) -> dict[str, str]:
    """Return typical conditions, for the template of a table."""
    values: dict[str, float | str] = {}
    for subject in selection.subjects:
        values = dict(subject.artifact.card.starting_points[0].environment) | values
    row = {one.name: values.get(one.name, "") for one in predictors_of(selection)}
    return {name: value if isinstance(value, str) else number_text(value) for name, value in row.items()}


def choices() -> list[tuple[StudyEntry, list[SpeciesEntry]]]:
    """Return the species that have a model, by study and name."""
    groups: dict[StudyEntry, list[SpeciesEntry]] = {}
    for entry in sorted(snapshot.current().species, key=lambda one: (one.study.title, one.scientific_name, one.slug)):
        if entry.model is not None:
            groups.setdefault(entry.study, []).append(entry)
    return list(groups.items())
