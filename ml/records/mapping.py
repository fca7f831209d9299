"""The column of each Darwin Core term: as named, as the user states it, or as guessed from usual names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ml.records.errors import OccurrenceError
from ml.records.synonyms import SYNONYMS, TERM_OF, TWO_MEANINGS, split_hemisphere
from ml.records.terms import COORDINATES, READ_TERMS, choose_columns, split_term

#: Numbers of records, different for each one: stored only where the user asks for them, because they need much memory.
IDENTIFIERS = frozenset({"gbifID", "occurrenceID"})
#: Beginning of the note about a file without names.
NO_NAMES = "no column has the name of the species"
_NAMES = ("scientificName", "species")
#: Guessed columns whose unit or coding the user should confirm.
_REMARKS = {
    "occurrenceStatus": "0 is read as absent",
    "coordinateUncertaintyInMeters": "its numbers are read as metres",
}
_MOST_LISTED = 10


@dataclass(frozen=True)
class ColumnMap:
    """The column of each term.

    Attributes
    ----------
    columns : dict of str to int
        Term to position.
    unsure : list of str
        Guesses that the user should look at.
    problems : list of str
        Why records cannot be read: no coordinates, or two columns that may have them.
    """

    columns: dict[str, int]
    unsure: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def list_columns(labels: Sequence[str]) -> str:
    """Return the names of columns for a message."""
    names = [split_term(label)[1][:40] for label in labels if label]
    more = f" and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else ""
    return (", ".join(names[:_MOST_LISTED]) or "none") + more


def map_columns(labels: Sequence[str], name: str, choices: Mapping[str, str] | None = None) -> ColumnMap:
    """Find the column of each term.

    Parameters
    ----------
    labels : sequence of str
        Names of the columns, or addresses of terms; "" for a column without one.
    name : str
        Name of the file, for messages.
    choices : mapping of str to str, optional
        Term to column as the user states it; "" where no column has the term.

    Raises
    ------
    OccurrenceError
        Two columns have one name, or a stated term or column does not exist.
    """
    chosen = _stated(labels, name, choices or {})
    columns = {term: position for term, position in chosen.items() if position is not None}
    for term, position in choose_columns(labels, name).items():
        if term in READ_TERMS and term not in chosen and term not in IDENTIFIERS:
            columns[term] = position
    guessed = ColumnMap(columns)
    _guess(labels, name, guessed, set(chosen))
    _explain_missing(labels, name, guessed, set(chosen))
    for term in COORDINATES:
        label = labels[guessed.columns[term]] if term in guessed.columns else ""
        if split_hemisphere(label)[1] < 0:
            guessed.unsure.append(
                f"column {label[:40]} is read as degrees south or west: its numbers become negative, unless one of "
                "them has a sign"
            )
    return guessed


def _stated(labels: Sequence[str], name: str, choices: Mapping[str, str]) -> dict[str, int | None]:
    chosen: dict[str, int | None] = {}
    for text, column in choices.items():
        term = TERM_OF.get(split_term(text)[1].casefold())
        if term is None:
            raise OccurrenceError(
                f"{name}: {text[:60]} is not a term that is read; terms are {', '.join(sorted(READ_TERMS))}"
            )
        if not column.strip():
            chosen[term] = None
            continue
        matches = [i for i, label in enumerate(labels) if label and column in (label, split_term(label)[1])]
        if not matches:
            matches = [i for i, label in enumerate(labels) if label and label.casefold() == column.strip().casefold()]
        if len(matches) != 1:
            problem = f"{len(matches)} columns are {column[:60]}" if matches else f"there is no column {column[:60]}"
            raise OccurrenceError(f"{name}: {problem} for {term}; the columns are {list_columns(labels)}")
        chosen[term] = matches[0]
    return chosen


def _guess(labels: Sequence[str], name: str, mapped: ColumnMap, settled: set[str]) -> None:
    """Add the terms that columns of usual names stand for."""
    plain = {i: split_hemisphere(label)[0] for i, label in enumerate(labels) if label}
    taken = set(mapped.columns.values())
    for i, text in plain.items():
        # "decimal_latitude" is the term in another spelling.
        term = TERM_OF.get(text)
        if term and i not in taken and term not in IDENTIFIERS and term not in mapped.columns and term not in settled:
            twins = [k for k, other in plain.items() if other == text and k not in taken]
            if len(twins) > 1:
                raise OccurrenceError(f"{name}: columns {_named(labels, twins)} are both {term}; keep one of them")
            mapped.columns[term] = i
    taken = set(mapped.columns.values())
    for term, sets in SYNONYMS.items():
        if term in mapped.columns or term in settled or (term == "scientificName" and "species" in mapped.columns):
            continue
        tiers = [[i for i, text in plain.items() if text in words and i not in taken] for words in sets]
        candidates = next((tier for tier in tiers if tier), [])
        # A column with the text as the collector wrote it is no rival of one with coordinates.
        rivals = tiers[:2] if term in COORDINATES else tiers
        others = [i for tier in rivals if tier is not candidates for i in tier]
        if len(candidates) > 1:
            problem = (
                f"{name}: columns {_named(labels, candidates)} may be {term}; choose one with "
                f"--column {term}={labels[candidates[0]]}"
            )
            (mapped.problems if term in COORDINATES else mapped.unsure).append(problem)
        elif candidates:
            position = candidates[0]
            mapped.columns[term] = position
            remark = f" ({_REMARKS[term]})" if term in _REMARKS else ""
            if others:
                text = f"column {labels[position]} is read as {term}, not {_named(labels, others)}{remark}"
                mapped.unsure.append(f"{text}; choose another with --column {term}={labels[others[0]]}")
            elif remark or (candidates is tiers[-1] and (term in _NAMES or len(tiers) > 2)):
                mapped.unsure.append(f"column {labels[position]} is read as {term}{remark}")
    for i, text in plain.items():
        terms = [term for term in TWO_MEANINGS.get(text, ()) if term not in mapped.columns and term not in settled]
        if len(terms) > 1 and i not in mapped.columns.values():
            meanings = " or ".join(terms)
            mapped.unsure.append(f"column {labels[i]} may be {meanings}; choose with --column {terms[1]}={labels[i]}")


def _named(labels: Sequence[str], positions: Sequence[int]) -> str:
    return " and ".join(f"{labels[i][:40]}" for i in positions)


def _explain_missing(labels: Sequence[str], name: str, mapped: ColumnMap, settled: set[str]) -> None:
    ambiguous = " ".join(mapped.problems)
    for term in COORDINATES:
        if term not in mapped.columns and f"may be {term};" not in ambiguous and term not in settled:
            mapped.problems.append(
                f"{name}: there is no {term} column; the columns are {list_columns(labels)}; if one of them has it, "
                f"state --column {term}=COLUMN"
            )
        elif term in settled and term not in mapped.columns:
            mapped.problems.append(f"{name}: no column is {term}, as it is stated")
    if not any(term in mapped.columns or term in settled for term in _NAMES):
        mapped.unsure.append(f"{NO_NAMES}: state the species, or the column")
