"""Sentences about the sharing of a study, as it is after a change."""

from __future__ import annotations

from typing import Final

from app.studies.sharing_schemas import NamedPerson, Role, StudyPeople

_MAY: Final[dict[Role, str]] = {
    "reader": "read it",
    "editor": "read it, and change it with the role editor",
    "owner": "read it, change it and take it over with the role editor",
}


def added(person: NamedPerson, visibility: str) -> str:
    """Return that a person is named, and what the person can do now or later."""
    # whoever may take the study over has access also while it is private
    waits = visibility == "private" and person.role != "owner"
    exact = ", with exact places of sensitive species" if person.exact_places and person.role == "reader" else ""
    when = " when the study is shared" if waits else " now"
    return f"{person.email} is added, and can {_MAY[person.role]}{exact}{when}."


def sentence(people: StudyPeople) -> str:
    """Return who can read a study as it is now."""
    n_offered = sum(one.role == "owner" for one in people.items)
    n_others = len(people.items) - n_offered
    owner = f"its owner ({people.owner}) and admins" if people.owner is not None else "admins"
    if people.visibility == "public":
        return (
            "The study is public now: everybody can read it, with its maps and answers, and predict with its models. "
            "Its files and records need an account."
        )
    named = len(people.items) if people.visibility == "shared" else n_offered
    more = f", and {_people(named)} named below," if named else ""
    shut = f" {_people(n_others)} named below cannot." if people.visibility == "private" and n_others else ""
    return (
        f"The study is {people.visibility} now: {owner}{more} can read it.{shut} The same holds for its models, maps, "
        "jobs and answers, those that were given before too. Nobody else finds anything at their addresses."
    )


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"
