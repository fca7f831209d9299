"""The recipe: which files, columns, rules and layers a study is made of. The same recipe gives the same model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ml.card_fields import Label, Name, Number, Part

#: Licences of a record as `ml.records.licences` classifies them; "not stated" where a file says nothing.
LICENCES = ("CC0", "CC BY", "CC BY-SA", "CC BY-NC", "CC BY-NC-SA", "CC BY-ND", "CC BY-NC-ND", "other", "not stated")
OPEN_LICENCES = ("CC0", "CC BY", "CC BY-SA")
#: Longest name of a file.
LONGEST_FILE_NAME = 150


def check_file_name(name: str) -> str:
    """Return a name that can be a file's in one folder: one part, visible, not hidden.

    Raises
    ------
    ValueError
        The message says what is wrong with the name.
    """
    if not name or len(name.encode()) > LONGEST_FILE_NAME:
        raise ValueError(f"must have 1 to {LONGEST_FILE_NAME} bytes")
    if "/" in name or "\\" in name or name.startswith((".", " ", "-")) or name.endswith((" ", ".")):
        raise ValueError("must be a plain file name without folders, and must not begin with a dot or a dash")
    if not name.isprintable():
        raise ValueError("must not contain control characters")
    return name


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("must not be 0")
    return value


def _plain(text: str) -> str:
    # Headers of columns and WKT may have several lines.
    if any((ord(character) < 32 and character not in "\t\n\r") or ord(character) == 127 for character in text):
        raise ValueError("must not contain control characters")
    return text


def _encoding(text: str) -> str:
    try:
        "x".encode(text)
    except (LookupError, ValueError):
        raise ValueError("must be an encoding of text, such as utf-8") from None
    return text


NotBool = BeforeValidator(_number)
Plain = AfterValidator(_plain)
FileName = Annotated[str, AfterValidator(check_file_name)]
Column = Annotated[str, Field(max_length=500), Plain]
Band = Annotated[str, Field(max_length=200), Plain]
Term = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
Code = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z][a-z0-9_]*$")]
Year = Annotated[int, Field(ge=1500, le=2200), NotBool]


class RecordFile(Part):
    """A file of records, and how it is read where that is not guessed."""

    name: FileName
    encoding: Annotated[str, Field(max_length=40), AfterValidator(_encoding)] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1), Plain] | None = None
    sheet: Label | None = Field(None, description="sheet of a workbook; by default the first that has a table")
    columns: dict[Term, Column] = Field(
        default_factory=dict,
        max_length=60,
        description="Darwin Core term to column of the file; an empty column means that no column has the term",
    )
    datum: Annotated[str, Field(max_length=100), Plain] | None = Field(
        None, description="datum or CRS of the coordinates where the records state none; WGS 84 by default"
    )
    species: Name | None = Field(None, description="the species of all records of a file without names")


class RecordRules(Part):
    """Which records are kept. `ml.records.reasons` lists the codes."""

    off: list[Code] = Field(default_factory=list, max_length=60, description="checks that are switched off")
    drop: list[Code] = Field(default_factory=list, max_length=60, description="flags that drop their records")
    licences: list[Literal[LICENCES]] | None = Field(  # type: ignore[valid-type]  # a Literal of a tuple of literals
        None, description="licences that are kept; None: the open ones, and all records of files that state none"
    )
    max_uncertainty_m: Annotated[float, Field(gt=0, le=1e7), NotBool] | None = Field(
        None, description="largest coordinate uncertainty, metres; None: the width of a cell"
    )
    first_year: Year | None = None
    last_year: Year | None = None
    thin_km: Annotated[float, Field(gt=0, le=1_000), NotBool] | None = Field(
        None, description="smallest distance between kept records of a species; None: one record a cell is enough"
    )

    @model_validator(mode="after")
    def _years_in_order(self) -> RecordRules:
        if self.first_year is not None and self.last_year is not None and self.first_year > self.last_year:
            raise ValueError("first_year must not be later than last_year")
        return self


class LayerChoice(Part):
    """What is done with one layer (a band of a file, or a variable of a NetCDF file)."""

    file: FileName
    band: Band = Field("1", description="number of the band, or name of the variable")
    role: Literal["training", "scenario", "static", "unused"] | None = Field(
        None, description="None: as recognised. static: a training layer that is carried over to every scenario"
    )
    scenario: Label | None = Field(None, description="label of the scenario; None: as recognised")
    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")] | None = None
    kind: Literal["continuous", "categorical"] | None = None
    unit: Annotated[str, Field(max_length=40), Plain] | None = None
    factor: Annotated[Number, NotBool, AfterValidator(_not_zero)] | None = Field(
        None, description="values are multiplied by it, as 0.1 for °C × 10"
    )
    offset: Annotated[Number, NotBool] | None = Field(None, description="added after the factor")
    nodata: Annotated[float, Field(ge=-1e40, le=1e40), NotBool] | Literal["none"] | None = Field(
        None,
        description="stored value that means no value, besides those of the file; none: no doubtful value means it",
    )
    crs: Annotated[str, Field(max_length=2_000), Plain] | None = Field(None, description="CRS of a file without one")
    legend: dict[Annotated[str, Field(max_length=20), Plain], Label] | None = Field(
        None, max_length=1_000, description="code to label of a categorical layer"
    )


class TrainingSettings(Part):
    """Settings of the training."""

    trees: Annotated[int, Field(ge=10, le=5_000), NotBool] = 500
    folds: Annotated[int, Field(ge=2, le=20), NotBool] = 5
    seed: Annotated[int, Field(ge=0, le=2**32 - 1), NotBool] = 0
    background: Annotated[int, Field(ge=100, le=100_000), NotBool] = Field(
        10_000, description="largest number of background cells"
    )
    fewest: Annotated[int, Field(ge=4, le=1_000), NotBool] = Field(
        5, description="species with fewer cells with a record are not trained"
    )


class Recipe(Part):
    """A study of a user's own data.

    The slug and the title are part of every card, and so of every model's id.
    """

    title: Annotated[Label, Field(min_length=1, max_length=200)]
    slug: Annotated[str, Field(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")] | None = Field(
        None, description="slug of the study; None: made from the title"
    )
    records: list[RecordFile] = Field(default_factory=list, max_length=100)
    species: list[Name] | None = Field(None, max_length=2_000, description="species that are trained; None: all")
    merge: dict[Name, Name] = Field(
        default_factory=dict, max_length=2_000, description="another name of a species to the name that is used"
    )
    rules: RecordRules = Field(default_factory=RecordRules)
    layers: list[LayerChoice] = Field(default_factory=list, max_length=2_000)
    grid: tuple[FileName, Band] | None = Field(
        None,
        description="file and band of the layer whose grid the others are aligned to; None: as chosen by the program",
    )
    settings: TrainingSettings = Field(default_factory=TrainingSettings)
