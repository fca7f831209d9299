"""Live accuracy by reports at places that the model was trained on, and away from them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from app import create_app
from app.catalogue import snapshot
from app.confirmations.tables import Observation
from app.database.db import db
from tests.contract.conftest import WHEATEAR
from tests.contract.observations.conftest import PLACE, make_site, report
from tests.contract.observations.test_accuracy import accuracy_of, confirm, entry, outcomes  # noqa: F401
from tests.synthetic import synthetic_study


def answers_of(site):
    with site.app_context():
        rows = db.session.scalars(db.select(Observation).order_by(Observation.id))
        return [row.at_training_place for row in rows]


def cell(longitude, latitude):
    """Row and column of the stored layers of the tests, 0.1° from 2° east and 43° north."""
    return int(np.floor((43 - latitude) * 10)), int(np.floor((longitude - 2) * 10))


def test_a_report_in_a_cell_with_a_training_record_is_told_apart(site, visitor):
    places = synthetic_study(n_species=4).coordinates
    taken = {cell(*place) for place in places}
    free = [(row, column) for row in range(2, 18) for column in range(2, 18) if (row, column) not in taken]
    # the corner of a cell that is away from its record by more than a kilometre
    record = next(place for place in places if 0.02 < (place[0] * 10) % 1 < 0.7 and 1 < cell(*place)[0] < 18)
    row, column = cell(*record)
    within = {"longitude": 2 + column / 10 + 0.095, "latitude": float(record[1])}
    assert abs(within["longitude"] - record[0]) > 0.02
    # the middle of a free cell, away from the records of others
    row, column = free[0]
    away = {"longitude": 2.05 + column / 10, "latitude": 42.95 - row / 10}
    shown = [report(visitor, location=within), report(visitor, location=away)]
    assert answers_of(site) == [True, False]
    assert "training" not in str(shown)


def test_a_report_without_a_place_is_not_known(site, visitor):
    body = {"bare_rock": 40, "trees": 30, "temperature": 14, "soil": "clay"}
    answer = visitor.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": body})
    assert answer.status_code == 200, answer.json
    new = {"prediction": answer.json["id"], "outcome": "absent", "date": "2026-05-31"}
    given = visitor.post("/api/v1/observations", json=new)
    assert given.status_code == 201, given.json
    assert answers_of(site) == [None]


def test_a_report_is_taken_where_the_model_cannot_be_opened(tmp_path, artifacts):
    study, species, model = artifacts[WHEATEAR].parts[-3:]
    copy = shutil.copytree(artifacts[WHEATEAR], tmp_path / "models" / study / species / model)
    site = make_site(tmp_path, {WHEATEAR: copy})
    answer = site.test_client().post("/api/v1/predictions", json={"species": WHEATEAR, "location": PLACE})
    assert answer.status_code == 200, answer.json
    shutil.rmtree(copy)
    # another process, which has not opened the model
    another = create_app(site.config["SETTINGS"])
    new = {"prediction": answer.json["id"], "outcome": "absent", "date": "2026-05-31"}
    given = another.test_client().post("/api/v1/observations", json=new)
    assert given.status_code == 201, given.json
    assert answers_of(another) == [None]


def test_the_figures_away_are_those_of_a_second_evaluation(site, visitor, entry):  # noqa: F811
    at, away, unknown = outcomes(15, 10), outcomes(30, 40, 1), outcomes(2, 3, 2)
    with site.app_context():
        confirm(entry.id, entry.model.id, at, at_training_place=True)
        confirm(entry.id, entry.model.id, away, at_training_place=False)
        confirm(entry.id, entry.model.id, unknown)
        # where the model cannot say, nothing is counted
        confirm(entry.id, entry.model.id, outcomes(1, 1, 3), at_training_place=False, inside=False)
    data = accuracy_of(visitor, entry)
    found = data["away"]
    assert (data["n_presences"], data["n_absences"]) == (47, 53)
    numbers = ("n_presences", "n_absences", "n_at_training_places", "n_unknown")
    assert [found[name] for name in numbers] == [30, 40, 25, 5]
    y, suitability = [one[0] for one in away], [one[1] for one in away]
    assert found["auc"]["value"] == pytest.approx(roc_auc_score(y, suitability))
    assert found["brier"]["value"] == pytest.approx(brier_score_loss(y, suitability))
    assert found["brier_reference"] == pytest.approx(30 / 70 * 40 / 70)
    everything = [*at, *away, *unknown]
    whole = roc_auc_score([one[0] for one in everything], [one[1] for one in everything])
    assert data["auc"]["value"] == pytest.approx(whole)
    assert found["sentence"].startswith("25 of 100 lie at a place that its model was trained on; of 5 it is not known.")
    assert "By 30 presences and 40 absences away from such places the model ranks" in found["sentence"]
    assert any("no independent evidence" in text for text in data["caveats"])
    page = visitor.get(f"/models/{entry.model.id}").get_data(as_text=True)
    assert "Away from training places" in page
    assert found["sentence"] in page.replace("\n", " ")
    (study,) = visitor.get("/api/v1/accuracy").json["items"]
    assert study["away"] == study["versions"][0]["away"] == found
    series = f'ecopredict_live_auc_away{{study="{entry.study.slug}"}}'
    (line,) = [line for line in visitor.get("/metrics").text.splitlines() if line.startswith(series)]
    assert float(line.rsplit(" ", 1)[1]) == pytest.approx(found["auc"]["value"])


def test_few_reports_away_are_a_sentence(site, visitor, entry):  # noqa: F811
    with site.app_context():
        confirm(entry.id, entry.model.id, outcomes(12, 12))
    assert "is not known" in accuracy_of(visitor, entry)["away"]["sentence"]
    with site.app_context():
        confirm(entry.id, entry.model.id, outcomes(1, 4, 1), at_training_place=False)
    found = accuracy_of(visitor, entry)["away"]
    assert (found["auc"], found["brier"], found["n_unknown"]) == (None, None, 24)
    assert found["sentence"].endswith(
        "By 1 presence and 4 absences away from such places there is no figure: it takes 10 of each."
    )
    page = visitor.get("/accuracy").get_data(as_text=True)
    assert "Away from training places" not in page


def test_a_study_with_a_sensitive_species_has_no_such_numbers(own_site):
    client = own_site.test_client()
    with own_site.app_context():
        species = snapshot.current().by_slug[WHEATEAR]
        confirm(species.id, species.model.id, outcomes(12, 12), at_training_place=True)
        confirm(species.id, species.model.id, outcomes(12, 12, 1), at_training_place=False)
    address = f"/api/v1/studies/{species.study.slug}/sensitive-species"
    assert accuracy_of(client, species)["away"]["n_at_training_places"] == 24
    marked = client.put(address, json={"species": "Parus major", "grid_km": 10})
    assert marked.status_code == 200, marked.json
    (study,) = client.get("/api/v1/accuracy").json["items"]
    assert [study["away"], study["versions"][0]["away"], accuracy_of(client, species)["away"]] == [None] * 3
    for path in ("/accuracy", f"/models/{species.model.id}"):
        page = client.get(path).get_data(as_text=True)
        assert "is not shown, because a species of this study is sensitive" in page.replace("\n", " ")
        assert "24 of 48" not in page
    series = f'ecopredict_live_auc_away{{study="{species.study.slug}"}}'
    assert [line for line in client.get("/metrics").text.splitlines() if line.startswith(series)] in (
        [],
        [f"{series} NaN"],
    )
