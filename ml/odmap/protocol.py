"""The ODMAP protocol's questions, section by section, and what a human is asked where a run cannot answer.

Sections, subsections and elements are those of the protocol's checklist (Zurell et al. 2020, Ecography 43: 1261-1277,
doi 10.1111/ecog.04960, version 1.0); the requests are worded here for the model at hand.
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
class Asked:
    """One element of the protocol.

    Attributes
    ----------
    section, subsection, element : str
    optional : bool
        Whether the protocol asks for it only where it applies.
    to_write : str
        What a human is asked; empty where a run can answer alone.
    """

    section: Section
    subsection: str
    element: str
    optional: bool = False
    to_write: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Subsection and element, which name it within the protocol."""
        return self.subsection, self.element


_Row = tuple[str, bool, str]


def always(element: str, to_write: str = "") -> _Row:
    """An element that every report has."""
    return element, False, to_write


def maybe(element: str, to_write: str = "") -> _Row:
    """An element for where it applies."""
    return element, True, to_write


_ROWS: dict[Section, dict[str, list[_Row]]] = {
    "Overview": {
        "Authorship": [
            always("Study title"),
            always("Author names", "Name everybody who made the study and the model, and what each did."),
            always("Contact", "Give the e-mail address of a person who answers for the model."),
            always("Study link", "Link the paper or report that this model belongs to, or say there is none."),
        ],
        "Model objective": [
            always(
                "Model objective",
                "Say which question the model is to answer, for whom and for which decision, and whether that is "
                "explanation, mapping within the study area, or transfer to other places or times.",
            ),
            always("Target output"),
        ],
        "Focal taxon": [
            always("Focal taxon"),
        ],
        "Location": [
            always("Location", "Name the study area so that it can be found on a map."),
        ],
        "Scale of analysis": [
            always("Spatial extent", "Give the extent of the whole study area in longitude and latitude."),
            maybe("Spatial resolution", "Give the size of the site or grid cell that one record stands for."),
            always("Temporal extent", "Give the first and last year of the records."),
            maybe("Temporal resolution", "Say over which season or span of time one record is taken to hold."),
            always(
                "Boundary",
                "Say whether the study area ends at a natural or a political boundary or is a rectangle, and why "
                "there.",
            ),
        ],
        "Biodiversity data": [
            always(
                "Observation type",
                "Say how the records came about: standardised monitoring, field survey, museum specimens, citizen "
                "science, tracking or a range map.",
            ),
            always("Response data type"),
        ],
        "Predictors": [
            always(
                "Predictor types",
                "Say of which kind each predictor is: climatic, topographic, edaphic, habitat or another.",
            ),
        ],
        "Hypotheses": [
            always("Hypotheses", "For each predictor, say what effect on the species is expected and why."),
        ],
        "Assumptions": [
            always(
                "Model assumptions",
                "Say how far these assumptions hold for this species: above all whether it lives wherever it could, "
                "and whether what it needs is the same throughout the study area.",
            ),
        ],
        "Algorithms": [
            always("Modelling techniques"),
            always("Model complexity", "Say why this much complexity suits the question and the records."),
            always("Model averaging"),
        ],
        "Workflow": [
            always("Model workflow"),
        ],
        "Software": [
            always("Software"),
            always(
                "Code availability",
                "Link the release or commit of the code that was run, in an archive that lasts.",
            ),
            always(
                "Data availability",
                "Say where the training table with this fingerprint is kept, or why it cannot be shared.",
            ),
        ],
    },
    "Data": {
        "Biodiversity data": [
            always("Taxon names"),
            always(
                "Taxonomic reference system",
                "Name the taxonomic backbone, with its version, and say how synonyms and splits were treated.",
            ),
            always("Ecological level"),
            always(
                "Data sources",
                "Add the date of access and the version of each source where its citation lacks them.",
            ),
            always("Sampling design", "Say how places and times were chosen, who looked, how and for how long."),
            always("Sample size"),
            maybe("Clipping", "If records were cut to a country, a region or a mask, name it."),
            maybe("Scaling", "If records were thinned, gridded or moved before they came to the run, say how."),
            maybe("Cleaning", "If records were cleaned before they came to the run, say how."),
            always("Absence data"),
            always("Background data"),
            maybe(
                "Errors and biases",
                "Say how often the species is overlooked or mistaken for another, how exact the places are, and where "
                "people looked more than elsewhere.",
            ),
        ],
        "Data partitioning": [
            always("Training data"),
            always("Validation data"),
            maybe("Test data", "If there are independent records, say where they come from."),
        ],
        "Predictor variables": [
            always("Predictor variables"),
            always(
                "Data sources",
                "Say which source each predictor comes from, with its version and the date of access.",
            ),
            always("Spatial extent", "Give the extent of the predictors' raw data."),
            always("Spatial resolution", "Give the resolution of the predictors' raw data."),
            always(
                "Coordinate reference system",
                "Give the coordinate reference system of records and predictors, as an EPSG code; say so if there is "
                "none.",
            ),
            always("Temporal extent", "Give the years that each predictor describes."),
            maybe("Temporal resolution", "If a predictor changes with time, say in which steps."),
            maybe(
                "Data processing",
                "Say how the predictors were made from raw data: resampling, aggregation, reclassification.",
            ),
            maybe("Errors and biases", "Say what is known of errors in measuring each predictor."),
            maybe("Dimension reduction"),
        ],
        "Transfer data": [
            maybe(
                "Data sources",
                "If the model is used for another place or time, name the data it is used on, with version and date of "
                "access.",
            ),
            maybe("Spatial extent"),
            maybe("Spatial resolution"),
            maybe("Temporal extent"),
            maybe("Temporal resolution"),
            maybe("Models and scenarios"),
            maybe("Data processing"),
            maybe("Quantification of novelty"),
        ],
    },
    "Model": {
        "Variable pre-selection": [
            maybe(
                "Variable pre-selection",
                "Say why these predictors were offered to the model and which others were considered.",
            ),
        ],
        "Multicollinearity": [
            always("Multicollinearity"),
        ],
        "Model settings": [
            always("Model settings (fitting)"),
            maybe("Model settings (extrapolation)"),
        ],
        "Model estimates": [
            always("Coefficients"),
            maybe("Parameter uncertainty"),
            maybe("Variable importance"),
        ],
        "Model selection, averaging and ensembles": [
            maybe("Model selection"),
            maybe("Model averaging"),
            maybe("Model ensembles"),
        ],
        "Analysis and correction of non-independence": [
            always(
                "Spatial autocorrelation",
                "Say whether what the model leaves unexplained is alike at neighbouring places, or why that was not "
                "looked at.",
            ),
            maybe(
                "Temporal autocorrelation",
                "If the records span years, say whether records of one time are alike in what the model leaves "
                "unexplained.",
            ),
            maybe(
                "Nested data",
                "If records are nested in regions, observers or visits, say how that was taken into account.",
            ),
        ],
        "Threshold selection": [
            always("Threshold selection"),
        ],
    },
    "Assessment": {
        "Performance statistics": [
            always("Performance on training data"),
            always("Performance on validation data"),
            maybe("Performance on test data", "If there are independent records, give the scores on them."),
        ],
        "Plausibility check": [
            always(
                "Response shapes",
                "Look at the response curve of every predictor and say whether its shape makes sense for the species.",
            ),
            always(
                "Expert judgement",
                "Let somebody who knows the species look at answers for places they know, and say what they found.",
            ),
        ],
    },
    "Prediction": {
        "Prediction output": [
            always("Prediction unit"),
            maybe("Post-processing"),
        ],
        "Uncertainty quantification": [
            maybe("Algorithmic uncertainty"),
            maybe("Input data uncertainty", "Say how errors in the predictors would change the answers."),
            maybe("Parameter uncertainty"),
            maybe("Scenario uncertainty"),
            maybe("Novel environments"),
        ],
    },
}

PROTOCOL: tuple[Asked, ...] = tuple(
    Asked(section, subsection, *row)
    for section, subsections in _ROWS.items()
    for subsection, rows in subsections.items()
    for row in rows
)
