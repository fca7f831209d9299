"""Places of kept records looked up by area: the same as by a look at every record, and in step with files and rules."""

from __future__ import annotations

import csv
import io
import os

import pytest

from app.database.db import db
from app.geography import queries
from app.records import place_index
from app.studies import own, place_tables
from app.studies.place_tables import RecordPlace
from tests.contract.geography.conftest import PLACES, listed, places_of, put, table
from tests.scattered import AREAS

FROG, TOAD = "Rana temporaria", "Bufo bufo"


def kept(client, slug):
    """The places of the file of kept records."""
    text = client.get(f"/api/v1/studies/{slug}/records.csv?status=kept").get_data(as_text=True)
    return [
        (round(float(row["latitude"]), 6), round(float(row["longitude"]), 6))
        for row in csv.DictReader(io.StringIO(text))
    ]


def rounded(places):
    return {(round(y, 6), round(x, 6)) for y, x in places}


def stored(app, study_id):
    """How many places of a study are in the database, and whether they are said to be up to date."""
    with app.app_context():
        number = db.session.query(RecordPlace).filter_by(study_id=study_id).count()
        return number, place_tables.set_of(study_id) is not None


def id_of(app, slug):
    with app.app_context():
        return own.load(slug).id


@pytest.mark.parametrize(("query", "area"), AREAS)
def test_the_places_are_those_of_a_look_at_every_record(client, scattered, query, area):
    expected = {place for place in rounded(PLACES) if area.contains(*place)}
    for limit in (500, 7):
        found = places_of(listed(client, scattered, species=FROG, limit=limit, **query))
        assert set(found) == expected
        assert len(found) == len(expected)


def test_they_are_those_of_the_file_of_kept_records(client, scattered):
    features = listed(client, scattered, limit=500)
    assert set(places_of(features)) == set(kept(client, scattered))
    assert sum(one["properties"]["records"] for one in features) == len(kept(client, scattered))


def test_a_species_has_its_own_records_and_latest_year(client, scattered):
    features = listed(client, scattered, species=TOAD)
    assert len(features) == 20
    assert sorted(one["properties"]["records"] for one in features) == [1] * 10 + [2] * 10
    assert {one["properties"]["year"] for one in features} == {2015}


@pytest.mark.parametrize("kind", ["records", "observations"])
def test_an_unknown_species_is_an_error_as_elsewhere(client, scattered, kind):
    for name in ("Nemo nemo", "oenanthe-hispanica", "x" * 200):
        refused = client.get(f"/api/v1/studies/{scattered}/{kind}/places", query_string={"species": name})
        assert refused.status_code == 422, refused.json
        told = name if len(name) <= 60 else name[:60] + "…"
        assert refused.json["errors"] == [{"pointer": "/species", "detail": f"no species is called “{told}”"}]
    page = client.get(f"/studies/{scattered}/{kind}/places?species=Nemo+nemo")
    assert page.status_code == 422
    assert "No species is called “Nemo nemo”." in page.get_data(as_text=True)


def test_a_species_is_found_however_its_name_is_written(client, scattered):
    for name in (TOAD, "bufo BUFO", "Bufo bufo (Linnaeus, 1758)"):
        assert len(listed(client, scattered, species=name)) == 20


def test_a_species_whose_records_are_all_dropped_has_no_places(client, new_study):
    put(client, new_study, "one.csv", table([(50.1, 8.1)]) + b"Bufo bufo,0,0,2001,HUMAN_OBSERVATION\n")
    assert len(listed(client, new_study)) == 1
    assert listed(client, new_study, species=TOAD) == []


