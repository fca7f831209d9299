"""Every request for a prediction in README and documentation, sent to a model of the demo data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app import create_app
from app.registry import changes
from ml.datasets.mediterranean_birds import load_mediterranean_birds
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR, make_settings, upgrade
from tests.unit.ml.datasets.raw_files import RAW, ROOT, needs

pytestmark = needs("rpjdl.xlsx")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: The tutorial's mistake, which is made on purpose.
MISTAKE = "much"


def _requests(path: Path) -> list[dict[str, object]]:
    """Return the JSON objects of code blocks that ask for a prediction."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    texts = [text for block in blocks for text in [block, *re.findall(r"-d '(\{.*?\})'", block, flags=re.S)]]
    bodies = []
    for text in texts:
        try:
            body = json.loads(text)
        except ValueError:
            continue
        if isinstance(body, dict) and {"species", "environment"} <= body.keys() and "id" not in body:
            bodies.append(body)
    return bodies


REQUESTS = [(path.name, body) for path in DOCUMENTS for body in _requests(path)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documented")
    model = train_species(load_mediterranean_birds(RAW), WHEATEAR, folder, 12, 3, n_networks=1)
    app = create_app(make_settings(tmp_path_factory.mktemp("site")))
    upgrade(app)
    with app.app_context():
        changes.activate(changes.register(model)[0].id)
    return app.test_client()


def test_the_examples_of_readme_tutorial_and_reference_are_found():
    assert {"README.md", "index.md", "api.md"} <= {name for name, _ in REQUESTS}
    assert [MISTAKE in json.dumps(body) for _, body in REQUESTS].count(True) == 1


@pytest.mark.parametrize(("name", "body"), REQUESTS)
def test_a_documented_request_is_valid(site, name, body):
    answer = site.post("/api/v1/predictions", json=body)
    if MISTAKE in json.dumps(body):
        assert answer.status_code == 422
        assert "/environment/bare_rock" in [error["pointer"] for error in answer.json["errors"]]
    else:
        assert answer.status_code == 200, answer.json
        assert answer.json["verdict"] != "cannot_say"
