"""The list of species: searched, filtered, in an order that the client chooses, in pages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.catalogue import names, snapshot
from app.catalogue.entries import SpeciesEntry
from app.catalogue.refs import ModelRef, StudyRef
from app.database.db import db
from app.database.replica import from_replica
from app.registry.facts import ModelFacts, cells_of, facts_of
from app.species.schemas import SpeciesItem, SpeciesPage, SpeciesQuery
from app.web.csv_download import Cell
from app.web.ordering import Order, Value
from app.web.paging import cut_page, read_cursor

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeciesRow:
    """A species of the list; `facts` are read where they are shown or decide the order."""

    entry: SpeciesEntry
    facts: ModelFacts | None = None


@dataclass(frozen=True)
class SpeciesList:
    """A page of the list, the number of species on all pages, and the cursor of the next page."""

    rows: list[SpeciesRow]
    total: int
    next: str | None


_VALUES: dict[str, Callable[[SpeciesRow], Value]] = {
    "name": lambda row: row.entry.scientific_name,
    "study": lambda row: row.entry.study.title,
    "quality": lambda row: row.facts.rank if row.facts else None,
    "auc": lambda row: row.facts.quality.auc if row.facts else None,
    "validation": lambda row: row.facts.tested_on if row.facts else None,
    "presences": lambda row: row.facts.n_presences if row.facts else None,
}
_BY_FACTS = ("quality", "auc", "validation", "presences")


def browse(query: SpeciesQuery) -> SpeciesList:
    """Return a page of species: by scientific name, by how well a search text matches, or as the query says.

    Raises
    ------
    ValidationFailed
        There is no such study, or the cursor is not one of this list in this order.
    """
    listed = rows_of(query)
    cursor: str | None
    if _by_match(query):
        (start,) = read_cursor(query.cursor, int) or (0,)
        page, cursor = cut_page(listed[start:], query.limit, lambda _: (start + query.limit,))
    else:
        page, cursor = _order(query).page(listed, query.limit, query.cursor)
    return SpeciesList(list(page), len(listed), cursor)


def as_json(found: SpeciesList) -> SpeciesPage:
    """Return a page of the list as the API answers it."""
    return SpeciesPage(items=[_item(row.entry) for row in found.rows], next=found.next)


def rows_of(query: SpeciesQuery, *, with_facts: bool = False) -> list[SpeciesRow]:
    """Return all species that a query names, in its order. Only facts need the database."""
    entries = _matches(query)
    needed = with_facts or (query.sort or "").lstrip("-") in _BY_FACTS
    rows = _with_facts(entries, _facts(entries) if needed else {})
    return rows if _by_match(query) else _order(query).sorted(rows)


def rows_with_facts(rows: Sequence[SpeciesRow]) -> list[SpeciesRow]:
    """Return rows with the facts of their models; without them while the database does not answer."""
    entries = [row.entry for row in rows]
    try:
        return _with_facts(entries, _facts(entries))
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        db.session.rollback()
        log.warning("the list of species has no scores: %s", type(error).__name__)
        return list(rows)


def cells(row: SpeciesRow) -> list[Cell]:
    """Return the cells of a row of the list as CSV."""
    entry, model = row.entry, row.entry.model
    start: list[Cell] = [entry.slug, entry.scientific_name, entry.vernacular_name, entry.study.slug, entry.study.title]
    named: list[Cell] = [model.id, model.version] if model else [None, None]
    return [*start, *named, *cells_of(row.facts)]


def _matches(query: SpeciesQuery) -> list[SpeciesEntry]:
    study = snapshot.current().resolve_study(query.study) if query.study else None
    if not query.q.strip():
        return [entry for entry in snapshot.current().by_scientific_name if study in (None, entry.study.slug)]
    return snapshot.with_all_names().index.search(query.q, study) if names.fold(query.q) else []


def _by_match(query: SpeciesQuery) -> bool:
    return query.sort is None and bool(query.q.strip())


def _order(query: SpeciesQuery) -> Order[SpeciesRow]:
    name = query.sort or ""
    return Order(name, _VALUES[name.lstrip("-") or "name"], lambda row: (row.entry.slug,))


def _facts(entries: Sequence[SpeciesEntry]) -> dict[str, ModelFacts]:
    """Return the facts of the models that answer, by their ids."""
    ids = [entry.model.id for entry in entries if entry.model is not None]
    return from_replica(facts_of)(ids) if ids else {}


def _with_facts(entries: Sequence[SpeciesEntry], facts: dict[str, ModelFacts]) -> list[SpeciesRow]:
    return [SpeciesRow(entry, facts.get(entry.model.id) if entry.model else None) for entry in entries]


def _item(entry: SpeciesEntry) -> SpeciesItem:
    model = entry.model
    return SpeciesItem(
        slug=entry.slug,
        scientific_name=entry.scientific_name,
        vernacular_name=entry.vernacular_name,
        study=StudyRef(slug=entry.study.slug, title=entry.study.title),
        model=ModelRef(id=model.id, version=model.version) if model is not None else None,
    )