def test_the_total_counts_the_area_and_not_the_page(client, scattered, monkeypatch):
    address = f"/api/v1/studies/{scattered}/records/places"
    first = client.get(address, query_string={"species": FROG, "limit": 5}).json
    assert (first["total"], first["total_is_complete"]) == (len(rounded(PLACES)), True)
    assert len(first["features"]) == 5
    assert client.get(address, query_string={"limit": 5, "cursor": first["next"]}).json["total"] is None
    # an answer looks at so many places only, and the next one goes on
    monkeypatch.setattr(queries, "MOST_LOOKED", 30)
    short = client.get(address, query_string={"species": FROG, "limit": 500}).json
    assert (short["total"], short["total_is_complete"], len(short["features"])) == (30, False, 30)
    everything = listed(client, scattered, species=FROG, limit=500)
    assert set(places_of(everything)) == rounded(PLACES)
    assert len(everything) == len(rounded(PLACES))


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"bbox": "1,2,3"}, "/bbox"),
        ({"near": "1,2"}, "/radius_km"),
        ({"polygon": "1,2;3,4"}, "/polygon"),
        ({"polygon": "1" * 6_001}, "/polygon"),
        ({"limit": "501"}, "/limit"),
        ({"cursor": "WyJhIl0"}, "/cursor"),
        ({"box": "1,2,3,4"}, "/box"),
    ],
)
@pytest.mark.parametrize("kind", ["records", "observations"])
def test_a_wrong_filter_is_named(client, scattered, query, pointer, kind):
    query = {"cursor": "WzFd"} if kind == "observations" and "cursor" in query else query
    refused = client.get(f"/api/v1/studies/{scattered}/{kind}/places", query_string=query)
    assert refused.status_code == 422, refused.json
    assert refused.json["errors"][0]["pointer"] == pointer


def test_a_study_without_records_has_no_places(client, new_study):
    assert listed(client, new_study) == []
    assert "no kept record" in client.get(f"/studies/{new_study}/records/places").get_data(as_text=True)


def test_an_unknown_study_has_none(client):
    for kind in ("records", "observations"):
        assert client.get(f"/api/v1/studies/nowhere/{kind}/places").status_code == 404
        assert client.get(f"/studies/nowhere/{kind}/places").status_code == 404


def test_the_places_follow_files_and_rules(world, client, new_study):
    put(client, new_study, "one.csv", table([(50.1, 8.1), (50.2, 8.2)]))
    assert len(listed(client, new_study)) == 2
    put(client, new_study, "two.csv", table([(51.1, 8.1)], year=1990))
    assert len(listed(client, new_study)) == 3
    records = client.get(f"/api/v1/studies/{new_study}/records").json
    body = {"rules": {"first_year": 2000}, "revision": records["revision"]}
    assert client.patch(f"/api/v1/studies/{new_study}/records", json=body).status_code == 200
    assert places_of(listed(client, new_study)) == [(50.1, 8.1), (50.2, 8.2)]
    put(client, new_study, "one.csv", table([(40.5, 8.1)]))
    assert places_of(listed(client, new_study)) == [(40.5, 8.1)]


@pytest.mark.thorough
def test_records_that_are_replaced_during_the_look_are_looked_up_again(world, client, new_study, monkeypatch):
    put(client, new_study, "one.csv", table([(50.1, 8.1)]))
    select_rows, calls = place_tables.select_rows, []

    def replaced(*arguments):
        rows = select_rows(*arguments)
        calls.append(len(rows))
        if len(calls) == 1:
            put(world.test_client(), new_study, "one.csv", table([(40.1, 8.1), (40.2, 8.2)]))
        return rows

    monkeypatch.setattr(place_tables, "select_rows", replaced)
    assert places_of(client.get(f"/api/v1/studies/{new_study}/records/places").json["features"]) == [
        (40.1, 8.1),
        (40.2, 8.2),
    ]
    assert calls == [1, 2]


def test_deleted_files_and_studies_leave_no_places(world, client, new_study):
    study_id = id_of(world, new_study)
    put(client, new_study, "one.csv", table([(50.1, 8.1)]))
    assert len(listed(client, new_study)) == 1
    assert stored(world, study_id) == (1, True)
    assert client.delete(f"/api/v1/studies/{new_study}/files/one.csv").status_code in (200, 204)
    assert stored(world, study_id) == (0, False)
    put(client, new_study, "one.csv", table([(50.1, 8.1)]))
    assert len(listed(client, new_study)) == 1
    assert client.delete(f"/api/v1/studies/{new_study}").status_code in (200, 204)
    assert stored(world, study_id) == (0, False)


def test_looking_at_the_records_makes_them_ready(world, client, new_study):
    put(client, new_study, "one.csv", table([(50.1, 8.1)]))
    assert stored(world, id_of(world, new_study)) == (0, False)
    assert client.get(f"/studies/{new_study}/records").status_code == 200
    assert stored(world, id_of(world, new_study)) == (1, True)


