"""The list of models: filtered, in an order that the client chooses, in pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.catalogue import snapshot, versions
from app.catalogue.versions import ListedVersion
from app.registry import service
from app.registry.facts import ModelFacts, cells_of, facts_of
from app.registry.schemas import ModelItem, ModelPage, ModelsQuery
from app.web.csv_download import Cell
from app.web.ordering import Order, Tie, Value


@dataclass(frozen=True)
class ModelRow:
    """A model of the list; `facts` are read where they are shown or decide the order."""

    version: ListedVersion
    facts: ModelFacts | None = None


@dataclass(frozen=True)
class ModelList:
    """A page of the list, the number of models on all pages, and the cursor of the next page."""

    rows: list[ModelRow]
    total: int
    next: str | None


def _tie(row: ModelRow) -> Tie:
    return row.version.scientific_name, row.version.species_slug, -row.version.version


_VALUES: dict[str, Callable[[ModelRow], Value]] = {
    "species": lambda row: row.version.scientific_name,
    "study": lambda row: row.version.study_title,
    "quality": lambda row: row.facts.rank if row.facts else None,
    "auc": lambda row: row.facts.quality.auc if row.facts else None,
    "validation": lambda row: row.facts.tested_on if row.facts else None,
    "presences": lambda row: row.facts.n_presences if row.facts else None,
    "added": lambda row: row.version.registered_at.isoformat(),
}
_BY_FACTS = ("quality", "auc", "validation", "presences")


def browse(query: ModelsQuery) -> ModelList:
    """Return a page of models, by species and version unless the query names another order.

    Raises
    ------
    ValidationFailed
        There is no such species or study, or the cursor is not one of this list in this order.
    """
    listed = rows_of(query)
    rows, cursor = _order(query).page(listed, query.limit, query.cursor)
    return ModelList(rows, len(listed), cursor)


def as_json(found: ModelList) -> ModelPage:
    """Return a page of the list as the API answers it, with the scores of each card."""
    models = versions.by_ids([row.version.id for row in found.rows])
    # a model may have been removed since its row was read
    items = [models[row.version.id] for row in found.rows if row.version.id in models]
    return ModelPage(items=[ModelItem(**service.item_of(model)) for model in items], next=found.next)


def rows_with_facts(rows: Sequence[ModelRow]) -> list[ModelRow]:
    """Return rows with the facts of their models."""
    facts = facts_of([row.version.id for row in rows])
    return [ModelRow(row.version, facts.get(row.version.id)) for row in rows]


def rows_of(query: ModelsQuery, *, with_facts: bool = False) -> list[ModelRow]:
    """Return all models that a query names, in its order."""
    rows = [ModelRow(version) for version in versions.listing(*_filters(query))]
    needed = with_facts or (query.sort or "").lstrip("-") in _BY_FACTS
    return _order(query).sorted(rows_with_facts(rows) if needed else rows)


def cells(row: ModelRow) -> list[Cell]:
    """Return the cells of a row of the list as CSV."""
    version = row.version
    start: list[Cell] = [version.id, version.version, version.active, version.registered_at.isoformat()]
    named: list[Cell] = [version.species_slug, version.scientific_name, version.study_slug, version.study_title]
    return [*start, *named, *cells_of(row.facts)]


def _filters(query: ModelsQuery) -> tuple[str | None, str | None]:
    """Return the slugs of the study and of the species."""
    current = snapshot.current()
    study = current.resolve_study(query.study) if query.study else None
    return study, current.resolve(query.species).slug if query.species else None


def _order(query: ModelsQuery) -> Order[ModelRow]:
    name = query.sort or ""
    return Order(name, _VALUES[name.lstrip("-") or "species"], _tie)
