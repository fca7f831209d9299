"""What a person has reported: the list, and the withdrawal of a report."""

from __future__ import annotations

from app.accounts.identity import visitor
from app.confirmations import newer, own
from app.errors import Conflict, NotFound
from app.observations.items import items_of
from app.observations.schemas import ObservationPage, OwnObservationsQuery, Withdrawn
from app.trail import recorder as trail
from app.web.paging import cut_page, read_cursor

_LONGEST_ID = 36
_NONE = "There is no such observation of yours."


def browse(query: OwnObservationsQuery) -> ObservationPage:
    """Return a page of the reports of the person who asks, latest first; in development of those without a person.

    Reports for studies that the person may not read any more are left out.

    Raises
    ------
    ValidationFailed
        The cursor is not one of this list.
    """
    (after,) = read_cursor(query.cursor, str) or (None,)
    rows = own.before(_person(), query.state, after, query.limit + 1)
    page, cursor = cut_page(rows, query.limit, lambda row: (row.id,))
    return ObservationPage(items=items_of(page), next=cursor)


def withdraw(observation_id: str) -> Withdrawn:
    """Withdraw a report of the person who asks: one that waits is deleted, an accepted one counts no more.

    Raises
    ------
    NotFound
        The person has not reported it.
    Conflict
        It was refused, or withdrawn before.
    """
    person = _person()
    # PostgreSQL takes no text with a zero byte
    if "\0" in observation_id or len(observation_id) > _LONGEST_ID:
        raise NotFound(_NONE)
    trail.about("observation", observation_id)
    if own.delete_pending(observation_id, person):
        return Withdrawn(id=observation_id, deleted=True)
    if own.take_back_accepted(observation_id, person):
        newer.publish()
        return Withdrawn(id=observation_id, deleted=False)
    row = own.find(observation_id, person)
    if row is None:
        raise NotFound(_NONE)
    if row.withdrawn_at is not None:
        raise Conflict("You have withdrawn this observation before.")
    raise Conflict("This observation was refused, so it does not count. It stays, so that editors look at it once.")


def _person() -> str | None:
    person = visitor()
    return person.id if person is not None else None
