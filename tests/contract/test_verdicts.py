"""One verdict for one answer: by API, list, page, comparison and command, also for answers stored by older versions."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.database.db import db
from app.predictions.tables import Prediction
from app.registry import changes
from ml.__main__ import main
from ml.serving.verdict import WORDS
from tests.contract.conftest import WHEATEAR, LintingClient, form_of, make_settings, upgrade
from tests.older import set_auc

TIT = "parus-major"
REASON = (
    "The model is not shown to be better than chance: its cross-validated AUC is 0.56 (0.48 to 0.64), and chance gives "
    "0.50."
)
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def models(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two models by species: the wheatear's interval of the AUC contains chance, the tit's does not."""
    folder = tmp_path_factory.mktemp("chance")
    copies = {slug: shutil.copytree(artifacts[slug], folder / slug) for slug in (WHEATEAR, TIT)}
    set_auc(copies[WHEATEAR], 0.56, 0.48, 0.64)
    set_auc(copies[TIT], 0.84, 0.79, 0.89)
    return copies


@pytest.fixture(scope="module")
def site(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Flask:
    app = create_app(make_settings(tmp_path_factory.mktemp("site")))
    upgrade(app)
    with app.app_context():
        for path in models.values():
            version, _ = changes.register(path)
            changes.activate(version.id)
    return app


@pytest.fixture
def visitor(site: Flask) -> FlaskClient:
    site.test_client_class = LintingClient
    return site.test_client()


@pytest.fixture
def post(visitor: FlaskClient, environment: dict[str, Any]) -> Ask:
    def post(species: str, **options: Any) -> dict[str, Any]:
        body = {"species": species, "environment": environment, **options}
        response = visitor.post("/api/v1/predictions", json=body)
        assert response.status_code == 200, response.json
        return dict(response.json)

    return post


def age(site: Flask, answer: dict[str, Any]) -> None:
    """Make the row of an answer one that a version before `verdict` has stored."""
    with site.app_context():
        row = db.session.get(Prediction, answer["id"])
        assert row is not None
        novelty = {
            name: row.answer["novelty"][name] for name in ("in_area_of_applicability", "mess", "most_dissimilar")
        }
        kept = {name: row.answer[name] for name in ("suitability", "interval", "contributions", "cached", "threshold")}
        # the side of the threshold is worked out again, so that a wrong one in the row has no effect
        row.answer = {**kept, "novelty": novelty, "suitable": not answer["suitable"]}
        db.session.commit()


def listed(visitor: FlaskClient, answer: dict[str, Any]) -> dict[str, Any]:
    items = visitor.get("/api/v1/predictions").json["items"]
    return next(dict(item) for item in items if item["id"] == answer["id"])


@pytest.mark.parametrize("threshold", [0.0, 1.0, None])
def test_an_answer_of_an_older_version_gets_the_verdict_of_today(site, visitor, post, threshold):
    answer = post(TIT, threshold=threshold)
    age(site, answer)
    again = visitor.get(f"/api/v1/predictions/{answer['id']}").json
    low, high = again["interval"]
    sides = {value >= again["threshold"]["value"] for value in (low, again["suitability"], high)}
    word = "suitable" if again["suitability"] >= again["threshold"]["value"] else "unsuitable"
    assert again["verdict"] == (word if len(sides) == 1 else f"probably_{word}")
    for name in ("verdict", "verdict_reason", "suitable", "quality", "suitability", "interval", "threshold"):
        assert again[name] == answer[name], name
    assert again == listed(visitor, answer)
    assert WORDS[again["verdict"]] in visitor.get(f"/predictions/{answer['id']}").get_data(as_text=True)


def test_an_old_answer_of_a_model_no_better_than_chance_reads_cannot_say(site, visitor, post):
    answer = post(WHEATEAR)
    age(site, answer)
    again = visitor.get(f"/api/v1/predictions/{answer['id']}").json
    assert (again["verdict"], again["suitable"], again["verdict_reason"]) == ("cannot_say", None, REASON)
    assert again == listed(visitor, answer)
    page = visitor.get(f"/predictions/{answer['id']}").get_data(as_text=True)
    assert "Cannot say" in page
    assert REASON in page


def test_a_model_no_better_than_chance_cannot_say_whatever_is_allowed(visitor, post, environment):
    for options in ({}, {"threshold": 0}, {"extrapolation": "allow"}, {"extrapolation": "refuse"}):
        answer = post(WHEATEAR, **options)
        assert (answer["verdict"], answer["suitable"], answer["verdict_reason"]) == ("cannot_say", None, REASON)
        quality = answer["quality"]
        assert (quality["auc"], quality["auc_interval"], quality["better_than_chance"]) == (0.56, [0.48, 0.64], False)
        assert quality["sentence"].startswith(
            "Chance cannot be ruled out: of two places it ranks the right one first 56"
        )
    page = visitor.post("/", data=form_of(environment)).get_data(as_text=True)
    assert "Cannot say" in page
    assert REASON in page


def test_the_command_gives_the_answers_of_the_api_row_by_row(visitor, models, environment, tmp_path):
    rows = [
        {**environment, "trees": trees, "temperature": temperature}
        for trees in (0, 35.5, 80)
        for temperature in (8, 14.25, 60)
    ]
    with (tmp_path / "in.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(environment))
        writer.writeheader()
        writer.writerows(rows)
    verdicts = set()
    for slug, path in models.items():
        files = ["--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/{slug}.csv"]
        assert main(["predict", "--model", str(path), *files]) == 0
        with (tmp_path / f"{slug}.csv").open(newline="") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == len(rows)
        for row, line in zip(rows, lines, strict=True):
            answer = visitor.post("/api/v1/predictions", json={"species": slug, "environment": row}).json
            novelty = answer["novelty"]
            assert line["verdict"] == answer["verdict"]
            assert line["suitable"] == {True: "1", False: "0", None: ""}[answer["suitable"]]
            assert line["in_area_of_applicability"] == str(int(novelty["in_area_of_applicability"]))
            assert line["most_dissimilar"] == (novelty["most_dissimilar"] or "")
            for name, value in (
                ("suitability", answer["suitability"]),
                ("low", answer["interval"][0]),
                ("high", answer["interval"][1]),
                ("dissimilarity_index", novelty["dissimilarity_index"]),
                ("mess", novelty["mess"]),
            ):
                assert float(line[name]) == pytest.approx(value, abs=1e-6), name
            verdicts.add(answer["verdict"])
    assert len(verdicts) >= 3, verdicts
