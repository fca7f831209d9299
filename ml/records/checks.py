"""Checks of single records by what their columns say. `clean` and `audit` use these, so that a rule exists once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.records.absence import is_zero, says_absent
from ml.records.dates import is_unreadable, normal_day, order_of, year_of
from ml.records.licences import licence_name
from ml.records.missing import is_missing
from ml.records.numbers import common_mark, number, number_with
from ml.records.terms import COORDINATES

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Flags of GBIF's interpretation that make the coordinates doubtful.
_SERIOUS_ISSUES = frozenset(
    {"ZERO_COORDINATE", "COORDINATE_INVALID", "COORDINATE_OUT_OF_RANGE", "COUNTRY_COORDINATE_MISMATCH"}
)
#: Flags of coordinates that GBIF changed on a presumption.
SWAPPED_ISSUES = frozenset({"PRESUMED_SWAPPED_COORDINATE"})
NEGATED_ISSUES = frozenset({"PRESUMED_NEGATED_LATITUDE", "PRESUMED_NEGATED_LONGITUDE"})
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_OBSCURED = re.compile(r"coordinat|georef|localit|location|obscur|geoprivacy", re.IGNORECASE)
_NOT_WORDS = re.compile(r"[\W_]+")
#: Values of establishmentMeans and degreeOfEstablishment of organisms that people keep, without punctuation.
_KEPT_BY_PEOPLE = re.compile(r"\b(captive|captivity|cultivated|cultivation|managed|domesticated|planted|zoo)\b")
_NOT_KEPT = re.compile(r"\b(not|non|un) ?(captive|cultivated|managed|in cultivation)|uncultivated|\bescape")
#: What publishers do to coordinates.
_ACTION = (
    r"(?:obscur|generali[sz]|withh|mask|blur|fuzz|round|hidden|restrict|randomi[sz]|degrad|truncat|increas|decreas)"
)
_NOT_OBSCURED = re.compile(
    rf"\b(?:not|no|never|nor|without|isn't|aren't)\b(?:\s+\w+){{0,3}}?\s+(?:{_ACTION}\w*)|\bun{_ACTION}\w*|"
    rf"\b(?:obscured|generali[sz]ed|withheld|geoprivacy)\s*[:=]\s*(?:no|false|none|0|open)\b",
    re.IGNORECASE,
)
_ACTED = re.compile(_ACTION, re.IGNORECASE)
#: A remark about the language of a text.
_LANGUAGE = re.compile(
    r"\b(?:in|en|auf|from|into)\s+(?:english|spanish|french|german|portuguese|italian|dutch|swedish|chinese|japanese|"
    r"russian|latin|español|espanol|français|francais|deutsch|(?:the )?(?:local|original|native) language)\b|"
    r"\b(?:translat|transliterat|language|idioma|langue|sprache)",
    re.IGNORECASE,
)
#: Coordinates that are looked at for the decimal mark of a table.
_MOST_MARKS = 10_000
_YEAR = re.compile(r"\s*(\d{4})(?:\.0+)?(?!\d)")


class Column:
    """The values of a term: each different text once, and its number in each record.

    Parameters
    ----------
    values : Series of text, shape (n,)
    """

    def __init__(self, values: pd.Series) -> None:
        if isinstance(values.dtype, pd.CategoricalDtype):
            codes, texts = values.cat.codes.to_numpy(), values.cat.categories
        else:
            codes, texts = pd.factorize(values.astype(object))
        self.texts = ["" if text is None else str(text).strip() for text in texts]
        self.codes = codes.astype(np.int32)
        if (self.codes < 0).any():
            self.codes[self.codes < 0] = len(self.texts)
            self.texts.append("")

    @classmethod
    def of(cls, records: pd.DataFrame, term: str) -> Column:
        """Return a column of a table; empty texts where the table does not have it."""
        if term in records:
            return cls(records[term])
        column = cls(pd.Series([], dtype=object))
        column.texts, column.codes = [""], np.zeros(len(records), dtype=np.int32)
        return column

    def each(self, judge: Callable[[str], Any], dtype: Any = np.bool_) -> NDArray[Any]:
        """Return what a function returns for each record. It is called once for each different text."""
        if not self.texts:
            return np.zeros(len(self.codes), dtype=dtype)
        return np.asarray(np.array([judge(text) for text in self.texts], dtype=dtype)[self.codes])


def numbers(column: Column) -> tuple[Floats, Bools]:
    """Return numbers, NaN where there is none, and which values are text that is not a finite number."""
    values = column.each(number, np.float64)
    return values, np.isnan(values) & ~column.each(is_missing)


def first_stated(columns: Sequence[Column]) -> Column:
    """Return the first column, with values of the following ones where it has none."""
    result = columns[0]
    for other in columns[1:]:
        missing = result.each(is_missing)
        if not missing.any() or other.texts == [""]:
            continue
        merged = Column(pd.Series([], dtype=object))
        merged.texts = result.texts + other.texts
        merged.codes = np.where(missing, other.codes + len(result.texts), result.codes).astype(np.int32)
        result = merged
    return result


def out_of_range(longitude: Floats, latitude: Floats) -> Bools:
    """Return which coordinates are not on the globe. Missing ones are."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~((np.abs(longitude) <= 180.0) & (np.abs(latitude) <= 90.0)))