def test_places_of_files_that_have_changed_meanwhile_are_not_stored(world, client, new_study):
    put(client, new_study, "one.csv", table([(50.1, 8.1)]))
    with world.app_context():
        study = own.load(new_study)
        row = {"species": "x", "latitude": 1.0, "longitude": 1.0, "band": 1, "records": 1, "year": None}
        assert not place_tables.replace(study.id, study.revision - 1, "old", [row], 0)
    assert stored(world, study.id) == (0, False)


def test_a_file_that_cannot_be_read_is_said(world, client, new_study):
    # a content of its own: equal files of several studies are one file on the disk
    put(client, new_study, "one.csv", table([(33.3, 4.4)]))
    with world.app_context():
        path = own.load(new_study).folder / "one.csv"
    # damaged, and for the application the same file
    before = path.stat()
    path.write_bytes(b"\x00" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    refused = client.get(f"/api/v1/studies/{new_study}/records/places")
    assert refused.status_code == 422
    assert "one.csv" in refused.json["detail"]
    page = client.get(f"/studies/{new_study}/records/places")
    assert page.status_code == 422
    assert "one.csv" in page.get_data(as_text=True)
    assert client.get(f"/studies/{new_study}/records").status_code == 200
    run = world.test_cli_runner().invoke(args=["studies", "index", new_study])
    assert run.exit_code == 2
    assert "one.csv" in run.output
    everything = world.test_cli_runner().invoke(args=["studies", "index"])
    assert everything.exit_code == 1
    assert client.delete(f"/api/v1/studies/{new_study}").status_code in (200, 204)


def test_the_command_makes_what_is_missing(world, client, new_study):
    put(client, new_study, "one.csv", table([(50.1, 8.1), (50.2, 8.1)]))
    study_id = id_of(world, new_study)
    run = world.test_cli_runner().invoke(args=["studies", "index", new_study])
    assert (run.exit_code, run.output) == (0, f"{new_study}  2 places\n")
    assert stored(world, study_id) == (2, True)
    again = world.test_cli_runner().invoke(args=["studies", "index"])
    assert again.exit_code == 0, again.output
    assert f"{new_study}  2 places\n" in again.output
    assert stored(world, study_id) == (2, True)
    unknown = world.test_cli_runner().invoke(args=["studies", "index", "nowhere"])
    assert unknown.exit_code == 2
    assert "There is no study" in unknown.output


def test_a_study_has_so_many_places_and_the_rest_is_said(client, new_study, monkeypatch):
    monkeypatch.setattr(place_index, "MOST_PLACES", 3)
    put(client, new_study, "one.csv", table([(50 + n / 10, 8.1) for n in range(5)]))
    given = client.get(f"/api/v1/studies/{new_study}/records/places").json
    assert (len(given["features"]), given["left_out"]) == (3, 2)


def test_the_page_lists_places_and_keeps_a_wrong_filter(client, scattered):
    page = client.get(f"/studies/{scattered}/records/places?species=Bufo+bufo").get_data(as_text=True)
    assert "20 places." in page
    assert "<em>Bufo bufo</em>" in page
    refused = client.get(f"/studies/{scattered}/records/places?bbox=1,2")
    assert refused.status_code == 422
    assert 'value="1,2"' in refused.get_data(as_text=True)
    more = client.get(f"/studies/{scattered}/records/places").get_data(as_text=True)
    assert "More places" in more


def test_projected_records_are_answered_in_degrees(client, new_study):
    content = b"scientificName,decimalLongitude,decimalLatitude\nRana temporaria,500000,5300000\n"
    put(client, new_study, "utm.csv", content)
    records = client.get(f"/api/v1/studies/{new_study}/records").json
    body = {"files": [{"name": "utm.csv", "datum": "EPSG:32632"}], "revision": records["revision"]}
    assert client.patch(f"/api/v1/studies/{new_study}/records", json=body).status_code == 200
    # the central meridian of zone 32 is 9° E
    (place,) = places_of(listed(client, new_study, bbox="8.9,47.8,9.1,47.9"))
    assert place == (pytest.approx(47.8533, abs=1e-4), pytest.approx(9.0, abs=1e-6))
