"""What the page of a map says, and the records on it."""

from __future__ import annotations

import html

import pytest

from app.maps.legends import area_rows, legends_of, share_text
from app.maps.schemas import MapContent
from ml.serving.verdict import VERDICTS
from tests.contract.conftest import WHEATEAR
from tests.contract.maps.test_files import pixel_of, pixels


def content_of(client, address, **areas) -> MapContent:
    content = client.get(address).json["content"]
    numbers = dict.fromkeys(VERDICTS, 0.0) | areas
    content["area_km2"] = {"valid": sum(numbers.values()), "by_verdict": numbers}
    return MapContent.model_validate(content)


def page_of(mapped, query=""):
    client, address = mapped
    return html.unescape(client.get(address.removeprefix("/api/v1") + query).text)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.001, "less than 1 %"), (0.02, "2 %"), (0.5, "50 %"), (0.999, "more than 99 %"), (1, "100 %")],
)
def test_shares_in_words(share, text):
    assert share_text(share) == text


def test_the_part_beyond_the_model_is_one_row_where_it_is_all_of_cannot_say(mapped):
    content = content_of(*mapped, suitable=5.0, unsuitable=95.0, cannot_say=50.0)
    content.beyond.area_km2, content.beyond.area_share = 50.0, 1 / 3
    labels = [row.label for row in area_rows(content)]
    assert labels[0] == "Cannot say: beyond what the model has seen"
    assert len(labels) == len(VERDICTS)
    content.beyond.area_km2, content.beyond.area_share = 0.5, 0.5 / 150
    first, part = area_rows(content)[:2]
    assert (first.label, first.area_km2, first.share) == ("Cannot say", 50.0, "33 %")
    assert (part.label, part.share) == ("of which beyond what the model has seen", "less than 1 %")


def test_cells_without_values_do_not_contradict_cannot_say(mapped):
    content = mapped[0].get(mapped[1]).json["content"]
    assert f"{content['cells']['valid']} of 400 cells have values that the model can use" in page_of(mapped)
    assert "have an answer" not in page_of(mapped)


def test_the_legend_of_predictors_has_their_labels(mapped):
    card = mapped[0].get(f"/api/v1/species/{WHEATEAR}").json
    labels = {one["name"]: one["label"] for one in card["predictors"]}
    (legend,) = [one for one in legends_of(content_of(*mapped, suitable=1.0), labels) if one.name == "most_dissimilar"]
    assert [label for label, _ in legend.categories] == list(labels.values())
    assert any(label != name for name, label in labels.items())
    assert next(iter(labels.values())) in page_of(mapped, "?quantity=most_dissimilar")


def test_a_deletion_has_a_second_step(mapped):
    page = page_of(mapped)
    assert page.index("<summary>Delete the map") < page.index("/delete") < page.index("Delete this map now")


def test_records_are_points(mapped):
    client, address = mapped
    page = address.removeprefix("/api/v1")
    places = client.get(f"{page}/records.json").json
    assert places["type"] == "MultiPoint"
    # the same as on the map of the species page
    n = len(places["coordinates"])
    assert f"Records of the training ({n}" in page_of(mapped)
    assert f"{n} presences" in " ".join(client.get(f"/species/{WHEATEAR}").text.split()) or n == 800
    plain, _ = pixels(client.get(f"{address}.png?plain=1"))
    dotted, table = pixels(client.get(f"{address}.png?plain=1&points=1"))
    assert plain.shape == dotted.shape
    longitude, latitude = next(one for one in places["coordinates"] if 2.1 < one[0] < 3.9 and 41.1 < one[1] < 42.9)
    changed = plain != dotted
    assert changed.any()
    # the map goes from 2° E and 43° N to 4° E and 41° N
    x = [pixel_of(43, one, 20)[0] for one in (2, longitude, 4)]
    y = [pixel_of(one, 2, 20)[1] for one in (43, latitude, 41)]
    column = int((x[1] - x[0]) / (x[2] - x[0]) * plain.shape[1])
    row = int((y[1] - y[0]) / (y[2] - y[0]) * plain.shape[0])
    assert tuple(table[int(dotted[row, column])][:3]) == (255, 255, 255)
    assert 'points=1"' in page_of(mapped, "?points=1")
    assert 'points=1"' not in page_of(mapped)


def test_caches_keep_both_pictures_apart(mapped):
    client, address = mapped
    etags = {client.get(f"{address}.png{query}").headers["ETag"] for query in ("", "?points=1", "?points=0")}
    assert len(etags) == 2
    assert client.get(f"{address}.png?points=maybe").status_code == 422
    assert client.get("/maps/00000000-0000-4000-8000-000000000000/records.json").status_code == 404


def test_observations_of_the_view_have_a_switch_and_a_list(mapped):
    page = page_of(mapped)
    assert 'id="map-marks"' in page
    assert 'id="map-observations"' in page
    # the study is none of own data: its records are those of the card
    assert 'id="map-records"' not in page
    address = page.partition('data-list="observations" href="')[2].partition('"')[0]
    client, _ = mapped
    assert "no accepted observation" in " ".join(client.get(address).get_data(as_text=True).split())


def test_maps_are_listed_by_study(mapped):
    client, address = mapped
    study = client.get(f"/api/v1/species/{WHEATEAR}").json["study"]
    listed = client.get("/api/v1/maps", query_string={"study": study["slug"]}).json["items"]
    assert [f"/api/v1/maps/{one['id']}" for one in listed] == [address]
    assert client.get("/api/v1/maps?study=none").json["items"] == []
    page = html.unescape(client.get("/map", query_string={"study": study["slug"]}).text)
    assert f"Maps of {study['title']}" in page
    assert address.removeprefix("/api/v1") in page
    other = client.get("/map?study=none").text
    assert "There is no map of none yet" in other
    assert address.removeprefix("/api/v1") not in other
    assert client.get("/map", query_string={"study": "x" * 201}).status_code == 422
