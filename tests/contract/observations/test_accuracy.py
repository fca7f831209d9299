"""Live accuracy: by what the model said, from accepted observations alone, in words where there are few."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from sqlalchemy import update

from app.catalogue import snapshot
from app.catalogue.study_tables import Study
from app.catalogue.versions import ModelVersion
from app.confirmations.tables import Observation
from app.database.db import db
from app.database.types import now
from app.predictions.tables import new_id
from ml.evaluation.metrics import auc_roc, brier
from tests.contract.conftest import WHEATEAR


def confirm(species: int, model: str, outcomes: list[tuple[bool, float]], **members: object) -> None:
    start = db.session.query(Observation).count()
    db.session.add_all(
        Observation(
            **{
                "id": new_id(), "same_key": str(start + number), "species_id": species, "model_id": model,
                "present": present, "suitability": suitability, "observed_on": date(2026, 5, 1), "low": suitability,
                "high": suitability, "inside": True, "environment": {}, "state": "accepted",
                "moderated_at": now(), **members,
            }
        )
        for number, (present, suitability) in enumerate(outcomes)
    )  # fmt: skip
    db.session.commit()


def outcomes(n_presences: int, n_absences: int, seed: int = 0) -> list[tuple[bool, float]]:
    rng = np.random.default_rng(seed)
    present = [(True, float(value)) for value in rng.beta(3, 2, n_presences)]
    return present + [(False, float(value)) for value in rng.beta(2, 3, n_absences)]


@pytest.fixture
def entry(site):
    with site.app_context():
        return snapshot.current().by_slug[WHEATEAR]


def accuracy_of(client, entry):
    given = client.get(f"/api/v1/models/{entry.model.id}/accuracy")
    assert given.status_code == 200, given.json
    return given.json


def test_the_figures_are_those_of_the_evaluation(site, visitor, entry):
    found = outcomes(40, 60)
    with site.app_context():
        confirm(entry.id, entry.model.id, found)
        confirm(entry.id, entry.model.id, outcomes(20, 20, 1), state="pending")
        confirm(entry.id, entry.model.id, outcomes(20, 20, 2), state="refused", reason="no")
    y, suitability = np.array([one[0] for one in found], int), np.array([one[1] for one in found])
    data = accuracy_of(visitor, entry)
    assert (data["n_presences"], data["n_absences"], data["n_after_prediction"]) == (40, 60, 0)
    assert data["auc"]["value"] == pytest.approx(auc_roc(y, suitability))
    assert data["brier"]["value"] == pytest.approx(brier(y, suitability))
    assert data["brier_reference"] == pytest.approx(0.24)
    for name in ("auc", "brier"):
        assert data[name]["low"] < data[name]["value"] < data[name]["high"]
    assert data["calibration"]["slope"]["low"] < data["calibration"]["slope"]["high"]
    assert sum(part["n"] for part in data["reliability"]) == 100
    assert "40 presences and 60 absences have been confirmed" in data["sentence"]
    page = visitor.get(f"/models/{entry.model.id}").get_data(as_text=True)
    assert data["sentence"] in page.replace("\n", " ")
    listed = visitor.get("/accuracy").get_data(as_text=True)
    assert f'href="/models/{entry.model.id}#live-title"' in listed


def test_few_observations_are_a_sentence(site, visitor, entry):
    assert accuracy_of(visitor, entry)["sentence"] == "Nobody has confirmed a prediction of it yet."
    with site.app_context():
        confirm(entry.id, entry.model.id, outcomes(9, 50))
    data = accuracy_of(visitor, entry)
    assert [data[name] for name in ("auc", "brier", "brier_reference", "calibration", "reliability")] == [None] * 4 + [
        []
    ]
    assert data["sentence"].endswith("That is too few for a figure: it takes 10 of each.")
    with site.app_context():
        confirm(entry.id, entry.model.id, outcomes(1, 0))
    data = accuracy_of(visitor, entry)
    assert data["auc"] is not None
    assert data["calibration"] is None


def test_where_the_model_cannot_say_is_left_out_and_counted(site, visitor, entry):
    with site.app_context():
        confirm(entry.id, entry.model.id, outcomes(12, 12))
        confirm(entry.id, entry.model.id, outcomes(5, 5, 3), inside=False)
    data = accuracy_of(visitor, entry)
    assert (data["n_presences"], data["n_absences"], data["n_outside"]) == (12, 12, 10)
    assert "10 more where the model cannot say" in data["sentence"]


def test_a_selection_is_said_in_words(site, visitor, entry):
    with site.app_context():
        confirm(entry.id, entry.model.id, outcomes(12, 12))
    without = accuracy_of(visitor, entry)
    assert any("where people go" in text for text in without["caveats"])
    assert not any("selection" in text for text in without["caveats"])
    with site.app_context():
        db.session.execute(update(Observation).values(prediction_id="0190a0c0-0000-7000-8000-000000000000"))
        db.session.commit()
    data = accuracy_of(visitor, entry)
    assert data["n_after_prediction"] == 24
    assert any("selection" in text for text in data["caveats"])


def test_a_study_compares_observations_of_the_same_species_only(site, visitor, entry):
    with site.app_context():
        other = snapshot.current().by_slug["parus-major"]
        # within each species the model is right every time; a presence of one is below an absence of the other
        confirm(entry.id, entry.model.id, [(True, 0.9)] * 10 + [(False, 0.8)] * 10)
        confirm(other.id, other.model.id, [(True, 0.3)] * 10 + [(False, 0.2)] * 10)
    (study,) = visitor.get("/api/v1/accuracy").json["items"]
    assert study["auc"]["value"] == 1
    assert 0.7 < study["auc"]["low"] < 1
    assert (study["n_presences"], len(study["versions"])) == (20, 2)
    assert {one["species"]["slug"] for one in study["versions"]} == {WHEATEAR, "parus-major"}


def test_outcomes_that_a_threshold_separates_have_no_line(site, visitor, entry):
    with site.app_context():
        confirm(entry.id, entry.model.id, [(True, 0.9 + n / 1000) for n in range(30)])
        confirm(entry.id, entry.model.id, [(False, 0.1 + n / 1000) for n in range(30)])
    data = accuracy_of(visitor, entry)
    assert data["auc"]["value"] == 1
    assert data["auc"]["low"] < 1
    assert data["calibration"] is None


def test_a_relative_index_is_said_in_words(own_site):
    with own_site.app_context():
        entry = snapshot.current().by_slug[WHEATEAR]
        version = db.session.get(ModelVersion, entry.model.id)
        version.card = {**version.card, "study": {**version.card["study"], "records": "presence-background"}}
        db.session.commit()
        confirm(entry.id, entry.model.id, outcomes(12, 12))
    data = accuracy_of(own_site.test_client(), entry)
    assert any("relative index" in text for text in data["caveats"])


def test_a_model_that_does_not_exist_is_404(visitor):
    assert visitor.get("/api/v1/models/none/accuracy").status_code == 404
    assert visitor.get("/accuracy?x=1").status_code == 200
    assert visitor.get("/api/v1/accuracy?x=1").status_code == 422


def test_the_metrics_follow_the_decisions(site, visitor, entry):
    def scraped():
        lines = visitor.get("/metrics").get_data(as_text=True).splitlines()
        return dict(
            line.rsplit(" ", 1)
            for line in lines
            if line.startswith(("ecopredict_live", "ecopredict_observ", "ecopredict_held"))
        )

    study = entry.study.slug
    with site.app_context():
        confirm(entry.id, entry.model.id, outcomes(12, 12), moderated_at=now())
        confirm(entry.id, entry.model.id, outcomes(1, 2), state="pending")
    found = scraped()
    assert float(found['ecopredict_observations{state="accepted"}']) == 24
    assert float(found['ecopredict_observations{state="pending"}']) == 3
    assert float(found['ecopredict_observations{state="refused"}']) == 0
    figures = accuracy_of(visitor, entry)
    assert float(found[f'ecopredict_live_auc{{study="{study}"}}']) == pytest.approx(figures["auc"]["value"])
    assert float(found[f'ecopredict_live_auc_high{{study="{study}"}}']) == pytest.approx(figures["auc"]["high"])
    assert float(found[f'ecopredict_live_brier{{study="{study}"}}']) == pytest.approx(figures["brier"]["value"])
    assert float(found[f'ecopredict_heldout_auc{{study="{study}"}}']) == pytest.approx(entry.model.auc)
    with site.app_context():
        db.session.execute(update(Observation).values(state="refused", reason="no", moderated_at=now()))
        db.session.commit()
    gone = scraped()
    for name in ("live_auc", "live_auc_high", "live_brier", "heldout_auc"):
        assert gone[f'ecopredict_{name}{{study="{study}"}}'] == "NaN"


def test_the_held_out_auc_beside_the_live_one_has_its_weights(site, visitor, entry):
    def heldout():
        lines = visitor.get("/metrics").get_data(as_text=True).splitlines()
        (value,) = [line.rsplit(" ", 1)[1] for line in lines if line.startswith("ecopredict_heldout_auc{")]
        return float(value)

    with site.app_context():
        other = snapshot.current().by_slug["parus-major"]
        confirm(entry.id, entry.model.id, outcomes(10, 10), moderated_at=now())
        confirm(other.id, other.model.id, outcomes(10, 30, 1), moderated_at=now())
        # without a pair it has no weight
        third = snapshot.current().by_slug["turdus-merula"]
        confirm(third.id, third.model.id, outcomes(3, 0, 2), moderated_at=now())
    assert heldout() == pytest.approx((100 * entry.model.auc + 300 * other.model.auc) / 400)
    with site.app_context():
        version = db.session.get(ModelVersion, other.model.id)
        version.card = {**version.card, "metrics": {}}
        confirm(entry.id, entry.model.id, outcomes(1, 0, 4), moderated_at=now())
    # a comparison with a part of the versions would be wrong
    assert np.isnan(heldout())


def test_a_study_that_is_private_now_has_no_figure_on_the_metrics(own_site):
    client = own_site.test_client()
    with own_site.app_context():
        entry = snapshot.current().by_slug[WHEATEAR]
        confirm(entry.id, entry.model.id, outcomes(12, 12), moderated_at=now())
    series = f'ecopredict_live_auc{{study="{entry.study.slug}"}}'
    assert f"{series} NaN" not in client.get("/metrics").text
    assert series in client.get("/metrics").text
    with own_site.app_context():
        db.session.execute(update(Study).where(Study.slug == entry.study.slug).values(visibility="private"))
        db.session.commit()
    text = client.get("/metrics").text
    assert series not in text or f"{series} NaN" in text
