"""Pages say how many presences were accepted since their model was registered."""

from __future__ import annotations

import stat

from app.components import components
from app.confirmations import newer
from app.confirmations.newer import FILE, NewerPresences
from tests.contract.conftest import WHEATEAR
from tests.contract.observations.conftest import accept, report

SPECIES = f"/api/v1/species/{WHEATEAR}"


def file_of(app):
    return app.config["SETTINGS"].data_dir.resolve() / "registry" / FILE


def page(client, address):
    return " ".join(client.get(address).text.split())


def test_accepted_presences_are_newer_than_the_model_until_they_are_withdrawn(own_site):
    client = own_site.test_client()
    assert client.get(SPECIES).json["newer_presences"] == 0
    assert "accepted since" not in page(client, f"/species/{WHEATEAR}")
    first, second = report(client), report(client, date="2026-05-30")
    absent = report(client, date="2026-05-29", outcome="absent")
    assert client.get(SPECIES).json["newer_presences"] == 0
    for one in (first, second, absent):
        accept(client, one)
    assert client.get(SPECIES).json["newer_presences"] == 2
    sentence = "2 presences that were accepted since this version was registered are not among them"
    for address in (f"/species/{WHEATEAR}", f"/?species={WHEATEAR}"):
        text = page(client, address)
        assert sentence in text
        assert f"observations/places?species={WHEATEAR}" in text
    stored = client.post("/", data={"species": WHEATEAR, "where": "place", "place": "41.95, 2.55"})
    assert sentence in " ".join(stored.text.split())
    assert client.delete(f"/api/v1/observations/{first['id']}").status_code == 200
    assert "1 presence that was accepted since" in page(client, f"/species/{WHEATEAR}")


def test_without_a_file_that_can_be_read_pages_say_nothing_and_workers_write_it_again(own_site, caplog):
    client = own_site.test_client()
    accept(client, report(client))
    file = file_of(own_site)
    file.write_bytes(b"[]")
    assert client.get(SPECIES).json["newer_presences"] == 0
    assert "newer.json cannot be read" in caplog.text
    file.unlink()
    assert client.get(SPECIES).json["newer_presences"] == 0
    with own_site.app_context():
        newer.publish()
    assert client.get(SPECIES).json["newer_presences"] == 1
    assert components(own_site).get(NewerPresences).of("another") == 0


def test_a_decision_holds_where_the_file_cannot_be_written(own_site, caplog):
    client = own_site.test_client()
    stored = report(client)
    folder = file_of(own_site)
    # a folder of this name cannot be replaced by a file, also not by root
    folder.mkdir()
    (folder / "kept").touch()
    accept(client, stored)
    assert stat.S_ISDIR(folder.stat().st_mode)
    assert "cannot be written" in caplog.text
    assert client.get("/api/v1/observations?state=accepted").json["items"][0]["id"] == stored["id"]
