"""The lists of species and of models: orders, filters, pages and files."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

import pytest

from app.catalogue import snapshot
from app.catalogue.versions import ModelVersion
from app.database.db import db
from app.registry import changes
from app.registry.facts import COLUMNS
from app.web.paging import write_cursor
from ml.card import Metric
from tests.contract.conftest import LintingClient

# name, study, AUC with its interval, validation, presences
ROWS = [
    ("Aaa prima", "b-study", (0.91, 0.85, 0.95), "spatial blocks", 30),
    ("Bbb secunda", "a-study", (0.97, 0.5, 1.0), "stratified", 3_000_000_000),
    ("Ccc tertia", "a-study", (0.66, 0.6, 0.7), "spatial blocks", 9),
    ("Ddd quarta", "b-study", (0.88, None, None), "stratified", 30),
    ("Eee quinta", "a-study", None, "spatial blocks", 77),
    ("=Fff sexta", "b-study", (0.45, 0.4, 0.5), "spatial blocks", 12),
    # without a model
    ("Ggg septima", "a-study", None, "", 0),
]
SPECIES_ORDERS = {
    "name": ["=Fff", "Aaa", "Bbb", "Ccc", "Ddd", "Eee", "Ggg"],
    "-name": ["Ggg", "Eee", "Ddd", "Ccc", "Bbb", "Aaa", "=Fff"],
    # of equal studies the slugs decide, in both directions
    "study": ["Bbb", "Ccc", "Eee", "Ggg", "Aaa", "Ddd", "=Fff"],
    "-study": ["Aaa", "Ddd", "=Fff", "Bbb", "Ccc", "Eee", "Ggg"],
    # usable ones by their AUC, then those that chance explains (.97, .45, none), then the one without a model
    "-quality": ["Aaa", "Ddd", "Ccc", "Bbb", "=Fff", "Eee", "Ggg"],
    "quality": ["Eee", "=Fff", "Bbb", "Ccc", "Ddd", "Aaa", "Ggg"],
    "-auc": ["Bbb", "Aaa", "Ddd", "Ccc", "=Fff", "Eee", "Ggg"],
    "auc": ["=Fff", "Ccc", "Ddd", "Aaa", "Bbb", "Eee", "Ggg"],
    "validation": ["Aaa", "Ccc", "Eee", "=Fff", "Bbb", "Ddd", "Ggg"],
    "-validation": ["Bbb", "Ddd", "Aaa", "Ccc", "Eee", "=Fff", "Ggg"],
    "-presences": ["Bbb", "Eee", "Aaa", "Ddd", "=Fff", "Ccc", "Ggg"],
    "presences": ["Ccc", "=Fff", "Aaa", "Ddd", "Eee", "Bbb", "Ggg"],
}


@pytest.fixture(scope="module")
def catalogue(app, tmp_path_factory):
    """A client of a site with seven species of two studies, whose cards are made up."""
    from app import create_app
    from app.registry import service as registry
    from tests.contract.conftest import WHEATEAR, make_settings, upgrade

    with app.app_context():
        card = registry.card_of(snapshot.current().by_slug[WHEATEAR].model)
    site = create_app(make_settings(tmp_path_factory.mktemp("lists")))
    upgrade(site)
    with site.app_context():
        for day, (name, study, auc, validation, presences) in enumerate(ROWS, 1):
            slug = "s" + re.sub(r"\W+", "-", name.lower()).strip("-")
            metrics = {} if auc is None else {"auc_roc": Metric(value=auc[0], low=auc[1], high=auc[2])}
            one = card.model_copy(
                update={
                    "species": card.species.model_copy(
                        update={"slug": slug, "scientific_name": name, "other_names": []}
                    ),
                    "study": card.study.model_copy(update={"slug": study, "title": f"The {study}"}),
                    "metrics": metrics,
                    "n_presences": presences,
                    "validation": card.validation.model_copy(update={"method": validation or "stratified"}),
                }
            )
            row = changes._save_species(one, changes._save_study(one))
            if validation:
                db.session.add(
                    ModelVersion(
                        id=f"{slug}-{'0' * 12}",
                        species_id=row.id,
                        version=1,
                        path="nowhere",
                        card=one.model_dump(mode="json"),
                        active=True,
                        registered_at=datetime(2026, 3, day, tzinfo=UTC),
                    )
                )
        db.session.commit()
        snapshot.snapshot_file().write()
    site.test_client_class = LintingClient
    return site.test_client()


def short(items):
    return [item["scientific_name"].split()[0] for item in items]


def walk(client, path, limit):
    """Return the items of all pages of a list."""
    items, cursor = [], None
    for _ in range(20):
        page = client.get(f"/api/v1/{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("sort", SPECIES_ORDERS)
def test_species_in_every_order_and_in_pages(catalogue, sort, limit):
    assert short(walk(catalogue, f"species?sort={sort}", limit)) == SPECIES_ORDERS[sort]


@pytest.mark.parametrize("sort", ["-quality", "presences", "name", ""])
def test_page_and_file_have_the_order_of_the_api(catalogue, sort):
    expected = SPECIES_ORDERS[sort or "name"]
    page = catalogue.get(f"/species?sort={sort}").get_data(as_text=True)
    assert [name.split()[0] for name in re.findall(r'<th scope="row"><a [^>]*><em>([^<]+)', page)] == expected
    rows = list(csv.DictReader(io.StringIO(catalogue.get(f"/species.csv?sort={sort}").get_data(as_text=True))))
    # a spreadsheet would run the first one
    assert [row["scientific_name"].split()[0] for row in rows] == [
        f"'{one}" if one[0] == "=" else one for one in expected
    ]


def test_the_file_has_every_fact_in_full(catalogue):
    response = catalogue.get("/species.csv?study=b-study&sort=name")
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="species.csv"'
    lines = list(csv.reader(io.StringIO(response.get_data(as_text=True))))
    assert lines[0] == [
        "slug", "scientific_name", "vernacular_name", "study", "study_title", "model", "version", *COLUMNS,
    ]  # fmt: skip
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [row["better_than_chance"] for row in rows] == ["0", "1", "1"]
    assert [(row["auc"], row["auc_low"], row["auc_high"]) for row in rows] == [
        ("0.45", "0.4", "0.5"), ("0.91", "0.85", "0.95"), ("0.88", "", ""),
    ]  # fmt: skip
    assert rows[1]["quality"].startswith("Very good: of two places it ranks the right one first 91 times in 100")
    assert [row["presences"] for row in rows] == ["12", "30", "30"]


def test_a_species_without_a_model_has_empty_cells(catalogue):
    text = catalogue.get("/species.csv?q=septima").get_data(as_text=True)
    (row,) = csv.DictReader(io.StringIO(text))
    assert [row[name] for name in ("model", "version", *COLUMNS)] == [""] * (2 + len(COLUMNS))
    assert "No model answers" in catalogue.get("/species?q=septima").get_data(as_text=True)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", ["=Fff", "Aaa", "Bbb", "Ccc", "Ddd", "Eee"]),
        ("-species", ["Eee", "Ddd", "Ccc", "Bbb", "Aaa", "=Fff"]),
        ("-quality", ["Aaa", "Ddd", "Ccc", "Bbb", "=Fff", "Eee"]),
        # of equal studies and counts the names decide
        ("study", ["Bbb", "Ccc", "Eee", "=Fff", "Aaa", "Ddd"]),
        ("-presences", ["Bbb", "Eee", "Aaa", "Ddd", "=Fff", "Ccc"]),
        ("-added", ["=Fff", "Eee", "Ddd", "Ccc", "Bbb", "Aaa"]),
        ("added", ["Aaa", "Bbb", "Ccc", "Ddd", "Eee", "=Fff"]),
    ],
)
def test_models_in_every_order_and_in_pages(catalogue, sort, expected):
    for limit in (1, 2, 5, 6):
        assert short(item["species"] for item in walk(catalogue, f"models?sort={sort}", limit)) == expected
    rows = list(csv.DictReader(io.StringIO(catalogue.get(f"/models.csv?sort={sort}").get_data(as_text=True))))
    assert [row["scientific_name"].lstrip("'").split()[0] for row in rows] == expected
    assert all(row["active"] == "1" for row in rows)


@pytest.mark.parametrize("path", ["species", "models"])
def test_lists_are_filtered_by_study(catalogue, path):
    names = {
        (item.get("species") or item)["scientific_name"].split()[0]
        for item in catalogue.get(f"/api/v1/{path}?study=A-STUDY").json["items"]
    }
    assert names == {"Bbb", "Ccc", "Eee"} | ({"Ggg"} if path == "species" else set())
    page = catalogue.get(f"/{path}?study=a-study&sort=-auc").get_data(as_text=True)
    assert '<option value="a-study" selected>' in page
    # what the form sends for a choice that was not made
    whole = catalogue.get(f"/api/v1/{path}?study=&sort=").json["items"]
    assert len(whole) == (7 if path == "species" else 6)
    refused = catalogue.get(f"/api/v1/{path}?study=none")
    assert [error["pointer"] for error in refused.json["errors"]] == ["/study"]


@pytest.mark.parametrize("path", ["species", "models"])
@pytest.mark.parametrize("query", ["sort=nonsense", "sort=--auc", "sort=AUC", "sort=auc&sort=auc", "order=auc"])
def test_an_unknown_order_is_refused_by_name(catalogue, path, query):
    response = catalogue.get(f"/api/v1/{path}?{query}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == ["/" + query.split("=")[0]]


@pytest.mark.parametrize(
    ("sort", "position"),
    [
        ("-auc", ("auc", 0.9, "x")),
        ("-auc", ("-auc", "high", "x")),
        ("-auc", ("-auc", 0.9)),
        ("-auc", ("-auc",)),
        ("-auc", ()),
        ("name", ("Aaa prima", "aaa-prima")),
        ("", ("name", "Aaa prima", "aaa-prima")),
        ("", (1, 2)),
    ],
)
def test_a_cursor_of_another_order_is_refused(catalogue, sort, position):
    response = catalogue.get(f"/api/v1/species?sort={sort}&cursor={write_cursor(*position)}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == ["/cursor"]


def test_a_position_that_is_gone_is_passed_over(catalogue):
    cursor = write_cursor("-auc", 0.9, "any")
    assert short(catalogue.get(f"/api/v1/species?sort=-auc&cursor={cursor}").json["items"])[:2] == ["Ddd", "Ccc"]


def test_cursors_of_the_order_by_name_are_those_of_the_previous_release(catalogue):
    cursor = write_cursor("Aaa prima", "saaa-prima")
    assert short(catalogue.get(f"/api/v1/species?cursor={cursor}").json["items"])[0] == "Bbb"


def test_headings_say_the_order_and_reverse_it(catalogue):
    page = catalogue.get("/species?study=a-study&sort=-quality").get_data(as_text=True)
    assert re.findall(
        r'<th scope="col"[^>]* aria-sort="(\w+)"><span\s[^>]*>[^<]+</span><a class="sort"\s+id="sort-(\w+)"', page
    ) == [("descending", "quality")]
    links = dict(re.findall(r'id="sort-(\w+)" href="([^"]+)"', page))
    assert links["quality"] == "/species?study=a-study&amp;sort=quality"
    assert links["presences"] == "/species?study=a-study&amp;sort=-presences"
    assert links["name"] == "/species?study=a-study&amp;sort=name"
    assert '<a href="/species.csv?study=a-study&amp;sort=-quality" download>' in page
    # the order by name is the one of a list without a choice
    assert 'aria-sort="ascending"' in catalogue.get("/species").get_data(as_text=True)
    assert "aria-sort" not in catalogue.get("/species?q=prima").get_data(as_text=True)


def test_a_search_is_sorted_only_by_choice(catalogue):
    assert short(catalogue.get("/api/v1/species?q=secunda").json["items"])[0] == "Bbb"
    both = catalogue.get("/api/v1/species?q=quarta&sort=name").json["items"]
    assert short(both) == sorted(short(both))


def test_a_model_that_chance_explains_says_so_in_words(catalogue):
    for path, count in (("/species", 3), ("/models", 3)):
        page = catalogue.get(path).get_data(as_text=True)
        assert page.count("quality-chance") == count
        assert "No better than chance</span>" in page
        assert "Chance cannot be ruled out</span>" in page
    species = catalogue.get("/species/sbbb-secunda").get_data(as_text=True)
    model = catalogue.get(f"/models/sbbb-secunda-{'0' * 12}").get_data(as_text=True)
    for page in (species, model):
        start = page.index('<dl class="model-strip">')
        strip = page[start : page.index("</dl>", start)]
        assert "Chance cannot be ruled out: of two places it ranks the right one first 97 times in 100" in strip
        assert "every verdict is “Cannot say”" in strip
        assert strip.index("Chance cannot") < strip.index("Records")
        # nothing but the names comes before it
        assert "<h2" not in page[: page.index("Chance cannot be ruled out", page.index("<h1"))]
    assert "every verdict" not in catalogue.get("/species/saaa-prima").get_data(as_text=True)


def test_pages_continue_and_return_to_the_first(catalogue):
    first = catalogue.get("/species?sort=-auc&limit=3").get_data(as_text=True)
    assert "3 of 7\nspecies" in first
    more = re.search(r'<a href="([^"]+)">More species</a>', first)[1].replace("&amp;", "&")
    second = catalogue.get(more).get_data(as_text=True)
    assert re.findall(r'<th scope="row"><a [^>]*><em>([^<]+)', second) == ["Ccc tertia", "=Fff sexta", "Eee quinta"]
    assert '<a href="/species?sort=-auc">Back to the first ones</a>' in second
