"""The elements of the ODMAP protocol by section, and what a human must write where a run cannot know.

Sections, subsections and elements are those of the protocol's checklist (Zurell et al. 2020, Ecography 43: 1261-1277,
doi 10.1111/ecog.04960, version 1.0); the requests are our own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Section = Literal["Overview", "Data", "Model", "Assessment", "Prediction"]

CITATION = (
    "Zurell et al. 2020, A standard protocol for reporting species distribution models, Ecography 43: 1261–1277, "
    "https://doi.org/10.1111/ecog.04960"
)


@dataclass(frozen=True)
class ProtocolElement:
    """One element of the protocol.

    Attributes
    ----------
    section, subsection, element : str
    optional : bool
        Whether the protocol asks for it only where it applies.
    to_write : str
        Request to a human; empty if a run can fill in the element alone.
    """

    section: Section
    subsection: str
    element: str
    optional: bool = False
    to_write: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Subsection and element, unique within the protocol."""
        return self.subsection, self.element


_Row = tuple[str, bool, str]


def _required(element: str, to_write: str = "") -> _Row:
    return element, False, to_write


def _optional(element: str, to_write: str = "") -> _Row:
    return element, True, to_write


_ROWS: dict[Section, dict[str, list[_Row]]] = {
    "Overview": {
        "Authorship": [
            _required("Study title"),
            _required("Author names", "Name everybody who made the study and the model, and what each did."),
            _required("Contact", "Give the e-mail address of a person who answers for the model."),
            _required("Study link", "Link the paper or report that this model belongs to, or say there is none."),
        ],
        "Model objective": [
            _required(
                "Model objective",
                "Say which question the model is to answer, for whom and for which decision, and whether that is "
                "explanation, mapping within the study area, or transfer to other places or times.",
            ),
            _required("Target output"),
        ],
        "Focal taxon": [
            _required("Focal taxon"),
        ],
        "Location": [
            _required("Location", "Name the study area so that it can be found on a map."),
        ],
        "Scale of analysis": [
            _required("Spatial extent", "Give the extent of the whole study area in longitude and latitude."),
            _optional("Spatial resolution", "Give the size of the site or grid cell that one record stands for."),
            _required("Temporal extent", "Give the first and last year of the records."),
            _optional("Temporal resolution", "Say over which season or span of time one record is taken to hold."),
            _required(
                "Boundary",
                "Say whether the study area ends at a natural or a political boundary or is a rectangle, and why "
                "there.",
            ),
        ],
        "Biodiversity data": [
            _required(
                "Observation type",
                "Say how the records came about: standardised monitoring, field survey, museum specimens, citizen "
                "science, tracking or a range map.",
            ),
            _required("Response data type"),
        ],
        "Predictors": [
            _required(
                "Predictor types",
                "Say of which kind each predictor is: climatic, topographic, edaphic, habitat or another.",
            ),
        ],
        "Hypotheses": [
            _required("Hypotheses", "For each predictor, say what effect on the species is expected and why."),
        ],
        "Assumptions": [
            _required(
                "Model assumptions",
                "Say how far these assumptions hold for this species: above all whether it lives wherever it could, "
                "and whether what it needs is the same throughout the study area.",
            ),
        ],
        "Algorithms": [
            _required("Modelling techniques"),
            _required("Model complexity", "Say why this much complexity suits the question and the records."),
            _required("Model averaging"),
        ],
        "Workflow": [
            _required("Model workflow"),
        ],
        "Software": [
            _required("Software"),
            _required(
                "Code availability",
                "Link the release or commit of the code that was run, in an archive that lasts.",
            ),
            _required(
                "Data availability",
                "Say where the training table with this fingerprint is kept, or why it cannot be shared.",
            ),
        ],
    },
    "Data": {
        "Biodiversity data": [
            _required("Taxon names"),
            _required(
                "Taxonomic reference system",
                "Name the taxonomic backbone, with its version, and say how synonyms and splits were treated.",
            ),
            _required("Ecological level"),
            _required(
                "Data sources",
                "Add the date of access and the version of each source where its citation lacks them.",
            ),
            _required("Sampling design", "Say how places and times were chosen, who looked, how and for how long."),
            _required("Sample size"),
            _optional("Clipping", "If records were cut to a country, a region or a mask, name it."),
            _optional("Scaling", "If records were thinned, gridded or moved before they came to the run, say how."),
            _optional("Cleaning", "If records were cleaned before they came to the run, say how."),
            _required("Absence data"),
            _required("Background data"),
            _optional(
                "Errors and biases",
                "Say how often the species is overlooked or mistaken for another, how exact the places are, and where "
                "people looked more than elsewhere.",
            ),
        ],
        "Data partitioning": [
            _required("Training data"),
            _required("Validation data"),
            _optional("Test data", "If there are independent records, say where they come from."),
        ],
        "Predictor variables": [
            _required("Predictor variables"),
            _required(
                "Data sources",
                "Say which source each predictor comes from, with its version and the date of access.",
            ),
            _required("Spatial extent", "Give the extent of the predictors' raw data."),
            _required("Spatial resolution", "Give the resolution of the predictors' raw data."),
            _required(
                "Coordinate reference system",
                "Give the coordinate reference system of records and predictors, as an EPSG code; say so if there is "
                "none.",
            ),
            _required("Temporal extent", "Give the years that each predictor describes."),
            _optional("Temporal resolution", "If a predictor changes with time, say in which steps."),
            _optional(
                "Data processing",
                "Say how the predictors were made from raw data: resampling, aggregation, reclassification.",
            ),
            _optional("Errors and biases", "Say what is known of errors in measuring each predictor."),
            _optional("Dimension reduction"),
        ],
        "Transfer data": [
            _optional(
                "Data sources",
                "If the model is used for another place or time, name the data it is used on, with version and date of "
                "access.",
            ),
            _optional("Spatial extent"),
            _optional("Spatial resolution"),
            _optional("Temporal extent"),
            _optional("Temporal resolution"),
            _optional("Models and scenarios"),
            _optional("Data processing"),
            _optional("Quantification of novelty"),
        ],
    },
    "Model": {
        "Variable pre-selection": [
            _optional(
                "Variable pre-selection",
                "Say why these predictors were offered to the model and which others were considered.",
            ),
        ],
        "Multicollinearity": [
            _required("Multicollinearity"),
        ],
        "Model settings": [
            _required("Model settings (fitting)"),
            _optional("Model settings (extrapolation)"),
        ],
        "Model estimates": [
            _required("Coefficients"),
            _optional("Parameter uncertainty"),
            _optional("Variable importance"),
        ],
        "Model selection, averaging and ensembles": [
            _optional("Model selection"),
            _optional("Model averaging"),
            _optional("Model ensembles"),
        ],
        "Analysis and correction of non-independence": [
            _required(
                "Spatial autocorrelation",
                "Say whether what the model leaves unexplained is alike at neighbouring places, or why that was not "
                "looked at.",
            ),
            _optional(
                "Temporal autocorrelation",
                "If the records span years, say whether records of one time are alike in what the model leaves "
                "unexplained.",
            ),
            _optional(
                "Nested data",
                "If records are nested in regions, observers or visits, say how that was taken into account.",
            ),
        ],
        "Threshold selection": [
            _required("Threshold selection"),
        ],
    },
    "Assessment": {
        "Performance statistics": [
            _required("Performance on training data"),
            _required("Performance on validation data"),
            _optional("Performance on test data", "If there are independent records, give the scores on them."),
        ],
        "Plausibility check": [
            _required(
                "Response shapes",
                "Look at the response curve of every predictor and say whether its shape makes sense for the species.",
            ),
            _required(
                "Expert judgement",
                "Let somebody who knows the species look at answers for places they know, and say what they found.",
            ),
        ],
    },
    "Prediction": {
        "Prediction output": [
            _required("Prediction unit"),
            _optional("Post-processing"),
        ],
        "Uncertainty quantification": [
            _optional("Algorithmic uncertainty"),
            _optional("Input data uncertainty", "Say how errors in the predictors would change the answers."),
            _optional("Parameter uncertainty"),
            _optional("Scenario uncertainty"),
            _optional("Novel environments"),
        ],
    },
}

PROTOCOL: tuple[ProtocolElement, ...] = tuple(
    ProtocolElement(section, subsection, *row)
    for section, subsections in _ROWS.items()
    for subsection, rows in subsections.items()
    for row in rows
)
