"""The first minute as the README and the tutorial describe it, with the demo model trained by the command."""

from __future__ import annotations

import re

import pytest

from ml.__main__ import main
from ml.serving.artifact import Artifact, find_artifacts, load_artifact
from ml.serving.showcase import Showcase, find_showcase, verdict_at
from ml.serving.verdict import WORDS
from tests.unit.ml.datasets.raw_files import RAW, ROOT, needs

pytestmark = needs("ariolimax.gpkg")
README = (ROOT / "README.md").read_text()
TUTORIAL = (ROOT / "docs" / "tutorial" / "index.md").read_text()


@pytest.fixture(scope="module")
def slug(tmp_path_factory) -> Artifact:
    """The demo model of the first page, with the default options."""
    models = tmp_path_factory.mktemp("models")
    assert main(["train", "banana-slug", "--raw", str(RAW), "--models", str(models)]) == 0
    return load_artifact(find_artifacts(models)[0])


@pytest.fixture(scope="module")
def showcase(slug) -> Showcase:
    found = find_showcase(slug)
    assert found is not None
    return found


def _label(slug: Artifact, name: str) -> str:
    return next(predictor.label for predictor in slug.card.predictors if predictor.name == name)


def test_one_condition_leads_through_all_four_verdicts(slug, showcase):
    assert verdict_at(slug, showcase.environment) == "suitable"
    assert showcase.is_complete
    assert [step.verdict for step in showcase.steps] == ["probably_suitable", "probably_unsuitable", "unsuitable"]


def test_the_readme_names_the_condition_the_values_and_their_verdicts(slug, showcase):
    text = " ".join(README.split())
    found = re.search(r"Raise \*\*(.+?)\*\* to (\S+), (\S+) and (\S+): \*(.+?)\*, \*(.+?)\*, \*(.+?)\*\.", text)
    assert found, "the README has no first minute"
    assert found[1] == _label(slug, showcase.predictor)
    assert [float(value) for value in found.groups()[1:4]] == [step.value for step in showcase.steps]
    assert [word.capitalize() for word in found.groups()[4:]] == [WORDS[step.verdict] for step in showcase.steps]


def test_the_tutorial_walks_the_same_values_to_the_verdicts_it_names(slug, showcase):
    text = " ".join(TUTORIAL.split())
    assert _label(slug, showcase.predictor) in text
    walked = re.findall(r"[Ss]et (?:it|\*[^*]+\*) to `(\d+)`(?:, which [^.]+)?\. The verdict becomes \*([^*]+)\*", text)
    assert [word for _, word in walked] == [
        "Probably suitable", "Probably unsuitable", "Unsuitable", "Cannot say",
    ]  # fmt: skip
    assert [float(value) for value, _ in walked[:3]] == [step.value for step in showcase.steps]
    for value, word in walked:
        assert WORDS[verdict_at(slug, {**showcase.environment, showcase.predictor: float(value)})] == word
