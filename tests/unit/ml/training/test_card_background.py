"""What the card says of the background: its share of target group, and the bias of the records."""

import re
from dataclasses import replace

import pytest

from ml.serving.artifact import load_artifact
from ml.training.background_weight import BiasStrength
from ml.training.target_group import share_for
from ml.training.train import train_species
from tests.synthetic import recorded_study, synthetic_study

SLUG = "oenanthe-hispanica"


def test_other_species_records_serve_as_background_and_the_card_says_how_much(tmp_path):
    study = recorded_study()
    card = load_artifact(train_species(study, SLUG, tmp_path, 20, 3, n_networks=1)).card
    assert card.training.estimator == "down-sampled random forest + MaxEnt-type model + multi-species network"
    assert set(card.members) == {"forest", "maxent", "network"}
    assert sum(card.members.values()) == pytest.approx(1)
    background = card.background
    assert background.target_group_share == share_for(BiasStrength(0.5, None, background.bias_between_species))
    assert background.share_scores == {}
    assert f"an AUC of {background.bias_between_species:.2f} (bias between species" in background.note
    assert background.note.startswith("The records are")
    assert f"have {100 * background.target_group_share:.0f} % of the weight of the background" in background.note
    assert f"random points with an AUC of {background.bias_strength:.2f} (bias strength)" in background.note
    quartiles = r"half of the places lie between \S+ and \S+ .*half of the random points between \S+ and \S+"
    assert re.search(quartiles, background.note)
    assert card.calibration.reliability == []
    assert "Not the chance" in card.calibration.meaning


def test_a_species_alone_has_random_background_and_the_card_says_so(tmp_path):
    study = recorded_study()
    study = replace(study, species=study.species[:1], presence=study.presence[[SLUG]])
    card = load_artifact(train_species(study, SLUG, tmp_path, 20, 3)).card
    assert card.members == {"forest": 0.5, "maxent": 0.5}
    assert card.background.kind == "random"
    assert card.interval.few_records == pytest.approx(6 / card.n_presences**0.5)
    assert "biased records stay biased" in card.background.note
    assert card.background.bias_strength is None


def test_with_true_absences_intervals_have_no_part_for_few_presences(tmp_path):
    card = load_artifact(train_species(synthetic_study(80, 1), SLUG, tmp_path, 20, 3)).card
    assert card.background.kind == "absences"
    assert card.n_presences < 100
    assert card.interval.few_records == 0
