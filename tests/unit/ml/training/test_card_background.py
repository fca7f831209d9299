"""What the card says of the background: its share of target group, and the bias of the records."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml.card import BackgroundReport
from ml.commands.tables import print_scores
from ml.serving.artifact import load_artifact
from ml.training.background_weight import BiasStrength
from ml.training.card_parts import remarks
from ml.training.default_model import EngineSettings
from ml.training.preparation import encode_study, prepare
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
    assert background.note.startswith(("What the species have in common", "The species have no bias"))
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


def _note(study, tmp_path):
    return load_artifact(train_species(study, study.species[0].slug, tmp_path, 20, 3, n_networks=1)).card


def _two_halves(second_upper: bool):
    """Two species of 60 places each in the upper half of one predictor, or in opposite halves."""
    study = recorded_study()
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.uniform(0.5, 1, 60), draw.uniform(*((0.5, 1) if second_upper else (0, 0.5)), 60)])
    x = np.concatenate([x, draw.random(600)])
    presence = np.zeros((720, 2), np.int64)
    presence[:60, 0], presence[60:120, 1] = 1, 1
    species = study.species[:2]
    return replace(
        study,
        predictors=[study.predictors[2]],
        environment=pd.DataFrame({"temperature": 10 * x}),
        species=species,
        presence=pd.DataFrame(presence, columns=[one.slug for one in species]),
        coordinates=draw.uniform(0, 5, (720, 2)),
    )


def test_species_of_opposite_places_have_no_bias_in_common(tmp_path):
    card = _note(_two_halves(second_upper=False), tmp_path)
    assert card.background.bias_between_species < 0.5
    note = card.background.note
    assert note.startswith("The species have no bias in common that the predictors show:")
    assert "Even so, places of other species have 50 %" in note and "As a correction" not in note
    assert "cannot tell these apart" not in note


def test_the_note_says_that_a_bias_may_be_a_niche_and_that_some_biases_are_not_seen(tmp_path):
    note = _note(_two_halves(second_upper=True), tmp_path).background.note
    assert "What the species have in common differs" in note
    assert "Records cannot tell these apart." in note
    assert "A bias that no predictor shows" in note


def test_the_network_is_no_help_where_it_has_no_weight(tmp_path):
    study = recorded_study(60, 100)
    presence = study.presence.copy()
    presence.iloc[np.flatnonzero(presence[SLUG])[10:], list(presence).index(SLUG)] = 0
    prepared = prepare(encode_study(replace(study, presence=presence)), EngineSettings(20, n_networks=1), 3)
    few = list(presence).index(SLUG)
    assert "The network lends it" in remarks(prepared, few, network=True)[-1]
    assert "network" not in remarks(prepared, few, network=False)[-1]


def test_scores_are_printed_with_the_background_and_the_bias(tmp_path, capsys):
    card = _note(_two_halves(second_upper=True), tmp_path)
    print_scores([card, card])
    about = card.background
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"background of test-records: {100 * about.target_group_share:.0f} % at places of other species; bias strength "
        f"{about.bias_strength:.2f}, between species {about.bias_between_species:.2f}"
    )
    alone = card.model_copy(update={"background": BackgroundReport(kind="random", note="Random points.")})
    print_scores([alone])
    assert capsys.readouterr().out.endswith("background of test-records: random points\n")
