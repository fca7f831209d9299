"""Reports on the files of a study: what was recognised, what is kept, what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ml.card_fields import Count, Number, Part

Text = Annotated[str, Field(max_length=4_000)]
#: Names of species in the report on a file.
MOST_NAMES = 20


class Remedy(Part):
    """One change of the recipe that solves a problem: a button on the page."""

    label: Text
    target: Literal["records", "layers", "recipe"]
    change: dict[str, object] = Field(description="members of the PATCH body of that resource")


class Problem(Part):
    """Something that stands in the way of training (blocking), or that should be known."""

    code: Annotated[str, Field(max_length=60)]
    text: Text = Field(description="one sentence that names file, row, column or layer, and what to do")
    blocking: bool = True
    file: str | None = None
    band: str | None = None
    remedy: Remedy | None = None


class RecordFileReport(Part):
    """What a file of records was recognised as."""

    format: Annotated[str, Field(max_length=60)] = Field(
        description="darwin-core-archive, event-core-archive, gbif-simple-csv, table, swd-table or workbook"
    )
    n: Count
    columns: list[str] = Field(description="header of the file, in its order")
    mapping: dict[str, str] = Field(description="Darwin Core term to column")
    encoding: str = ""
    delimiter: str = ""
    species: list[tuple[str, int]] = Field(default_factory=list, description="most frequent names with their counts")
    preview: list[list[str]] = Field(default_factory=list, description="first rows, texts as read")
    unsure: list[Text] = Field(default_factory=list, description="guesses that the user should look at")
    citation: Text = Field("", description="citation or DOI stated by the archive")
    environment: list[str] = Field(default_factory=list, description="columns with conditions (samples with data)")


class Scenario(Part):
    """A set of layers of another time or pathway."""

    label: Text
    model: str = ""
    pathway: str = ""
    period: str = ""


class Grid(Part):
    """A raster grid, north up."""

    crs: str = Field(description="as authority code where there is one, else WKT")
    width: Count
    height: Count
    west: Number
    north: Number
    cell_x: Annotated[float, Field(gt=0)]
    cell_y: Annotated[float, Field(gt=0)]


class DoubtfulValue(Part):
    """A stored value that is far from all others of its layer and often means no value."""

    value: float = Field(description="as stored")
    cells: Count
    minimum: float = Field(description="of the other values, with scale and offset")
    maximum: float
    mean: float


class LayerReport(Part):
    """One layer: a band of a raster file, or a variable of a NetCDF file."""

    file: str
    band: str
    name: str = Field(description="canonical name, as bio1")
    title: str = Field("", description="name in the file")
    label: str = Field("", description="name of a known variable in words, as Annual mean temperature")
    description: str = ""
    kind: Literal["continuous", "categorical"] = "continuous"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    crs: str | None = None
    grid: Grid | None = None
    nodata_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    missing: list[float] = Field(
        default_factory=list, description="stored values that mean no value, declared or recognised, besides NaN"
    )
    doubtful: list[DoubtfulValue] = Field(
        default_factory=list, description="values of which it is not certain whether they mean no value"
    )
    values_hash: str = Field("", description="of the decoded values and their places on the grid")
    extent: tuple[float, float, float, float] | None = Field(
        None, description="west, south, east, north in degrees of WGS 84; west above east crosses the antimeridian"
    )
    codes: list[float] = Field(
        default_factory=list, description="all values where they are whole numbers and no more than 1,000 of them"
    )
    levels: dict[str, str] = Field(default_factory=dict, description="code to label of a categorical layer")
    legend_from: str = Field("", description="where the labels come from, as biome.tif.aux.xml; empty without a legend")
    scenario: Scenario | None = None
    sha256: str = Field("", description="of the file together with the files that belong to it")
    notes: list[Text] = Field(default_factory=list, description="what was done to the values, as 'scale 0.1 applied'")
    problems: list[Problem] = Field(default_factory=list)


class FileReport(Part):
    """One file of a study."""

    name: str
    size: Count
    sha256: str
    role: Literal["records", "layers", "companion", "unknown"]
    sentence: Text = Field(description="what it was recognised as, or why not")
    records: RecordFileReport | None = None
    layers: list[LayerReport] = Field(default_factory=list)
    problems: list[Problem] = Field(default_factory=list)


def are_samples(files: Sequence[FileReport]) -> bool:
    """Return whether the records of a study bring their conditions, and there are no layers."""
    records = [file.records for file in files if file.role == "records" and file.records is not None]
    layers = any(file.role == "layers" for file in files)
    return bool(records) and not layers and all(report.environment for report in records)


class ReasonCount(Part):
    """How many records one check concerns."""

    code: str
    label: str
    explanation: str
    kind: Literal["drop", "flag"]
    on: bool = Field(description="whether the check drops its records (or, for a flag, marks them)")
    drops: bool
    switchable: bool = Field(description="False where a record could not be used at all")
    n: Count = Field(description="records dropped for this reason, or flagged; each record is dropped for one reason")
    n_concerned: Count = Field(description="records that the check concerns, whatever other checks say")


class LicenceCount(Part):
    """Records of one licence."""

    licence: str
    n: Count
    kept: bool


class SpeciesCount(Part):
    """Records of one species."""

    name: str
    names: list[str] = Field(description="the names in the files")
    n: Count
    kept: Count
    cells: Count | None = Field(None, description="cells with a kept record; None before there are layers")
    trained: bool
    looks_like: str | None = Field(None, description="another species of the study with almost the same name")


class RecordsReport(Part):
    """All records of a study after cleaning."""

    n: Count
    kept: Count
    cells: Count | None = None
    reasons: list[ReasonCount]
    licences: list[LicenceCount]
    species: list[SpeciesCount]
    places: list[tuple[float, float, bool]] = Field(
        default_factory=list, description="up to 2,000 places: longitude, latitude, kept"
    )
    problems: list[Problem] = Field(default_factory=list)


class ScenarioReport(Part):
    """A scenario, paired with the training set by names."""

    scenario: Scenario
    layers: list[str] = Field(description="names of the training set that it has")
    carried: list[str] = Field(description="static layers that are carried over")
    missing: list[str]
    complete: bool


class LayersReport(Part):
    """The layers of a study."""

    grid: Grid | None
    grid_of: tuple[str, str] | None = Field(description="file and band of the layer with that grid")
    training: list[str] = Field(description="names of the predictors")
    layers: list[LayerReport] = Field(description="with roles and choices applied, in the order of the files")
    roles: list[Literal["training", "scenario", "static", "unused"]] = Field(description="role of each of the layers")
    cells: Count | None = Field(None, description="cells in which every training layer has a value")
    lost: dict[str, int] = Field(
        default_factory=dict, description="cells that only this layer lacks, by name of the layer"
    )
    scenarios: list[ScenarioReport] = Field(default_factory=list)
    problems: list[Problem] = Field(default_factory=list)


class Preflight(Part):
    """What a training would take, and what stands in its way."""

    minutes: Annotated[float, Field(ge=0)]
    memory_mb: Annotated[float, Field(ge=0)]
    presences: Count
    cells: Count
    species: Count
    sentence: Text
    problems: list[Problem] = Field(default_factory=list)
    command: str = Field("", description="the command that trains the same models from the same files")
