"""Who decides about an observation that they reported themselves."""

from __future__ import annotations

from collections.abc import Sequence

from app.accounts.identity import visitor
from app.catalogue import access
from app.confirmations.tables import Observation
from app.errors import NotPermitted


def refuse_own(rows: Sequence[Observation]) -> None:
    """Refuse a decision by whoever reported an observation, except on studies that they may change.

    The accuracy of a study without an owner is everybody's. Nobody else would look at an observation whose reporter
    accepts it.

    Raises
    ------
    NotPermitted
    """
    person = visitor()
    if person is None:
        return
    if any(row.observer_id == person.id and not access.may(row.species.study, "edit") for row in rows):
        raise NotPermitted("Somebody else decides about your own observations of a study without an owner.")
