"""Cursors of places of records: each is of the records that it was given out for."""

from __future__ import annotations

import pytest

from app.web.paging import decode_cursor, write_cursor
from tests.contract.geography.conftest import places_of, put, table


def test_a_cursor_is_of_the_records_that_it_was_given_out_for(client, new_study):
    address = f"/api/v1/studies/{new_study}/records/places"

    def page(cursor=None):
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        return client.get(address, query_string=query)

    content = table([(50.1, 8.1), (50.2, 8.2), (50.3, 8.3)])
    put(client, new_study, "one.csv", content)
    cursor = page().json["next"]
    assert places_of(page(cursor).json["features"]) == [(50.3, 8.3)]
    put(client, new_study, "one.csv", table([(40.1, 8.1), (40.2, 8.2), (40.3, 8.3)]))
    refused = page(cursor)
    assert (refused.status_code, refused.json["errors"]) == (
        422,
        [{"pointer": "/cursor", "detail": "not a cursor this list has given out"}],
    )
    shown = client.get(f"/studies/{new_study}/records/places?cursor={cursor}")
    assert shown.status_code == 422
    assert places_of(page(page().json["next"]).json["features"]) == [(40.3, 8.3)]
    # the same records again are the same list
    put(client, new_study, "one.csv", content)
    assert places_of(page(cursor).json["features"]) == [(50.3, 8.3)]


@pytest.mark.thorough
def test_cursors_of_equal_files_of_two_studies_are_not_alike(client, new_study):
    """Else whoever guesses a file learnt from a cursor of a study of his own that the guess is right."""
    other = client.post("/api/v1/studies", json={"title": "A guess"}).json["slug"]
    cursors = []
    for slug in (new_study, other):
        put(client, slug, "one.csv", table([(50.1, 8.1), (50.2, 8.2)]))
        cursors.append(client.get(f"/api/v1/studies/{slug}/records/places?limit=1").json["next"])
    first, second = (decode_cursor(one) for one in cursors)
    assert first[0] == second[0]
    assert first[1] != second[1]
    tag = first[1]
    for parts in ((0,), (0, "x"), (tag, 0), ("0", tag), (-1, tag), (0, tag, 1), (None, tag), ()):
        tampered = write_cursor(*parts)
        given = client.get(f"/api/v1/studies/{new_study}/records/places", query_string={"cursor": tampered})
        assert (given.status_code, given.json["errors"][0]["pointer"]) == (422, "/cursor")