def both_zero(longitude: Floats, latitude: Floats) -> Bools:
    """Return which places are at 0, 0."""
    return np.asarray((longitude == 0.0) & (latitude == 0.0))


def is_fossil(records: pd.DataFrame) -> Bools:
    """Return which records are of fossils, as ``FOSSIL_SPECIMEN``, ``Fossil Specimen`` or ``fossilSpecimen``."""
    return Column.of(records, "basisOfRecord").each(lambda text: "FOSSIL" in text.upper().replace("_", ""))


def is_captive(records: pd.DataFrame) -> Bools:
    """Return which records are of organisms that people keep: in collections, in captivity, in cultivation."""

    def living_specimen(text: str) -> bool:
        return "LIVINGSPECIMEN" in _NOT_WORDS.sub("", text.upper())

    def kept_by_people(text: str) -> bool:
        words = _NOT_WORDS.sub(" ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)).lower()
        return bool(_KEPT_BY_PEOPLE.search(words)) and not _NOT_KEPT.search(words)

    captive = Column.of(records, "basisOfRecord").each(living_specimen)
    for term in ("establishmentMeans", "degreeOfEstablishment"):
        captive = captive | Column.of(records, term).each(kept_by_people)
    # iNaturalist's exports have a column of their own.
    inaturalist = Column.of(records, "captive").each(lambda text: text.lower() in _TRUE or kept_by_people(text))
    return np.asarray(captive | inaturalist)


def is_absent(records: pd.DataFrame) -> Bools:
    """Return which records say that the species was not found: by status, or by a count of zero.

    GBIF warns where a status and a count contradict each other. Such a record is no evidence of a presence.
    """
    absent = Column.of(records, "occurrenceStatus").each(says_absent)
    for term in ("individualCount", "organismQuantity"):
        absent = absent | Column.of(records, term).each(lambda text: is_zero(text) or number(text) == 0.0)
    return absent


def licence_texts(records: pd.DataFrame) -> Column:
    """Return the licence of each record. Older archives state it in ``rights`` and leave ``license`` empty."""
    return first_stated([Column.of(records, "license"), Column.of(records, "rights")])


def licence_of(text: str) -> str:
    """Return the licence that a text states: one of ``ml.recipes.recipe.LICENCES``."""
    return "not stated" if is_missing(text) else licence_name(text) or "other"


def has_issue(records: pd.DataFrame, issues: frozenset[str]) -> Bools:
    """Return which records GBIF's interpretation flags with one of these issues."""

    def flagged(text: str) -> bool:
        return not issues.isdisjoint(re.split(r"[\s;,|]+", text.upper()))

    return Column.of(records, "issue").each(flagged)


def is_suspect(records: pd.DataFrame) -> Bools:
    """Return which records have coordinates that GBIF's interpretation flags as doubtful."""
    doubtful = Column.of(records, "hasGeospatialIssues").each(lambda text: text.lower() in _TRUE)
    return doubtful | has_issue(records, _SERIOUS_ISSUES)


def is_obscured(records: pd.DataFrame) -> Bools:
    """Return which records have coordinates that the publisher withheld or generalised."""
    obscured = np.zeros(len(records), dtype=bool)
    for term in ("informationWithheld", "dataGeneralizations"):
        obscured |= Column.of(records, term).each(_says_obscured)
    return obscured


def _says_obscured(text: str) -> bool:
    rest = _NOT_OBSCURED.sub(" ", text)
    if rest != text or _LANGUAGE.search(text):
        # The text may still say what was done to the coordinates, as "not obscured but rounded".
        return bool(_ACTED.search(rest))
    return bool(_OBSCURED.search(text))


def table_mark(records: pd.DataFrame, column: Column) -> str:
    """Return the decimal mark of a table: that of the column itself, or else of the coordinates."""
    if mark := common_mark(column.texts):
        return mark
    texts: list[str] = []
    for term in COORDINATES:
        if term in records:
            values = records[term]
            if pd.api.types.is_float_dtype(values.dtype):
                # Large tables have numbers instead of texts.
                return str(records.attrs.get("decimal_mark", "."))
            texts += [str(text).strip() for text in values.iloc[:_MOST_MARKS].unique()]
    return common_mark(texts, thousands=False)


def uncertainties(records: pd.DataFrame) -> tuple[Floats, Bools]:
    """Return coordinate uncertainties, metres, and which are unreadable or negative."""
    column = Column.of(records, "coordinateUncertaintyInMeters")
    mark = table_mark(records, column)
    values = column.each(lambda text: number_with(text, mark), np.float64)
    return values, (np.isnan(values) & ~column.each(is_missing)) | (values < 0.0)


def years(records: pd.DataFrame) -> NDArray[np.int16]:
    """Return the year of each record, from ``year`` or else ``eventDate``; 0 where there is none that is certain."""

    def year(text: str) -> int:
        match = _YEAR.match(text)
        return int(match[1]) if match else 0

    stated = Column.of(records, "year").each(year, np.int16)
    return np.where(stated > 0, stated, Column.of(records, "eventDate").each(year_of, np.int16)).astype(np.int16)


def has_unreadable_date(records: pd.DataFrame) -> Bools:
    """Return which records have a date of which no year is certain, and no other year."""
    return np.asarray(Column.of(records, "eventDate").each(is_unreadable) & (years(records) == 0))


def dates(records: pd.DataFrame) -> NDArray[np.int64]:
    """Return a number for each date, the same in every table: of the day of ``eventDate``, or of year, month and day.

    Records without a date have one number. The numbers are hashes of 64 bits.
    """

    def part(text: str) -> str:
        value = number(text)
        return "" if np.isnan(value) else f"{value:02.0f}"

    column = Column.of(records, "eventDate")
    order = order_of(column.texts)
    column.texts = [normal_day(text, order) for text in column.texts]
    parts = [Column.of(records, term) for term in ("year", "month", "day")]
    codes = np.zeros(len(records), dtype=np.int64)
    for one in parts:
        codes = codes * len(one.texts) + one.codes
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    texts = ["-".join(part(one.texts[one.codes[row]]) for one in parts).strip("-") for row in first]
    fallback = Column.of(records, "")
    fallback.texts, fallback.codes = texts, inverse.astype(np.int32)
    stated = first_stated([column, fallback])
    if not stated.texts:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(pd.util.hash_array(np.array(stated.texts, dtype=object)).view(np.int64)[stated.codes])


def few_decimals(degrees: Floats) -> Bools:
    """Return which coordinates, degrees, have at most one decimal."""
    return np.asarray(np.abs(degrees * 10.0 - np.round(degrees * 10.0)) < 1e-6)
