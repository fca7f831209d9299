"""The pages of a species and of an answer, the card and the report say the same of intervals."""

from __future__ import annotations

import html
import re
import shutil

import pytest

from app import create_app
from app.catalogue import snapshot
from app.registry import changes
from app.registry import service as registry
from ml.odmap.intervals import HIDDEN_BIAS, fitted_on, interval_words
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tests.synthetic import recorded_study, synthetic_study


@pytest.fixture(scope="module", params=["presence-absence", "presence-background"])
def site(request, tmp_path_factory):
    """A site with one model, and its card."""
    folder = tmp_path_factory.mktemp("site")
    study = synthetic_study(n_species=2) if request.param == "presence-absence" else recorded_study()
    app = create_app(make_settings(folder))
    upgrade(app)
    with app.app_context():
        path = train_species(study, WHEATEAR, folder / "trained", n_estimators=20, n_networks=1)
        model = changes.register(path)[0].id
        changes.activate(model)
        best = snapshot.current().best()
        card = registry.card_of(best.model)
    app.test_client_class = LintingClient
    yield app.test_client(), card, model
    shutil.rmtree(folder, ignore_errors=True)


def fact(page, name):
    """The text of a named fact of a page."""
    text = re.search(rf"<dt>{name}</dt>\s*<dd>(.*?)</dd>", page, re.DOTALL)[1]
    return " ".join(html.unescape(text).split())


def test_both_pages_say_the_same_of_intervals(site):
    client, card, model = site
    words = interval_words(card)
    presences_only = card.study.records == "presence-background"
    assert (HIDDEN_BIAS in words) == ("wider" in words) == presences_only
    of_species = fact(client.get(f"/species/{WHEATEAR}").get_data(as_text=True), "Intervals")
    assert of_species == f"{words} {fitted_on(card.interval)}"
    body = {"species": WHEATEAR, "environment": card.starting_points[1].environment, "extrapolation": "allow"}
    answer = client.post("/api/v1/predictions", json=body).json
    page = client.get(f"/predictions/{answer['id']}").get_data(as_text=True)
    if answer["verdict"] != "cannot_say":
        assert fact(page, "Interval").startswith(f"{words} The largest part of the width of this interval (")
    # the sentence on what a term means holds for every model
    meaning = re.search(r"<summary>interval</summary><p>(.*?)</p>", page, re.DOTALL)[1]
    assert "wider" not in meaning and "narrow" not in meaning
    report = client.get(f"/api/v1/models/{model}/odmap").json
    told = " ".join(one["text"] for one in report["elements"] if one["subsection"] == "Uncertainty quantification")
    assert words.removesuffix(HIDDEN_BIAS).strip() in told
    assert told.count(HIDDEN_BIAS) == presences_only
