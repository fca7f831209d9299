"""Darwin Core terms: the column that a name stands for, and which column is used where several have one name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ml.records.errors import OccurrenceError

#: The terms that a record needs.
COORDINATES = ("decimalLatitude", "decimalLongitude")
DWC = "http://rs.tdwg.org/dwc/terms/"
_PREFIXES = {"dwc": DWC, "dc": "http://purl.org/dc/terms/", "dcterms": "http://purl.org/dc/terms/"}
_PREFIXED = re.compile(r"([A-Za-z][\w-]*):(\w+)")
#: Terms that are read, in the spelling of the standard: tables use any case.
_SPELLINGS = {
    term.lower(): term
    for term in (
        "accessRights",
        "basisOfRecord",
        "captive",
        "coordinatePrecision",
        "coordinateUncertaintyInMeters",
        "country",
        "countryCode",
        "dataGeneralizations",
        "datasetKey",
        "day",
        "decimalLatitude",
        "decimalLongitude",
        "degreeOfEstablishment",
        "establishmentMeans",
        "eventDate",
        "gbifID",
        "geodeticDatum",
        "hasGeospatialIssues",
        "individualCount",
        "informationWithheld",
        "issue",
        "license",
        "month",
        "occurrenceID",
        "occurrenceStatus",
        "organismQuantity",
        "rights",
        "scientificName",
        "species",
        "speciesKey",
        "stateProvince",
        "taxonKey",
        "taxonRank",
        "year",
    )
}
#: Terms that have a meaning for `ml.records`.
READ_TERMS = frozenset(_SPELLINGS.values())


def split_term(text: str) -> tuple[str, str]:
    """Split a term into namespace and local name.

    Parameters
    ----------
    text : str
        As ``http://rs.tdwg.org/dwc/terms/decimalLatitude``, ``dwc:decimalLatitude`` or ``decimallatitude``.

    Returns
    -------
    namespace : str
        That of Darwin Core for a name without one.
    name : str
        In the spelling of the standard where `clean` reads it.
    """
    text = text.strip().rstrip("/")
    if "://" in text:
        cut = max(text.rfind("/"), text.rfind("#")) + 1
        namespace, name = text[:cut], text[cut:]
    elif match := _PREFIXED.fullmatch(text):
        namespace, name = _PREFIXES.get(match[1].lower(), match[1]), match[2]
    else:
        namespace, name = DWC, text
    # http and https name one vocabulary.
    namespace = namespace.replace("https://", "http://", 1)
    return namespace, _SPELLINGS.get(name.lower(), name)


def check_coordinates(columns: Iterable[object], name: str) -> None:
    """Check that a table has coordinates.

    Raises
    ------
    OccurrenceError
        A column is missing. The message lists the columns that the table has.
    """
    labels = [str(column) for column in columns if column != ""]
    for term in COORDINATES:
        if term not in labels:
            listed = ", ".join(label[:40] for label in labels[:10]) or "none"
            more = f" and {len(labels) - 10:,} more" if len(labels) > 10 else ""
            raise OccurrenceError(f"{name}: there is no {term} column; the columns are {listed}{more}")


def choose_columns(terms: Sequence[str], name: str) -> dict[str, int]:
    """Return the column of each term. Where several namespaces have a term, Darwin Core's column is used.

    Parameters
    ----------
    terms : sequence of str
        The term of each column; "" for a column that is not read.
    name : str
        Name of the file, for messages.

    Returns
    -------
    dict of str to int
        Local name to position.

    Raises
    ------
    OccurrenceError
        Two columns have one term, or two namespaces have it and neither is Darwin Core.
    """
    candidates: dict[str, list[tuple[str, int]]] = {}
    for position, text in enumerate(terms):
        if text:
            namespace, local = split_term(text)
            candidates.setdefault(local, []).append((namespace, position))
    columns = {}
    for local, choices in candidates.items():
        preferred = [position for namespace, position in choices if namespace == DWC] or [p for _, p in choices]
        if (
            len(preferred) > 1
            and local not in READ_TERMS
            and len({namespace for namespace, _ in choices}) == len(choices)
        ):
            # Terms of several vocabularies that nothing reads.
            preferred = preferred[:1]
        if len(preferred) > 1:
            numbers = " and ".join(str(position + 1) for position in preferred[:5])
            more = f" and {len(preferred) - 5:,} more" if len(preferred) > 5 else ""
            raise OccurrenceError(f"{name}: columns {numbers}{more} are both {local[:100]}; keep one of them")
        columns[local] = preferred[0]
    return columns
