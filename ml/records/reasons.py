"""The checks of records in their order: each record is dropped for the first that applies and is switched on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    code : str
        Name in recipes, reports and files.
    label : str
        Name on pages.
    explanation : str
        What the check concerns, in one or two sentences.
    kind : {"drop", "flag"}
        A flag marks records, and drops them only where a recipe says so.
    switchable : bool
        False where a record could not be used at all, or where a choice of its own decides.
    on : bool
        Whether the check is on where a recipe says nothing.
    """

    code: str
    label: str
    explanation: str
    kind: Literal["drop", "flag"] = "drop"
    switchable: bool = True
    on: bool = True


CHECKS = (
    Check(
        "coordinates_unreadable",
        "Coordinates unreadable",
        "A coordinate is text that is not a number or degrees, minutes and seconds.",
        switchable=False,
    ),
    Check("coordinates_missing", "No coordinates", "Latitude or longitude is empty.", switchable=False),
    Check(
        "coordinates_swapped",
        "Coordinates exchanged",
        "The latitude is beyond 90° and would be a longitude, or GBIF presumes that latitude and longitude were "
        "exchanged or have a wrong sign.",
    ),
    Check(
        "coordinates_out_of_range",
        "Coordinates out of range",
        "The latitude is beyond 90° or the longitude is beyond 180°.",
        switchable=False,
    ),
    Check("coordinates_zero", "Coordinates at 0, 0", "Both coordinates are zero, which stands for a missing place."),
    Check(
        "coordinates_equal",
        "Latitude equals longitude",
        "Both coordinates are the same number, which is often one coordinate entered twice.",
    ),
    Check(
        "datum_unknown",
        "Datum not transformable",
        "The datum or CRS of the coordinates is unknown, so that they cannot be transformed to WGS 84.",
        switchable=False,
    ),
    Check("fossil", "Fossil", "The record is of a fossil (basisOfRecord)."),
    Check(
        "captive",
        "Captive or cultivated",
        "The record is of a living specimen in a collection, or of a captive, cultivated or managed organism.",
    ),
    Check("absent", "Recorded as absent", "The status says that the species was not found, or the count is zero."),
    Check("no_species", "No species", "The record has no name of a species.", switchable=False),
    Check(
        "species_not_chosen",
        "Species not chosen",
        "The species is not one of those that were chosen.",
        switchable=False,
    ),
    Check("licence", "Licence not allowed", "The licence of the record is not one of those that were chosen."),
    Check(
        "uncertainty_unreadable",
        "Coordinate uncertainty unreadable",
        "The coordinate uncertainty is text that is not a number, or a negative number.",
    ),
    Check(
        "uncertainty_above_limit",
        "Coordinate uncertainty above the limit",
        "The coordinate uncertainty is larger than the limit, which is the width of a cell unless one was chosen. "
        "Records without an uncertainty are kept.",
    ),
    Check(
        "year_not_stated",
        "No year",
        "The record has no year, or a date whose year is not certain. It is dropped only where years were chosen.",
    ),
    Check("outside_years", "Outside the years", "The year is before the first or after the last year that was chosen."),
    Check(
        "location_suspect",
        "Location flagged as suspect",
        "GBIF's interpretation flags the coordinates as invalid or as contradicting the country.",
    ),
    Check(
        "coordinates_obscured",
        "Coordinates obscured",
        "The publisher withheld or generalised the coordinates, as for threatened species.",
    ),
    Check("outside_layers", "Outside the layers", "The place is outside the grid of the layers.", switchable=False),
    Check(
        "no_conditions",
        "No value in a layer",
        "The place is in a cell in which a layer has no value.",
        switchable=False,
    ),
    Check("one_zero", "One coordinate is 0", "One of the coordinates is exactly zero.", "flag"),
    Check(
        "low_precision",
        "Few decimals",
        "Both coordinates have at most one decimal: the place is known to about 10 km or less precisely.",
        "flag",
    ),
    Check(
        "sea_or_land",
        "In the sea, or on land",
        "The place and the cells around it in a map of 1 km are in the sea, while most records of the species are on "
        "land, or the reverse.",
        "flag",
    ),
    Check(
        "country_centroid",
        "Centre of a country or province",
        "The place is within 2 km of the centre of a country or province, which is often given where the place is "
        "unknown.",
        "flag",
    ),
    Check("capital", "Capital", "The place is within 2 km of the centre of a capital.", "flag"),
    Check(
        "environmental_outlier",
        "Unusual conditions",
        "A value of a layer is far from those of the other cells of the species (reverse jackknife, Chapman 2005).",
        "flag",
    ),
    Check(
        "datum_assumed",
        "Datum not recognised",
        "The record states a datum that is not known. Its coordinates are taken as WGS 84, or as the datum of the "
        "file where one was chosen: a wrong datum moves a place by up to about 1 km.",
        "flag",
    ),
    Check(
        "date_unreadable",
        "Date unreadable",
        "The record has a date, but no year of it is certain. Where years were chosen, such a record counts as one "
        "without a year.",
        "flag",
    ),
    Check(
        "duplicate",
        "Duplicate",
        "Another record has the same species, place and date.",
    ),
    Check(
        "same_cell",
        "Another record in the same cell",
        "Another record of the species is in the same cell of the layers. Training uses a cell once.",
    ),
    Check(
        "thinned",
        "Thinned",
        "Another record of the species is nearer than the distance that was chosen. Without a distance, no record.",
    ),
)
CODES = tuple(check.code for check in CHECKS)
#: Position of each code in the list.
POSITIONS = {code: position for position, code in enumerate(CODES)}
#: Checks that a recipe decides, so that they are computed by every count.
CHOICES = frozenset({"species_not_chosen", "licence", "uncertainty_above_limit", "year_not_stated", "outside_years"})
#: Checks that compare records with each other, among those that remain.
COMPARISONS = ("duplicate", "same_cell", "thinned")
#: What tells nothing about where a record is.
PLACELESS = frozenset(
    {
        "coordinates_unreadable",
        "coordinates_missing",
        "datum_unknown",
        "datum_assumed",
        "fossil",
        "captive",
        "absent",
        "no_species",
        "species_not_chosen",
        "licence",
        "uncertainty_unreadable",
        "uncertainty_above_limit",
        "year_not_stated",
        "outside_years",
        "date_unreadable",
        "coordinates_obscured",
    }
)
#: In a card on a grid: stands for all other reasons.
OF_PLACES = "reasons of the place"
#: Checks that the audit stores, one bit a record.
STORED = tuple(code for code in CODES if code not in CHOICES and code not in COMPARISONS)


def wrong_codes(off: Sequence[str], drop: Sequence[str]) -> list[tuple[str, int, str]]:
    """Return the codes of rules that are not those of checks which can be switched so.

    Parameters
    ----------
    off, drop : sequence of str
        Members of `ml.recipes.recipe.RecordRules`.

    Returns
    -------
    list of (str, int, str)
        Member, position in it, and what is wrong.
    """
    by_code = {check.code: check for check in CHECKS}
    wrong = []
    for member, codes in (("off", off), ("drop", drop)):
        for number, code in enumerate(codes):
            check = by_code.get(code)
            if check is None:
                wrong.append((member, number, f"“{code}” is not the code of a check"))
            elif not check.switchable:
                wrong.append((member, number, f"the check “{code}” cannot be switched"))
            elif member == "drop" and check.kind != "flag":
                wrong.append((member, number, f"“{code}” is not a flag; its records are dropped"))
    return wrong


def within_a_sentence(label: str) -> str:
    """Return the label of a check as model cards have it."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]
